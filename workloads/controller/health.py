"""Whether the controller lives, and whether it sees what it has to decide by."""

import threading
import time
from collections.abc import Callable, Iterable

from workloads.controller.loop import Controller
from workloads.controller.sight import Store
from workloads.controller.watches import Watches

ALIVE_SECONDS = 30.0


class Health:
    """Answers the probes, from any thread. beside: gives the threads beside the loop that should run by now."""

    def __init__(
        self,
        controller: Controller,
        store: Store,
        watches: Watches,
        beside: Callable[[], Iterable[threading.Thread]],
    ) -> None:
        self._controller = controller
        self._store = store
        self._watches = watches
        self._beside = beside

    def dead(self) -> list[str]:
        """What should run and does not; empty when all is well."""
        names = [thread.name for thread in self._beside() if not thread.is_alive()]
        if time.monotonic() - self._controller.turned > ALIVE_SECONDS:
            names.append("loop (hangs)")
        return names

    def ready(self) -> bool:
        """Whether everything has been read once, and is being followed.

        A watch on which nothing happens is followed; it is not when a request of it has failed.
        """
        return self._store.look().complete and not self._watches.failing
