"""A member that hangs: the switch fails or is rolled back by itself, and `pulumi up` says which pod and why."""

import contextlib
import time
from collections.abc import Callable

import pytest

from experiments.stacks import Update
from tests.support.field import Field
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("strategy-c"), pytest.mark.usefixtures("judged")]

DUPLICATES = 0
TRIES = 5
# Much longer than a hand-off, and shorter than a drain may take here.
WAITS_SECONDS = 2.0


def hanging(blue: Field, pod: str, meanwhile: Callable[[], None], then: Callable[[], None] = lambda: None) -> Update:
    """`up` to green while a pod of blue hangs from when the switch is written. meanwhile: what is done while the switch
    waits for that pod; then: what is done when the pod goes on, before `up` has returned.

    A hand-off takes less time than a busy machine may take to send a signal: where it was over before, it is taken back
    and begun again.
    """
    for _ in range(TRIES):
        with blue.updating("green") as updates:
            with blue.lab.disturbance.hung(pod):
                in_time = _waits(blue)
                if in_time:
                    meanwhile()
            if in_time:
                then()
        if in_time:
            return updates[0]
        assert updates[0].error is None, updates[0].error
        back = blue.up("blue")
        assert back.error is None, back.error
    raise AssertionError(f"{TRIES} times the hand-off was over before {pod} was stopped")


def _waits(blue: Field) -> bool:
    """Whether the switch that was written waits for somebody, once blue has been withdrawn."""
    until("the withdrawal", lambda: blue.holder() != "blue", 60)
    ends = time.monotonic() + WAITS_SECONDS
    while time.monotonic() < ends:
        if blue.holder() == "green":
            return False
        time.sleep(0.05)
    return True


def test_blue_hangs_in_its_drain(blue: Field) -> None:
    def settles() -> None:
        blue.wait_settled()
        assert blue.holder() == "blue"

    blue.stack.configuration.set(lagPolicy="immediate")
    error = hanging(blue, "consumer-blue-1", settles).error
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
    with contextlib.ExitStack() as held:

        def green_hangs() -> None:
            held.enter_context(blue.processes.frozen("consumer-green-2"))

        def blocked() -> None:
            until("the rollback to be blocked", lambda: _outcome(blue) == "RollbackBlocked", 60, 0.1)
            assert "consumer-green-2" in blue.lease()["metadata"]["annotations"]["reason"]
            held.close()
            until("the rollback", lambda: _outcome(blue) == "RolledBack", 60, 0.1)

        blue.stack.configuration.set(lagPolicy="immediate")
        error = hanging(blue, "consumer-blue-0", green_hangs, blocked).error
    assert error is not None
    assert "consumer-green-2" in error
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
