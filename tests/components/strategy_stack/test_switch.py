"""What a strategy stack registers: names, order, the switch and its check."""

import pulumi
import pytest

from components.crd import definition
from components.live_switch import Expectation
from tests.components.strategy_stack.deployed import all_dependencies, failing, remember, up, with_pods
from tests.support.recorder import Recorder

# -- names and parts -------------------------------------------------------------------------------------


def test_everything_has_the_names_that_others_rely_on(stack: Recorder) -> None:
    named = {
        f"{r.type.rpartition(':')[2]}/{r.inputs['metadata']['name']}" for r in stack.order if "metadata" in r.inputs
    }
    assert named == {
        "Namespace/strategy-c",
        "ServiceAccount/consumer",
        "Role/consumer",
        "RoleBinding/consumer",
        "ServiceAccount/controller",
        "Role/controller",
        "RoleBinding/controller",
        "ServiceAccount/producer",
        "Job/topic",
        "ConfigMap/producer",
        "Service/producer",
        "StatefulSet/producer",
        "ConfigMap/controller",
        "Deployment/controller",
        "ConfigMap/consumer-blue",
        "Service/consumer-blue",
        "StatefulSet/consumer-blue",
        "ConfigMap/consumer-green",
        "Service/consumer-green",
        "StatefulSet/consumer-green",
        "KafkaConsumerSwitch/consumer",
    }


def test_everything_is_in_the_stacks_namespace(stack: Recorder) -> None:
    namespaced = [r for r in stack.order if "metadata" in r.inputs and not r.type.endswith(":Namespace")]
    assert {r.inputs["metadata"]["namespace"] for r in namespaced} == {"strategy-c"}


def test_every_resource_belongs_to_a_component_and_every_component_is_typed(stack: Recorder) -> None:
    for resource in stack.order:
        if resource.type.startswith("kubernetes:") and not resource.type.endswith(":Namespace"):
            assert resource.parent, resource.name
        if not resource.type.startswith(("kubernetes:", "pulumi:")):
            assert resource.type.startswith("kafka-bluegreen:component:")


def test_names_do_not_depend_on_the_active_colour(checks: list[Expectation]) -> None:
    def names(recorder: Recorder) -> set[tuple[str, str, str]]:
        return {(r.type, r.name, r.parent) for r in recorder.order}

    assert names(up(active="blue")) == names(up(active="green"))


def test_the_namespace_is_known_to_the_admission_policy_and_restricts_its_pods(stack: Recorder) -> None:
    (namespace,) = stack.of("Namespace").values()
    assert namespace.inputs["metadata"]["labels"] == {
        "app.kubernetes.io/part-of": "kafka-bluegreen",
        "pod-security.kubernetes.io/enforce": "restricted",
    }


# -- a switch --------------------------------------------------------------------------------------------


def test_a_switch_changes_one_field_of_one_resource(checks: list[Expectation]) -> None:
    blue, green = up(active="blue").by_name, up(active="green").by_name
    changed = {key for key in blue if blue[key].inputs != green[key].inputs}
    assert changed == {"KafkaConsumerSwitch/switch"}
    before, after = blue["KafkaConsumerSwitch/switch"].inputs, green["KafkaConsumerSwitch/switch"].inputs
    assert {key for key in before if before[key] != after[key]} == {"spec"}
    assert {key for key in before["spec"] if before["spec"][key] != after["spec"][key]} == {"active"}


def test_the_switch_has_all_that_the_controller_reads(stack: Recorder) -> None:
    spec = stack.of("KafkaConsumerSwitch")["switch"].inputs["spec"]
    colour = {"app.kubernetes.io/name": "consumer", "kafka-bluegreen.io/color": "blue"}
    assert spec == {
        "strategy": "c",
        "active": "blue",
        "attempt": 1,
        "blue": {"selector": colour, "replicas": 3, "version": "1", "group": "bluegreen-c"},
        "green": {
            "selector": {**colour, "kafka-bluegreen.io/color": "green"},
            "replicas": 3,
            "version": "1",
            "group": "bluegreen-c",
        },
        "topic": "bluegreen",
        "partitions": 12,
        "leaseName": "consumer-switch",
        "absence": "Gone",
        "positions": "Members",
        "standby": "Outside",
        "membership": "takeover",
        "way": "takeover/classic",
        "paused": False,
        "onRollback": "continue",
        "lagPolicy": "wait",
        "lagTimeoutSeconds": 120,
        "lagThreshold": 0,
        "readyTimeoutSeconds": 30,
        "drainTimeoutSeconds": 10,
        "resumeTimeoutSeconds": 10,
    }
    schema = definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert set(spec) <= set(schema["properties"])
    assert set(schema["required"]) <= set(spec)


