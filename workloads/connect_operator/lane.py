"""The lock of one Connect cluster: what concerns it is done one after the other, in the order in which it came."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from workloads.common.logs import fields

logger = logging.getLogger(__name__)

LOCK_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class _Job:
    what: str
    run: Callable[[], None]
    since: float


class Lane:
    """Runs jobs in a thread of its own. One that had to wait for longer than `limit` seconds is not run at all: what it
    is about is left to the next event, or to the periodic reconcile.
    """

    def __init__(self, name: str, dropped: Callable[[], None], limit: float = LOCK_SECONDS) -> None:
        """dropped: called for each job that is not run."""
        self._dropped = dropped
        self._limit = limit
        self._jobs: deque[_Job] = deque()
        self._wake = threading.Condition()
        self._ended = False
        self._began: float | None = None
        self.thread = threading.Thread(target=self._run, name=f"lane-{name}", daemon=True)

    def submit(self, what: str, run: Callable[[], None]) -> None:
        """Have it run when all that came before is done."""
        with self._wake:
            self._jobs.append(_Job(what, run, time.monotonic()))
            self._wake.notify()

    def end(self) -> None:
        """Run nothing more than what is being run."""
        with self._wake:
            self._ended = True
            self._wake.notify()

    def busy_for(self) -> float:
        """For how many seconds the job in hand has been running; 0 when there is none."""
        began = self._began
        return 0.0 if began is None else time.monotonic() - began

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._jobs and not self._ended:
                    self._wake.wait()
                if self._ended:
                    return
                job = self._jobs.popleft()
            waited = time.monotonic() - job.since
            if waited > self._limit:
                self._dropped()
                logger.warning("not done: it waited too long for the lock", extra=fields(what=job.what, waited=waited))
                continue
            self._began = time.monotonic()
            try:
                job.run()
            except Exception:
                logger.exception("a reconcile failed", extra=fields(what=job.what))
            finally:
                self._began = None
