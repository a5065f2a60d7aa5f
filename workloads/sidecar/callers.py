"""The threads that call: one call that counts at a time, and a newer one does not wait for the end of an older.

`Callers` has no lock of its own: its owner holds one around every method of it, and around `over` in `ended`.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue

from workloads.common.logs import fields
from workloads.common.metrics import Buckets
from workloads.common.report import Report
from workloads.sidecar.lease import LeaseState
from workloads.sidecar.reporter import BOUNDS
from workloads.sidecar.step import Call, PauseConsumer, ReadLease, ResumeConsumer
from workloads.sidecar.subject import Answer, NoAnswerError, Result, Subject

logger = logging.getLogger(__name__)

CALL_DEADLINE_SECONDS = 5.0
READY_CALLERS = 2


@dataclass(frozen=True, slots=True)
class Ended:
    """A call that is over. report: what the subject answered. lease: what a ReadLease found. Both None: nothing.

    patient: it took its whole deadline.
    """

    call: Call
    report: Report | None = None
    lease: LeaseState | None = None
    patient: bool = False


# Gets the caller and what its call came to, in the caller's thread; returns whether the call still counted.
OnEnd = Callable[["Caller", Ended], bool]


class CallFigures:
    """How many calls there were, by name and by what became of them, and how long those that succeeded took."""

    def __init__(self) -> None:
        self.calls: dict[tuple[str, str], int] = {}
        self.durations = {name: Buckets(BOUNDS) for name in ("pause", "resume")}

    def count(self, name: str, result: str) -> None:
        """One call."""
        self.calls[name, result] = self.calls.get((name, result), 0) + 1


class Caller:
    """A thread with a way to the subject of its own, that makes one call at a time."""

    def __init__(
        self, subject: Subject, read_lease: Callable[[], LeaseState | None], ended: OnEnd, figures: CallFigures
    ) -> None:
        self._subject = subject
        self._read_lease = read_lease
        self._ended = ended
        self._figures = figures
        self._calls: SimpleQueue[Call] = SimpleQueue()
        threading.Thread(target=self._run, name="caller", daemon=True).start()

    def start(self, call: Call) -> None:
        """Make this call."""
        self._subject.renew()
        self._calls.put(call)

    def abandon(self) -> None:
        """A newer call goes out elsewhere: nobody waits for this one's answer."""
        self._subject.abandon()

    def _run(self) -> None:
        while True:
            call = self._calls.get()
            try:
                match call:
                    case ReadLease():
                        self._ended(self, Ended(call, lease=self._read_lease()))
                    case PauseConsumer(epoch, leave):
                        self._command(call, "pause", epoch, partial(self._subject.pause, leave=leave))
                    case ResumeConsumer(epoch, voids):
                        self._command(call, "resume", epoch, partial(self._subject.resume, voids=voids))
            except Exception:
                logger.exception("call failed", extra=fields(call=str(call)))
                self._ended(self, Ended(call))

    def _command(self, call: Call, name: str, epoch: int, make: Callable[[int, float], Answer]) -> None:
        began = time.monotonic()
        answer: Answer | None = None
        problem = ""
        try:
            answer = make(epoch, CALL_DEADLINE_SECONDS)
        except NoAnswerError as error:
            problem = str(error)
        took = time.monotonic() - began
        report = answer.report if answer is not None else None
        counted = self._ended(self, Ended(call, report, patient=took >= CALL_DEADLINE_SECONDS))
        done = answer is not None and answer.result is Result.DONE
        if done and counted:
            self._figures.durations[name].observe(took)
        result = "superseded" if not counted else answer.said if answer else "no answer"
        self._figures.count(name, result)
        logger.log(
            logging.INFO if done or not counted else logging.WARNING,
            name,
            extra=fields(
                epoch=epoch,
                result=result,
                seconds=round(took, 6),
                state=report and report.state,
                seen_epoch=report and report.seen_epoch,
                committed=report and report.committed,
                left=report and report.left,
                partitions=report and report.partitions,
                **({"problem": problem} if problem else {}),
            ),
        )


class Callers:
    """The callers of one sidecar, and the one call that counts."""

    def __init__(self, make: Callable[[], Caller]) -> None:
        self._make = make
        self._idle: list[Caller] = []
        self._running: Caller | None = None
        self.call: Call | None = None  # the call in progress that counts

    def open(self) -> None:
        """Have callers ready, so that no call waits for a thread to start."""
        self._idle += [self._make() for _ in range(READY_CALLERS - len(self._idle))]

    def start(self, call: Call) -> None:
        """Make this call; the one in progress, if any, is abandoned and counts no more."""
        if self._running is not None:
            self._running.abandon()
        self._running = self._idle.pop() if self._idle else self._make()
        self.call = call
        self._running.start(call)

    def over(self, caller: Caller) -> bool:
        """This caller's call is over. Returns whether it counted."""
        counted = self._running is caller
        self._idle.append(caller)
        if counted:
            self._running = self.call = None
        return counted
