"""A member that hangs: the switch fails or is rolled back by itself, and `pulumi up` says which pod and why."""

import pytest

from tests.support.field import Field
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("strategy-c"), pytest.mark.usefixtures("judged")]

DUPLICATES = 0


def test_blue_hangs_in_its_drain(blue: Field) -> None:
    blue.stack.configuration.set(lagPolicy="immediate")
    with blue.updating("green") as updates, blue.lab.disturbance.hung("consumer-blue-1"):
        until("the withdrawal", lambda: blue.holder() == "", 60)
        blue.wait_settled()
        assert blue.holder() == "blue"
    error = updates[0].error
    assert error is not None
    assert "consumer-blue-1" in error
    assert "DrainTimeout" in error  # the controller's reason: a wait that ran out could not tell it
    again = blue.stack.up()  # nothing to change: Pulumi's picture stays true (invariant 6)
    assert again.error is not None
    assert "consumer-blue-1" in again.error
    until("blue to be complete again", lambda: _owned(blue, "blue") == list(range(12)), 60, 0.2)
    blue.stack.configuration.set(lagPolicy="wait")


def test_green_hangs_and_comes_back(blue: Field) -> None:
    """Green is granted and one of its pods hangs: it cannot be confirmed, so the rollback waits for it, and goes on."""
    blue.stack.configuration.set(lagPolicy="immediate")
    with blue.updating("green") as updates:
        with blue.lab.disturbance.hung("consumer-blue-0"):
            until("the withdrawal", lambda: blue.holder() == "", 60)
            green = blue.processes.frozen("consumer-green-2")
            green.__enter__()
        try:
            blocked = until("the rollback to be blocked", lambda: _outcome(blue) == "RollbackBlocked", 60, 0.1)
            assert blocked
            assert "consumer-green-2" in blue.lease()["metadata"]["annotations"]["reason"]
        finally:
            green.__exit__(None, None, None)
    until("the rollback", lambda: _outcome(blue) == "RolledBack", 60, 0.1)
    assert updates[0].error is not None
    assert "consumer-green-2" in updates[0].error
    until("blue to be complete again", lambda: _owned(blue, "blue") == list(range(12)), 60, 0.2)
    blue.stack.configuration.set(lagPolicy="wait")


def test_green_that_could_not_join_is_refused_before_anything_is_touched(blue: Field) -> None:
    """Another assignor than the group's: the coordinator would refuse the join (INCONSISTENT_GROUP_PROTOCOL)."""
    before = blue.switch()
    try:
        update = blue.up("green", green={"config": {"partition.assignment.strategy": "cooperative-sticky"}})
    finally:
        blue.stack.configuration.put_back("green")
        blue.stack.configuration.set(active="blue")
    assert update.error is not None
    assert "green.config.partition.assignment.strategy: 'cooperative-sticky' contradicts blue's" in update.error
    after = blue.switch()
    assert (after.active, after.epoch, after.generation) == ("blue", before.epoch, before.generation)


def _outcome(field: Field) -> str:
    return str(field.lease()["metadata"]["annotations"].get("outcome", ""))


def _owned(field: Field, colour: str) -> list[int]:
    members = field.switch().raw.get("status", {}).get("members", [])
    return sorted(p for m in members if m["color"] == colour and m["state"] == "ACTIVE" for p in m["partitions"])
