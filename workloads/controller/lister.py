"""Makes consistent lists of the pods, when the decision asks for one, beside everything else."""

import logging
import threading
import time
from collections.abc import Callable, Hashable

from workloads.common.backoff import Backoff
from workloads.common.kube import Kube, KubeError, Object, version_of
from workloads.common.logs import fields

logger = logging.getLogger(__name__)

IDLE_SECONDS = 20.0
PAUSE_SECONDS = 0.1
PAUSE_MOST_SECONDS = 1.0


class Lister:
    """Lists the pods for a key (the phase that asks), after it was asked; `ended(key, items, version)` gets it."""

    def __init__(
        self, kube: Kube, path: str, labels_are: str, ended: Callable[[Hashable, list[Object], int], None]
    ) -> None:
        self._kube = kube
        self._path = path
        self._labels = labels_are
        self._ended = ended
        self._wake = threading.Condition()
        self._wanted: Hashable = None
        self._done: Hashable = None
        self.thread = threading.Thread(target=self._run, name="list-pods", daemon=True)

    def ask(self, key: Hashable) -> None:
        """A list that begins from now on; asking again for the same key changes nothing."""
        with self._wake:
            if key != self._wanted:
                self._wanted = key
                self._wake.notify()

    def _run(self) -> None:
        backoff = Backoff(PAUSE_SECONDS, PAUSE_MOST_SECONDS)
        while True:
            with self._wake:
                if self._wanted == self._done:
                    self._wake.wait(IDLE_SECONDS)
                key, wanted = self._wanted, self._wanted != self._done
            if not wanted:
                self._kube.keep_warm()
                continue
            try:
                listed = self._kube.list(self._path, labels_are=self._labels)
                items = listed["items"] or []
                self._ended(key, items, version_of(listed))
                self._done = key
                backoff.reset()
            except Exception as error:
                pause = backoff.next()
                logger.warning(
                    "listing the pods failed",
                    extra=fields(error=str(error), again_in=pause),
                    exc_info=not isinstance(error, KubeError),
                )
                time.sleep(pause)
