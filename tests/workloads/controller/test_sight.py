"""The store that watches feed and the loop looks at, and what the loop remembers between its looks."""

import threading
import time
from dataclasses import FrozenInstanceError

import pytest

from tests.workloads.controller.samples import pod_object, switch_object
from workloads.common.kube import Event, Object
from workloads.common.lease import Grant, LeaseFormatError, for_object, from_lease, to_lease
from workloads.common.report import Report
from workloads.common.states import Color, Outcome, State
from workloads.controller.memory import PhaseClock, ProtocolMemory
from workloads.controller.observe import read_switch
from workloads.controller.sight import Store
from workloads.controller.terms import Memory

BLUE, GREEN = Color.BLUE, Color.GREEN


def switch(version: int, generation: int = 1, uid: str = "u1", **changes: object) -> Object:
    made = switch_object(**changes)
    made["metadata"] |= {"uid": uid, "generation": generation, "resourceVersion": str(version)}
    return made


def changed(store: Store) -> bool:
    """Whether the loop would turn now."""
    dirty = store._dirty
    store._dirty = False
    return dirty


def test_a_sight_stays_as_it_was() -> None:
    store = Store()
    store.switch_is(switch(1))
    store.expect_pods_of(read_switch(switch(1)))
    store.pods_listed([pod_object("a", 5)], 10)
    sight = store.look()
    store.pod_changed(Event("DELETED", pod_object("a", 11)))
    store.switch_is(None)
    assert [member.pod for member in sight.members or ()] == ["a"]
    assert sight.asked.switch is not None
    assert store.look().members == ()
    with pytest.raises(FrozenInstanceError):
        sight.lease = {}  # type: ignore[misc]


def test_complete_once_switch_lease_and_pods_were_read() -> None:
    store = Store()
    assert not store.look().complete
    store.switch_is(None)
    assert store.look().complete, "there is none, so there is nothing more to read"
    store.switch_is(switch(1))
    assert not store.look().complete
    store.lease_is(None, 3)
    store.expect_pods_of(read_switch(switch(1)))
    assert not store.look().complete
    store.pods_listed([], 4)
    assert store.look().complete


def test_what_is_older_changes_nothing() -> None:
    store = Store()
    store.switch_is(switch(7, 2))
    store.switch_is(switch(6, 1))
    store.lease_is({"now": True}, 9)
    store.lease_is(None, 8)
    sight = store.look()
    assert sight.asked.switch is not None
    assert sight.asked.switch.spec.generation == 2
    assert sight.lease == {"now": True}


def test_only_a_generation_or_another_object_wakes_the_loop() -> None:
    store = Store()
    store.switch_is(switch(1))
    assert changed(store)
    first = store.look().asked.first_sight
    store.switch_is({**switch(2), "status": {"epoch": 3}})
    assert not changed(store)
    assert store.look().asked.first_sight == first
    assert not store.look().asked.first_hand
    assert (store.newest() or {})["status"] == {"epoch": 3}
    for version, generation, uid in ((3, 2, "u1"), (4, 2, "u2")):
        store.switch_is(switch(version, generation, uid))
        assert changed(store)
        assert store.look().asked.first_hand


def test_a_switch_that_cannot_be_carried_out_says_why() -> None:
    store = Store()
    store.switch_is(switch(1, active="red"))
    asked = store.look().asked
    assert asked.switch is None
    assert "red" in str(asked.error)


def test_what_a_member_says_wakes_the_loop_when_it_is_new() -> None:
    store = Store()
    store.heard("uid-a", None)  # nobody asked yet
    store.expect_pods_of(read_switch(switch(1)))
    store.pods_listed([pod_object("a", 5)], 10)
    changed(store)
    report = Report("b", State.PAUSED, 3, 3, at=1)
    store.heard("uid-a", report)
    assert changed(store)
    store.heard("uid-a", report)
    assert not changed(store)
    assert store.addresses_of(BLUE) == {"a": "10.0.0.1"}
    assert store.addresses_of(GREEN) == {}


def test_waiting_ends_with_a_change_a_deadline_or_the_end() -> None:
    store = Store()
    assert store.wait(time.monotonic() + 0.01)
    threading.Timer(0.01, store.wake).start()
    assert store.wait(time.monotonic() + 10)
    threading.Timer(0.01, store.stop).start()
    assert not store.wait(time.monotonic() + 10)


