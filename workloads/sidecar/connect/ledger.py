"""Calls that change something, and what is known of them: whether one may still come true.

A start that was not answered can come true at the worker that it was sent to whenever that one gets to it: a frozen
process reads it from its socket when it thaws, and Connect's producer to the configuration topic never gives up. It is
settled when the answer comes after all, when that process is gone, or when a later start by the same process was
accepted (its producer writes in order). Any other change goes by the leader and does no harm when it comes late: it is
settled with its connection.
"""

import itertools
import threading
from collections.abc import Collection
from dataclasses import dataclass

START = "start"


@dataclass(frozen=True, slots=True)
class Call:
    """what: its kind. process: whoever it was sent to (a worker's pod UID), where: the same for people."""

    number: int
    what: str
    process: str
    where: str


class Ledger:
    """Safe for threads: the call itself is made by one that outlives whoever waits for its answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._open: dict[int, Call] = {}

    def begins(self, what: str, process: str, where: str) -> Call:
        """It is about to be sent."""
        with self._lock:
            call = Call(next(self._numbers), what, process, where)
            self._open[call.number] = call
            return call

    def answered(self, call: Call, *, accepted: bool) -> None:
        """The outcome is known. accepted: it was carried out."""
        with self._lock:
            self._open.pop(call.number, None)
            if accepted:
                for number, older in tuple(self._open.items()):
                    if (older.what, older.process) == (call.what, call.process) and number < call.number:
                        del self._open[number]

    def broken(self, call: Call) -> None:
        """No answer will come."""
        with self._lock:
            if call.what != START:
                self._open.pop(call.number, None)

    def gone(self, living: Collection[str]) -> None:
        """These are all processes that there are."""
        with self._lock:
            for number, call in tuple(self._open.items()):
                if call.process not in living:
                    del self._open[number]

    def unanswered(self) -> tuple[str, ...]:
        """What may still come true, for people."""
        with self._lock:
            return tuple(f"{call.what} at {call.where}" for call in self._open.values())
