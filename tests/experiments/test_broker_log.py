"""The lines are Kafka 4.3.1's own (broker of the sandbox), shortened in their identifiers only."""

import pytest

from experiments.broker_log import GroupEvents, count, departures, within

PREFIX = "2026-11-23T12:00:00.000000000Z [2026-11-23 12:00:00,001] INFO [GroupCoordinator id=1] "
PREPARING = PREFIX + (
    "Preparing to rebalance group bluegreen-c in state PREPARING_REBALANCE with old generation 3 "
    "(reason: Adding new member rdkafka-1 with group instance id null; client reason: not provided)."
)
STABILIZED = PREFIX + "Stabilized group bluegreen-c generation 4 with 3 members."
REPLACED = PREFIX + (
    "Static member with groupInstanceId=bluegreen-c-0 and unknown member id joins group bluegreen-c in STABLE state. "
    "Replacing previously mapped member rdkafka-1 with this groupInstanceId."
)
REJOINED = PREFIX + (
    "[GroupId bluegreen-c] Static member with instance id bluegreen-c-2 re-joins the consumer group using the consumer "
    "protocol. Created a new member NV4 to replace the existing member K+t."
)
JOINED = PREFIX + (
    "Dynamic member with unknown member id joins group bluegreen-c in Empty state. Created a new member id rdkafka-1 "
    "and requesting the member to rejoin with this id."
)
PENDING = PREFIX + (
    "Pending dynamic member with id rdkafka-1 joins group bluegreen-c in Empty state. Adding to the group now."
)
ASSIGNED = PREFIX + (
    "Assignment received from leader rdkafka-1 for group bluegreen-c for generation 4. The group has 3 members, "
    "3 of which are static."
)
FAILED = PREFIX + "Member rdkafka-1 in group bluegreen-c has failed, removing it from the group."
BUMPED = PREFIX + "[GroupId bluegreen-c] Bumped group epoch to 7 with metadata hash 12345."


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], GroupEvents()),
        ([PREPARING], GroupEvents(rebalances=1)),
        ([STABILIZED], GroupEvents()),
        ([PREPARING, STABILIZED, PREPARING, STABILIZED], GroupEvents(rebalances=2)),
        ([REPLACED], GroupEvents(replaced_static_members=1, entry_lines=1)),
        ([REJOINED], GroupEvents(replaced_static_members=1, entry_lines=1)),
        ([JOINED, PENDING], GroupEvents(entry_lines=2)),  # a dynamic member asks twice
        ([ASSIGNED], GroupEvents(leader_assignment_lines=1)),
        ([FAILED], GroupEvents(expired_members=1)),
        ([BUMPED], GroupEvents(rebalances=1)),
        ([PREPARING.replace("bluegreen-c", "bluegreen-c2")], GroupEvents()),
        ([BUMPED.replace("bluegreen-c", "other")], GroupEvents()),
        ([PREPARING.replace("group bluegreen-c ", "group other ").replace("rdkafka-1", "bluegreen-c")], GroupEvents()),
    ],
)
def test_counts_of_the_group(lines: list[str], expected: GroupEvents) -> None:
    assert count(lines, "bluegreen-c") == expected


def test_lines_of_a_span() -> None:
    noon = 1763899200.0  # 2025-11-23T12:00:00Z
    lines = [f"2025-11-23T{at}Z [..] INFO x" for at in ("11:59:59.999999999", "12:00:00.000000000", "12:00:01")]
    lines.insert(2, "java.lang.Exception: the rest of a message")
    assert list(within(lines, noon, noon + 1)) == [lines[1]]
    assert list(within(lines, noon - 1, noon + 2)) == [lines[0], lines[1], lines[3]]


ID = "64f4e95c-d8d4-4da7-b93b-db37aa511ca1"
DEPARTURES = {
    f"[Group bluegreen-c] Member consumer-blue-1-{ID} has left group through explicit `LeaveGroup` request": (
        "consumer-blue-1"
    ),
    f"Member bluegreen-c-1-{ID} in group bluegreen-c has failed, removing it from the group.": "bluegreen-c-1",
    "[GroupId bluegreen-c] Member umQtKchaSzu45yigPOgqyg left the consumer group.": None,
    "[GroupId bluegreen-c] Member umQtKchaSzu45yigPOgqyg fenced from the group because its session expired.": None,
}


@pytest.mark.parametrize(("said", "name"), DEPARTURES.items())
def test_who_left_a_group_and_whether_its_id_tells_who_it_was(said: str, name: str | None) -> None:
    assert [one.name for one in departures([PREFIX + said], "bluegreen-c")] == [name]
    assert not departures([PREFIX + said], "bluegreen-c2")


def test_a_static_member_of_kip_848_that_is_to_come_back_has_not_left() -> None:
    line = "[GroupId bluegreen-c] Static member K+t with instance id bluegreen-c-1 temporarily left the consumer group."
    assert not departures([PREFIX + line, PREPARING, BUMPED], "bluegreen-c")
