"""A member's report, there and back, as a pod's condition and as a direct answer."""

import json
from dataclasses import replace

import pytest

from workloads.common.report import Report, from_answer, from_pod, to_answer, to_condition
from workloads.common.states import State

PLAIN = Report("b", State.PAUSED, 3, 4, committed=False, partitions=(1, 5), at=7)
OBSTRUCTED = replace(PLAIN, obstacle="OffsetOutOfRange: partition 5: 9 of 5 to 7")
OUT, MEMBER = replace(PLAIN, left=True), replace(PLAIN, member_id="consumer-blue-0-17")


@pytest.mark.parametrize(
    "report", [PLAIN, OBSTRUCTED, replace(PLAIN, state=None), replace(PLAIN, voids=3), OUT, MEMBER]
)
def test_there_and_back(report: Report) -> None:
    condition = to_condition(report, "2026-01-01T00:00:00Z")
    for read in (
        from_pod({"status": {"conditions": [condition]}}),
        from_answer(json.loads(json.dumps(to_answer(report)))),
    ):
        assert read == report
        assert read is not None
        assert read.at == report.at


@pytest.mark.parametrize("epoch", [-1, 1 << 30, 2**31, 2**63, 1e300, "x", None])
@pytest.mark.parametrize("name", ["epoch", "seen_epoch"])
def test_an_epoch_that_no_lease_can_have_come_to_makes_it_unreadable(name: str, epoch: object) -> None:
    """A lost Lease would be made again above it, where there is no epoch for it."""
    said = {**to_answer(PLAIN), name: epoch}
    with pytest.raises((TypeError, ValueError)):
        from_answer(said)
    condition = {**to_condition(PLAIN, "2026-01-01T00:00:00Z"), "message": json.dumps(said)}
    assert from_pod({"status": {"conditions": [condition]}}) is None


def test_an_obstacle_is_there_only_when_there_is_one() -> None:
    assert to_answer(OBSTRUCTED)["obstacle"] == OBSTRUCTED.obstacle
    assert "obstacle" not in to_answer(PLAIN)
    assert json.loads(to_condition(OBSTRUCTED, "2026-11-23T12:00:00Z")["message"])["obstacle"] == OBSTRUCTED.obstacle
    assert from_answer({**to_answer(PLAIN), "obstacle": None}).obstacle == ""


def test_nothing_is_said_of_a_group_by_a_report_that_does_not_know_of_it() -> None:
    """An older sidecar's: whoever waits for it to have left goes on waiting."""
    older = {
        "state": "PAUSED",
        "boot_id": "b",
        "epoch": 3,
        "seen_epoch": 3,
        "committed": True,
        "partitions": [],
        "at": 7,
    }
    assert (from_answer(older).left, from_answer(older).member_id) == (False, "")
    assert from_answer({**older, "left": "true"}).left is False
    assert {"left", "member_id"}.isdisjoint(to_answer(PLAIN))


def test_what_has_failed_is_there_only_when_something_has() -> None:
    failed = replace(PLAIN, failed="task 0 FAILED")
    assert from_answer(to_answer(failed)).failed == "task 0 FAILED"
    assert "failed" not in to_answer(PLAIN)
    assert from_answer({**to_answer(PLAIN), "failed": None}).failed == ""


def test_an_obstacle_makes_another_report() -> None:
    """What was reported is reported again when, and only when, something else is true."""
    assert PLAIN not in (OBSTRUCTED, replace(PLAIN, voids=1), OUT, MEMBER)
    assert replace(PLAIN, at=8) == PLAIN
