"""The sidecar's hands: whoever learns something tells it here, and what `step` then says is carried out at once.

So a change of the Lease reaches the consumer with one hand-over between threads.
"""

import logging
import threading
import time
from collections.abc import Callable

from workloads.common.logs import fields
from workloads.common.report import Report
from workloads.common.states import Color
from workloads.sidecar.announcer import Announcer
from workloads.sidecar.callers import Caller, Callers, CallFigures, Ended
from workloads.sidecar.lease import LeaseState
from workloads.sidecar.step import ReadLease, View, step
from workloads.sidecar.store import ViewStore
from workloads.sidecar.subject import Subject
from workloads.sidecar.timing import Schedule, call_hold, report_hold

logger = logging.getLogger(__name__)


class Mover:
    """Moves one subject. Every method may be called by any thread; one lock makes them take turns.

    subject: makes a way to the subject. read_lease: reads the Lease anew, None when that fails. offer: takes the report
    that is due (None: none is) and for how many seconds it may be held back. ordinal: the number of its pod.
    """

    def __init__(
        self,
        color: Color,
        subject: Callable[[], Subject],
        read_lease: Callable[[], LeaseState | None],
        announcer: Announcer,
        offer: Callable[[Report | None, float], None],
        *,
        ordinal: int = 0,
    ) -> None:
        self._lock = threading.Lock()
        self._store = ViewStore(color, ordinal)
        self._schedule = Schedule()
        self._announcer = announcer
        self._offer = offer
        self.figures = CallFigures()
        self._callers = Callers(lambda: Caller(subject(), read_lease, self._call_ended, self.figures))

    @property
    def view(self) -> View:
        """What it sees now."""
        return self._store.view

    def start(self) -> None:
        """Be ready to call."""
        with self._lock:
            self._callers.open()

    def lease_seen(self, lease: LeaseState) -> None:
        """The Lease as its follower read it, or was told of it."""
        with self._lock:
            before = self._lease_is(lease)
            self._advance()
        _log_lease(before, lease)

    def answers(self) -> int:
        """A mark for `subject_seen`: taken before the question."""
        return self._store.answers

    def subject_seen(self, report: Report | None, mark: int) -> View:
        """The subject's status (None: no answer), asked for after `mark`. Returns the view before it.

        An answer to a call that came in the meantime is newer than this one, and stays.
        """
        with self._lock:
            before = self._store.view
            if self._store.answers == mark:
                if report is None:
                    self._store.subject_is_silent()
                else:
                    self._store.subject_is(report)
            self._advance()
        return before

    def reported(self, report: Report) -> None:
        """The API server has accepted this report."""
        with self._lock:
            self._store.reported(report)
            self._advance()

    def _call_ended(self, caller: Caller, ended: Ended) -> bool:
        """A call is over: its answer counts unless it was superseded; a Lease that it read counts in any case."""
        before: View | None = None
        with self._lock:
            counted = self._callers.over(caller)
            if ended.lease is not None and isinstance(ended.call, ReadLease):
                before = self._lease_is(ended.lease, read_for=ended.call.life)
            if counted:
                self._schedule.ended(ended.call, time.monotonic(), patient=ended.patient)
                if ended.report is not None:
                    self._store.subject_is(ended.report)
            self._advance()
        if ended.lease is not None:
            _log_lease(before, ended.lease)
        return counted

    def _lease_is(self, lease: LeaseState, read_for: str | None = None) -> View | None:
        """Take in a Lease; returns the view before it if it is newer, else None."""
        before = self._store.view
        if not self._store.lease_is(lease, read_for):
            return None
        self._schedule.lease_changed()
        return before

    def _advance(self) -> None:
        """Carry out what the step says; the lock is held."""
        view = self._store.view
        due = step(view)
        heard = self._announcer.tell(view.consumer)
        # Whoever waits for it has just heard it: its record must not get in the way of what follows.
        self._offer(due.report, report_hold(self._callers.call, urgent=due.urgent and not heard))
        may_go = self._schedule.may_go(due.call, time.monotonic(), call_hold(view, due.call))
        if due.call is not None and due.call != self._callers.call and may_go:  # if not: the status watch comes by
            self._callers.start(due.call)


def _log_lease(before: View | None, lease: LeaseState) -> None:
    if before is None:
        return
    known, grant = before.grant, lease.grant
    if known is None or (grant.epoch, grant.holder) != (known.epoch, known.holder):
        logger.info(
            "Lease changed", extra=fields(holder=grant.holder or "", epoch=grant.epoch, last_holder=grant.last_holder)
        )
