"""The agent with a connector that does what it is told: commands, and what it says of itself."""

import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.protocol.decisions import GREEN, held, see
from tests.support.waiting import until
from tests.workloads.sidecar.connect.fakes import TOPIC, Scene
from tools.validator.lines import parse_event
from workloads.common.records import EventLog
from workloads.common.states import State
from workloads.controller import terms
from workloads.controller.decide import decide
from workloads.sidecar.connect.account import Account
from workloads.sidecar.connect.control import NotNowError, SilentError
from workloads.sidecar.connect.journal import Journal
from workloads.sidecar.connect.recorders import Handled
from workloads.sidecar.connect.seen import RUNNING, STOPPED, Connector, Member, Worker
from workloads.sidecar.connect.workers import Counts
from workloads.sidecar.subject import Answer, NoAnswerError, Result

AT_WORK = ((0, RUNNING), (1, RUNNING))


@pytest.fixture
def scene() -> Scene:
    return Scene()


def at_work(scene: Scene, epoch: int) -> None:
    scene.control.connector = Connector("green", RUNNING, AT_WORK, epoch, "cg")


def test_a_switch_moves_offsets_and_epoch_before_it_starts(scene: Scene) -> None:
    control = scene.control
    control.partner = replace(control.partner, epoch=5)
    control.offsets = {"cg": {(TOPIC, 0): 3, (TOPIC, 7): 1}, "cb": {(TOPIC, 0): 10, (TOPIC, 1): 20}}
    paused = scene.way().pause(6, 5)
    assert (paused.result, paused.report.state, paused.report.epoch) == (Result.DONE, State.PAUSED, 6)
    resumed = scene.way().resume(7, 5)
    assert control.calls == ["stop@6", "alter@7", "bear@7", "start@7"]
    assert control.offsets["cg"] == control.offsets["cb"]
    assert resumed.result is Result.DONE
    report = resumed.report
    assert (report.state, report.epoch, report.partitions) == (State.ACTIVE, 7, (0, 1))


def test_an_agent_that_restarts_leaves_a_connector_of_the_granted_epoch_running(scene: Scene) -> None:
    """Interleaving 17."""
    at_work(scene, 7)
    report = scene.way().status(1)
    assert (report.state, report.epoch, report.partitions) == (State.ACTIVE, 7, (0, 1))
    assert scene.way().resume(7, 5).result is Result.DONE
    assert scene.control.calls == []


def test_one_that_runs_without_the_granted_epoch_is_stopped_first(scene: Scene) -> None:
    at_work(scene, 5)
    assert scene.way().resume(7, 5).result is Result.DONE
    assert scene.control.calls == ["stop@7", "bear@7", "start@7"]


def test_a_restarted_agent_confirms_nothing_before_it_is_asked(scene: Scene) -> None:
    scene.way().pause(6, 5)
    scene.restart()
    assert scene.way().status(1).state is State.DRAINING
    assert scene.way().pause(6, 5).report.state is State.PAUSED
    assert scene.control.calls == ["stop@6"]


def test_seen_running_without_a_grant_it_is_not_paused_any_more(scene: Scene) -> None:
    scene.way().pause(6, 5)
    at_work(scene, 5)
    assert scene.way().status(1).state is State.ACTIVE
    scene.control.connector = replace(scene.control.connector, state=STOPPED, tasks=())
    assert scene.way().status(1).state is State.DRAINING
    asked = scene.workers.asked
    assert scene.way().pause(6, 5).result is Result.DONE
    assert scene.workers.asked > asked


def test_what_was_proven_is_not_asked_for_again_on_the_way_to_the_start(scene: Scene) -> None:
    scene.way().pause(6, 5)
    asked = scene.workers.asked
    scene.way().resume(7, 5)
    assert scene.workers.asked == asked


@pytest.mark.parametrize("own", [True, False])
def test_connectors_that_bear_an_earlier_lifes_epochs_are_reported_and_outranked(scene: Scene, own: bool) -> None:
    """Interleaving 26. They outlived their stack, and the new one's Lease began at 1: the controller makes it again
    above them.
    """
    control = scene.control
    control.connector = replace(control.connector, epoch=41 if own else 40)
    control.partner = replace(control.partner, epoch=40 if own else 41)
    control.offsets = {"cg": {(TOPIC, 0): 20 if own else 10}, "cb": {(TOPIC, 0): 10 if own else 20}}
    assert scene.way().status(1).seen_epoch == control.connector.epoch
    paused = scene.way().pause(1, 5).report
    assert (paused.state, paused.epoch, paused.seen_epoch) == (State.PAUSED, 1, control.connector.epoch)
    control.connector = replace(control.connector, epoch=41 if own else -1)  # a resource that was made anew bears none
    refused = scene.way().resume(2, 5)
    assert (refused.result, refused.report.seen_epoch) == (Result.STALE, 41)
    assert scene.way().status(1).seen_epoch == 41
    seen = see(held(GREEN, 2, 7, None), (terms.Member("u", "agent-green-0", GREEN, True, refused.report),))
    again = decide(seen).write
    assert again is not None
    assert (again.epoch, again.unconfirmed) == (1000, True)
    assert scene.way().pause(again.epoch, 5).report.epoch == 1000
    assert scene.way().resume(1001, 5).report.state is State.ACTIVE
    assert control.connector.epoch == 1001
    assert control.offsets["cg"] == {(TOPIC, 0): 20}


