"""A member's report, written and read."""

import json

from workloads.common.report import Report, from_answer, from_pod, to_answer, to_condition
from workloads.common.states import State

WAITING = Report("b", State.PAUSED, 3, 4, partitions=(1, 2), obstacle="OffsetOutOfRange: partition 1: …", at=7)


def test_what_is_written_is_read() -> None:
    for report in (WAITING, Report("b", State.ACTIVE, 3, 3)):
        pod = {"status": {"conditions": [to_condition(report, "2026-01-01T00:00:00Z")]}}
        assert from_pod(pod) == report
        assert from_answer(to_answer(report)) == report


def test_an_obstacle_is_told_when_there_is_one() -> None:
    """A report of before there were any is read as without one."""
    said = json.loads(to_condition(Report("b", State.ACTIVE, 3, 3), "2026-01-01T00:00:00Z")["message"])
    assert "obstacle" not in said
    assert to_answer(WAITING)["obstacle"] == WAITING.obstacle
    assert Report("b", State.PAUSED, 3, 3) != Report("b", State.PAUSED, 3, 3, obstacle="x")  # it is news
