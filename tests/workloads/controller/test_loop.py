"""The loop: what it writes, asks for and tells, turn by turn, without an API server."""

from dataclasses import replace
from typing import Any

import pytest

from tests.workloads.controller.script import Script
from workloads.common.kube import UnreachableError
from workloads.common.lease import Grant, Shape, from_lease
from workloads.common.states import Color, Outcome, State
from workloads.controller import loop
from workloads.controller.measured import AnalysisTask, LagTask, RemovalTask, Result
from workloads.controller.moments import Moment
from workloads.controller.places import Place
from workloads.controller.terms import Analysis, Lag

BLUE, GREEN = Color.BLUE, Color.GREEN
ACTIVE, PAUSED = State.ACTIVE, State.PAUSED
SETTLED = Grant(BLUE, 2, BLUE, None, 1, Outcome.SWITCHED)


@pytest.fixture
def script() -> Script:
    return Script()


class Clock:
    """The monotonic clock of the loop, as a test sets it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds = 1000.0
        monkeypatch.setattr(Moment, "now", lambda: Moment(self.seconds, self.seconds))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def granted(script: Script, generation: int = 2, **changes: Any) -> None:
    """As far as the grant of green, which has just been written."""
    script.begins(SETTLED)
    script.asks("green", generation, **changes)
    script.turn()
    script.stands(BLUE, PAUSED, 3)
    script.lists()
    script.turn()
    assert (script.grant() or SETTLED).holder is GREEN


def test_nothing_is_decided_before_everything_was_read(script: Script) -> None:
    script.asks("green", 1)
    assert script.turn() == []
    script.leased(SETTLED)
    assert script.turn() == []
    script.store.pods_listed([], 1)
    assert script.turn() != []


def test_between_the_first_sight_and_the_grant_stand_only_the_leases_two_writes(script: Script) -> None:
    script.begins(SETTLED)
    script.asks("green", 2)
    # One turn: the withdrawal, and with its answer the consistent list begins.
    assert script.turn() == ["writes nobody@3", "asks for a list", "shows Pausing"]
    script.stands(BLUE, PAUSED, 3)
    assert script.turn() == ["shows Pausing"], "not without the list"
    script.lists()
    assert script.turn()[0] == "writes green@4"
    script.stands(GREEN, ACTIVE, 4)
    assert script.turn() == ["writes green@4 Switched", "shows Ready"]
    assert script.turn() == []
    assert script.condition("Settled") == ("True", "Switched")
    last = script.publisher.status["lastSwitch"]
    assert (last["from"], last["to"], last["epoch"], last["outcome"]) == ("blue", "green", 4, "Switched")
    assert last["handoffSeconds"] is not None
    (ended,) = script.publisher.status["history"]
    assert {name: ended[name] for name in last} == last, "the history has it as it was at its end"


def test_a_write_that_somebody_else_was_faster_with_is_decided_anew(script: Script) -> None:
    script.begins(SETTLED)
    script.asks("green", 2)
    script.kube.lease = {**(script.kube.lease or {}), "metadata": {"name": "l", "resourceVersion": "999"}}
    script.kube.version = 999
    other = Script()
    other.leased(Grant(None, 3, BLUE, BLUE, 2))
    assert other.kube.lease is not None
    script.kube.lease = {**other.kube.lease, "metadata": {**other.kube.lease["metadata"], "resourceVersion": "999"}}
    assert script.turn() == ["reads the Lease", "asks for a list", "shows Pausing"]


def test_a_write_without_an_answer_is_tried_again_on_the_same_condition(script: Script) -> None:
    script.begins(SETTLED)
    script.asks("green", 2)
    script.kube.errors = [UnreachableError("PUT lease", "no answer")]
    with pytest.raises(UnreachableError):
        script.turn()
    assert script.turn()[0] == "writes nobody@3"


def test_the_switch_is_read_before_a_newer_generation_in_the_lease_is_believed_to_be_another_objects(
    script: Script,
) -> None:
    script.begins(SETTLED)
    newer = script.asks("green", 2)
    script.leased(Grant(BLUE, 2, BLUE, None, 3, Outcome.SWITCHED))  # generation 3 was decided by somebody else
    newer["metadata"] |= {"generation": 3, "resourceVersion": "5000"}
    newer["spec"]["active"] = "blue"
    assert script.turn()[0] == "reads the switch"
    assert script.condition("Settled") == ("True", "Switched")


def test_a_lease_that_cannot_be_read_is_said(script: Script) -> None:
    script.begins(SETTLED)
    script.kube.version += 1
    script.store.lease_is({"metadata": {"name": "l"}, "spec": {"holderIdentity": "red"}}, script.kube.version)
    script.turn()
    assert script.condition("Ready") == ("False", "LeaseUnreadable")


@pytest.mark.parametrize("epoch", [-1, 2**31 - 1])
def test_an_epoch_that_cannot_be_counted_on_is_said_and_nothing_is_written(script: Script, epoch: int) -> None:
    script.begins(SETTLED)
    script.asks("green", 2)
    script.kube.version += 1
    lease = {"metadata": {"name": "l"}, "spec": {"holderIdentity": "blue", "leaseTransitions": epoch}}
    script.store.lease_is(lease, script.kube.version)
    assert not any(done.startswith("writes") for done in script.turn())
    assert script.condition("Ready") == ("False", "LeaseUnreadable")


def test_a_switch_that_cannot_be_carried_out_is_said(script: Script) -> None:
    script.begins(SETTLED)
    script.asks("red", 2)
    script.turn()
    assert script.condition("Ready") == ("False", "SwitchUnreadable")
    assert script.publisher.uid == "u1"


# -- another object of the same name ---------------------------------------------------------------------------------


def test_a_new_object_does_not_inherit_an_outcome_by_the_lease(script: Script) -> None:
    script.begins(SETTLED)
    script.asks("green", 1, uid="u2")
    assert script.turn()[0] == "writes nobody@3"
    assert script.publisher.uid == "u2"
    assert script.condition("Settled")[0] == "False"


@pytest.mark.parametrize("restarted", [False, True])
def test_a_new_object_does_not_inherit_an_outcome_by_the_controllers_memory(script: Script, restarted: bool) -> None:
    """Deleted together with the Lease, and made again: it is of generation 1 too, and asks for the other colour."""
    script.begins(SETTLED)
    if restarted:
        script.controller = script.another()
        script.turn()
    script.asks("green", 1, uid="u2")
    script.leased(None)
    script.turn()
    script.lists()
    assert script.turn()[0] == "writes nobody@1000"
    after = script.grant()
    assert after is not None
    assert (after.last_holder, after.generation, after.unconfirmed) == (BLUE, 0, True)
    script.stands(BLUE, PAUSED, 1000)
    script.stands(GREEN, PAUSED, 1000)
    script.lists()
    assert script.turn()[0] == "writes green@1001"
    script.stands(GREEN, ACTIVE, 1001)
    script.turn()
    assert script.condition("Settled") == ("True", "Switched")
    assert script.publisher.status["active"] == "green"


def test_what_the_newest_object_says_itself_is_remembered(script: Script) -> None:
    """Its status was written by a controller that knew a newer epoch."""
    script.begins(SETTLED)
    settled = {"type": "Settled", "status": "True", "reason": "Refused", "message": "why", "observedGeneration": 1}
    made = script.asks("green", 1, uid="u2")
    made["status"] = {"epoch": 1200, "active": "blue", "conditions": [settled]}
    script.store.switch_is(made)
    script.leased(None)
    script.turn()
    script.lists()
    assert script.turn()[0] == "writes nobody@2000 Refused"


def test_a_list_that_was_begun_for_another_object_is_none_for_this_one(script: Script) -> None:
    script.asks("blue", 1)
    script.turn()
    script.leased(None)
    script.store.pods_listed([], 1)
    script.turn()
    script.lists()
    script.asks("blue", 1, uid="u2")
    assert script.turn()[0] == "asks for a list"


# -- measurements ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("positions", "group"), [("Members", None), ("Groups", "g")])
def test_lag_is_measured_where_the_switch_says(script: Script, positions: str, group: str | None) -> None:
    script.begins(SETTLED)
    made = script.asks("green", 2, positions=positions)
    made["spec"]["lagPolicy"] = "wait"
    made["metadata"]["generation"] = 3
    script.store.switch_is(made)
    assert script.turn() == ["shows WaitingForLag"]
    task = script.measurer.task
    assert isinstance(task, LagTask)
    assert (task.topic, task.partitions, task.group) == ("t", 4, group)
    assert task.addresses().keys() == {"blue-0", "blue-1"}
    script.measurer.says = Result(lag=Lag.CAUGHT_UP, met_at=1.0)
    assert script.turn()[0] == "writes nobody@3"


ANALYSIS = {"seconds": 60, "maxErrorRate": 0.1}


def test_a_blip_in_the_analysis_has_the_whole_resume_timeout(script: Script, clock: Clock) -> None:
    """A pod restarts 30 s after the grant, and is back 2 s later; the resume timeout is 11 s."""
    granted(script, analysis=ANALYSIS)
    clock.seconds += 1
    script.stands(GREEN, ACTIVE, 4)
    script.turn()
    task = script.measurer.task
    assert isinstance(task, AnalysisTask)
    clock.seconds += 30
    script.turn()
    script.goes(GREEN, 1)
    assert not [done for done in script.turn() if done.startswith("writes")]
    assert script.measurer.task is not None, "the analysis goes on"
    clock.seconds += 2
    script.lists()
    script.turn()
    assert (script.grant() or SETTLED).holder is GREEN
    script.stands(GREEN, ACTIVE, 4, only=(1,))
    script.turn()
    script.measurer.says = Result(analysis=Analysis.PASSED)
    assert script.turn()[0] == "writes green@4 Switched"


def test_a_blip_that_does_not_end_is_rolled_back_in_the_resume_timeout(script: Script, clock: Clock) -> None:
    granted(script, analysis=ANALYSIS)
    script.stands(GREEN, ACTIVE, 4)
    clock.seconds += 30
    script.turn()
    script.goes(GREEN, 1)
    script.turn()
    clock.seconds += 11
    assert script.turn() == ["asks for a list"]
    script.lists()
    assert script.turn()[0] == "writes nobody@5"
    assert (script.grant() or SETTLED).reason == "ResumeTimeout: after 11 s 1 of 2 green pods exist"


@pytest.mark.parametrize(
    ("analysis", "policy", "written"),
    [
        (Analysis.PASSED, "RollBack", "writes green@4 Switched"),
        (Analysis.FAILED, "Accept", "writes nobody@5"),
        (Analysis.INCONCLUSIVE, "RollBack", "writes nobody@5"),
        (Analysis.INCONCLUSIVE, "Accept", "writes green@4 Switched"),
    ],
)
def test_what_follows_from_an_analysis(script: Script, analysis: Analysis, policy: str, written: str) -> None:
    granted(script, analysis={**ANALYSIS, "onInconclusive": policy})
    script.stands(GREEN, ACTIVE, 4)
    script.turn()
    script.measurer.says = Result(analysis=analysis, detail="0 of 0 records failed")
    assert script.turn()[0] == written


# -- run -------------------------------------------------------------------------------------------------------------


def test_the_loop_goes_on_after_an_error_and_ends_when_it_is_told(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[int] = []

    def turn(_: loop.Controller) -> float | None:
        turns.append(1)
        if len(turns) == 1:
            raise UnreachableError("GET x", "no answer")
        script.store.stop()
        return None

    monkeypatch.setattr(loop.Controller, "turn", turn)
    script.store.wake()
    script.controller.run()
    assert len(turns) == 2


# -- the shape of the holder ------------------------------------------------------------------------------------------


def test_a_change_of_shape_removes_before_it_grants(script: Script) -> None:
    """Partitions were added: blue is withdrawn from, leaves, is taken out of the group, and is granted again."""
    shaped = replace(SETTLED, shape=Shape(2, 4, "w"))
    script.begins(shaped, way="w")
    script.topic.there = 6
    script.stands(BLUE, ACTIVE, 2)
    assert script.turn() == ["writes nobody@3", "asks for a list", "shows Pausing"]
    script.stands(BLUE, PAUSED, 3, left=True)
    script.lists()
    script.turn()
    task = script.measurer.task
    assert isinstance(task, RemovalTask)
    assert (task.group, task.still()) == ("g", True)
    script.measurer.says = Result(removed=True)
    assert script.turn()[0] == "writes blue@4"
    assert not task.still(), "the Lease has been written since"
    grant = from_lease(script.kube.lease or {})
    assert (grant.shape, grant.leave) == (Shape(2, 6, "w"), False)


def test_a_topic_that_is_gone_is_told(script: Script) -> None:
    script.begins(SETTLED)
    script.turn()
    assert script.condition("Ready")[0] == "True"
    script.topic.there = 0
    script.turn()
    assert script.condition("Ready") == ("False", "NoTopic")


def test_whoever_takes_partitions_from_the_holder_is_looked_for_and_keeps_a_switch_waiting(
    script: Script, clock: Clock
) -> None:
    script.begins(SETTLED)
    assert script.group.question is None, "the holder owns everything: nobody asks"
    script.stands(BLUE, ACTIVE, 2, only=(0,))
    script.goes(BLUE, 1)
    script.stands(BLUE, PAUSED, 2, only=(1,))
    script.turn()
    assert script.group.question is not None
    assert (script.group.question.group, script.group.question.ordinals) == ("g", {0, 1})
    assert script.condition("Ready") == ("False", "NotReady")
    script.stands(BLUE, ACTIVE, 2, only=(0,))
    script.owns(BLUE, 1, (2,))
    script.group.others = (Place("", "m-9", "debug", "/10.0.0.9", (3,)),)
    script.store.wake()
    script.turn()
    assert script.condition("Ready") == ("False", "ForeignMember")
    script.asks("green", 2, readyTimeoutSeconds=30)
    script.turn()
    assert script.publisher.status["phase"] == "WaitingForReady"
    clock.seconds += 31
    script.lists()
    assert script.turn()[0] == "writes blue@2 Refused"
    said = next(c["message"] for c in script.publisher.status["conditions"] if c["type"] == "Settled")
    assert "ForeignMember: member m-9, client debug at /10.0.0.9, owns partitions [3]; waited for 30 s" in said


def test_replicas_that_are_not_in_sync_keep_a_switch_waiting_and_say_which(script: Script, clock: Clock) -> None:
    script.begins(SETTLED)
    script.topic.short = "partition 3: 1 of 3 in sync"
    script.store.wake()
    script.turn()
    assert script.condition("Ready") == ("True", "Switched"), "who works goes on working"
    script.asks("green", 2, readyTimeoutSeconds=30)
    script.turn()
    assert script.publisher.status["phase"] == "WaitingForReady"
    clock.seconds += 31
    script.lists()
    assert script.turn()[0] == "writes blue@2 Refused"
    said = next(c["message"] for c in script.publisher.status["conditions"] if c["type"] == "Settled")
    assert "UnderReplicated: partition 3: 1 of 3 in sync; waited for 30 s" in said
    script.topic.short = ""
    script.asks("green", 3, attempt=2)
    assert script.turn()[0] == "writes nobody@3"


def test_a_switch_goes_on_when_the_member_of_others_has_gone(script: Script) -> None:
    script.begins(SETTLED)
    script.owns(BLUE, 1, (2,))
    script.group.others = (Place("", "m-9", "debug", "/10.0.0.9"),)
    script.asks("green", 2)
    script.turn()
    assert script.publisher.status["phase"] == "WaitingForReady"
    script.group.others = ()
    script.stands(BLUE, ACTIVE, 2)
    assert script.turn()[0] == "writes nobody@3"


def test_in_a_group_of_workers_nobody_is_looked_for(script: Script) -> None:
    """An agent's pod is in no group, and those who are in its connector's are none of its pods."""
    script.begins(SETTLED, positions="Groups")
    script.goes(BLUE, 1)
    script.turn()
    assert script.condition("Ready")[0] == "False"
    assert script.group.question is None
