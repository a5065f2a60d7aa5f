"""What interrupted a member, read out of its events."""

from typing import Any

import pytest

from tests.support.interruptions import interruptions


def event(name: str, epoch: int, *offsets: int, pod: str = "blue-0") -> dict[str, Any]:
    return {"pod": pod, "event": name, "epoch": epoch, "partitions": [["t", p, at] for p, at in enumerate(offsets)]}


WORKING = [event("ASSIGNED", 1), event("ACTIVE", 1)]


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ([*WORKING, event("DRAINING", 2, 5, 7), event("PAUSED", 2, 5, 7), event("FENCED", 3)], []),
        ([*WORKING, event("REVOKED", 1), event("ASSIGNED", 1)], []),
        ([*WORKING, event("LOST", 1, 5)], ["blue-0: LOST under epoch 1"]),
        ([*WORKING, event("FENCED", 1, 5)], ["blue-0: FENCED under epoch 1"]),
        ([*WORKING, event("DRAINING", 2, 5), event("LOST", 2, 5)], ["blue-0: LOST under epoch 2"]),
        ([*WORKING, event("DRAINING", 1, 5), event("PAUSED", 1, 5)], ["blue-0: void under epoch 1"]),
        ([*WORKING, event("DRAINING", 2, 5, 7), event("PAUSED", 2, 5, 6)], ["blue-0: uncommitted under epoch 2"]),
        ([*WORKING, event("DRAINING", 2, 5), event("PAUSED", 2)], ["blue-0: uncommitted under epoch 2"]),
        ([*WORKING, event("LOST", 1, pod="green-0"), event("PAUSED", 2, pod="green-0")], []),
    ],
)
def test_interruptions(events: list[dict[str, Any]], found: list[str]) -> None:
    assert list(interruptions(events)) == found
