"""A pair whose number of pods is a scaler's: what asks for it, who gets it, and what Pulumi leaves alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components import rollout
from components import switch as switch_component
from components.access import controller_rules
from components.before import NOTHING, Before
from components.crd import definition
from components.keda import crds
from components.keda.scaler import query, spec
from components.observability.names import GROUP_LAG
from components.settings import strategy_settings
from components.settings.scaler import Scaler
from components.strategies.base import strategy
from tests.components.settings.test_reading import problems
from tests.components.strategy_stack.deployed import all_dependencies, live, up
from tests.support.promql import selectors
from tests.support.recorder import Recorder

ASKED = {"min": 3, "max": 6, "lagPerPod": 200}


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the sets that were waited for."""
    paths: list[str] = []
    monkeypatch.setattr(switch_component, "_check", lambda expected, _: live(expected.active))
    monkeypatch.setattr(rollout, "_wait", lambda path, _: paths.append(path))
    return paths


@pytest.fixture
def scaled(waited: list[str]) -> Recorder:
    return up(scaler=ASKED)


def _against(schema: dict[str, Any], value: Any, path: str) -> Iterator[str]:
    """What of a value a definition does not know, or wants otherwise, or lacks."""
    kinds: dict[str, Any] = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": (int, float)}
    kind = schema.get("type")
    if kind in kinds and not isinstance(value, kinds[kind]):
        yield f"{path}: {value!r} is no {kind}"
    elif kind == "array":
        for item in value:
            yield from _against(schema["items"], item, f"{path}[]")
    elif "properties" in schema:
        yield from (f"{path}.{name} is missing" for name in schema.get("required", ()) if name not in value)
        for name, inner in value.items():
            if name not in schema["properties"]:
                yield f"{path}.{name} is not known"
            else:
                yield from _against(schema["properties"][name], inner, f"{path}.{name}")


def test_the_scaled_object_is_one_of_the_release(scaled: Recorder) -> None:
    made = scaled.of("ScaledObject")["scaler"]
    schema = next(
        content["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        for content in crds.definitions()
        if content["spec"]["names"]["kind"] == crds.KIND
    )
    assert list(_against(schema["properties"]["spec"], made.inputs["spec"], "spec")) == []
    assert made.inputs["metadata"]["namespace"] == "strategy-c"
    assert "KafkaConsumerSwitch/switch" in all_dependencies(scaled, "ScaledObject/scaler"), "it scales what is there"


def test_it_scales_the_switch_by_the_lag_of_its_group() -> None:
    made = spec(Scaler(min=3, max=6), namespace="strategy-c", group="bluegreen-c", metrics_url="http://store:8428")
    assert made["scaleTargetRef"] == {
        "apiVersion": "kafka-bluegreen.io/v1alpha1",
        "kind": "KafkaConsumerSwitch",
        "name": "consumer",
    }
    assert (made["minReplicaCount"], made["maxReplicaCount"]) == (3, 6)
    (trigger,) = made["triggers"]
    assert trigger["metadata"]["serverAddress"] == "http://store:8428"
    assert trigger["metadata"]["ignoreNullValues"] == "false", "no figure is not 0"
    assert 'group="bluegreen-c"' in query("strategy-c", "bluegreen-c")


def test_the_query_can_be_parsed() -> None:
    asked = query("strategy-c", "bluegreen-c")
    assert list(selectors(asked)) == [GROUP_LAG]


def test_a_colour_that_rests_scales_nothing(waited: list[str]) -> None:
    paused = up(scaler=ASKED, paused=True).of("ScaledObject")["scaler"].inputs
    at_work = up(scaler=ASKED).of("ScaledObject")["scaler"].inputs
    assert paused["metadata"]["annotations"]["autoscaling.keda.sh/paused"] == "true"
    assert "autoscaling.keda.sh/paused" not in (at_work["metadata"].get("annotations") or {})


def _found(**spec: int) -> Before:
    switch = live()
    switch["spec"] |= spec
    return Before(switch)


def test_pulumi_leaves_the_numbers_alone(waited: list[str]) -> None:
    scaled = up(scaler=ASKED, found=_found(replicas=6))
    for key in ("KafkaConsumerSwitch/switch", "StatefulSet/consumer-blue", "StatefulSet/consumer-green"):
        assert "spec.replicas" in scaled.by_name[key].ignored, key
    plain = up()
    assert plain.by_name["KafkaConsumerSwitch/switch"].ignored == ()
    assert plain.by_name["StatefulSet/consumer-blue"].ignored == ("spec.podManagementPolicy",)


def test_a_pair_that_is_to_be_scaled_gets_the_number_to_begin_with(waited: list[str]) -> None:
    """What was never written and is ignored is not written at all, and a scale without a number cannot be read."""
    for found in (NOTHING, _found()):
        begun = up(scaler=ASKED, found=found).by_name["KafkaConsumerSwitch/switch"]
        assert (begun.inputs["spec"]["replicas"], begun.ignored) == (3, ())
    unseen = up(scaler=ASKED, found=Before(unknown="no answer")).by_name["KafkaConsumerSwitch/switch"]
    assert unseen.ignored == ("spec.replicas",)


def test_a_rollout_is_waited_for_by_the_live_number(scaled: Recorder, waited: list[str]) -> None:
    prefix = "/apis/apps/v1/namespaces/strategy-c/statefulsets/consumer-"
    assert waited == [f"{prefix}blue", f"{prefix}green"]
    for color in ("blue", "green"):
        annotations = scaled.of("StatefulSet")[f"consumer-{color}"].inputs["metadata"]["annotations"]
        assert "pulumi.com/waitFor" not in annotations


def test_a_preview_waits_for_nothing(waited: list[str]) -> None:
    up(scaler=ASKED, preview=True)
    assert waited == []


def test_the_controller_may_scale_the_two_sets_and_no_more(scaled: Recorder) -> None:
    rules = scaled.of("Role")["controller"].inputs["rules"]
    (rule,) = [rule for rule in rules if rule["apiGroups"] == ["apps"]]
    assert rule == {
        "apiGroups": ["apps"],
        "resources": ["statefulsets/scale"],
        "resourceNames": ["consumer-blue", "consumer-green"],
        "verbs": ["get", "patch"],
    }
    assert not [rule for rule in controller_rules() if rule.api_groups == ["apps"]]


def test_the_switch_has_one_number_and_names_the_sets(scaled: Recorder) -> None:
    said = scaled.of("KafkaConsumerSwitch")["switch"].inputs["spec"]
    assert said["replicas"] == 3
    assert [said[color]["set"] for color in ("blue", "green")] == ["consumer-blue", "consumer-green"]
    plain = up().of("KafkaConsumerSwitch")["switch"].inputs["spec"]
    assert "replicas" not in plain
    assert "set" not in plain["blue"]


def test_the_scale_of_a_switch_is_its_number() -> None:
    version = definition()["spec"]["versions"][0]
    assert version["subresources"]["scale"] == {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }
    properties = version["schema"]["openAPIV3Schema"]["properties"]
    assert properties["spec"]["properties"]["replicas"]["type"] == "integer"
    assert {"replicas", "selector"} < set(properties["status"]["properties"])


def test_a_stack_with_a_scaler_needs_the_kind() -> None:
    chosen = strategy("c")
    asked = strategy_settings({"strategy": "c", "scaler": '{"min": 3, "max": 6}'}, "strategy-c")
    assert chosen.definitions_of(asked) == crds.SCALING
    assert chosen.definitions_of(strategy_settings({"strategy": "c"}, "strategy-c")) == {}


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"scaler": {"min": 4, "max": 6}}, "kafka-bluegreen:scaler: 4 to 6 pods contradict replicas: 3"),
        ({"scaler": {"min": 3, "max": 2}}, "kafka-bluegreen:scaler: 3 to 2 pods contradict replicas: 3"),
        ({"scaler": {"min": 3, "max": 13}}, "kafka-bluegreen:scaler.max: 13 contradicts partitions: 12"),
        ({"scaler": ASKED, "membership": "shared"}, "kafka-bluegreen:scaler: contradicts membership: shared"),
        ({"scaler": ASKED, "green": {"replicas": 0}}, "kafka-bluegreen:green.replicas: 0 contradicts scaler"),
    ],
)
def test_what_contradicts_a_scaler_is_refused(values: dict[str, Any], line: str) -> None:
    assert any(problem.startswith(line) for problem in problems(**values)), problems(**values)


