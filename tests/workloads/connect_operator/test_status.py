"""What a status says, and when it says something new."""

from datetime import UTC, datetime
from typing import Any

from tests.workloads.connect_operator.play import RUNNING, refused, resource
from workloads.common.kube import UnreachableError
from workloads.connect_operator import names
from workloads.connect_operator.errors import NoSuchResourceError
from workloads.connect_operator.status import differs, of_cluster, of_connector, paused
from workloads.connect_operator.terms import Outcome, Warn

NOW = datetime(2026, 11, 27, 8, tzinfo=UTC)
TIME = "2026-11-27T08:00:00.000000Z"


def test_ready_with_what_connect_told_and_the_generation_that_was_carried_out() -> None:
    made = of_connector(resource(generation=7), Outcome(RUNNING, ("t",), (), {"count": 1}), None, NOW)
    assert made == {
        "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": TIME}],
        "observedGeneration": 7,
        "connectorStatus": RUNNING,
        "tasksMax": 2,
        "topics": ["t"],
        "autoRestart": {"count": 1},
    }


def test_not_ready_by_reason_and_message_and_without_an_old_status() -> None:
    made = of_connector(resource(generation=7), None, refused(500, "broken"), NOW)
    (condition,) = made["conditions"]
    assert condition == {
        "type": "NotReady",
        "status": "True",
        "lastTransitionTime": TIME,
        "reason": "ConnectRestException",
        "message": "GET /x returned 500: broken",
    }
    assert made["observedGeneration"] == 7
    assert "connectorStatus" not in made


def test_an_error_that_is_nobodys_has_its_own_name() -> None:
    (condition,) = of_connector(resource(), None, UnreachableError("GET /x", "no answer"), NOW)["conditions"]
    assert condition["reason"] == "UnreachableError"


def test_failed_tasks_are_not_ready_and_their_status_is_told() -> None:
    told = {"connector": {"state": "RUNNING"}, "tasks": [{"id": 0, "state": "RUNNING"}, {"id": 1, "state": "FAILED"}]}
    made = of_connector(resource(), Outcome(told), None, NOW)
    (condition,) = made["conditions"]
    assert condition["type"] == "NotReady"
    assert "1" in condition["message"]
    assert made["connectorStatus"] == told


def test_warnings_stand_beside_ready() -> None:
    made = of_connector(resource(), Outcome(RUNNING, (), (Warn("AlterOffsets", "why"),)), None, NOW)
    assert [(c["type"], c.get("reason")) for c in made["conditions"]] == [("Ready", None), ("Warning", "AlterOffsets")]


def test_the_number_of_tasks_is_counted_when_the_resource_says_none() -> None:
    assert of_connector(resource({"tasksMax": None}), Outcome(RUNNING), None, NOW)["tasksMax"] == 1
    assert of_connector(resource({"tasksMax": None}), None, refused(500), NOW)["tasksMax"] == 0


def test_a_resource_that_is_left_alone_keeps_the_generation_that_it_had() -> None:
    made = resource({}, {names.PAUSE_RECONCILIATION: "true"}, generation=9)
    made["status"] = {"observedGeneration": 4}
    wanted = {
        "conditions": [{"type": "ReconciliationPaused", "status": "True", "lastTransitionTime": TIME}],
        "observedGeneration": 4,
    }
    assert of_connector(made, None, None, NOW) == wanted == paused(made, NOW)


def test_a_cluster() -> None:
    made: dict[str, Any] = {"metadata": {"name": "blue", "namespace": "n", "generation": 2}}
    plugins = [{"class": "c", "type": "sink", "version": "4.3.1"}]
    assert of_cluster(made, None, NOW, replicas=3, plugins=plugins) == {
        "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": TIME}],
        "observedGeneration": 2,
        "replicas": 3,
        "labelSelector": "strimzi.io/cluster=blue,strimzi.io/kind=KafkaConnect,strimzi.io/name=blue-connect",
        "url": "http://blue-connect-api.n.svc:8083",
        "connectorPlugins": plugins,
    }
    without = of_cluster(made, NoSuchResourceError("x"), NOW, replicas=0)
    assert "url" not in without
    assert without["conditions"][0]["reason"] == "NoSuchResourceException"


def test_the_time_alone_is_nothing_new() -> None:
    one = of_connector(resource(), Outcome(RUNNING), None, NOW)
    other = of_connector(resource(), Outcome(RUNNING), None, datetime(2027, 1, 1, tzinfo=UTC))
    assert not differs(one, other)
    assert differs(one, of_connector(resource(generation=2), Outcome(RUNNING), None, NOW))
    assert differs(None, one)
