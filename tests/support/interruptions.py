"""What took a member out of its work without anybody's command, by its lifecycle events: a busy machine may do it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_STATES = {"ACTIVE", "DRAINING", "PAUSED"}


def interruptions(events: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """One line for each. events: of any number of pods (or processes), each one's in order.

    - its group took it for gone, or fenced it, while it was at work;
    - its grant became void under its own epoch: it stood still, or could not start what a rebalance brought;
    - it ended a drain with something handled and not committed.
    """
    newest: dict[str, Mapping[str, Any]] = {}
    for event in events:
        pod, name = event["pod"], event["event"]
        before = newest.get(pod)
        at_work = before is not None and before["event"] != "PAUSED"
        what = ""
        if name in {"LOST", "FENCED"} and at_work:
            what = name
        elif before is not None and (before["event"], name) == ("ACTIVE", "DRAINING"):
            what = "void" if before["epoch"] == event["epoch"] else ""
        elif before is not None and (before["event"], name) == ("DRAINING", "PAUSED"):
            what = "uncommitted" if _places(before).items() - _places(event).items() else ""
        if what:
            yield f"{pod}: {what} under epoch {event['epoch']}"
        if name in _STATES:
            newest[pod] = event


def _places(event: Mapping[str, Any]) -> dict[int, int]:
    """By partition, the offset that it says."""
    return {place[1]: place[2] for place in event["partitions"] if len(place) == 3}
