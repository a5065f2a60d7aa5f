"""What a connector has handled, and failed, as one account that only grows: what its agent tells at `/progress`.

Connect counts for each task, from 0 when the task begins: a task that is started again, or given to another worker,
begins anew. So what is told is what was seen to be added since this process looked first. What is added between the
last look and a task's end is not seen, nor what is while no agent looks: that is too little, never too much. Who judges
by it looks twice a second.

A record that Connect refused (`errors.tolerance: all` skips it, `none` ends the task at it) never came to the sink:
what was handled is what the sink was given, and that.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from workloads.sidecar.connect.control import SilentError
from workloads.sidecar.connect.workers import LEAST_SECONDS, Counts, TaskAt


class Counting(Protocol):
    """Who says what a connector's tasks have counted. Raises SilentError."""

    def counts(self, connector: str, deadline: float) -> Mapping[TaskAt, Counts]:
        """By task, as each worker says it now."""
        ...


@dataclass(frozen=True, slots=True)
class Totals:
    """handled includes failed."""

    handled: int = 0
    failed: int = 0


class Account:
    """One connector's. Safe for threads."""

    def __init__(self, workers: Counting, connector: str) -> None:
        self._workers = workers
        self._connector = connector
        self._lock = threading.Lock()
        self._last: Mapping[TaskAt, Counts] | None = None
        self._told = Totals()

    def read(self, deadline: float) -> Totals:
        """What there is in it now. Raises SilentError when a worker does not answer, for a part is none, and when
        somebody else is asking for as long: however many ask, the workers are asked by one of them.
        """
        ends = time.monotonic() + deadline
        if not self._lock.acquire(timeout=deadline):
            raise SilentError(f"the workers are being asked by others, for more than {deadline:g} s")
        try:
            found = self._workers.counts(self._connector, max(LEAST_SECONDS, ends - time.monotonic()))
            before, self._last = self._last, found
            added = [] if before is None else [_added(now, before.get(task)) for task, now in found.items()]
            sent, failed = sum(one.sent for one in added), sum(one.failed for one in added)
            self._told = Totals(self._told.handled + sent + failed, self._told.failed + failed)
            return self._told
        finally:
            self._lock.release()


def _added(now: Counts, before: Counts | None) -> Counts:
    """What has come since; all of it of a task that has begun since."""
    if before is None or now.sent < before.sent or now.failed < before.failed:
        return now
    return Counts(now.sent - before.sent, now.failed - before.failed)
