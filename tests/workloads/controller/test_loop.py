"""The loop: what it writes, asks for and tells, turn by turn, without an API server."""

from dataclasses import replace
from typing import Any

import pytest

from tests.workloads.controller.samples import COLOR, LABELS
from tests.workloads.controller.script import Script
from workloads.common.kube import UnreachableError
from workloads.common.lease import Grant, Shape, from_lease
from workloads.common.states import Color, Outcome, State
from workloads.controller import loop
from workloads.controller.measured import (
    AnalysisRunTask,
    AnalysisTask,
    LagTask,
    RemovalTask,
    Result,
    RewindTask,
    SinceTask,
)
from workloads.controller.moments import Moment
from workloads.controller.observe import TemplateAnalysis
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
    """Interleaving 25. A pod restarts 30 s after the grant, and is back 2 s later; the resume timeout is 11 s."""
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


def test_a_process_that_ends_in_the_analysis_speaks_against_its_colour(script: Script) -> None:
    granted(script, analysis=ANALYSIS)
    script.stands(GREEN, ACTIVE, 4)
    script.turn()
    script.stands(GREEN, ACTIVE, 4, restarts=1, only=(1,))
    assert script.turn()[0] == "writes nobody@5"
    said = "AnalysisFailed: restarts of green-1 (1); 0 in all are allowed"
    assert (script.grant() or SETTLED).reason == said


@pytest.mark.parametrize(
    "changes", [{"analysis": {**ANALYSIS, "maxRestarts": 1}}, {"analysis": ANALYSIS, "absence": "Unknown"}, {}]
)
def test_one_that_is_allowed_or_says_nothing_does_not(script: Script, changes: dict[str, Any]) -> None:
    granted(script, **changes)
    script.stands(GREEN, ACTIVE, 4)
    script.turn()
    script.stands(GREEN, ACTIVE, 4, restarts=1, only=(1,))
    assert not [done for done in script.turn() if done.startswith("writes nobody")]


def test_a_pod_that_is_not_ready_in_the_analysis_has_the_resume_timeout_to_become_so(
    script: Script, clock: Clock
) -> None:
    granted(script, analysis=ANALYSIS)
    script.stands(GREEN, ACTIVE, 4)
    script.turn()
    clock.seconds += 30
    script.turn()
    script.stands(GREEN, ACTIVE, 4, ready=False, only=(1,))
    script.measurer.says = Result(analysis=Analysis.PASSED)
    assert not [done for done in script.turn() if done.startswith("writes")], "no pass while it is not Ready"
    clock.seconds += 11
    script.turn()
    script.lists()
    assert script.turn()[0] == "writes nobody@5"
    said = "ResumeTimeout: after 11 s not Ready: green-1 (ACTIVE at epoch 4, not Ready)"
    assert (script.grant() or SETTLED).reason == said


def test_a_controller_that_starts_anew_in_the_middle_of_an_analysis_begins_it_anew(script: Script) -> None:
    granted(script, analysis=ANALYSIS)
    script.stands(GREEN, ACTIVE, 4)
    script.turn()
    script.controller, script.measurer.key, script.measurer.task = script.another(), None, None
    script.turn()
    assert isinstance(script.measurer.task, AnalysisTask), "it is asked for again, from its beginning"
    assert (script.grant() or SETTLED).outcome is None, "and until then nothing has passed"


# -- a way back that begins where green was granted -------------------------------------------------------------------

SINCE = ((0, 17), (1, 4), (2, 0), (3, 9))


def rolled_back(script: Script, *, group: str = "g") -> None:
    """As far as the withdrawal from green, which has failed its analysis."""
    script.begins(SETTLED)
    green = {"selector": {**LABELS, COLOR: "green"}, "replicas": 2, "group": group}
    script.asks("green", 2, analysis=ANALYSIS, onRollback="replay", green=green)
    script.turn()
    script.stands(BLUE, PAUSED, 3)
    script.lists()
    assert script.turn() == ["shows Pausing"], "not without where blue has come to"
    task = script.measurer.task
    assert task == SinceTask("g", "t", 4)
    script.measurer.says = Result(since=SINCE)
    assert script.turn()[0] == "writes green@4"
    assert (script.grant() or SETTLED).since == SINCE
    script.stands(GREEN, ACTIVE, 4)
    script.turn()
    script.measurer.says = Result(analysis=Analysis.FAILED, detail="9 of 10 records failed")
    assert script.turn()[0] == "writes nobody@5"
    grant = script.grant() or SETTLED
    assert (grant.leave, grant.since) == (True, SINCE)


