"""What the controller sees: reading objects, and merging lists with a watch."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workloads.controller.samples import COLOR, LABELS, pod_object, switch_object
from workloads.common.kube import Object
from workloads.common.report import Report, to_condition
from workloads.common.states import Color, Outcome, State
from workloads.controller.observe import (
    AnalysisLimits,
    Pods,
    PositionsFrom,
    SwitchError,
    TemplateAnalysis,
    memory_of,
    read_pod,
    read_switch,
)
from workloads.controller.terms import Absence, Memory, OnInconclusive, Standby


def test_an_analysis_by_templates_is_read() -> None:
    analysis = {"templates": ["b", "a"], "args": {"y": "2", "x": "1"}, "timeoutSeconds": 30, "minRecords": 1}
    switch = read_switch(switch_object(analysis=analysis))
    assert switch.analysis == TemplateAnalysis(("b", "a"), (("x", "1"), ("y", "2")), 30.0)
    assert switch.spec.analysis


@pytest.mark.parametrize(
    ("analysis", "said"),
    [
        ({"templates": ["a"]}, r"spec\.timeoutSeconds is missing"),
        ({"templates": ["a"], "timeoutSeconds": 3, "seconds": 5}, r"spec\.analysis: templates, or seconds"),
        ({"timeoutSeconds": 3}, r"spec\.seconds is missing"),
    ],
)
def test_an_analysis_of_both_forms_or_of_none_is_refused(analysis: dict[str, Any], said: str) -> None:
    with pytest.raises(SwitchError, match=said):
        read_switch(switch_object(analysis=analysis))


def test_a_switch_is_read() -> None:
    switch = read_switch(switch_object(analysis={"seconds": 5, "maxErrorRate": 0.1}, lagPolicy="immediate"))
    assert switch.spec.generation == 4
    assert switch.spec.active is Color.GREEN
    assert switch.spec.replicas == (3, 2)
    assert switch.spec.wait_for_lag is False
    assert switch.spec.drain_timeout == 10.0
    assert switch.spec.resume_timeout == 11.0
    assert isinstance(switch.analysis, AnalysisLimits)
    assert switch.analysis.max_error_rate == 0.1
    assert switch.common_labels == "app.kubernetes.io/name=consumer"
    assert switch.color_of({**LABELS, COLOR: "green", "more": "x"}) is Color.GREEN
    assert switch.color_of({COLOR: "green"}) is None


def test_what_a_strategy_says_is_read_as_values() -> None:
    """Nothing here asks for its letter: whatever stands there, the values decide."""
    switch = read_switch(switch_object(strategy="anything"))
    assert (switch.spec.absence, switch.positions) == (Absence.GONE, PositionsFrom.MEMBERS)
    assert switch.spec.standby is Standby.OUTSIDE, "also of an object that was written before it was there"
    assert (switch.group(Color.BLUE), switch.group(Color.GREEN)) == ("g", "h")
    assert (switch.spec.analysis, switch.analysis) == (False, None)
    assert switch.spec.uid == "u1"
    analysis = {"seconds": 5, "maxErrorRate": 0.1, "minRecords": 7, "onInconclusive": "Accept"}
    other = read_switch(switch_object(absence="Unknown", positions="Groups", standby="Assigned", analysis=analysis))
    assert other.spec.standby is Standby.ASSIGNED
    assert (other.spec.absence, other.positions) == (Absence.UNKNOWN, PositionsFrom.GROUPS)
    assert other.analysis == AnalysisLimits(5, 0.1, 7)
    assert (other.spec.analysis, other.spec.on_inconclusive) == (True, OnInconclusive.ACCEPT)
    assert (switch.spec.replay, read_switch(switch_object(onRollback="replay")).spec.replay) == (False, True)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"active": "red"}, "red"),
        ({"absence": "Perhaps"}, "Perhaps"),
        ({"positions": "Nowhere"}, "Nowhere"),
        ({"standby": "Somewhere"}, "Somewhere"),
        ({"analysis": {"seconds": 5, "maxErrorRate": 0, "onInconclusive": "Guess"}}, "Guess"),
        ({"blue": {"selector": {}, "replicas": 1}, "positions": "Groups"}, r"Groups needs spec\.blue\.group"),
        ({"blue": {"replicas": 1}}, "selector"),
        ({"lagPolicy": "never"}, "never"),
        ({"onRollback": "Replay"}, "Replay"),
        ({"onRollback": "replay", "absence": "Unknown"}, r"spec\.onRollback: replay is not for members whose"),
        ({"onRollback": "replay", "blue": {"selector": {}, "replicas": 1}}, r"replay needs spec\.blue\.group"),
        ({"partitions": "many"}, "many"),
    ],
)
def test_a_switch_that_cannot_be_carried_out_is_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(SwitchError, match=said):
        read_switch(switch_object(**changes))


def test_memory_comes_from_status() -> None:
    settled = {"type": "Settled", "status": "True", "reason": "Failed", "message": "why", "observedGeneration": 3}
    status = {"epoch": 7, "active": "", "lastHolder": "green", "conditions": [settled]}
    assert memory_of(status) == Memory(7, Color.GREEN, 3, Outcome.FAILED, "why")
    assert memory_of({}) == Memory()
    assert memory_of({"active": "blue"}).last_holder is Color.BLUE
    unsettled = {**settled, "status": "False", "reason": "Pausing"}
    assert memory_of({"epoch": 7, "conditions": [unsettled]}).outcome is None


def test_a_pod_that_is_being_deleted_is_not_ready() -> None:
    assert read_pod(pod_object("a", 1), Color.BLUE).member.ready
    assert not read_pod(pod_object("a", 1, deletionTimestamp="2026-01-01T00:00:00Z"), Color.BLUE).member.ready


def test_a_pod_says_what_it_runs() -> None:
    told = {"kafka-bluegreen.io/version": "1.7", "kafka-bluegreen.io/image": "registry/app:1.7"}
    member = read_pod(pod_object("a", 1, annotations=told), Color.BLUE).member
    assert (member.version, member.image) == ("1.7", "registry/app:1.7")
    member = read_pod(pod_object("a", 1), Color.BLUE).member  # one from before pods said so
    assert (member.version, member.image) == ("", "")


def test_a_pods_report_is_read() -> None:
    report = Report("b", State.PAUSED, 3, 4, committed=False, partitions=(1,))
    pod = pod_object("a", 1)
    pod["status"]["conditions"].append(to_condition(report, "2026-01-01T00:00:00Z"))
    assert read_pod(pod, Color.BLUE).member.report == report


def names(pods: Pods) -> list[str]:
    return [member.pod for member in pods.members()]


def test_a_watch_that_is_behind_a_list_does_not_bring_the_dead_back() -> None:
    pods = Pods(read_switch(switch_object()))
    pods.listed([pod_object("a", 5), pod_object("b", 6)], 10)
    pods.listed([pod_object("b", 6)], 20)
    assert not pods.changed("MODIFIED", pod_object("a", 15))
    assert names(pods) == ["b"]


def test_a_list_that_is_behind_the_watch_takes_nothing_back() -> None:
    pods = Pods(read_switch(switch_object()))
    pods.listed([pod_object("a", 5)], 10)
    pods.changed("DELETED", pod_object("a", 15))
    pods.changed("ADDED", pod_object("c", 16))
    pods.listed([pod_object("a", 5)], 12)
    assert names(pods) == ["c"]
    pods.listed([], 11)
    assert names(pods) == ["c"]


def test_the_same_name_with_another_uid_is_another_member() -> None:
    pods = Pods(read_switch(switch_object()))
    pods.listed([pod_object("a", 5)], 10)
    pods.changed("DELETED", pod_object("a", 11))
    pods.changed("ADDED", pod_object("a", 12, uid="another"))
    assert [member.uid for member in pods.members()] == ["another"]


def test_pods_of_neither_colour_are_left_out() -> None:
    pods = Pods(read_switch(switch_object()))
    pods.listed([pod_object("a", 5, color="red")], 10)
    assert not pods.changed("ADDED", pod_object("b", 11, color="red"))
    assert names(pods) == []


def test_only_what_matters_is_a_change() -> None:
    pods = Pods(read_switch(switch_object()))
    assert pods.changed("ADDED", pod_object("a", 5))
    assert not pods.changed("MODIFIED", pod_object("a", 6, annotations={"x": "y"}))
    gone_unready = pod_object("a", 7)
    gone_unready["status"]["conditions"] = []
    assert pods.changed("MODIFIED", gone_unready)


def report_of(pods: Pods) -> Report | None:
    (member,) = pods.members()
    return member.report


def recorded(version: int, report: Report) -> Object:
    pod = pod_object("a", version)
    pod["status"]["conditions"].append(to_condition(report, "2026-01-01T00:00:00Z"))
    return pod


def test_the_newer_of_what_is_heard_and_what_is_recorded_counts() -> None:
    draining = Report("b", State.DRAINING, 3, 3, at=1)
    paused = Report("b", State.PAUSED, 3, 3, at=2)
    active = Report("b", State.ACTIVE, 4, 4, at=3)
    pods = Pods(read_switch(switch_object()))
    pods.changed("ADDED", recorded(5, draining))
    assert pods.heard("uid-a", paused)
    assert not pods.heard("uid-a", paused)
    assert report_of(pods) == paused
    pods.changed("MODIFIED", recorded(6, draining))
    assert report_of(pods) == paused, "a record that is late takes nothing back"
    pods.changed("MODIFIED", recorded(7, active))
    assert report_of(pods) == active, "a connection that hangs hides nothing"
    assert pods.heard("uid-a", None)
    assert report_of(pods) == active


@pytest.mark.parametrize("by", ["watch", "list"])
def test_a_pod_that_is_gone_is_not_heard(by: str) -> None:
    pods = Pods(read_switch(switch_object()))
    pods.changed("ADDED", pod_object("a", 5))
    pods.heard("uid-a", Report("b", State.PAUSED, 3, 3))
    if by == "watch":
        pods.changed("DELETED", pod_object("a", 6))
    else:
        pods.listed([], 6)
    pods.heard("uid-a", Report("b", State.ACTIVE, 3, 3))
    assert pods.members() == ()
    pods.changed("ADDED", pod_object("a", 7))
    assert report_of(pods) is None


Write = tuple[str, str, int]


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Write], list[tuple[int, int]]]:
    """Writes as (kind, pod, version), and lists as (version that they show, events of the watch that came before)."""
    alive: dict[str, int] = {}
    writes: list[Write] = []
    for version in range(1, draw(st.integers(1, 25)) + 1):
        name = draw(st.sampled_from("abc"))
        if name in alive and draw(st.booleans()):
            writes.append(("DELETED", f"{name}{alive.pop(name)}", version))
        elif name in alive:
            writes.append(("MODIFIED", f"{name}{alive[name]}", version))
        else:
            alive[name] = version
            writes.append(("ADDED", f"{name}{version}", version))
    count = len(writes)
    lists = draw(st.lists(st.tuples(st.integers(0, count), st.integers(0, count)), max_size=4))
    return writes, lists


@given(histories())
def test_merged_in_any_order_it_is_what_the_newest_source_shows(
    history: tuple[list[Write], list[tuple[int, int]]],
) -> None:
    writes, lists = history

    def truth(version: int) -> dict[str, int]:
        shown: dict[str, int] = {}
        for kind, name, at in writes[:version]:
            if kind == "DELETED":
                shown.pop(name)
            else:
                shown[name] = at
        return shown

    pods = Pods(read_switch(switch_object()))
    newest = 0
    for done in range(len(writes) + 1):
        if done:
            kind, name, at = writes[done - 1]
            pods.changed(kind, pod_object(name, at))
            newest = max(newest, at)
        for version, after in lists:
            if after == done:
                pods.listed([pod_object(n, at) for n, at in truth(version).items()], version)
                newest = max(newest, version)
        assert set(names(pods)) == set(truth(newest)), f"after {done} events"