def test_the_selectors_select_their_own_set_only(stack: Recorder) -> None:
    spec = stack.of("KafkaConsumerSwitch")["switch"].inputs["spec"]
    for color, other in (("blue", "green"), ("green", "blue")):
        own = stack.of("StatefulSet")[f"consumer-{color}"].inputs["spec"]["template"]["metadata"]["labels"]
        assert spec[color]["selector"].items() <= own.items()
        assert not spec[other]["selector"].items() <= own.items()
    for resource in with_pods(stack):
        if not resource.name.startswith("consumer-"):
            labels = resource.inputs["spec"]["template"]["metadata"]["labels"]
            assert not spec["blue"]["selector"].items() <= labels.items()


def test_up_waits_until_the_switch_has_settled(stack: Recorder) -> None:
    annotations = stack.of("KafkaConsumerSwitch")["switch"].inputs["metadata"]["annotations"]
    # members 30, lag 120, two hand-offs of 10 + 10, a margin of 30
    assert annotations == {"pulumi.com/waitFor": "condition=Settled", "pulumi.com/timeoutSeconds": "220"}


def test_the_timeout_follows_from_the_settings(checks: list[Expectation]) -> None:
    recorder = up(
        lagTimeoutSeconds=5,
        readyTimeoutSeconds=7,
        drainTimeoutSeconds=2,
        resumeTimeoutSeconds=3,
        lagPolicy="immediate",
    )
    annotations = recorder.of("KafkaConsumerSwitch")["switch"].inputs["metadata"]["annotations"]
    assert annotations["pulumi.com/timeoutSeconds"] == "52"
    assert [(expected.timeout_seconds, expected.ready_seconds) for expected in checks] == [(52, 7)]


def test_an_analysis_is_asked_for_and_waited_for(checks: list[Expectation]) -> None:
    recorder = up(analysis={"seconds": 60, "maxErrorRate": 0.05})
    switch = recorder.of("KafkaConsumerSwitch")["switch"].inputs
    assert switch["spec"]["analysis"] == {
        "seconds": 60,
        "maxErrorRate": 0.05,
        "minRecords": 1,
        "minThroughput": 0.0,
        "maxRestarts": 0,
        "onInconclusive": "RollBack",
    }
    # 220 without, 60 of analysis, 5 for the controller to see that they are over
    assert switch["metadata"]["annotations"]["pulumi.com/timeoutSeconds"] == "285"
    assert [expected.timeout_seconds for expected in checks] == [285]


@pytest.mark.parametrize(("active", "other"), [("blue", "green"), ("green", "blue")])
def test_the_colour_asked_for_comes_first_then_the_switch_then_the_other(
    checks: list[Expectation], active: str, other: str
) -> None:
    recorder = up(active=active)
    asked_for, switch, rest = (
        f"StatefulSet/consumer-{active}",
        "KafkaConsumerSwitch/switch",
        f"StatefulSet/consumer-{other}",
    )
    assert recorder.position(asked_for) < recorder.position(switch) < recorder.position(rest)
    assert {asked_for, "Deployment/controller"} <= all_dependencies(recorder, switch)
    for part in (rest, f"ConfigMap/consumer-{other}", f"Service/consumer-{other}"):
        assert switch in all_dependencies(recorder, part), part
    assert rest not in all_dependencies(recorder, switch)
    assert [(e.namespace, e.name, e.active, e.attempt) for e in checks] == [("strategy-c", "consumer", active, 1)]


@pytest.mark.parametrize("kind", ["StatefulSet", "ConfigMap", "Service"])
def test_when_the_switch_failed_the_other_colour_is_not_touched(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    recorders = failing(monkeypatch, "consumer-blue-1 did not confirm")
    with pytest.raises(pulumi.RunError, match="consumer-blue-1 did not confirm"):
        up(active="green")
    (recorder,) = recorders
    assert "consumer-green" in recorder.of(kind)
    assert "consumer-blue" not in recorder.of(kind)


def test_a_preview_checks_nothing_and_knows_everything(checks: list[Expectation]) -> None:
    preview = up(preview=True).by_name
    assert checks == []
    deployed = up().by_name
    assert preview.keys() == deployed.keys()
    assert {key: r.inputs for key, r in preview.items()} == {key: r.inputs for key, r in deployed.items()}


def test_the_check_is_made_on_every_up(checks: list[Expectation]) -> None:
    up()
    up()
    assert len(checks) == 2


# -- the platform ----------------------------------------------------------------------------------------


def test_without_a_platform_nothing_is_registered_and_what_to_run_is_told(checks: list[Expectation]) -> None:
    recorders: list[Recorder] = []
    original = Recorder.__post_init__
    patch = pytest.MonkeyPatch()
    patch.setattr(Recorder, "__post_init__", remember(recorders, original))
    try:
        with pytest.raises(pulumi.RunError, match="run: pulumi up -s platform"):
            up(platform={})
    finally:
        patch.undo()
    assert recorders[0].order == []
