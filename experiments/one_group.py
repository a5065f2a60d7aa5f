"""What a switch by one consumer group costs, from what its plain members have said: pure, lines in, values out.

Nobody is paused in such a switch: the new colour's members join, and the old colour's leave. In between both are at
work, on different partitions.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

Line = Mapping[str, Any]
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Cost:
    """One switch, in seconds. switch: from the command until every partition had a record handled by the new colour and
    the old one had handled its last. gap: from the old colour's last record of a partition to the new one's first, on
    the worst partition. both_at_work: from the new colour's first record to the old one's last, on any; negative where
    there was a pause between them. silent: the longest time in which a partition had no record handled.
    joins, assignments: what was given or taken, in how many changes of a member's partitions.
    """

    switch_seconds: float
    gap_seconds: float
    both_at_work_seconds: float
    silent_seconds: float
    changes: int


def cost(told_at: int, ends: int, old: Sequence[Line], new: Sequence[Line], partitions: int) -> Cost | None:
    """What a switch cost that was commanded at `told_at` and watched until `ends`, both in nanoseconds since 1970. None
    when a partition had no record handled by the new colour.

    old, new: the lines of each colour's members.
    """
    last, first = _times(old, max, told_at, ends), _times(new, min, told_at, ends)
    if len(first) < partitions:
        return None
    both = defaultdict(list)
    for line in _records([*old, *new], told_at, ends):
        both[line["partition"]].append(line["t"])
    gaps = [first[partition] - last[partition] for partition in first if partition in last]
    silences = [after - before for own in both.values() for before, after in pairwise(sorted([told_at, *own]))]
    over = max([*last.values(), *first.values()])
    changes = [line for line in [*old, *new] if line.get("event") in {"ASSIGNED", "REVOKED", "LOST"}]
    return Cost(
        switch_seconds=_seconds(over - told_at),
        gap_seconds=_seconds(max(gaps, default=0)),
        both_at_work_seconds=_seconds(max(last.values(), default=told_at) - min(first.values())),
        silent_seconds=_seconds(max(silences, default=0)),
        changes=sum(told_at <= line["t"] < ends and bool(line["partitions"]) for line in changes),
    )


def duplicates(lines: Iterable[Line]) -> int:
    """Records that were handled again, by whomever."""
    times = Counter((line["partition"], line["offset"]) for line in lines if "offset" in line)
    return sum(number - 1 for number in times.values())


def unhandled(acked: Iterable[Line], lines: Iterable[Line]) -> int:
    """Acknowledged records that nobody handled although a later one of their partition was."""
    handled: dict[int, set[int]] = defaultdict(set)
    for line in lines:
        if "offset" in line:
            handled[line["partition"]].add(line["offset"])
    furthest = {partition: max(offsets) for partition, offsets in handled.items()}
    return sum(
        line["offset"] < furthest.get(line["partition"], 0) and line["offset"] not in handled[line["partition"]]
        for line in acked
        if line.get("status") == "acked"
    )


def _records(lines: Iterable[Line], since: int, until: int) -> list[Line]:
    return [line for line in lines if "offset" in line and since <= line["t"] < until]


def _times(lines: Iterable[Line], which: Any, since: int, until: int) -> dict[int, int]:
    """By partition, the first or the last time of a record."""
    found: dict[int, int] = {}
    for line in _records(lines, since, until):
        partition, at = line["partition"], line["t"]
        found[partition] = which(at, found.get(partition, at))
    return found


def _seconds(nanoseconds: int) -> float:
    return round(nanoseconds / _NS, 6)
