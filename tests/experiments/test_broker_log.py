"""The lines are Kafka 4.3.1's own (broker of the sandbox), shortened in their identifiers only."""

import pytest

from experiments.broker_log import GroupEvents, count

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
FAILED = PREFIX + "Member rdkafka-1 in group bluegreen-c has failed, removing it from the group."
BUMPED = PREFIX + "[GroupId bluegreen-c] Bumped group epoch to 7 with metadata hash 12345."


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], GroupEvents()),
        ([PREPARING], GroupEvents(rebalances=1)),
        ([STABILIZED], GroupEvents()),
        ([PREPARING, STABILIZED, PREPARING, STABILIZED], GroupEvents(rebalances=2)),
        ([REPLACED], GroupEvents(replaced_static_members=1)),
        ([FAILED], GroupEvents(expired_members=1)),
        ([BUMPED], GroupEvents(rebalances=1)),
        ([PREPARING.replace("bluegreen-c", "bluegreen-c2")], GroupEvents()),
        ([BUMPED.replace("bluegreen-c", "other")], GroupEvents()),
        ([PREPARING.replace("group bluegreen-c ", "group other ").replace("rdkafka-1", "bluegreen-c")], GroupEvents()),
    ],
)
def test_counts_of_the_group(lines: list[str], expected: GroupEvents) -> None:
    assert count(lines, "bluegreen-c") == expected
