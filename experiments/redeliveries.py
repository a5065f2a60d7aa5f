"""What was handled more than once, and which crash it belongs to. Pure.

A worker that is killed between its write and its commit leaves written lines behind that nobody has committed: whoever
takes its partitions writes them again. How many can be told from the record logs alone.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from experiments.results import Measured

Line = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Crash:
    """One process that was killed. at_ns: when, of the real-time clock. bound: what may be repeated after it at most.

    in_hand: records that its colour had handled and not committed a moment before, as far as that was known.
    recovery_seconds: until its colour had handled new records on every partition; None if it did not come to that.
    """

    pod: str
    color: str
    at_ns: int
    bound: int
    in_hand: int
    recovery_seconds: float | None


def repetitions(consumed: Iterable[Line]) -> list[tuple[int, int]]:
    """(time in ns, partition) of every handling of a record but its first one, by time."""
    times: dict[tuple[str, int, int], list[int]] = defaultdict(list)
    for line in consumed:
        if "offset" in line:  # an end line has none
            times[line["topic"], line["partition"], line["offset"]].append(int(line["t"]))
    return sorted((t, partition) for (_, partition, _), found in times.items() for t in sorted(found)[1:])


def rows(crashes: Sequence[Crash], repeated: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
    """One line of the run's table for each crash: what was repeated from it until the next one."""
    found = []
    ordered = sorted(crashes, key=lambda crash: crash.at_ns)
    for crash, after in zip_longest(ordered, ordered[1:]):
        end = None if after is None else after.at_ns
        own = [partition for t, partition in repeated if t >= crash.at_ns and (end is None or t < end)]
        found.append(
            {
                "pod": crash.pod,
                "color": crash.color,
                "at_ns": crash.at_ns,
                "in_hand": crash.in_hand,
                "repeated": len(own),
                "partitions": len(set(own)),
                "bound": crash.bound,
                "within_bound": len(own) <= crash.bound,
                "recovery_seconds": crash.recovery_seconds,
            }
        )
    return found


def measurements(table: Sequence[Mapping[str, Any]]) -> dict[str, Measured]:
    """What the result says of the crashes together."""
    recovered = [row["recovery_seconds"] for row in table if row["recovery_seconds"] is not None]
    return {
        "crashes": len(table),
        "crash_repeated_worst": max((row["repeated"] for row in table), default=None),
        "crash_repeated_total": sum(row["repeated"] for row in table),
        "crash_bound": max((row["bound"] for row in table), default=None),
        "crashes_beyond_bound": sum(not row["within_bound"] for row in table),
        "crashes_not_recovered": sum(row["recovery_seconds"] is None for row in table),
        "crash_recovery_seconds_worst": max(recovered, default=None),
    }
