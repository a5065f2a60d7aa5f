"""Records that were handled with an error, and what became of them, by the record logs: pure.

A failed record is written down with its error and committed past, so nobody handles it again unless somebody goes back
to before it. It is not lost, and not processed: it counts by itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from components.names import Color

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Failures:
    """first_at: when the first record failed under this epoch, in seconds since 1970; failed: how many did; again: how
    many of them were handled without an error before or after.
    """

    first_at: float
    failed: int
    again: int


def by_epoch(consumed: Iterable[Mapping[str, Any]], color: Color) -> dict[int, Failures]:
    """What a colour failed, by the epoch of its grant. consumed: lines of the record logs, in any order."""
    first: dict[int, int] = {}
    failed: dict[int, set[tuple[str, int, int]]] = {}
    lines = list(consumed)
    for line in lines:
        if "error" in line and line["color"] == color:
            epoch = int(line["epoch"])
            first[epoch] = min(int(line["t"]), first.get(epoch, int(line["t"])))
            failed.setdefault(epoch, set()).add(_place(line))
    every = set().union(*failed.values()) if failed else set()
    handled = {_place(line) for line in lines if "error" not in line} & every
    return {
        epoch: Failures(first[epoch] / _NS, len(places), len(places & handled))
        for epoch, places in sorted(failed.items())
    }


def active_after(events: Iterable[Mapping[str, Any]], color: Color, moment: float) -> float | None:
    """When the last member of a colour became ACTIVE under its first epoch after this moment; None: nobody did."""
    since = [
        (int(event["epoch"]), int(event["t"]))
        for event in events
        if event["event"] == "ACTIVE" and event["color"] == color and int(event["t"]) > moment * _NS
    ]
    if not since:
        return None
    epoch = min(epoch for epoch, _ in since)
    return max(t for each, t in since if each == epoch) / _NS


def _place(line: Mapping[str, Any]) -> tuple[str, int, int]:
    return str(line["topic"]), int(line["partition"]), int(line["offset"])
