"""Controller and sidecars as real processes against a real API server; consumers are stand-ins around the real
lifecycle.

What is killed is killed with -9; what hangs is stopped. The invariant that never two colours are active is checked
over everything that the consumers went through, in every test.
"""

import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from components.names import COLORS
from tests.support.cluster import World, world
from tests.support.cluster_use import shared
from tests.support.waiting import until
from workloads.common.kube import METADATA_ONLY
from workloads.common.states import Color

pytestmark = pytest.mark.e2e


@pytest.fixture
def place(tmp_path: Path) -> Iterator[World]:
    """A namespace of its own; at the end nobody may ever have been active beside the other colour."""
    if not os.environ.get("KUBECONFIG"):
        pytest.fail('KUBECONFIG must name a cluster; for the sandbox\'s: eval "$(python -m tools.sandbox env)"')
    with shared(), world(tmp_path) as made:
        yield made
        check_exclusive(made)


def check_exclusive(place: World) -> None:
    """No interval in which one colour was active (or draining) overlaps one of the other colour; epochs only grow."""
    spans: dict[str, list[tuple[float, float, int]]] = {color: [] for color in COLORS}
    for name, consumer in place.consumers.items():
        began: float | None = None
        last = 0
        for state, epoch, at in [*consumer.history, ("END", 1 << 60, time.monotonic())]:
            assert epoch >= last or state == "PAUSED", f"{name} went from epoch {last} to {epoch}: {consumer.history}"
            last = max(last, epoch)
            if state == "ACTIVE" and began is None:
                began = at
            elif state in {"PAUSED", "END"} and began is not None:
                spans[name.split("-")[1]].append((began, at, epoch))
                began = None
    for start, end, _ in spans["blue"]:
        for other_start, other_end, _ in spans["green"]:
            assert end <= other_start or other_end <= start, f"both colours were active: {spans}"


def all_active(place: World, color: str) -> bool:
    """Every consumer of this colour, and no other, is active under the Lease's epoch."""
    grant = place.grant()
    return grant is not None and place.active() == dict.fromkeys(place.pod_names(color), grant.epoch)


def test_a_switch_there_and_back(place: World) -> None:
    place.start_all()
    assert all_active(place, "blue")
    for target, before in (("green", "blue"), ("blue", "green")):
        epoch = place.switch()["status"]["epoch"]
        status = place.settled(place.ask(target))
        assert status["active"] == target
        assert status["epoch"] == epoch + 2
        assert status["observedGeneration"] == place.switch()["metadata"]["generation"]
        assert place.condition(status, "Ready")["status"] == "True"
        assert place.condition(status, "Settled")["reason"] == "Switched"
        last = status["lastSwitch"]
        assert (last["from"], last["to"], last["outcome"], last["epoch"]) == (before, target, "Switched", epoch + 2)
        names = ("startedAt", "withdrawnAt", "pausedAt", "grantedAt", "activeAt", "endedAt")
        times = [last[name] for name in names]
        assert times == sorted(times)
        assert 0 < last["handoffSeconds"] < 2
        members = {m["pod"]: (m["state"], m["epoch"]) for m in status["members"] if m["color"] == target}
        assert members == dict.fromkeys(place.pod_names(target), ("ACTIVE", epoch + 2))
        assert all_active(place, target)
    until("events of two switches", lambda: told(place) >= {"Pausing", "Resuming", "Switched"})


def told(place: World) -> set[str]:
    """The reasons of the switch's events."""
    events = place.kube.list(f"/api/v1/namespaces/{place.namespace}/events")["items"]
    return {event["reason"] for event in events if event["involvedObject"]["kind"] == "KafkaConsumerSwitch"}


def test_a_settled_system_writes_nothing(place: World) -> None:
    place.start_all()
    # The colour that is not active hears of the grant, and its members' records are written, when nobody is waiting.
    until("everybody to know the epoch", lambda: {m["epoch"] for m in place.switch()["status"]["members"]} == {2})
    time.sleep(1.0)
    before = [place.kube.get(place.lease_path), place.switch()]
    time.sleep(7.0)  # longer than the loop's own turn
    assert [place.kube.get(place.lease_path), place.switch()] == before


@pytest.mark.parametrize("moment", ["before", "draining", "resuming", "settling"])
def test_the_controller_is_killed(place: World, moment: str) -> None:
    place.start_all()
    for consumer in place.consumers.values():
        consumer.drain_seconds = 0.3
        consumer.joins = moment != "resuming"
    controller = place.processes["controller"]
    if moment == "before":
        controller.kill()
    generation = place.ask("green")
    if moment == "draining":
        until(
            "somebody drains",
            lambda: any(c.lifecycle.state == "DRAINING" for c in place.consumers.values()),
            every=0.001,
        )
    elif moment == "resuming":
        until("green is granted", lambda: (place.grant() or pytest.fail("no Lease")).holder is Color.GREEN)
    elif moment == "settling":
        until("green is active", lambda: place.active().keys() == set(place.pod_names("green")), every=0.001)
    controller.kill()
    time.sleep(0.3)
    for name in place.pod_names("green"):
        place.consumers[name].joins = True
        if moment == "resuming":
            place.consumers[name].join_now()
    controller.start()
    status = place.settled(generation)
    assert place.condition(status, "Settled")["reason"] == "Switched"
    assert status["active"] == "green"
    assert all_active(place, "green")
    if moment != "settling":  # killed after the last report, it may have told the whole before
        assert status["lastSwitch"]["handoffSeconds"] is None


