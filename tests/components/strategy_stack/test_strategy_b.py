"""A stack of strategy B: what its consumers are told of both groups, and what a switch of it changes."""

import pytest

from components.crd import definition
from components.live_switch import Expectation
from tests.components.strategy_stack.deployed import settings_of, up
from tests.support.recorder import Recorder


def test_each_colours_consumers_know_both_groups(checks: list[Expectation]) -> None:
    recorder = up(strategy="b", replicas=4, green={"version": "2"})
    blue, green = settings_of(recorder, "consumer-blue"), settings_of(recorder, "consumer-green")
    assert blue == {
        "bootstrap_servers": "kafka.kafka-bluegreen.svc.cluster.local:9092",
        "topic": "bluegreen",
        "group_id": "bluegreen-b-blue",
        "other_group_id": "bluegreen-b-green",
        "membership": "separate",
        "fencing": "transactions",
        "transactional_id": "strategy-b",
        "transactional_ids": 4,
        "color": "blue",
        "strategy": "b",
        "version": "1",
        "group_protocol": "classic",
        "session_timeout_seconds": 60,
        "drain_timeout_seconds": 10,
        "resume_timeout_seconds": 10,
        "faults_enabled": False,
        "faults": {},
        "client": {},
    }
    assert (green["group_id"], green["other_group_id"]) == (blue["other_group_id"], blue["group_id"])
    differing = {key for key in blue if blue[key] != green[key]}
    assert differing == {"group_id", "other_group_id", "color", "version"}


@pytest.mark.parametrize(("replicas", "scaled_down"), [(2, {}), (5, {"replicas": 0})])
def test_the_ids_are_those_that_either_colour_can_have_used(
    checks: list[Expectation], replicas: int, scaled_down: dict[str, int]
) -> None:
    """Also of a colour that has no pod now: an id outlives whoever used it."""
    recorder = up(strategy="b", replicas=replicas, green=scaled_down)
    assert [settings_of(recorder, f"consumer-{color}")["transactional_ids"] for color in ("blue", "green")] == [
        replicas,
        replicas,
    ]


def test_the_broker_need_not_fence(checks: list[Expectation]) -> None:
    recorder = up(strategy="b", fencing="none", groupProtocol="consumer")
    for color in ("blue", "green"):
        told = settings_of(recorder, f"consumer-{color}")
        assert (told["fencing"], told["group_protocol"]) == ("none", "consumer")


def test_the_controller_is_told_by_values_what_differs(checks: list[Expectation]) -> None:
    spec = up(strategy="b").of("KafkaConsumerSwitch")["switch"].inputs["spec"]
    assert {name: spec[name] for name in ("strategy", "absence", "positions", "standby")} == {
        "strategy": "b",
        "absence": "Gone",
        "positions": "Members",
        "standby": "Assigned",
    }
    assert [spec[color]["group"] for color in ("blue", "green")] == ["bluegreen-b-blue", "bluegreen-b-green"]
    schema = definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert set(schema["required"]) <= set(spec) <= set(schema["properties"])


def test_a_switch_changes_one_field_of_one_resource(checks: list[Expectation]) -> None:
    blue, green = (up(strategy="b", active=color).by_name for color in ("blue", "green"))
    assert {key for key in blue if blue[key].inputs != green[key].inputs} == {"KafkaConsumerSwitch/switch"}
    before, after = (found["KafkaConsumerSwitch/switch"].inputs["spec"] for found in (blue, green))
    assert {key for key in before if before[key] != after[key]} == {"active"}


def test_it_is_made_of_what_strategy_c_is_made_of(checks: list[Expectation]) -> None:
    """The same resources under the same names; what differs is what their settings and labels say."""

    def made(recorder: Recorder) -> set[tuple[str, str]]:
        kinds = {resource.type for resource in recorder.order}
        assert any(kind.endswith(":ConsumerSet") for kind in kinds)
        return {
            (resource.type, resource.name) for resource in recorder.order if not resource.type.endswith("Namespace")
        }

    assert made(up(strategy="b")) == made(up())


def test_outputs_name_both_groups(checks: list[Expectation], monkeypatch: pytest.MonkeyPatch) -> None:
    from components import strategy_stack
    from components.cluster.access import ClusterAccess
    from components.settings import StackName, strategy_settings
    from tests.support.recorder import deploy

    outputs: list[dict[str, object]] = []
    settings = strategy_settings({"strategy": "b"}, "strategy-b")
    deploy(
        lambda: outputs.append(
            strategy_stack.build_strategy(
                settings, StackName("strategy-b"), {"workloads": "w:1"}, ClusterAccess(context="there")
            )
        ),
        stack="strategy-b",
    )
    assert outputs[0]["group"] == {"blue": "bluegreen-b-blue", "green": "bluegreen-b-green"}