# -- the Lease, by object ----------------------------------------------------------------------------------------------


def test_a_lease_speaks_of_the_generations_of_one_object() -> None:
    grant = Grant(BLUE, 5, BLUE, None, 3, Outcome.SWITCHED)
    lease = to_lease(grant, "l", "now", switch_uid="u1")
    assert for_object(lease, "u1") == from_lease(lease) == grant
    for uid in ("u2", ""):
        other = for_object(lease, uid)
        assert (other.generation, other.holder, other.epoch, other.last_holder) == (0, BLUE, 5, BLUE)
    lease["metadata"]["annotations"].pop("switch-uid")
    assert for_object(lease, "u1").generation == 0, "written by who knows whom"
    with pytest.raises(LeaseFormatError):
        for_object({"metadata": {}, "spec": {"holderIdentity": "red"}}, "u1")


# -- memory and clock --------------------------------------------------------------------------------------------------


def test_generations_and_outcomes_are_remembered_for_one_object_only() -> None:
    memory = ProtocolMemory()
    one, two = read_switch(switch(1)), read_switch(switch(2, uid="u2"))
    assert memory.of(one) == Memory()
    memory.remember(Grant(BLUE, 5, BLUE, None, 1, Outcome.SWITCHED, "why"))
    assert memory.of(one) == Memory(5, BLUE, 1, Outcome.SWITCHED, "why")
    assert memory.of(two) == Memory(5, BLUE), "the members are the same, so the epoch is"
    assert memory.of(one) == Memory(5, BLUE)


def test_an_older_grant_is_not_remembered() -> None:
    memory = ProtocolMemory()
    memory.of(read_switch(switch(1)))
    memory.remember(Grant(None, 5, GREEN))
    memory.remember(Grant(BLUE, 4, BLUE))
    assert memory.of(read_switch(switch(1))) == Memory(5, GREEN)


def test_another_objects_own_status_counts_where_it_knows_more() -> None:
    settled = {"type": "Settled", "status": "True", "reason": "Failed", "message": "m", "observedGeneration": 1}
    said = {"epoch": 7, "lastHolder": "green", "conditions": [settled]}
    memory = ProtocolMemory()
    memory.remember(Grant(BLUE, 5, BLUE, None, 1, Outcome.SWITCHED))
    assert memory.of(read_switch({**switch(1), "status": said})) == Memory(7, GREEN, 1, Outcome.FAILED, "m")
    memory.remember(Grant(BLUE, 9, BLUE, None, 2, Outcome.SWITCHED))
    other = read_switch({**switch(2, uid="u2"), "status": said})
    assert memory.of(other) == Memory(9, BLUE, 1, Outcome.FAILED, "m")


def test_the_clock_begins_with_the_phase() -> None:
    clock = PhaseClock()
    assert clock.elapsed("a", 100.0) == 0
    assert clock.elapsed("a", 103.0) == 3
    assert clock.due(10.0) == 110.0
    assert clock.elapsed("b", 104.0) == 0
    assert clock.due(10.0) == 114.0


def test_the_clock_knows_since_when_the_colour_asked_for_is_ready() -> None:
    clock = PhaseClock()
    clock.elapsed("a", 100.0)
    assert clock.since_ready(False, 101.0) == (None, 0.0)
    assert clock.since_ready(True, 102.0) == (0.0, 0.0)
    assert clock.since_ready(False, 105.0) == (0.0, 3.0), "until now"
    assert clock.since_ready(False, 108.0) == (3.0, 6.0)
    assert clock.since_ready(True, 109.0) == (0.0, 7.0)
    clock.elapsed("b", 110.0)
    assert clock.since_ready(False, 110.0) == (None, 0.0)


def test_the_clock_knows_when_the_holder_was_whole_last_in_this_phase() -> None:
    clock = PhaseClock()
    clock.elapsed("a", 100.0)
    assert clock.since_whole(False, 101.0) is None
    assert clock.since_whole(True, 102.0) == 0
    assert clock.since_whole(False, 105.0) == 0, "until now"
    assert clock.since_whole(False, 108.0) == 3
    assert clock.since_whole(True, 109.0) == 0
    assert clock.since_whole(False, 110.0) == 0
    clock.elapsed("b", 106.0)
    assert clock.since_whole(False, 106.0) is None