@pytest.mark.parametrize("group", ["g", "h"])
def test_a_replay_sets_the_old_colours_group_when_everybody_has_left(script: Script, group: str) -> None:
    rolled_back(script, group=group)
    script.stands(GREEN, PAUSED, 5, left=True)
    script.lists()
    script.turn()
    assert script.measurer.task is None, "blue may still be in it"
    script.stands(BLUE, PAUSED, 5, left=True)
    script.turn()
    task = script.measurer.task
    assert isinstance(task, RewindTask)
    assert (task.group, task.topic, task.partitions, task.since, task.epoch) == ("g", "t", 4, SINCE, 5)
    assert task.still()
    script.measurer.says = Result(removed=True, rewound=True)
    assert script.turn()[0] == "writes blue@6 RolledBack"
    grant = script.grant() or SETTLED
    assert grant.reason == "AnalysisFailed: 9 of 10 records failed; replayed from where it was granted"
    assert grant.since is None


@pytest.mark.parametrize("leaves", [True, False])
def test_a_replay_that_cannot_be_had_does_not_keep_anybody_from_going_back(
    script: Script, clock: Clock, leaves: bool
) -> None:
    rolled_back(script)
    script.stands(GREEN, PAUSED, 5, left=True)
    if leaves:
        script.stands(BLUE, PAUSED, 5, left=True)
    script.lists()
    script.turn()
    clock.seconds += 19
    assert not [done for done in script.turn() if done.startswith("writes")]
    script.measurer.says = Result(detail="offsets of group g on t cannot be set")
    clock.seconds += 1
    assert script.turn()[0] == "writes blue@6 RolledBack"
    why = "offsets of group g on t cannot be set" if leaves else "blue-0, blue-1 did not leave"
    assert (script.grant() or SETTLED).reason == f"AnalysisFailed: 9 of 10 records failed; not replayed: {why}"


def test_without_a_way_back_nobody_is_granted(script: Script, clock: Clock) -> None:
    script.begins(SETTLED)
    script.asks("green", 2, onRollback="replay")
    script.turn()
    script.stands(BLUE, PAUSED, 3)
    script.lists()
    script.turn()
    script.measurer.says = Result(detail="committed offsets of group g on t cannot be read")
    clock.seconds += 20
    assert script.turn()[0] == "writes blue@4 Failed"
    said = "PositionsUnread: committed offsets of group g on t cannot be read"
    assert (script.grant() or SETTLED).reason == said


TEMPLATES = {"templates": ["error-rate", "lag"], "args": {"max-lag": "9"}, "timeoutSeconds": 40}


def test_an_analysis_run_is_asked_for_who_is_judged_and_since_when(script: Script, clock: Clock) -> None:
    clock.seconds = 1700000000.7
    granted(script, analysis=TEMPLATES)
    script.stands(GREEN, ACTIVE, 4)
    script.turn()
    assert isinstance(script.measurer.task, AnalysisRunTask)
    order = script.measurer.task.order
    assert (order.switch, order.epoch) == ("consumer", 4)
    assert order.asked == TemplateAnalysis(("error-rate", "lag"), (("max-lag", "9"),), 40.0)
    said = dict(order.said)
    assert (said["color"], said["other-color"]) == ("green", "blue")
    assert said["since"] == "1700000000"
    assert {"namespace", "group", "other-group", "topic", "strategy"} < set(said)


def test_a_controller_that_begins_anew_asks_for_the_same_analysis_run(script: Script, clock: Clock) -> None:
    granted(script, analysis=TEMPLATES)
    script.stands(GREEN, ACTIVE, 4)
    script.turn()
    assert isinstance(script.measurer.task, AnalysisRunTask)
    before = script.measurer.task.order
    clock.seconds += 30
    script.measurer.measure(None, None)
    script.controller = script.another()
    script.turn()
    assert isinstance(script.measurer.task, AnalysisRunTask)
    assert script.measurer.task.order.name == before.name
    script.measurer.says = Result(analysis=Analysis.FAILED, detail="AnalysisRun r is Failed")
    script.turn()
    grant = script.grant()
    assert grant is not None
    assert grant.rolling_back
    assert grant.reason == "AnalysisFailed: AnalysisRun r is Failed"


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
