"""What the platform stack registers, and whether its parts say what they must."""

import json
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from components import crd, policy
from components.platform_stack import build_platform
from components.settings import platform_settings
from tests.support.recorder import Recorder, deploy

FILES = Path(crd.DEFINITION).parent


@pytest.fixture(scope="module")
def stack() -> Recorder:
    def program() -> None:
        images = {"kafka": "localhost/kafka:1", "victoriametrics": "localhost/vm:1"}
        OUTPUTS.update(build_platform(platform_settings({}), images))

    return deploy(program, stack="platform")


OUTPUTS: dict[str, pulumi.Input[Any]] = {}


def pod(stack: Recorder, name: str) -> dict[str, Any]:
    spec: dict[str, Any] = stack.of("StatefulSet")[name].inputs["spec"]["template"]["spec"]
    return spec


def server_properties(stack: Recorder) -> dict[str, str]:
    text = stack.of("ConfigMap")["kafka"].inputs["data"]["server.properties"]
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len({line.split("=")[0] for line in lines}) == len(lines), "a property is there twice"
    return dict(line.split("=", 1) for line in lines)


def test_everything_has_the_names_that_others_rely_on(stack: Recorder) -> None:
    named = {
        f"{r.type.rpartition(':')[2]}/{r.inputs['metadata']['name']}" for r in stack.order if "metadata" in r.inputs
    }
    assert named == {
        "Namespace/kafka-bluegreen",
        "CustomResourceDefinition/kafkaconsumerswitches.kafka-bluegreen.io",
        "ValidatingAdmissionPolicy/kafka-bluegreen-own-pod-status",
        "ValidatingAdmissionPolicyBinding/kafka-bluegreen-own-pod-status",
        "Service/kafka",
        "ConfigMap/kafka",
        "StatefulSet/kafka",
        "ServiceAccount/victoriametrics",
        "ClusterRole/kafka-bluegreen-metrics",
        "ClusterRoleBinding/kafka-bluegreen-metrics",
        "ConfigMap/victoriametrics",
        "Service/victoriametrics",
        "StatefulSet/victoriametrics",
    }


def test_strategy_stacks_find_what_they_need(stack: Recorder) -> None:
    assert set(OUTPUTS) == {"platform", "namespace", "bootstrapServers", "metricsUrl"}


