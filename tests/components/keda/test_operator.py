"""KEDA on the platform: only when it is asked for, and with no more rights than it must have."""

from typing import Any

import pytest

from components.platform_stack import build_platform
from components.settings import platform_settings
from tests.support.recorder import Recorder, deploy

IMAGES = {
    "kafka": "localhost/kafka:1",
    "victoriametrics": "localhost/vm:1",
    "keda": "localhost/keda:1",
    "keda-metrics-apiserver": "localhost/keda-metrics:1",
}


def platform(**values: str) -> Recorder:
    return deploy(lambda: build_platform(platform_settings(values), IMAGES) and None, stack="platform")


@pytest.fixture(scope="module")
def keda() -> Recorder:
    return platform(keda="true")


def rules(keda: Recorder, kind: str, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = keda.of(kind)[name].inputs["rules"]
    return found


def test_it_is_there_when_it_is_asked_for_and_changes_nothing_else(keda: Recorder) -> None:
    plain = platform()
    more = set(keda.by_name) - set(plain.by_name)
    assert set(plain.by_name) < set(keda.by_name)
    assert {"Deployment/keda-operator", "Deployment/keda-metrics-apiserver", "Namespace/keda"} < more
    assert sum(key.startswith("CustomResourceDefinition/") for key in more) == 6
    changed = {key for key in plain.by_name if plain.by_name[key].inputs != keda.by_name[key].inputs}
    assert changed == set()


def test_it_scales_switches_and_nothing_else(keda: Recorder) -> None:
    scales = [
        (rule["apiGroups"], rule["resources"])
        for rule in rules(keda, "ClusterRole", "keda-operator")
        if any(resource.endswith("/scale") for resource in rule["resources"])
    ]
    assert scales == [(["kafka-bluegreen.io"], ["kafkaconsumerswitches/scale"])]


@pytest.mark.parametrize("name", ["keda-operator", "keda-metrics-apiserver"])
def test_nobody_reads_the_secrets_of_other_namespaces(keda: Recorder, name: str) -> None:
    everywhere = rules(keda, "ClusterRole", name)
    assert not [rule for rule in everywhere if {"secrets", "*"} & set(rule["resources"])]
    assert not [rule for rule in everywhere if {"*", "escalate", "bind", "impersonate"} & set(rule["verbs"])]
    own = keda.of("Role")["keda-operator"].inputs
    assert own["metadata"]["namespace"] == "kafka-bluegreen-keda"
    assert {resource for rule in own["rules"] for resource in rule["resources"]} == {"secrets"}


def test_of_its_kinds_it_writes_scaled_objects_alone(keda: Recorder) -> None:
    written = {
        resource.partition("/")[0]
        for rule in rules(keda, "ClusterRole", "keda-operator")
        if {"keda.sh", "eventing.keda.sh"} & set(rule["apiGroups"]) and {"patch", "update"} & set(rule["verbs"])
        for resource in rule["resources"]
    }
    assert written == {"scaledobjects"}


def test_its_namespace_is_no_strategys(keda: Recorder) -> None:
    """By its label a strategy's namespace keeps the platform from being taken away."""
    labels = keda.of("Namespace")["keda"].inputs["metadata"]["labels"]
    assert labels == {"pod-security.kubernetes.io/enforce": "restricted"}


@pytest.mark.parametrize("name", ["keda-operator", "keda-metrics-apiserver"])
def test_its_pods_are_held_to_what_all_are(keda: Recorder, name: str) -> None:
    spec = keda.of("Deployment")[name].inputs["spec"]
    assert spec["strategy"] == {"type": "Recreate"}
    pod = spec["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    (container,) = pod["containers"]
    assert "command" not in container, "upstream's image and the sandbox's have the same entry point"
    assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_the_metrics_api_is_there_when_its_server_is(keda: Recorder) -> None:
    api = keda.of("APIService")["v1beta1.external.metrics.k8s.io"]
    assert "Deployment/keda-metrics-apiserver" in api.dependencies
    assert api.inputs["spec"]["service"] == {"name": "keda-metrics-apiserver", "namespace": "kafka-bluegreen-keda"}
    assert "caBundle" not in api.inputs["spec"], "the operator's to write"
    assert not api.inputs["spec"].get("insecureSkipTLSVerify")


def test_the_definitions_stay_when_it_goes(keda: Recorder) -> None:
    retained = {name for name, made in keda.of("CustomResourceDefinition").items() if made.retained}
    assert retained == set(keda.of("CustomResourceDefinition")) - {"kafkaconsumerswitches"}
