"""What a change costs by the record logs: made-up lines whose answer is known."""

from typing import Any

import pytest

from experiments.ownership import Cost, Window, costs

SECOND = 1_000_000_000
WHOLE = Window(0, 100 * SECOND)


def event(name: str, pod: str, at: float, *partitions: int) -> dict[str, Any]:
    return {"event": name, "pod": pod, "t": int(at * SECOND), "partitions": [["t", number] for number in partitions]}


def acked(partition: int, offset: int, at: float) -> dict[str, Any]:
    return {"topic": "t", "partition": partition, "offset": offset, "status": "acked", "t": int(at * SECOND)}


def handled(partition: int, offset: int, at: float, pod: str = "") -> dict[str, Any]:
    """By a pod; by that of the partition's number if none is told."""
    own = pod or f"blue-{partition}"
    return {"topic": "t", "partition": partition, "offset": offset, "t": int(at * SECOND), "pod": own}


RECORDS = [acked(0, 0, 1), acked(1, 0, 1)]
HANDLED = [handled(0, 0, 2), handled(1, 0, 2)]
AT_WORK = [event("ACTIVE", "blue-0", 0.5, 0), event("ACTIVE", "blue-1", 0.5, 1)]


def cost(events: list[dict[str, Any]], window: Window = WHOLE) -> Cost:
    return costs([window], events, RECORDS, HANDLED)[0]


def test_nothing_is_missed_while_everybody_works() -> None:
    assert cost(AT_WORK) == Cost(0.0, None, 0, 0)


def test_the_longest_time_without_an_owner_is_told_with_its_partition() -> None:
    events = [
        *AT_WORK,
        event("DRAINING", "blue-0", 10.0),
        event("PAUSED", "blue-0", 10.01, 0),
        event("DRAINING", "blue-1", 10.1),
        event("ACTIVE", "green-0", 10.3, 0, 1),
        event("DRAINING", "green-0", 20.0),
        event("ACTIVE", "blue-1", 20.05, 1, 0),
    ]
    assert cost(events) == Cost(0.3, 0, 0, 0)
    assert cost(events, Window(15 * SECOND, 30 * SECOND)).unowned_seconds == pytest.approx(0.05)
    assert cost(events, Window(30 * SECOND, 40 * SECOND)) == Cost(0.0, None, 0, 0)


def test_who_was_at_work_when_the_logs_begin_has_what_it_handled() -> None:
    """No word of ACTIVE: the pods were so before. One leaves, another takes its partitions over at a rebalance."""
    events = [
        event("DRAINING", "blue-1", 10.0, 1),
        event("REVOKED", "blue-0", 10.2, 0),
        event("ASSIGNED", "blue-0", 10.25, 0, 1),
    ]
    assert cost(events) == Cost(0.25, 1, 0, 0)


@pytest.mark.parametrize("name", ["LOST", "FENCED", "DRAINING"])
def test_who_loses_its_membership_owns_nothing_any_more(name: str) -> None:
    events = [*AT_WORK, event(name, "blue-1", 10.0), event("ACTIVE", "blue-2", 11.5, 1)]
    assert cost(events) == Cost(1.5, 1, 0, 0)


def test_a_rebalance_takes_and_gives() -> None:
    events = [*AT_WORK, event("REVOKED", "blue-1", 10.0, 1), event("ASSIGNED", "blue-0", 10.2, 0, 1)]
    assert cost(events).unowned_seconds == pytest.approx(0.2)


def test_what_a_member_is_assigned_while_it_waits_is_nobodys() -> None:
    events = [*AT_WORK, event("DRAINING", "blue-0", 10.0), event("ASSIGNED", "green-0", 10.1, 0)]
    assert cost(events) == Cost(90.0, 0, 0, 0)


def test_a_partition_that_is_added_is_missed_from_its_first_record_on() -> None:
    found = costs([WHOLE], [*AT_WORK, event("ASSIGNED", "blue-0", 12.0, 0, 2)], [*RECORDS, acked(2, 0, 11.0)], HANDLED)
    assert (found[0].unowned_seconds, found[0].partition) == (1.0, 2)


def test_what_is_lost_and_what_is_handled_twice_belongs_to_its_window() -> None:
    records = [*RECORDS, acked(0, 1, 10), acked(0, 2, 30)]
    twice = [*HANDLED, handled(0, 1, 11), handled(0, 1, 31)]
    first, second = costs([Window(0, 20 * SECOND), Window(20 * SECOND, 40 * SECOND)], AT_WORK, records, twice)
    assert (first.lost, first.duplicates, second.lost, second.duplicates) == (0, 0, 1, 1)