@pytest.mark.parametrize("name", ["kafka", "metrics"])
def test_no_pod_can_do_more_than_it_must(stack: Recorder, name: str) -> None:
    security = pod(stack, name)["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] == security["fsGroup"] > 0
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = pod(stack, name)["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["imagePullPolicy"] == "IfNotPresent"
    assert container["resources"]["limits"].keys() == {"memory"}
    assert pod(stack, name)["automountServiceAccountToken"] is (name == "metrics")


@pytest.mark.parametrize("name", ["kafka", "metrics"])
def test_data_outlives_a_pod_but_not_the_deployment(stack: Recorder, name: str) -> None:
    spec = stack.of("StatefulSet")[name].inputs["spec"]
    (claim,) = spec["volumeClaimTemplates"]
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Delete", "whenScaled": "Retain"}
    (container,) = spec["template"]["spec"]["containers"]
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert claim["metadata"]["name"] == "data"
    data = mounted["data"]
    if name == "kafka":
        assert server_properties(stack)["log.dirs"].startswith(f"{data}/")
    else:
        assert f"-storageDataPath={data}" in container["args"]


def test_the_broker_is_told_what_the_experiments_rest_on(stack: Recorder) -> None:
    properties = server_properties(stack)
    assert properties["process.roles"] == "broker,controller"
    assert properties["advertised.listeners"] == ("PLAINTEXT://kafka-0.kafka.kafka-bluegreen.svc.cluster.local:9092")
    assert properties["auto.create.topics.enable"] == "false"
    assert properties["group.initial.rebalance.delay.ms"] == "0"
    assert int(properties["group.min.session.timeout.ms"]) <= 1000
    assert properties["offsets.topic.num.partitions"] == "1"
    assert properties["offsets.topic.replication.factor"] == "1"


def test_the_group_coordinators_events_are_logged(stack: Recorder) -> None:
    log4j = stack.of("ConfigMap")["kafka"].inputs["data"]["log4j2.xml"]
    assert '<Logger name="org.apache.kafka.coordinator.group" level="INFO"/>' in log4j
    (container,) = pod(stack, "kafka")["containers"]
    options = {entry["name"]: entry["value"] for entry in container["env"]}
    assert options["KAFKA_LOG4J_OPTS"].endswith("/log4j2.xml")
    assert options["KAFKA_OPTS"].startswith("-javaagent:/opt/jmx-exporter/jmx_prometheus_javaagent.jar=9404:")


def test_the_broker_formats_its_storage_once_and_then_runs_as_the_containers_process(stack: Recorder) -> None:
    (container,) = pod(stack, "kafka")["containers"]
    script = container["command"][2]
    assert script.startswith("set -eu\n")
    assert "kafka-storage.sh format --ignore-formatted" in script
    assert script.rstrip().splitlines()[-1].startswith("exec /opt/kafka/bin/kafka-server-start.sh ")


def test_a_changed_file_rolls_the_broker(stack: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    from components import kafka

    original = kafka._config_files
    monkeypatch.setattr(kafka, "_config_files", lambda a: {**original(a), "log4j2.xml": "<other/>"})
    other = deploy(
        lambda: build_platform(platform_settings({}), {"kafka": "localhost/kafka:1", "victoriametrics": "x"}),
        stack="platform",
    )

    def digest(recorder: Recorder) -> str:
        template = recorder.of("StatefulSet")["kafka"].inputs["spec"]["template"]
        annotation: str = template["metadata"]["annotations"]["kafka-bluegreen.io/settings-hash"]
        return annotation

    assert digest(stack) != digest(other)


def test_the_metrics_store_may_read_pods_and_nothing_else(stack: Recorder) -> None:
    (role,) = stack.of("ClusterRole").values()
    assert role.inputs["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}]
    (binding,) = stack.of("ClusterRoleBinding").values()
    assert binding.inputs["subjects"] == [
        {"kind": "ServiceAccount", "name": "victoriametrics", "namespace": "kafka-bluegreen"}
    ]


def test_scraping_finds_what_the_pods_offer(stack: Recorder) -> None:
    scrape = yaml.safe_load(stack.of("ConfigMap")["metrics"].inputs["data"]["scrape.yaml"])
    (job,) = scrape["scrape_configs"]
    assert job["honor_labels"] is True
    targets = {rule.get("target_label") for rule in job["relabel_configs"]}
    assert {"color", "strategy", "pod", "namespace"} <= targets
    for name in ("kafka", "metrics"):
        (container,) = pod(stack, name)["containers"]
        ports = {port["name"]: f"{port['containerPort']:g}" for port in container["ports"]}
        annotations = stack.of("StatefulSet")[name].inputs["spec"]["template"]["metadata"]["annotations"]
        assert ports["metrics"] == annotations["prometheus.io/port"]


# -- the definition --------------------------------------------------------------------------------------


def version() -> dict[str, Any]:
    (only,) = crd.definition()["spec"]["versions"]
    assert isinstance(only, dict)
    return only


def test_the_definition_is_registered_as_it_is_in_the_file(stack: Recorder) -> None:
    (registered,) = stack.of("CustomResourceDefinition").values()
    assert json.loads(json.dumps(registered.inputs["spec"])) == crd.definition()["spec"]


def test_the_definition_names_the_kind() -> None:
    spec = crd.definition()["spec"]
    assert spec["group"] == "kafka-bluegreen.io"
    assert spec["scope"] == "Namespaced"
    assert spec["names"]["kind"] == "KafkaConsumerSwitch"
    assert spec["names"]["shortNames"] == ["kcs"]
    assert version()["name"] == "v1alpha1"
    assert version()["subresources"] == {"status": {}}
    columns = {column["name"]: column.get("priority", 0) for column in version()["additionalPrinterColumns"]}
    assert [name for name in columns if not columns[name]] == [
        *("Desired", "Active", "Phase", "Epoch", "Ready", "Outcome", "Age")
    ]
    assert [name for name in columns if columns[name]] == ["Blue", "Green", "Blue Image", "Green Image"]  # with -o wide


def test_status_can_hold_all_that_the_design_names() -> None:
    status = version()["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
    assert {"observedGeneration", "phase", "active", "epoch", "conditions", "members", "lastSwitch"} <= set(status)
    assert set(status["phase"]["enum"]) == {
        "Ready",
        "WaitingForLag",
        "Pausing",
        "Resuming",
        "Verifying",
        "RollingBack",
        "Failed",
    }
    last = status["lastSwitch"]["properties"]
    assert {"from", "to", "epoch", "outcome", "reason", "generation", "handoffSeconds"} <= set(last)
    assert {"startedAt", "withdrawnAt", "pausedAt", "grantedAt", "activeAt", "endedAt"} <= set(last)
    outcomes = {"Switched", "Refused", "Failed", "RolledBack", "RollbackBlocked", "Superseded"}
    assert outcomes <= set(last["outcome"]["enum"])
    member = status["members"]["items"]["properties"]
    assert {"pod", "color", "bootId", "state", "epoch", "partitions"} <= set(member)


# -- the admission policy --------------------------------------------------------------------------------


def test_the_policy_denies_and_fails_closed(stack: Recorder) -> None:
    (registered,) = stack.of("ValidatingAdmissionPolicy").values()
    spec = registered.inputs["spec"]
    assert spec["failurePolicy"] == "Fail"
    assert spec["matchConstraints"] == {
        "namespaceSelector": {"matchLabels": {"app.kubernetes.io/part-of": "kafka-bluegreen"}},
        "resourceRules": [
            {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["pods/status"]}
        ],
    }
    (condition,) = spec["matchConditions"]
    for account in ("consumer", "agent-blue", "agent-green"):
        assert f"endsWith(':{account}')" in condition["expression"]
    (binding,) = stack.of("ValidatingAdmissionPolicyBinding").values()
    assert binding.inputs["spec"] == {
        "policyName": "kafka-bluegreen-own-pod-status",
        "validationActions": ["Deny"],
    }


def test_the_policy_rests_on_the_tokens_pod() -> None:
    expressions = [str(validation.expression) for validation in policy.validations()]
    for key in ("pod-name", "pod-uid"):
        assert any(f"authentication.kubernetes.io/{key}" in expression for expression in expressions)
    assert any("kafka-bluegreen.io/Lifecycle" in expression for expression in expressions)
