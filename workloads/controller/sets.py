"""Gives the colours' StatefulSets their numbers of pods, where the switch has one for both: beside the loop, off the
hand-off path.

It writes the scale of the two sets that the switch names, and nothing else of them. What somebody else has written
there since is written again at the next look. No pod is taken away by what may be old: the Lease is read before that,
for a controller beside this one may have granted more, and the write is for the set as it was read.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
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
        self._still: Callable[[], bool] = lambda: False
        self._new = False
        self._stopped = False
        self.thread = threading.Thread(target=self._run, name="sets", daemon=True)

    def want(self, sets: Iterable[str], size: Size | None, still: Callable[[], bool]) -> None:
        """Each of these sets is to have this size from now on; None: what it has. still: whether the Lease yet says
        what that follows from, by a read of its own; may raise KubeError.
        """
        wanted = {name: size for name in sets if name and size is not None}
        with self._changed:
            self._still = still
            if wanted != self._wanted:
                self._wanted, self._new = wanted, True
                self._changed.notify()

    def stop(self) -> None:
        """Write no more."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def write(self, name: str, size: Size, still: Callable[[], bool]) -> bool:
        """Give one set its size, if it has another. still: as for `want`. Returns whether it was written. Raises
        KubeError, also when pods are to go and somebody else has written the set meanwhile.
        """
        path = f"{self._path}/{name}/scale"
        found = self._kube.get(path)
        has = int((found.get("spec") or {}).get("replicas") or 0)
        if has == size.pods or (has > size.pods and not (size.fewer and still())):
            return False
        of = {"metadata": {"resourceVersion": found["metadata"]["resourceVersion"]}} if has > size.pods else {}
        self._kube.patch(path, {**of, "spec": {"replicas": size.pods}})
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
                wanted, still, self._new = self._wanted, self._still, False
            pause = LOOK_SECONDS
            # Each for itself: of a set that is not there, the other colour's does not wait.
            if [name for name, size in wanted.items() if not self._tried(name, size, still)]:
                pause = backoff.next()
            else:
                backoff.reset()

    def _tried(self, name: str, size: Size, still: Callable[[], bool]) -> bool:
        """Whether nothing went wrong; what did is said."""
        try:
            self.write(name, size, still)
        except Exception as error:
            logger.warning(
                "a set is not scaled",
                extra=fields(set=name, error=str(error)),
                exc_info=not isinstance(error, KubeError),
            )
            return False
        return True
