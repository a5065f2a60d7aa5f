"""Who rested and who did not, by the record logs."""

from typing import Any

from experiments.pauses import Assignment, assignments, read_while_resting


def event(pod: str, name: str, t: int) -> dict[str, Any]:
    return {"pod": pod, "event": name, "t": t, "partitions": []}


def handled(pod: str, *times: int) -> list[dict[str, Any]]:
    return [{"pod": pod, "t": t} for t in times]


SWITCH = [
    event("blue-0", "PAUSED", 5),
    event("blue-0", "ASSIGNED", 10),
    event("blue-0", "ACTIVE", 11),
    event("blue-0", "DRAINING", 20),
    event("blue-0", "PAUSED", 25),
    event("blue-0", "ASSIGNED", 30),
]


def test_whoever_rests_after_a_rebalance_reads_nothing() -> None:
    consumed = handled("blue-0", 12, 13, 21)
    assert read_while_resting(SWITCH, consumed) == 0
    assert assignments(SWITCH, consumed) == [
        Assignment("blue-0", "ASSIGNED", 10, "PAUSED", 0, 0),
        Assignment("blue-0", "ASSIGNED", 30, "PAUSED", 0, 0),
    ]


def test_a_pause_that_a_rebalance_forgot_is_seen() -> None:
    consumed = handled("blue-0", 12, 31, 40)
    assert read_while_resting(SWITCH, consumed) == 2
    assert assignments(SWITCH, consumed)[-1] == Assignment("blue-0", "ASSIGNED", 30, "PAUSED", 0, 2)


def test_somebody_of_whom_nothing_is_told_rests() -> None:
    assert read_while_resting([], handled("green-0", 1)) == 1
    assert read_while_resting([event("green-0", "ACTIVE", 2)], handled("green-0", 1, 3)) == 1


def test_each_member_for_itself_in_any_order() -> None:
    events = [*SWITCH, event("blue-1", "ACTIVE", 1), event("blue-1", "REVOKED", 7)]
    consumed = [*handled("blue-1", 2, 8, 50), *handled("blue-0", 12)]
    assert read_while_resting(reversed(events), reversed(consumed)) == 0
    assert assignments(events, consumed)[0] == Assignment("blue-1", "REVOKED", 7, "ACTIVE", 1, 2)
