"""Connectors as a run sees and moves them."""

import json
from typing import Any

import pytest

from components.strategies.consumers import PARTS
from experiments import by_hand, connect
from experiments.cluster import Cluster, ClusterError
from experiments.connect import PAUSED, RUNNING, STOPPED, Connect, State, group_of, required
from experiments.errors import DeadlineError, PreconditionError
from tests.experiments.test_cluster import listed, pod
from tests.support.connectors import parts
from tests.support.fake_api import FakeApi
from tests.support.loopback import Answer

PODS = "/api/v1/namespaces/strategy-e/pods"
WORKER = f"{PODS}/blue-connect-1:8083/proxy"
BLUE = f"{WORKER}/connectors/strategy-e-blue"


@pytest.fixture
def connectors(api: FakeApi, cluster: Cluster) -> Connect:
    """Blue has two workers, of which the second is ready; green none."""
    raws = [pod("blue-connect-0", ready=False), pod("blue-connect-1")]
    for raw in raws:
        raw["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "kafka-bluegreen-connect-operator"
    api.answers["GET", PODS] = (200, listed(*raws))
    found, workers, _ = required(parts())
    return Connect(cluster, "strategy-e", found, workers)


def says(state: str, *tasks: str) -> dict[str, Any]:
    return {"connector": {"state": state}, "tasks": [{"id": n, "state": task} for n, task in enumerate(tasks)]}


@pytest.mark.parametrize(
    ("status", "all_of_it", "told"),
    [
        (says("RUNNING", "RUNNING", "RUNNING"), RUNNING, "RUNNING (tasks 0 RUNNING, 1 RUNNING)"),
        (says("RUNNING", "RUNNING", "UNASSIGNED"), None, "RUNNING (tasks 0 RUNNING, 1 UNASSIGNED)"),
        (says("RUNNING"), None, "RUNNING (no task)"),
        (says("PAUSED", "PAUSED"), PAUSED, "PAUSED (tasks 0 PAUSED)"),
        (says("PAUSED", "RUNNING"), None, "PAUSED (tasks 0 RUNNING)"),
        (says("STOPPED"), STOPPED, "STOPPED (no task)"),
        (says("STOPPED", "RUNNING"), None, "STOPPED (tasks 0 RUNNING)"),
        (says("STOPPED", "UNASSIGNED"), STOPPED, "STOPPED (tasks 0 UNASSIGNED)"),
        (says("STOPPED", "UNASSIGNED", "FAILED"), None, "STOPPED (tasks 0 UNASSIGNED, 1 FAILED)"),
        ({}, None, "ABSENT (no task)"),
    ],
)
def test_a_state_is_one_only_with_all_that_belongs_to_it(
    status: dict[str, Any], all_of_it: str | None, told: str
) -> None:
    found = State.of(status)
    assert [state for state in (RUNNING, PAUSED, STOPPED) if found.is_all(state)] == [all_of_it] * bool(all_of_it)
    assert found.told() == told


def test_connect_is_asked_through_a_worker_that_is_ready(api: FakeApi, connectors: Connect) -> None:
    api.answers["GET", f"{BLUE}/status"] = (200, says("RUNNING", "RUNNING"))
    assert connectors.state("blue").is_all(RUNNING)
    with pytest.raises(ClusterError, match="no worker of green is ready"):
        connectors.state("green")


def test_the_group_is_read_from_the_connector(api: FakeApi, connectors: Connect) -> None:
    assert connectors.group("blue") is None
    api.answers["GET", f"{BLUE}/config"] = (200, {"topics": "t"})
    assert connectors.group("blue") == "connect-strategy-e-blue"
    assert group_of("x", {"consumer.override.group.id": "mine"}) == "mine"


def test_versions_and_who_manages_the_workers(api: FakeApi, connectors: Connect) -> None:
    api.answers["GET", f"{WORKER}/"] = (200, {"version": "4.3.1", "commit": "x"})
    assert connectors.version() == "4.3.1"
    assert connectors.managers() == ["kafka-bluegreen-connect-operator"]


def test_a_state_is_asked_for_again_while_the_workers_are_between_two_generations(
    api: FakeApi, connectors: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "_AGAIN_SECONDS", 0.01)
    answers = [(409, {"message": "rebalance"}), (202, {})]
    api.answers["PUT", f"{BLUE}/pause"] = lambda _: answers.pop(0)
    connectors.ask("blue", PAUSED, by_resource=False)
    assert answers == []
    api.answers["PUT", f"{BLUE}/stop"] = (500, {"message": "no"})
    with pytest.raises(ClusterError, match="500"):
        connectors.ask("blue", STOPPED, by_resource=False)


def test_a_state_is_asked_for_by_the_resource(connectors: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, ...]] = []
    monkeypatch.setattr(by_hand, "ask_for_state", lambda *what: told.append(what))
    connectors.ask("green", RUNNING, by_resource=True)
    assert told == [("strategy-e", "kafkaconnectors.kafka.strimzi.io/strategy-e-green", "running")]


def test_offsets_are_altered_as_kip_875_has_them(api: FakeApi, connectors: Connect) -> None:
    sent: list[Any] = []

    def taken(body: Any) -> Answer:
        sent.append(body)
        return 200, {}

    api.answers["PATCH", f"{BLUE}/offsets"] = taken
    assert connectors.alter_offsets("blue", "t", {1: 7}) == 200
    partition = {"kafka_topic": "t", "kafka_partition": 1}
    assert sent == [{"offsets": [{"partition": partition, "offset": {"kafka_offset": 7}}]}]
    api.answers["PATCH", f"{BLUE}/offsets"] = (400, {"message": "it is not stopped"})
    assert connectors.alter_offsets("blue", "t", {1: 7}) == 400


def test_a_state_is_waited_for_until_a_deadline(api: FakeApi, connectors: Connect) -> None:
    answers = [(500, {}), (200, says("RUNNING", "RUNNING")), (200, says("STOPPED"))]
    api.answers["GET", f"{BLUE}/status"] = lambda _: answers.pop(0) if len(answers) > 1 else answers[0]
    assert connectors.wait("blue", STOPPED, 10) < 5
    with pytest.raises(DeadlineError, match=r"connector strategy-e-blue to be PAUSED; last seen: STOPPED \(no task\)"):
        connectors.wait("blue", PAUSED, 0.1)


def test_a_strategy_without_connectors_is_refused() -> None:
    with pytest.raises(PreconditionError, match="colours are no connectors"):
        required(PARTS)
    assert json.dumps(list(connect.CALLS.values())) == '["resume", "pause", "stop"]'
