"""What a sidecar moves: an application by its lifecycle API, a connector by REST or by custom resource."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from workloads.common.report import Report


class NoAnswerError(Exception):
    """The subject did not answer in time, or not as its API says. Whether it heard the call is not known."""


class Result(Enum):
    """What a call came to.

    DONE: what was asked for is true. NOT_YET: it is not, or not now (the deadline passed, it is ending, it is busy).
    STALE: refused, because a newer epoch (or a pause at this one) has been executed. REFUSED: refused otherwise.
    """

    DONE = auto()
    NOT_YET = auto()
    STALE = auto()
    REFUSED = auto()


@dataclass(frozen=True, slots=True)
class Answer:
    """result: what the call came to. said: the subject's own word for it, for logs and metrics (an HTTP status, say).

    report: what the subject truly is, whatever the result.
    """

    result: Result
    said: str
    report: Report


class Subject(Protocol):
    """One way to what is moved. A thread that calls has one of its own; all ways of a sidecar lead to the same subject.

    Every call carries the epoch that it was decided under, and the subject compares it when it executes, not when it
    accepts: what is older than the newest that it has executed is STALE. A repeated call at the same epoch is answered
    with the present truth. Reports never say what was asked for, only what is.

    A subject does one thing at a time, or abandons what it does. When a newer Lease asks for something else the sidecar
    calls `abandon` on the way of the call in progress, from another thread, and the next call on another way, without
    waiting. A subject that can be left at any moment (an application that compares epochs itself) drops the old call at
    once; one that must not be left in the middle of a step (a connector, whose stop, offsets and start are several
    requests) ends the old call after the step in hand, and lets the new one wait until then.

    All calls raise NoAnswerError when `deadline` (seconds) and a second on top have passed without an answer.
    """

    def status(self, deadline: float) -> Report:
        """What the subject is now."""
        ...

    def pause(self, epoch: int, deadline: float, leave: bool = False) -> Answer:
        """Stop, under this epoch. DONE: it has stopped; its report says whether everything handled is committed.

        leave: DONE also means that nothing of it is a member of its group; its report says so (`Report.left`).
        """
        ...

    def resume(self, epoch: int, deadline: float, voids: int = 0) -> Answer:
        """Work, under this epoch. DONE: it works, on the partitions that its report names.

        voids: as the report said that this was decided by (`Report.voids`); a subject that counts them refuses a call
        that was decided before something made its grant void. However late it arrives, it then changes nothing.
        """
        ...

    def renew(self) -> None:
        """A new call is about to begin on this way: forget that the last one was abandoned."""
        ...

    def abandon(self) -> None:
        """End the call in progress on this way, or about to begin on it; from another thread. Raises nothing."""
        ...