@pytest.mark.parametrize("color", COLORS)
def test_a_sidecar_is_killed_in_the_middle(place: World, color: str) -> None:
    place.start_all()
    for consumer in place.consumers.values():
        consumer.drain_seconds = 0.3
    victim = place.processes[f"sidecar-consumer-{color}-1"]
    generation = place.ask("green")
    until("blue drains", lambda: any(c.lifecycle.state == "DRAINING" for c in place.consumers.values()), every=0.001)
    victim.kill()
    time.sleep(0.5)
    victim.start()
    status = place.settled(generation, seconds=70)
    assert place.condition(status, "Settled")["reason"] == "Switched"
    assert all_active(place, "green")


def test_a_hanging_consumer_fails_the_switch_and_goes_on_as_blue(place: World) -> None:
    place.start_all(drainTimeoutSeconds=2)
    place.consumers["consumer-blue-1"].hangs = True
    status = place.settled(place.ask("green"))
    settled = place.condition(status, "Settled")
    assert settled["reason"] == "Failed"
    assert "consumer-blue-1" in settled["message"]
    assert "consumer-blue-0" not in settled["message"]
    assert status["active"] == "blue"
    assert place.condition(status, "Ready")["status"] == "False"
    until("the others go on", lambda: "consumer-blue-0" in place.active())
    place.consumers["consumer-blue-1"].hangs = False
    until("blue is whole", lambda: all_active(place, "blue"))


def test_a_colour_that_cannot_join_is_rolled_back(place: World) -> None:
    place.start_all(resumeTimeoutSeconds=2)
    place.consumers["consumer-green-0"].joins = False
    status = place.settled(place.ask("green"))
    settled = place.condition(status, "Settled")
    assert settled["reason"] == "RolledBack"
    assert "consumer-green-0" in settled["message"]
    assert status["active"] == "blue"
    assert status["lastSwitch"]["outcome"] == "RolledBack"
    until("blue is whole", lambda: all_active(place, "blue"))


def test_a_blocked_rollback_is_tried_again_when_the_pod_thaws(place: World) -> None:
    place.start_all(drainTimeoutSeconds=2, resumeTimeoutSeconds=2)
    culprit = place.consumers["consumer-green-0"]
    culprit.joins = False
    generation = place.ask("green")
    until("green is granted", lambda: (place.grant() or pytest.fail("no Lease")).holder is Color.GREEN)
    culprit.hangs = True
    status = place.settled(generation)
    assert place.condition(status, "Settled")["reason"] == "RollbackBlocked"
    assert "consumer-green-0" in place.condition(status, "Settled")["message"]
    assert status["active"] == "green"
    culprit.hangs = False
    until(
        "rolled back",
        lambda: place.condition(place.switch()["status"], "Settled")["reason"] == "RolledBack",
        seconds=15,
    )
    until("blue is whole", lambda: all_active(place, "blue"))


def test_a_colour_that_is_not_ready_is_refused_and_nothing_is_touched(place: World) -> None:
    place.start_all(readyTimeoutSeconds=2)
    place.turns("consumer-green-1", ready=False)
    before = place.grant()
    status = place.settled(place.ask("green"))
    settled = place.condition(status, "Settled")
    assert settled["reason"] == "Refused"
    assert "consumer-green-1" in settled["message"]
    after = place.grant()
    assert before is not None
    assert after is not None
    assert (after.epoch, after.holder) == (before.epoch, before.holder)
    place.turns("consumer-green-1", ready=True)
    assert place.settled(place.ask(attempt=2))["active"] == "green"


def test_a_colour_that_is_not_ready_yet_is_waited_for_and_shown(place: World) -> None:
    place.start_all()
    place.turns("consumer-green-1", ready=False)
    generation = place.ask("green")

    def waiting() -> dict[str, Any] | None:
        status: dict[str, Any] = place.switch()["status"]
        return status if status["phase"] == "WaitingForReady" else None

    status = until("it is waited for", waiting)
    assert (status["active"], status["observedGeneration"]) == ("blue", generation)
    assert status["lastSwitch"]["outcome"] == "", "how the generation before ended is not shown as this one's"
    ready = place.condition(status, "Ready")
    assert (ready["status"], ready["reason"], ready["observedGeneration"]) == ("False", "Switching", generation)
    assert "consumer-green-1" in ready["message"]
    assert all_active(place, "blue")
    place.turns("consumer-green-1", ready=True)
    status = place.settled(generation)
    assert (status["active"], place.condition(status, "Ready")["status"]) == ("green", "True")
    assert 0 < status["lastSwitch"]["handoffSeconds"] < 2, "what was waited for is none of the hand-off"


