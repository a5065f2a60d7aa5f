"""The connector by its resource: what is read of it, what is written, and that nothing old can come true behind it."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.fake_kube import FakeApi
from tests.support.waiting import until
from workloads.common.kube import Access, Kube
from workloads.common.states import State
from workloads.sidecar.connect.control import NotNowError, RefusedError, SilentError
from workloads.sidecar.connect.core import Done, Sight, Stop, Wait, pausing, resuming
from workloads.sidecar.connect.memory import Facts, Goal, report
from workloads.sidecar.connect.seen import NO_EPOCH, Seen
from workloads.sidecar.connect.strimzi import StrimziControl, understood
from workloads.sidecar.connect.workers import Pod

PATH = "/apis/kafka.strimzi.io/v1/namespaces/n/kafkaconnectors/green"
KEY = "transforms.epoch.static.value"


def resource(**change: Any) -> dict[str, Any]:
    """A stopped KafkaConnector that the operator has come to."""
    state = change.pop("state", "stopped")
    seen = change.pop("seen", "STOPPED")
    tasks = [{"id": number, "state": word, "worker_id": "w:8083"} for number, word in change.pop("tasks", ())]
    return {
        "metadata": {"name": "green", "uid": "u", "generation": 4, "annotations": change.pop("annotations", {})},
        "spec": {"state": state, "config": {KEY: 5}, **change.pop("spec", {})},
        "status": {
            "observedGeneration": change.pop("observed", 4),
            "conditions": change.pop("conditions", [{"type": "Ready", "status": "True"}]),
            "connectorStatus": {"connector": {"state": seen}, "tasks": tasks},
        },
        **change,
    }


def test_what_a_settled_resource_says() -> None:
    found = understood("green", resource())
    assert found.stopped
    assert (found.epoch, found.group, found.asked) == (5, "connect-green", "STOPPED")
    assert understood("green", resource(spec={"config": {"consumer.override.group.id": "g"}})).group == "g"
    running = understood("green", resource(state="running", seen="RUNNING", tasks=[(0, "RUNNING")]))
    assert running.running
    assert not running.stopped


NOT_READY = [{"type": "NotReady", "status": "True", "reason": "ConnectRestException", "message": "returned 400"}]


@pytest.mark.parametrize(
    "found",
    [
        resource(observed=3),
        resource(seen="RUNNING"),
        resource(tasks=[(1, "RUNNING")]),
        resource(annotations={"strimzi.io/connector-offsets": "alter"}),
        resource(annotations={"strimzi.io/connector-offsets": "list"}),
        resource(seen=None),
        resource(conditions=NOT_READY),
        None,
    ],
)
def test_the_resources_word_alone_is_no_stop(found: dict[str, Any] | None) -> None:
    assert not understood("green", found).stopped


def test_a_failed_connector_whose_tasks_run_blocks_although_the_resource_says_stopped() -> None:
    own = understood("green", resource(seen="FAILED", tasks=[(0, "RUNNING")]))
    assert isinstance(pausing(Seen(own=own)), Wait)


def test_a_running_word_in_the_resource_is_taken_back_even_while_it_is_seen_stopped() -> None:
    own = understood("green", resource(state="running", observed=3))
    assert pausing(Seen(own=own)) == Stop()


def test_offsets_that_are_under_way_have_their_epoch() -> None:
    annotations = {"strimzi.io/connector-offsets": "alter"}
    spec = {"alterOffsets": {"fromConfigMap": {"name": "green-offsets-9"}}}
    own = understood("green", resource(annotations=annotations, spec=spec))
    assert own.altering == 9
    assert pausing(Seen(own=own)) == Stop()
    assert isinstance(resuming(Seen(own=own), 9, "t", 1), Wait)
    assert understood("green", resource(annotations=annotations)).altering == NO_EPOCH


def test_why_the_operator_could_not_is_told() -> None:
    warning = {"type": "Warning", "status": "True", "reason": "AlterOffsets", "message": "group is not empty"}
    own = understood("green", resource(conditions=[warning]))
    assert "group is not empty" in own.told()
    assert "returned 400" in understood("green", resource(conditions=NOT_READY)).refused


def test_a_task_that_failed_is_told_until_it_is_asked_to_stop() -> None:
    """As the operator writes it: a connector with a FAILED task is NotReady."""
    failed = {"type": "NotReady", "status": "True", "reason": "ReconcileError", "message": "failed: 1"}
    change: dict[str, Any] = {"tasks": [(0, "RUNNING"), (1, "FAILED")], "seen": "RUNNING", "conditions": [failed]}
    own = understood("green", resource(state="running", **change))
    assert own.failed
    said = report("b", Facts(order=(5, False)), own, (), Goal("t", 2))
    assert (said.state, said.epoch) == (State.DRAINING, 5)
    assert said.failed.startswith("green is RUNNING (task 0 RUNNING, task 1 FAILED; ")
    assert not understood("green", resource(state="stopped", observed=3, **change)).failed


class Scene:
    def __init__(self) -> None:
        self.api = FakeApi()
        self.api.put(PATH, resource())
        self.others: list[Pod] = []
        self.control = self.agent()

    def agent(self, lock_seconds: float = 10.0) -> StrimziControl:
        kube = Kube(Access(self.api.url), "test")
        return StrimziControl(kube, "n", "green", "blue", others=lambda _: self.others, lock_seconds=lock_seconds)

    @property
    def now(self) -> dict[str, Any]:
        return self.api.objects[PATH]


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.api.close()


def test_of_a_cluster_without_workers_it_is_known_that_nothing_of_it_runs(scene: Scene) -> None:
    scene.api.put(PATH.replace("green", "blue"), resource(status={"observedGeneration": 4, "conditions": NOT_READY}))
    scene.others.append(Pod("v-0", "uid-9", ""))
    assert not scene.control.other(1).stopped
    scene.others.clear()
    other = scene.control.other(1)
    assert (other.state, other.group, other.stopped) == ("ABSENT", "connect-blue", True)
    assert "returned 400" in other.refused


def test_a_stop_takes_back_what_was_to_be_altered(scene: Scene) -> None:
    scene.control.own(1)
    scene.control.alter(9, {("t", 0): 5, ("t", 1): None}, 1)
    name = scene.now["spec"]["alterOffsets"]["fromConfigMap"]["name"]
    assert name == "green-offsets-9"
    written = scene.api.objects[f"/api/v1/namespaces/n/configmaps/{name}"]
    assert written["metadata"]["ownerReferences"][0]["uid"] == "u"
    assert json.loads(written["data"]["offsets.json"]) == {
        "offsets": [
            {"partition": {"kafka_topic": "t", "kafka_partition": 0}, "offset": {"kafka_offset": 5}},
            {"partition": {"kafka_topic": "t", "kafka_partition": 1}, "offset": None},
        ]
    }
    scene.control.stop(10, 1)
    assert "strimzi.io/connector-offsets" not in scene.now["metadata"]["annotations"]
    assert "alterOffsets" not in scene.now["spec"]
    assert scene.control.own(1).pending  # the operator has to come to this generation


def test_epoch_and_start_are_one_write(scene: Scene) -> None:
    scene.control.own(1)
    scene.control.bear(9, 1)
    assert scene.now["spec"] == {"state": "running", "config": {KEY: "9"}}
    assert scene.control.own(1).asked == "RUNNING"


def test_a_start_of_before_cannot_come_true_behind_a_stop(scene: Scene) -> None:
    """Interleaving 19, our half of it: whoever decided on an older version is refused.

    Although the stop changes nothing of the state.
    """
    scene.control.own(1)
    late = scene.agent()
    late.own(1)
    scene.control.stop(10, 1)
    with pytest.raises(NotNowError):
        late.bear(9, 1)
    assert scene.now["spec"]["state"] == "stopped"


def test_nothing_is_written_that_does_not_rest_on_a_look(scene: Scene) -> None:
    with pytest.raises(NotNowError):
        scene.control.stop(9, 1)


def test_the_operators_lock_timeout_has_to_pass_since_a_start(scene: Scene) -> None:
    control = scene.agent(lock_seconds=0.3)
    assert control.quiet_in() > 0  # it may have been started by the agent that was here before
    until("the lock timeout", lambda: control.quiet_in() == 0)
    control.own(1)
    control.start(9, 1)
    assert control.quiet_in() > 0.1


def test_offsets_of_an_epoch_are_written_again_into_the_same_config_map(scene: Scene) -> None:
    scene.control.own(1)
    scene.control.alter(9, {("t", 0): 5}, 1)
    scene.control.own(1)
    scene.control.alter(9, {("t", 0): 6}, 1)
    text = scene.api.objects["/api/v1/namespaces/n/configmaps/green-offsets-9"]["data"]["offsets.json"]
    assert '"kafka_offset":6' in text


def offsets_of(scene: Scene) -> set[str]:
    return {path.rpartition("/")[2] for path in scene.api.objects if "/configmaps/" in path}


def test_offsets_are_removed_once_their_connector_is_stopped_again(scene: Scene) -> None:
    """Not while the operator may still read them, nor by whoever comes too late to stop it."""
    for epoch in (9, 13, 17):
        scene.control.own(1)
        scene.control.alter(epoch, {("t", 0): epoch}, 1)
        scene.control.wait(0.01)
        scene.control.own(1)
        scene.control.bear(epoch, 1)
        scene.control.wait(0.01)
        assert offsets_of(scene) == {f"green-offsets-{epoch}"}
        late = scene.agent()
        late.own(1)
        scene.control.own(1)
        scene.control.start(epoch, 1)
        with pytest.raises(NotNowError):
            late.stop(epoch, 1)
        late.wait(0.01)
        assert offsets_of(scene) == {f"green-offsets-{epoch}"}
        scene.control.own(1)
        scene.control.stop(epoch + 2, 1)
        scene.control.wait(0.01)
        assert offsets_of(scene) == set()


def test_offsets_that_are_written_again_are_not_removed(scene: Scene) -> None:
    """A step was taken back and comes again, before anybody had the time to tidy up."""
    scene.control.own(1)
    scene.control.alter(9, {("t", 0): 5}, 1)
    scene.control.stop(9, 1)
    scene.control.alter(9, {("t", 0): 6}, 1)
    scene.control.wait(0.01)
    assert offsets_of(scene) == {"green-offsets-9"}


def test_offsets_of_others_stay(scene: Scene) -> None:
    scene.api.put(PATH, resource(spec={"alterOffsets": {"fromConfigMap": {"name": "somebodys"}}}))
    scene.api.put("/api/v1/namespaces/n/configmaps/somebodys", {"metadata": {"name": "somebodys"}})
    scene.control.own(1)
    scene.control.stop(9, 1)
    scene.control.wait(0.01)
    assert offsets_of(scene) == {"somebodys"}


@pytest.mark.parametrize("status", [403, 404, 503])
def test_offsets_that_cannot_be_removed_hold_nobody_up(scene: Scene, status: int) -> None:
    scene.control.own(1)
    scene.control.alter(9, {("t", 0): 5}, 1)
    scene.control.stop(10, 1)
    until("the follower has made its read, which would take the failure", lambda: scene.api.watching)
    scene.api.failures = [status]
    scene.control.wait(0.01)
    assert scene.api.failures == []
    assert offsets_of(scene) == {"green-offsets-9"}


def test_waiting_ends_with_a_change_and_asks_the_operator_to_look(scene: Scene) -> None:
    scene.control.own(1)
    until("a nudge", lambda: _nudged(scene))
    until("the watch", lambda: scene.api.watching)
    until("quiet", lambda: _quiet(scene.control))
    began = time.monotonic()
    scene.api.put(PATH, resource(seen="RUNNING"))
    scene.control.wait(0.07)
    assert time.monotonic() - began < 60


def _nudged(scene: Scene) -> bool:
    scene.control.wait(0.05)
    return "look" in str(scene.now["metadata"]["annotations"])


def _quiet(control: StrimziControl) -> bool:
    began = time.monotonic()
    control.wait(0.05)
    return time.monotonic() - began >= 0.04


@pytest.mark.parametrize(("status", "problem"), [(409, NotNowError), (403, RefusedError), (503, SilentError)])
def test_what_went_wrong_has_a_name(scene: Scene, status: int, problem: type[Exception]) -> None:
    scene.control.own(1)
    until("the follower has made its read, which would take the failure", lambda: scene.api.watching)
    scene.api.failures = [status]
    with pytest.raises(problem):
        scene.control.stop(9, 1)


def test_a_resource_that_is_not_there_confirms_nothing(scene: Scene) -> None:
    scene.api.remove(PATH)
    own = scene.control.own(1)
    assert isinstance(pausing(Seen(own=own)), Stop)
    with pytest.raises(NotNowError):
        scene.control.stop(9, 1)


def test_all_that_paused_means_by_resource() -> None:
    seen = Seen(own=understood("green", resource()), quiet_in=0.5)
    assert isinstance(pausing(seen), Wait)
    seen = Seen(own=understood("green", resource()), members=(), workers=None)
    step = pausing(seen)
    assert getattr(step, "at", None) is Sight.WORKERS
    assert not isinstance(step, Done)


# -- somebody else's word --------------------------------------------------------------------------------


def written_by(*managers: str, **change: Any) -> dict[str, Any]:
    """A resource whose `spec.state` these own; the operator and the stack own the rest."""
    made = resource(**change)
    spec: dict[str, Any] = {"f:spec": {"f:state": {}, "f:config": {}}}
    made["metadata"]["managedFields"] = [
        {"manager": "strimzi", "subresource": "status", "fieldsV1": {"f:status": {"f:state": {}}}},
        {"manager": "pulumi-kubernetes", "fieldsV1": {"f:spec": {"f:class": {}}}},
        {"manager": "a-label", "fieldsV1": {"f:metadata": {"f:labels": {}}}},
        *({"manager": manager, "fieldsV1": spec} for manager in managers),
    ]
    return made


@pytest.mark.parametrize(
    ("managers", "by"),
    [
        (("kafka-bluegreen-agent",), ""),
        (("kafka-bluegreen-agent", "strimzi"), ""),  # who wrote the same owns it, too
        (("kubectl-edit",), "kubectl-edit"),
        (("kubectl-edit", "argo-cd"), "argo-cd, kubectl-edit"),
        ((), ""),
    ],
)
def test_whose_word_the_state_is(managers: tuple[str, ...], by: str) -> None:
    assert understood("green", written_by(*managers)).asked_by == by
    assert understood("green", resource()).asked_by == "", "nobody says"


RUNS: dict[str, Any] = {"state": "running", "seen": "RUNNING", "tasks": [(0, "RUNNING")]}
MEDDLED = "Interference: kubectl-edit asks for green to be"


@pytest.mark.parametrize(
    ("order", "manager", "change", "said"),
    [
        ((5, False), "kubectl-edit", {}, f"{MEDDLED} STOPPED"),
        ((5, False), "kubectl-edit", {"state": "paused", "seen": "PAUSED"}, f"{MEDDLED} PAUSED"),
        ((6, True), "kubectl-edit", RUNS, f"{MEDDLED} RUNNING"),
        ((5, False), "kafka-bluegreen-agent", {}, ""),
        ((5, False), "kubectl-edit", RUNS, ""),  # it is what the agent wants
        ((6, True), "kubectl-edit", {}, ""),
        ((6, False), "pulumi-kubernetes", {}, ""),  # as the stack made it: this resume has not come to it
        ((-1, False), "kubectl-edit", RUNS, ""),  # nothing was asked of the agent
    ],
)
def test_who_asks_for_another_state_is_named(
    order: tuple[int, bool], manager: str, change: dict[str, Any], said: str
) -> None:
    own = understood("green", written_by(manager, **change))
    assert report("b", Facts(order=order), own, (), Goal("t", 2)).obstacle == said


def test_it_stands_beside_what_the_agent_waits_for_and_behind_what_connect_refuses() -> None:
    facts = Facts(order=(5, False), blocked="green is stopped")
    own = understood("green", written_by("kubectl-edit"))
    assert report("b", facts, own, (), Goal("t", 2)).obstacle == f"{MEDDLED} STOPPED; NotYet: green is stopped"
    own = understood("green", written_by("kubectl-edit", conditions=NOT_READY))
    assert report("b", facts, own, (), Goal("t", 2)).obstacle.startswith("ConnectorRefused: ")