def test_the_other_connectors_epoch_below_the_grant_is_nothing_to_report(scene: Scene) -> None:
    scene.control.partner = replace(scene.control.partner, epoch=5)
    scene.way().pause(6, 5)
    assert scene.way().resume(7, 5).report.seen_epoch == 7


@pytest.mark.parametrize("pause", [True, False])
def test_older_commands_are_stale(scene: Scene, pause: bool) -> None:
    way = scene.way()
    assert way.pause(6, 5).result is Result.DONE
    assert way.resume(6, 5).result is Result.STALE  # at one epoch a pause beats a resume, for good
    assert (way.pause if pause else way.resume)(5, 5).result is Result.STALE
    assert scene.control.calls == ["stop@6"]


def test_a_newer_lease_waits_for_the_step_in_hand_and_the_older_call_goes_no_further(scene: Scene) -> None:
    """Interleaving 18: the start of the older call must not come after the pause."""
    control = scene.control
    scene.way().pause(6, 5)
    control.gate.clear()
    old, new = scene.way(), scene.way()
    answers: dict[str, Answer] = {}
    first = threading.Thread(target=lambda: answers.update(old=old.resume(7, 5)))
    first.start()
    until("the epoch being written", lambda: "bear@7" in control.calls)
    old.abandon()
    second = threading.Thread(target=lambda: answers.update(new=new.pause(8, 5)))
    second.start()
    threading.Event().wait(0.05)
    assert control.calls[-1] == "bear@7"
    assert answers == {}, "confirmed while a step of an older command was in hand"
    control.gate.set()
    first.join(10)
    second.join(10)
    assert answers["old"].result is Result.STALE
    assert answers["new"].result is Result.DONE
    assert (answers["new"].report.state, answers["new"].report.epoch) == (State.PAUSED, 8)
    assert "start@7" not in control.calls


def test_an_abandoned_call_ends_before_its_next_step(scene: Scene) -> None:
    way = scene.way()
    way.abandon()
    assert way.pause(6, 5).result is Result.STALE
    assert scene.control.calls == []
    way.renew()
    assert way.pause(6, 5).result is Result.DONE


@pytest.mark.parametrize(
    ("disturb", "why"),
    [
        (lambda scene: setattr(scene.workers, "found", (Worker("w-0", (1,)),)), "w-0 (task 1)"),
        (lambda scene: setattr(scene.workers, "found", (Worker("w-1", problem="metrics"),)), "w-1 (metrics)"),
        (lambda scene: setattr(scene.groups, "stray", (Member("spy", "/10.0.0.9"),)), "spy at /10.0.0.9"),
        (lambda scene: setattr(scene.control, "open_calls", ("start at w-1",)), "start at w-1"),
        (lambda scene: setattr(scene.control, "quiet_at", 3.0), "earlier start"),
    ],
)
def test_not_yet_says_who_it_waits_for(scene: Scene, disturb: object, why: str) -> None:
    disturb(scene)  # type: ignore[operator]
    answer = scene.way().pause(6, 0.1)
    assert answer.result is Result.NOT_YET
    assert answer.report.state is State.DRAINING
    assert why in answer.report.obstacle


def test_not_now_is_neither_stale_nor_refused(scene: Scene) -> None:
    scene.control.problems = [NotNowError("409: a rebalance"), SilentError("no answer")]
    assert scene.way().pause(6, 5).result is Result.DONE
    assert scene.control.calls == ["stop@6"] * 3


def test_a_connector_that_cannot_be_seen_is_not_reported(scene: Scene) -> None:
    scene.control.reading = False
    with pytest.raises(NoAnswerError, match="no worker answers"):
        scene.way().status(1)
    with pytest.raises(NoAnswerError, match="no worker answers"):
        scene.way().pause(6, 0.05)


@pytest.mark.parametrize(
    ("handled", "committed"),
    [
        (None, True),
        (Handled(5, {0: 10}), True),
        (Handled(5, {0: 11}), False),
        (Handled(4, {0: 11}), True),  # of an earlier reign
        (SilentError("recorder http://x does not answer"), False),
    ],
)
def test_committed_is_not_behind_the_recorder(scene: Scene, handled: Handled | None, committed: bool) -> None:
    scene.control.connector = replace(scene.control.connector, epoch=5)
    scene.control.offsets["cg"] = {(TOPIC, 0): 10}
    scene.recorders.handled = handled
    assert scene.way().pause(6, 5).report.committed is committed


def test_a_refused_connector_is_paused_and_is_an_obstacle(scene: Scene) -> None:
    scene.control.connector = Connector("green", "ABSENT", refused="no such class", group="cg")
    answer = scene.way().pause(6, 5)
    assert answer.report.state is State.PAUSED
    assert answer.report.obstacle == "ConnectorRefused: no such class"