def test_ready_tells_what_is(place: World) -> None:
    """A generation that ended well stays so; whether its colour is at work is another thing."""
    place.start_all()
    generation = place.ask("green")
    place.settled(generation)

    def ready(status: str) -> dict[str, Any] | None:
        found: dict[str, Any] = place.condition(place.switch()["status"], "Ready")
        return found if found["status"] == status else None

    until("Ready", lambda: ready("True"))
    place.set_ready("consumer-green-0", ready=False)
    said = until("not Ready", lambda: ready("False"))
    assert (said["reason"], said["observedGeneration"]) == ("NotReady", generation)
    assert "consumer-green-0" in said["message"]
    assert place.condition(place.switch()["status"], "Settled")["reason"] == "Switched"
    place.set_ready("consumer-green-0", ready=True)
    until("Ready again", lambda: ready("True"))


def test_asked_back_in_the_middle(place: World) -> None:
    place.start_all()
    place.consumers["consumer-blue-0"].drain_seconds = 0.5
    overtaken = place.ask("green")
    until("the grant is withdrawn", lambda: (place.grant() or pytest.fail("no Lease")).holder is None)
    status = place.settled(place.ask("blue"))
    assert status["active"] == "blue"
    assert place.condition(status, "Ready")["status"] == "True"
    assert (status["lastSwitch"]["generation"], status["lastSwitch"]["outcome"]) == (overtaken, "Superseded")
    until("blue is whole", lambda: all_active(place, "blue"))


def test_a_deleted_lease_is_made_again_above_every_epoch(place: World) -> None:
    place.start_all()
    place.settled(place.ask("green"))
    before = place.grant()
    assert before is not None
    place.kube.delete(place.lease_path)
    after = until("a new Lease with a holder", lambda: (g := place.grant()) and g.holder and g)
    assert after.epoch > before.epoch
    assert after.holder is Color.GREEN
    until("green is whole", lambda: all_active(place, "green"))


def test_two_controllers_are_one(place: World) -> None:
    place.start_all()
    place.start_controller("second")
    time.sleep(1.0)
    for target in ("green", "blue", "green", "blue"):
        status = place.settled(place.ask(target))
        assert status["active"] == target
        until(f"{target} is whole", partial(all_active, place, target))
    time.sleep(1.5)
    before = place.switch()["metadata"]["resourceVersion"]
    time.sleep(2.5)
    assert place.switch()["metadata"]["resourceVersion"] == before, "the two quarrel about the status"


def test_a_pod_that_is_gone_is_waited_for_no_longer(place: World) -> None:
    place.start_all(drainTimeoutSeconds=10)
    place.consumers["consumer-blue-1"].hangs = True
    generation = place.ask("green")
    until("the grant is withdrawn", lambda: (place.grant() or pytest.fail("no Lease")).holder is None)
    time.sleep(0.5)
    place.processes["sidecar-consumer-blue-1"].kill()
    place.consumers["consumer-blue-1"].die()
    place.kube.delete(f"{place.pods_path}/consumer-blue-1?gracePeriodSeconds=0")
    status = place.settled(generation)
    assert place.condition(status, "Settled")["reason"] == "Switched"


def test_a_restarted_consumer_is_resumed_under_the_same_grant(place: World) -> None:
    place.start_all()
    epoch = place.switch()["status"]["epoch"]
    place.consumers["consumer-blue-0"].restart()
    until("it is active again", lambda: place.active().get("consumer-blue-0") == epoch)
    assert place.switch()["status"]["epoch"] == epoch


def test_a_switch_that_was_made_again_is_not_mistaken_for_the_old_one(place: World) -> None:
    place.start_all()
    place.kube.delete(place.switch_path)
    place.make_switch("green")  # generation 1 again
    status = place.settled(1)
    assert status["active"] == "green"
    until("green is whole", lambda: all_active(place, "green"))


def test_everything_stopped_and_continued(place: World) -> None:
    """All processes freeze in the middle of a switch, as on a node that sleeps."""
    place.start_all(drainTimeoutSeconds=10)
    for consumer in place.consumers.values():
        consumer.drain_seconds = 0.2
    generation = place.ask("green")
    until("blue drains", lambda: any(c.lifecycle.state == "DRAINING" for c in place.consumers.values()), every=0.001)
    for process in place.processes.values():
        process.send(signal.SIGSTOP)
    time.sleep(1.0)
    for process in place.processes.values():
        process.send(signal.SIGCONT)
    assert place.settled(generation)["active"] == "green"
    until("green is whole", lambda: all_active(place, "green"))


def test_a_report_that_changes_nothing_is_not_stored(place: World) -> None:
    """What keeps the reporters' connections warm costs etcd nothing."""
    place.make_pod("consumer-blue-0")
    condition = {"type": "kafka-bluegreen.io/Lifecycle", "status": "False", "reason": "PAUSED", "message": "{}"}
    path = f"{place.pods_path}/consumer-blue-0/status"
    answers = [
        place.kube.patch(path, {"status": {"conditions": [condition]}}, accept=METADATA_ONLY)["metadata"][
            "resourceVersion"
        ]
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
