"""What a change of a pair costs, from the record logs of a run: how long partitions had nobody at work on them, and
what was lost or handled twice meanwhile.

Somebody is at work on a partition from `ACTIVE`, or an `ASSIGNED` while ACTIVE, until `REVOKED`, or until it drains,
loses its membership or is fenced. What is draining still commits, and handles nothing any more. A partition that was
added meanwhile is missed from its first record on; who has the others before the first event about them is not known.
Logs of a run begin in the middle of lives: who handled something before the first word about it was ACTIVE, and owned
what that was of.

Pure: lines in, values out.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Partition = tuple[str, int]
Line = Mapping[str, Any]

_ENDS = frozenset({"DRAINING", "PAUSED", "LOST", "FENCED"})
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Window:
    """The time of one change, in nanoseconds since 1970, of the cluster's clock."""

    begins: int
    ends: int

    @classmethod
    def of(cls, begun: float, ended: float) -> "Window":
        """Of two moments in seconds since 1970."""
        return cls(int(begun * _NS), int(ended * _NS))

    def holds(self, at: int) -> bool:
        return self.begins <= at < self.ends


@dataclass(frozen=True, slots=True)
class Cost:
    """unowned_seconds: the longest time in the window in which a partition had nobody at work on it, and which one it
    was; None when every one had, all the time. lost, duplicates: records that were produced in the window and handled
    by nobody; that were handled in it, and before.
    """

    unowned_seconds: float
    partition: int | None
    lost: int
    duplicates: int


def costs(
    windows: Sequence[Window], events: Iterable[Line], produced: Iterable[Line], consumed: Iterable[Line]
) -> list[Cost]:
    """What each window cost. Lines in any order."""
    acked = [(line["topic"], line["partition"], line["offset"], line["t"]) for line in produced if _is_acked(line)]
    since: dict[Partition, int] = {}
    for topic, number, _, at in acked:
        since[topic, number] = min(at, since.get((topic, number), at))
    handled: dict[tuple[str, int, int], list[int]] = defaultdict(list)
    events = [event for event in events if event["event"] != "COMMITTED"]
    told: dict[str, int] = {}
    for event in events:
        told[event["pod"]] = min(event["t"], told.get(event["pod"], event["t"]))
    before: dict[str, set[Partition]] = defaultdict(set)
    for line in consumed:
        if "offset" in line:
            handled[line["topic"], line["partition"], line["offset"]].append(line["t"])
            if line["t"] < told.get(line["pod"], line["t"] + 1):
                before[line["pod"]].add((line["topic"], line["partition"]))
    begins, ends = min((w.begins for w in windows), default=0), max((w.ends for w in windows), default=0)
    gaps = _gaps(events, before, {key: at for key, at in since.items() if at > begins}, ends)
    again = [at for times in handled.values() for at in sorted(times)[1:]]
    missing = [at for topic, number, offset, at in acked if (topic, number, offset) not in handled]
    return [
        Cost(*_longest(gaps, window), sum(map(window.holds, missing)), sum(map(window.holds, again)))
        for window in windows
    ]


def _is_acked(line: Line) -> bool:
    return line.get("status") == "acked"


def _gaps(
    events: Iterable[Line], before: Mapping[str, set[Partition]], since: Mapping[Partition, int], until: int
) -> list[tuple[int, int, int]]:
    """When nobody was at work on a partition: from, to, and its number. before: who was at work, and on what, when the
    logs begin. since: from when on each has records.
    """
    work = _Work(before, since)
    for event in sorted(events, key=lambda line: (line["t"], line["event"] == "ACTIVE")):
        work.take(event)
    return work.gaps + [(begun, until, key[1]) for key, begun in work.free.items() if begun < until]


class _Work:
    """Who is at work on what, event by event. free: what nobody is at work on, with since when."""

    def __init__(self, before: Mapping[str, set[Partition]], since: Mapping[Partition, int]) -> None:
        self._since = since
        self._owners: dict[Partition, set[str]] = defaultdict(set)
        self._active = set(before)
        for pod, keys in before.items():
            for key in keys:
                self._owners[key].add(pod)
        self.free: dict[Partition, int] = {key: at for key, at in since.items() if not self._owners[key]}
        self.gaps: list[tuple[int, int, int]] = []

    def take(self, event: Line) -> None:
        """The next event."""
        pod, name, at = event["pod"], event["event"], event["t"]
        keys = [(topic, number) for topic, number, *_ in event["partitions"]]
        if name == "ACTIVE":
            self._active.add(pod)
        if name == "ACTIVE" or (name == "ASSIGNED" and pod in self._active):
            self._gains(pod, keys, at)
        elif name == "REVOKED":
            self._loses(pod, keys, at)
        elif name in _ENDS:
            self._active.discard(pod)
            self._loses(pod, list(self._owners), at)

    def _gains(self, pod: str, keys: Iterable[Partition], at: int) -> None:
        for key in keys:
            if not self._owners[key] and at > (begun := self.free.pop(key, at)):
                self.gaps.append((begun, at, key[1]))
            self._owners[key].add(pod)

    def _loses(self, pod: str, keys: Iterable[Partition], at: int) -> None:
        for key in keys:
            if self._owners[key] == {pod}:
                self.free[key] = max(at, self._since.get(key, at))
            self._owners[key].discard(pod)


def _longest(gaps: Iterable[tuple[int, int, int]], window: Window) -> tuple[float, int | None]:
    inside = [(min(ends, window.ends) - max(begins, window.begins), number) for begins, ends, number in gaps]
    longest, number = max(inside, default=(0, -1))
    return (longest / _NS, number) if longest > 0 else (0.0, None)
