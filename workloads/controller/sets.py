"""Gives the colours' StatefulSets their numbers of pods, where the switch has one for both: beside the loop, off the
hand-off path.

It writes the scale of the two sets that the switch names, and nothing else of them. What somebody else has written
there since is written again at the next look.
"""

import logging
import threading
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from workloads.common.backoff import Backoff
from workloads.common.kube import Kube, KubeError
from workloads.common.logs import fields
from workloads.controller.scaled import Size

logger = logging.getLogger(__name__)

SETS = "/apis/apps/v1/namespaces/{}/statefulsets"
LOOK_SECONDS = 5.0
PAUSE_SECONDS = 0.2
PAUSE_MOST_SECONDS = 5.0


class SetSizes:
    """Owns the thread that writes. kube: for this thread alone. path: of the namespace's StatefulSets."""

    def __init__(self, kube: Kube, path: str) -> None:
        self._kube = kube
        self._path = path
        self._changed = threading.Condition()
        self._wanted: Mapping[str, Size] = MappingProxyType({})
        self._new = False
        self._stopped = False
        self.thread = threading.Thread(target=self._run, name="sets", daemon=True)

    def want(self, sets: Iterable[str], size: Size | None) -> None:
        """Each of these sets is to have this size from now on; None: what it has."""
        wanted = {name: size for name in sets if name and size is not None}
        with self._changed:
            if wanted != self._wanted:
                self._wanted, self._new = wanted, True
                self._changed.notify()

    def stop(self) -> None:
        """Write no more."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def write(self, name: str, size: Size) -> bool:
        """Give one set its size, if it has another. Returns whether it was written. Raises KubeError."""
        path = f"{self._path}/{name}/scale"
        has = int((self._kube.get(path).get("spec") or {}).get("replicas") or 0)
        if has == size.pods or (has > size.pods and not size.fewer):
            return False
        self._kube.patch(path, {"spec": {"replicas": size.pods}})
        logger.info("scaled", extra=fields(set=name, pods=size.pods, before=has))
        return True

    def _run(self) -> None:
        backoff = Backoff(PAUSE_SECONDS, PAUSE_MOST_SECONDS)
        pause = LOOK_SECONDS
        while True:
            with self._changed:
                if not self._new:
                    self._changed.wait(pause)
                if self._stopped:
                    return
                wanted, self._new = self._wanted, False
            pause = LOOK_SECONDS
            # Each for itself: of a set that is not there, the other colour's does not wait.
            if [name for name, size in wanted.items() if not self._tried(name, size)]:
                pause = backoff.next()
            else:
                backoff.reset()

    def _tried(self, name: str, size: Size) -> bool:
        """Whether nothing went wrong; what did is said."""
        try:
            self.write(name, size)
        except Exception as error:
            logger.warning(
                "a set is not scaled",
                extra=fields(set=name, error=str(error)),
                exc_info=not isinstance(error, KubeError),
            )
            return False
        return True
