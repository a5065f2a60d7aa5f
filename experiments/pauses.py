"""Whether a member that was told to rest did rest, whatever its group did to it: pure, from the record logs.

A rebalance gives a client partitions anew, and a client that is given partitions reads them. Whoever rests has to be
paused again by its own hand at each assignment; one that forgets it is seen here, when a scrape of its state still says
PAUSED.

A line is one of a process, by its name: a pod's next process is another, and rests until it is told otherwise. The logs
of a run begin in the middle of some lives: whose first word is that it drains, or that it is paused, was at work; of
whom nothing is told at all, nothing is said here.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Line = tuple[str, Mapping[str, Any]]

_STATES = frozenset({"ACTIVE", "DRAINING", "PAUSED"})
_CHANGES = frozenset({"ASSIGNED", "REVOKED", "LOST"})
RESTING = "PAUSED"


@dataclass(frozen=True, slots=True)
class Assignment:
    """One change of what a member is assigned. event: ASSIGNED, REVOKED or LOST. state: in which it was; handled: how
    many records it handled before, and after it, in that same state.
    """

    process: str
    event: str
    t: int
    state: str
    handled_before: int
    handled_after: int


class _Life:
    """The states of one process over time."""

    def __init__(self, marks: Iterable[tuple[int, str]]) -> None:
        told = sorted(marks)
        begun = RESTING if told and told[0][1] == "ACTIVE" else "ACTIVE"
        self._times = [0, *(at for at, _ in told)]
        self._states = [begun, *(state for _, state in told)]

    def at(self, moment: int) -> tuple[str, int, int]:
        """The state at a moment, and from when to when it is in it."""
        number = bisect_right(self._times, moment) - 1
        until = self._times[number + 1] if number + 1 < len(self._times) else 1 << 63
        return self._states[number], self._times[number], until


def assignments(events: Iterable[Line], consumed: Iterable[Line]) -> list[Assignment]:
    """Every change of an assignment, in the order of time. Lines in any order, of one run."""
    events, handled = list(events), _times(consumed)
    lives = _lives(events)
    found = []
    for process, event in events:
        if event["event"] in _CHANGES and process in lives:
            at, times = int(event["t"]), handled[process]
            state, since, until = lives[process].at(at)
            before, after = sum(since <= t < at for t in times), sum(at <= t < until for t in times)
            found.append(Assignment(process, str(event["event"]), at, state, before, after))
    return sorted(found, key=lambda one: one.t)


def read_while_resting(events: Iterable[Line], consumed: Iterable[Line]) -> int:
    """Records that processes handled which rested: after their PAUSED, or their beginning, and before their ACTIVE."""
    lives = _lives(events)
    return sum(
        lives[process].at(t)[0] == RESTING
        for process, times in _times(consumed).items()
        if process in lives
        for t in times
    )


def _lives(events: Iterable[Line]) -> dict[str, _Life]:
    marks: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for process, event in events:
        if event["event"] in _STATES:
            marks[process].append((int(event["t"]), str(event["event"])))
    return {process: _Life(own) for process, own in marks.items()}


def _times(consumed: Iterable[Line]) -> dict[str, list[int]]:
    """When each process handled a record; lines that say where a log ends are about none."""
    found: dict[str, list[int]] = defaultdict(list)
    for process, line in consumed:
        if "offset" in line:
            found[process].append(int(line["t"]))
    return found
