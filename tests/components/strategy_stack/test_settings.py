"""What a strategy stack gives to its workloads: replicas, versions, settings; and what its rollouts wait for."""

import json
from typing import Any

import pytest

from components.live_switch import Expectation
from tests.components.strategy_stack.deployed import (
    all_dependencies,
    containers,
    settings_of,
    up,
)
from tests.support.recorder import Recorder

# -- replicas, versions, settings ------------------------------------------------------------------------


def test_a_colour_can_be_scaled_down(checks: list[Expectation]) -> None:
    recorder = up(active="green", blue={"replicas": 0})
    sets = recorder.of("StatefulSet")
    assert sets["consumer-blue"].inputs["spec"]["replicas"] == 0
    assert sets["consumer-green"].inputs["spec"]["replicas"] == 3
    spec = recorder.of("KafkaConsumerSwitch")["switch"].inputs["spec"]
    assert (spec["blue"]["replicas"], spec["green"]["replicas"]) == (0, 3)


@pytest.mark.parametrize(
    "change",
    [
        {"version": "2"},
        {"config": {"fetch.min.bytes": 2}},
        {"faults": {}},
        {"faults": {"failure_rate": 0.5}},
    ],
)
def test_what_one_colour_has_to_itself_rolls_that_colour_only(
    checks: list[Expectation], change: dict[str, Any]
) -> None:
    before, after = up().by_name, up(green=change).by_name
    changed = {key for key in before if before[key].inputs != after[key].inputs}
    assert changed - {"KafkaConsumerSwitch/switch"} == {"ConfigMap/consumer-green", "StatefulSet/consumer-green"}
    template = {
        key: recorder["StatefulSet/consumer-green"].inputs["spec"]["template"]["metadata"]["annotations"]
        for key, recorder in (("before", before), ("after", after))
    }
    assert (
        template["before"]["kafka-bluegreen.io/settings-hash"] != template["after"]["kafka-bluegreen.io/settings-hash"]
    )


def test_the_settings_of_the_consumers(checks: list[Expectation]) -> None:
    recorder = up(
        green={"version": "2", "faults": {"failure_rate": 0.5}, "config": {"fetch.min.bytes": 2}}, membership="shared"
    )
    blue, green = settings_of(recorder, "consumer-blue"), settings_of(recorder, "consumer-green")
    assert blue == {
        "bootstrap_servers": "kafka.kafka-bluegreen.svc.cluster.local:9092",
        "topic": "bluegreen",
        "group_id": "bluegreen-c",
        "color": "blue",
        "strategy": "c",
        "version": "1",
        "membership": "shared",
        "group_protocol": "classic",
        "session_timeout_seconds": 60,
        "drain_timeout_seconds": 10,
        "resume_timeout_seconds": 10,
        "faults_enabled": False,
        "faults": {},
        "client": {},
    }
    differing = {key for key in blue if blue[key] != green[key]}
    assert differing == {"color", "version", "faults_enabled", "faults", "client"}
    assert green["faults_enabled"] is True
    assert green["faults"]["failure_rate"] == 0.5
    assert green["client"] == {"fetch.min.bytes": 2}


def test_the_settings_of_producer_and_controller(checks: list[Expectation]) -> None:
    recorder = up(rate=2000, messageBytes=100, topic="other")
    servers = "kafka.kafka-bluegreen.svc.cluster.local:9092"
    assert settings_of(recorder, "producer") == {
        "bootstrap_servers": servers,
        "topic": "other",
        "rate": 2000,
        "message_bytes": 100,
        "write_partitions": [],
    }
    chosen = up(producer={"partitions": [3, 1]})
    assert settings_of(chosen, "producer")["write_partitions"] == [3, 1]
    assert settings_of(recorder, "controller") == {
        "bootstrap_servers": servers,
        "switch_name": "consumer",
        "http_port": 8080,
        "progress_port": 8080,
    }


def test_the_topic_is_there_before_whoever_needs_it(stack: Recorder) -> None:
    job = stack.of("Job")["topic"]
    (container,) = containers(job)
    environment = {entry["name"]: entry["value"] for entry in container["env"]}
    assert environment == {
        "BG_BOOTSTRAP_SERVERS": "kafka.kafka-bluegreen.svc.cluster.local:9092",
        "BG_TOPIC": "bluegreen",
        "BG_PARTITIONS": "12",
    }
    assert container["command"] == ["python3", "-m", "workloads.topic"]
    assert job.delete_before_replace
    for name in ("producer", "consumer-blue", "consumer-green"):
        assert stack.position("Job/topic") < stack.position(f"StatefulSet/{name}")
        assert "Job/topic" in all_dependencies(stack, f"StatefulSet/{name}")


def test_up_waits_for_every_rollout(checks: list[Expectation]) -> None:
    recorder = up(active="green", blue={"replicas": 0})
    waits = {
        r.name: json.loads(r.inputs["metadata"]["annotations"]["pulumi.com/waitFor"])
        for r in recorder.of("StatefulSet").values()
    }
    three = [f"jsonpath={{.status.{count}}}=3" for count in ("replicas", "updatedReplicas", "readyReplicas")]
    one = [condition.replace("=3", "=1") for condition in three]
    assert waits == {
        "producer": one,
        "consumer-green": three,
        "consumer-blue": ["jsonpath={.status.replicas}=0"],
    }
    for kind in ("StatefulSet", "Deployment"):
        assert {r.timeouts for r in recorder.of(kind).values()} == {("5m", "5m")}
