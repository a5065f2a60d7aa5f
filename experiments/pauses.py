"""Whether a member that was told to rest did rest, whatever its group did to it: pure, from the record logs.

A rebalance gives a client partitions anew, and a client that is given partitions reads them. Whoever rests has to be
paused again by its own hand at each assignment; one that forgets it is seen here, when a scrape of its state still says
PAUSED.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Line = Mapping[str, Any]

_STATES = frozenset({"ACTIVE", "DRAINING", "PAUSED"})
_WORKING = frozenset({"ACTIVE", "DRAINING"})
_RESTING = "PAUSED"


@dataclass(frozen=True, slots=True)
class Assignment:
    """One change of what a member is assigned. event: ASSIGNED, REVOKED or LOST. state: in which it was; handled: how
    many records it handled before, and after it, in that same state.
    """

    pod: str
    event: str
    t: int
    state: str
    handled_before: int
    handled_after: int


def assignments(events: Iterable[Line], consumed: Iterable[Line]) -> list[Assignment]:
    """Every change of an assignment, member by member, in the order of time. Lines in any order, of one run."""
    handled: dict[str, list[int]] = {}
    for line in consumed:
        handled.setdefault(str(line["pod"]), []).append(int(line["t"]))
    changes: dict[str, list[Line]] = {}
    for event in events:
        changes.setdefault(str(event["pod"]), []).append(event)
    found = []
    for pod, own in changes.items():
        own.sort(key=lambda event: int(event["t"]))
        times, state, since = handled.get(pod, []), _RESTING, 0
        for number, event in enumerate(own):
            at = int(event["t"])
            if event["event"] in _STATES:
                state, since = str(event["event"]), at
                continue
            until = next((int(e["t"]) for e in own[number + 1 :] if e["event"] in _STATES), 1 << 63)
            before = sum(since <= t < at for t in times)
            after = sum(at <= t < until for t in times)
            found.append(Assignment(pod, str(event["event"]), at, state, before, after))
    return sorted(found, key=lambda one: one.t)


def read_while_resting(events: Iterable[Line], consumed: Iterable[Line]) -> int:
    """Records that members handled which rested: after their PAUSED, or their beginning, and before their ACTIVE."""
    marks: dict[str, list[tuple[int, str]]] = {}
    for event in events:
        if event["event"] in _STATES:
            marks.setdefault(str(event["pod"]), []).append((int(event["t"]), str(event["event"])))
    for own in marks.values():
        own.sort()
    count = 0
    for line in consumed:
        state = _RESTING
        for at, name in marks.get(str(line["pod"]), []):
            if at > int(line["t"]):
                break
            state = name
        count += state not in _WORKING
    return count