def test_a_task_that_failed_is_not_active(scene: Scene) -> None:
    at_work(scene, 7)
    scene.control.connector = replace(scene.control.connector, tasks=((0, RUNNING), (1, "FAILED")))
    assert scene.way().status(1).state is State.DRAINING
    answer = scene.way().resume(7, 0.1)
    assert answer.result is Result.NOT_YET
    assert "task 1 FAILED" in answer.report.obstacle
    assert answer.report.failed == "green is RUNNING (task 0 RUNNING, task 1 FAILED)"
    assert answer.report.epoch == 7
    assert scene.control.calls == []  # it is not restarted behind anybody's back


def test_what_has_failed_is_told_of_what_is_asked_to_run_alone(scene: Scene) -> None:
    at_work(scene, 7)
    assert scene.way().status(1).failed == ""
    failed = replace(scene.control.connector, tasks=((0, "FAILED"),))
    scene.control.connector = replace(failed, asked="STOPPED")
    assert scene.way().status(1).failed == ""
    scene.control.connector = replace(failed, tasks=(), state="FAILED")
    assert "green is FAILED" in scene.way().status(1).failed


def test_its_account_only_grows(scene: Scene) -> None:
    def told() -> tuple[object, object]:
        said = scene.agent.progress(1)
        assert said["positions"] == {}
        return said["handled"], said["failed"]

    counted = scene.workers.counted
    assert told() == (0, 0)
    counted |= {("w0", 0): Counts(100, 10), ("w1", 1): Counts(50, 0)}
    assert told() == (160, 10)
    assert told() == (160, 10)
    counted["w0", 0] = Counts(120, 15)
    assert told() == (185, 15)
    counted["w0", 0] = Counts(5, 1)  # started again
    assert told() == (191, 16)
    counted["w1", 1] = Counts(3, 0)
    assert told() == (194, 16)
    del counted["w0", 0]
    assert told() == (194, 16)
    counted["w2", 0] = Counts(7, 0)  # given to another worker
    assert told() == (201, 16)


def test_however_many_ask_the_workers_are_asked_by_one_and_the_others_do_not_wait_for_good(scene: Scene) -> None:
    asked, answer = threading.Event(), threading.Event()

    def slowly(connector: str, deadline: float) -> dict[tuple[str, int], Counts]:
        asked.set()
        assert answer.wait(30)
        return {}

    counting: Any = SimpleNamespace(counts=slowly)
    account = Account(counting, "green")
    first = threading.Thread(target=account.read, args=(30.0,))
    first.start()
    try:
        assert asked.wait(30)
        with pytest.raises(SilentError, match="asked by others, for more than"):
            account.read(0.01)
    finally:
        answer.set()
        first.join(30)
    assert account.read(0.01).handled == 0


def test_another_agent_process_counts_nothing_twice(scene: Scene) -> None:
    scene.workers.counted["w0", 0] = Counts(100, 10)
    before = scene.agent.progress(1)
    scene.restart()
    scene.workers.counted["w0", 0] = Counts(150, 15)
    after = scene.agent.progress(1)
    assert (after["handled"], after["failed"]) == (0, 0)
    assert after["boot_id"] != before["boot_id"]


def test_a_judge_is_told_of_pauses_starts_and_activity(scene: Scene, tmp_path: Path) -> None:
    scene.journal = Journal(EventLog(tmp_path, "green", "agent-green-0", "b", version="v2"), TOPIC)
    scene.restart()
    scene.control.partner = replace(scene.control.partner, epoch=5)
    scene.control.offsets = {"cg": {}, "cb": {(TOPIC, 0): 10}}
    scene.way().pause(6, 5)
    scene.way().resume(7, 5)
    lines = [parse_event(line) for line in next((tmp_path / "events").iterdir()).read_bytes().splitlines()]
    assert [(line.event, line.epoch, line.partitions) for line in lines] == [
        ("PAUSED", 6, ()),
        ("ASSIGNED", 7, ((TOPIC, 0, 10), (TOPIC, 1, None))),
        ("ACTIVE", 7, ((TOPIC, 0, None), (TOPIC, 1, None))),
    ]


def test_who_waited_for_the_step_in_hand_compares_epochs_again(scene: Scene) -> None:
    control = scene.control
    at_work(scene, 5)
    control.gate.clear()
    answers: dict[str, Answer] = {}
    first, second, third = scene.way(), scene.way(), scene.way()
    calls = [
        threading.Thread(target=lambda: answers.update(first=first.resume(7, 5))),
        threading.Thread(target=lambda: answers.update(second=second.pause(8, 5))),
        threading.Thread(target=lambda: answers.update(third=third.resume(9, 5))),
    ]
    for call in calls:
        call.start()
        until("its look", lambda: control.calls)
        threading.Event().wait(0.1)  # it comes to the step that the first has in hand
    control.gate.set()
    for call in calls:
        call.join(10)
    assert [answers[name].result for name in ("first", "second", "third")] == [Result.STALE, Result.STALE, Result.DONE]
    assert "stop@8" not in control.calls
    assert control.calls[-2:] == ["bear@9", "start@9"]
