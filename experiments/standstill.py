"""What came in on each partition within a time, and what of it was handled, from the record logs of a run.

A partition stands still while records come in on it and nobody handles one. Its lag is what was acknowledged and not
handled yet, by whomever, in whichever colour. Pure: lines in, values out.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from experiments.ownership import Window

Line = Mapping[str, Any]
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Flow:
    """One partition within a window. produced, handled: records that were acknowledged, and handled, in it. silent: the
    longest time in it without a handled record, in seconds; the window's own ends count. lag_begins, lag_ends: records
    behind at its beginning and at its end.
    """

    partition: int
    produced: int
    handled: int
    silent_seconds: float
    lag_begins: int
    lag_ends: int

    @property
    def still(self) -> bool:
        """Whether it stood still for all of it."""
        return self.produced > 0 and self.handled == 0


class Records:
    """The records of a run, by partition, as times in nanoseconds since 1970."""

    def __init__(self, produced: Iterable[Line], consumed: Iterable[Line]) -> None:
        """Lines of one topic, in any order; those about no acknowledged, or no handled record are left out."""
        acked: dict[int, list[int]] = defaultdict(list)
        for line in produced:
            if line.get("status") == "acked":
                acked[line["partition"]].append(line["t"])
        first: dict[tuple[int, int], int] = {}
        every: dict[int, list[int]] = defaultdict(list)
        for line in consumed:
            if "offset" in line:
                key = line["partition"], line["offset"]
                first[key] = min(line["t"], first.get(key, line["t"]))
                every[line["partition"]].append(line["t"])
        done: dict[int, list[int]] = defaultdict(list)
        for (partition, _), at in first.items():
            done[partition].append(at)
        self._acked, self._done, self._every = (
            {p: sorted(t) for p, t in each.items()} for each in (acked, done, every)
        )

    def within(self, window: Window) -> list[Flow]:
        """Each partition that has records, by its number."""
        return [self._flow(partition, window) for partition in sorted(self._acked)]

    def caught_up_after(self, moment: float) -> float | None:
        """How many seconds after a moment (seconds since 1970) everything was handled that had come in by then; None
        where something of it never was. Each partition is handled in order.
        """
        at, last = int(moment * _NS), int(moment * _NS)
        for partition, acked in self._acked.items():
            came, done = bisect_right(acked, at), self._done.get(partition, [])
            if came > len(done):
                return None
            last = max([last, *done[:came][-1:]])
        return round((last - at) / _NS, 6)

    def _flow(self, partition: int, window: Window) -> Flow:
        acked, done, every = (each.get(partition, []) for each in (self._acked, self._done, self._every))
        handled = every[bisect_left(every, window.begins) : bisect_left(every, window.ends)]
        # A partition that is new is missed from its first record on.
        begins = min(window.ends, max(window.begins, acked[0])) if acked else window.begins
        marks = [begins, *(at for at in handled if at >= begins), window.ends]
        silent = max(after - before for before, after in pairwise(marks))
        return Flow(
            partition=partition,
            produced=bisect_left(acked, window.ends) - bisect_left(acked, window.begins),
            handled=len(handled),
            silent_seconds=round(silent / _NS, 6),
            lag_begins=bisect_left(acked, window.begins) - bisect_left(done, window.begins),
            lag_ends=bisect_left(acked, window.ends) - bisect_left(done, window.ends),
        )


def gap_seconds(consumed: Iterable[Line], epoch: int) -> float | None:
    """The longest time of a partition between the last record of an earlier grant and the first of this one, by its
    epoch; None where it has none of both. Negative where the earlier one went on.
    """
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for line in consumed:
        if "offset" not in line:
            continue
        partition, at = line["partition"], line["t"]
        if line["epoch"] == epoch:
            first[partition] = min(at, first.get(partition, at))
        elif line["epoch"] < epoch:
            last[partition] = max(at, last.get(partition, at))
    gaps = [(at - last[partition]) / _NS for partition, at in first.items() if partition in last]
    return round(max(gaps), 6) if gaps else None


def _sorted(times: Mapping[int, list[int]]) -> dict[int, list[int]]:
    return {partition: sorted(own) for partition, own in times.items()}


def longest_silence(flows: Iterable[Flow]) -> float | None:
    """The longest time in which one of them had no handled record; None without any."""
    return max((flow.silent_seconds for flow in flows), default=None)