def test_only_a_strategy_that_grants_shapes_has_a_scaler() -> None:
    assert "scaler" not in strategy("b").settings.model_fields
    assert strategy("b").settings.scaling.fget(None) is None  # type: ignore[attr-defined]


# -- the wait ------------------------------------------------------------------------------------------------------


def _set(*, seen: int = 2, replicas: int = 6, **status: int) -> dict[str, Any]:
    return {
        "metadata": {"generation": 2},
        "spec": {"replicas": replicas},
        "status": {"observedGeneration": seen, **status},
    }


class _Api:
    def __init__(self, *found: dict[str, Any]) -> None:
        self.found = list(found)

    def get(self, path: str) -> dict[str, Any]:
        return self.found.pop(0) if len(self.found) > 1 else self.found[0]


@pytest.mark.parametrize(
    ("live_set", "missing"),
    [
        (_set(seen=1, updatedReplicas=6, readyReplicas=6), "its newest template is not looked at yet"),
        (_set(updatedReplicas=3, readyReplicas=6), "3 of 6 pods are updated"),
        (_set(updatedReplicas=6), "0 of 6 pods are ready"),
        (_set(updatedReplicas=6, readyReplicas=6), ""),
        (_set(replicas=0), ""),
    ],
)
def test_what_is_missing_for_a_rollout(live_set: dict[str, Any], missing: str) -> None:
    assert rollout.lacking(live_set) == missing


def test_a_rollout_is_waited_for_and_its_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout, "_LOOK_SECONDS", 0.0)
    done = _set(updatedReplicas=6, readyReplicas=6)
    rollout.wait(_Api(_set(updatedReplicas=3), done), "/x/consumer-blue")
    with pytest.raises(rollout.RolloutError, match=r"consumer-blue has not rolled out within 0 s: 3 of 6"):
        rollout.wait(_Api(_set(updatedReplicas=3, readyReplicas=6)), "/x/consumer-blue", 0.0)


def test_the_text_of_the_definitions_is_told() -> None:
    folder = Path(crds.__file__).parents[1] / "files" / "keda"
    assert {path.name for path in folder.glob("*.yaml")} == set(crds.FILES)
