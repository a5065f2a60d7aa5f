"""Who rested and who did not, by the record logs."""

from typing import Any

from experiments.pauses import Assignment, Line, assignments, read_while_resting


def event(process: str, name: str, t: int) -> Line:
    return process, {"event": name, "t": t, "partitions": []}


def handled(process: str, *times: int) -> list[Line]:
    return [(process, {"t": t, "offset": t}) for t in times]


SWITCH = [
    event("blue-0.a", "ASSIGNED", 10),
    event("blue-0.a", "ACTIVE", 11),
    event("blue-0.a", "DRAINING", 20),
    event("blue-0.a", "PAUSED", 25),
    event("blue-0.a", "ASSIGNED", 30),
]


def test_whoever_rests_after_a_rebalance_reads_nothing() -> None:
    consumed = [*handled("blue-0.a", 12, 13, 21), ("blue-0.a", {"end": 3})]
    assert read_while_resting(SWITCH, consumed) == 0
    assert assignments(SWITCH, consumed) == [
        Assignment("blue-0.a", "ASSIGNED", 10, "PAUSED", 0, 0),
        Assignment("blue-0.a", "ASSIGNED", 30, "PAUSED", 0, 0),
    ]


def test_a_pause_that_a_rebalance_forgot_is_seen() -> None:
    consumed = handled("blue-0.a", 12, 31, 40)
    assert read_while_resting(SWITCH, consumed) == 2
    assert assignments(SWITCH, consumed)[-1] == Assignment("blue-0.a", "ASSIGNED", 30, "PAUSED", 0, 2)


def test_a_new_process_rests_until_it_is_told_otherwise() -> None:
    """Its pod's former one was at work to its end."""
    events = [event("blue-0.a", "ACTIVE", 1), event("blue-0.b", "ACTIVE", 20)]
    assert read_while_resting(events, [*handled("blue-0.a", 2, 9), *handled("blue-0.b", 15, 21)]) == 1


def test_whose_first_word_is_that_it_drains_was_at_work() -> None:
    events: list[Any] = [event("blue-0.a", "DRAINING", 10), event("blue-0.a", "PAUSED", 12)]
    assert read_while_resting(events, handled("blue-0.a", 3, 9, 11)) == 0
    assert read_while_resting(events, handled("blue-0.a", 13)) == 1


def test_of_whom_nothing_is_told_nothing_is_said() -> None:
    assert read_while_resting([], handled("blue-0.a", 1)) == 0
    assert assignments([event("blue-0.a", "ASSIGNED", 1)], handled("blue-0.a", 1)) == []


def test_lines_in_any_order() -> None:
    events = [*SWITCH, event("blue-1.a", "ACTIVE", 1), event("blue-1.a", "REVOKED", 7)]
    consumed = [*handled("blue-1.a", 2, 8, 50), *handled("blue-0.a", 12)]
    assert read_while_resting(reversed(events), reversed(consumed)) == 0
    assert assignments(reversed(events), consumed)[0] == Assignment("blue-1.a", "REVOKED", 7, "ACTIVE", 1, 2)
