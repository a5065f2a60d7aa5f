"""What the platform stack registers, and whether its parts say what they must."""

import json
import re
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from components import crd, policy
from components.platform_stack import build_platform
from components.settings import SettingsError, platform_settings, registry
from tests.support.recorder import Recorder, deploy
from workloads.controller.past import KEPT, REASON_CHARACTERS

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
        "ConfigMap/kafka-bluegreen-grafana",
        "ConfigMap/kafka-bluegreen-vmui",
        "Service/victoriametrics",
        "StatefulSet/victoriametrics",
        "ValidatingAdmissionPolicy/kafka-bluegreen-in-use",
        "ValidatingAdmissionPolicyBinding/kafka-bluegreen-in-use",
        "ConfigMap/kafka-bluegreen-in-use",
    }


def test_strategy_stacks_find_what_they_need(stack: Recorder) -> None:
    assert set(OUTPUTS) == {"platform", "namespace", "bootstrapServers", "kafkaId", "metricsUrl"}


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
    assert properties["advertised.listeners"] == (
        "PLAINTEXT://kafka-0.kafka.kafka-bluegreen.svc.cluster.local:9092,FORWARDED://localhost:19092"
    )
    assert properties["auto.create.topics.enable"] == "false"
    assert properties["group.initial.rebalance.delay.ms"] == "100"
    assert int(properties["group.min.session.timeout.ms"]) <= 1000
    assert properties["offsets.topic.num.partitions"] == "1"
    assert properties["offsets.topic.replication.factor"] == "1"


def test_a_setting_of_the_broker_takes_the_place_of_the_files_own_and_restarts_it(stack: Recorder) -> None:
    given = {"kafkaConfig": '{"group":{"initial.rebalance.delay.ms":3000}}'}

    def program() -> None:
        images = {"kafka": "localhost/kafka:1", "victoriametrics": "localhost/vm:1"}
        build_platform(platform_settings(given), images)

    other = deploy(program, stack="platform")
    assert server_properties(other) == server_properties(stack) | {"group.initial.rebalance.delay.ms": "3000"}
    template = [made.of("StatefulSet")["kafka"].inputs["spec"]["template"]["metadata"] for made in (stack, other)]
    assert template[0]["annotations"] != template[1]["annotations"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ('{"log.dirs":"/tmp"}', "its data is on the volume"),
        ('{"listeners":"PLAINTEXT://:1"}', "by its Service"),
        ('{"num.io.threads":"1\\nnode.id=2"}', "one line"),
        ('{"Group.Delay":1}', "allowed: broker settings"),
    ],
)
def test_what_the_platform_owns_is_refused(given: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told) as refused:
        platform_settings({"kafkaConfig": given})
    assert "kafkaConfig" in str(refused.value)


def test_the_group_coordinators_events_are_logged(stack: Recorder) -> None:
    log4j = stack.of("ConfigMap")["kafka"].inputs["data"]["log4j2.xml"]
    assert '<Logger name="org.apache.kafka.coordinator.group" level="INFO"/>' in log4j
    options = brokers_own(stack)
    assert options["KAFKA_LOG4J_OPTS"].endswith("/log4j2.xml")
    assert options["KAFKA_OPTS"].startswith("-javaagent:/opt/jmx-exporter/jmx_prometheus_javaagent.jar=9404:")


def brokers_own(stack: Recorder) -> dict[str, str]:
    """The variables that the broker's process is started with, and nothing else in its container."""
    (container,) = pod(stack, "kafka")["containers"]
    return dict(re.findall(r"^export (\w+)='(.*)'$", container["command"][2], re.MULTILINE))


def test_kafkas_tools_can_be_run_beside_the_broker(stack: Recorder) -> None:
    """What is in the container's environment is in the tools', too: an agent whose port is taken ends them."""
    (container,) = pod(stack, "kafka")["containers"]
    assert not {"KAFKA_OPTS", "KAFKA_HEAP_OPTS", "KAFKA_LOG4J_OPTS"} & {entry["name"] for entry in container["env"]}
    before, _, after = container["command"][2].partition("export ")
    assert "kafka-storage.sh" in before  # its metrics would be served on the broker's port
    assert "kafka-server-start.sh" in after


@pytest.mark.parametrize("name", ["kafka", "metrics"])
def test_a_pod_that_cannot_start_does_not_keep_its_mended_version_from_coming(stack: Recorder, name: str) -> None:
    made = stack.of("StatefulSet")[name]
    assert made.inputs["spec"]["podManagementPolicy"] == "Parallel"
    # A set that is there would be made anew, without its volume.
    assert "spec.podManagementPolicy" in made.ignored


def test_the_broker_formats_its_storage_once_and_then_runs_as_the_containers_process(stack: Recorder) -> None:
    (container,) = pod(stack, "kafka")["containers"]
    script = container["command"][2]
    assert script.startswith("set -eu\n")
    assert "kafka-storage.sh format --ignore-formatted" in script
    assert script.rstrip().splitlines()[-1].startswith("exec /opt/kafka/bin/kafka-server-start.sh ")


def test_a_changed_file_rolls_the_broker(stack: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    from components import kafka

    original = kafka._config_files
    monkeypatch.setattr(kafka, "_config_files", lambda *a: {**original(*a), "log4j2.xml": "<other/>"})
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
    assert set(version()["subresources"]) == {"status", "scale"}
    columns = {column["name"]: column.get("priority", 0) for column in version()["additionalPrinterColumns"]}
    assert [name for name in columns if not columns[name]] == [
        *("Desired", "Active", "Phase", "Epoch", "Ready", "Outcome", "Age")
    ]
    assert [name for name in columns if columns[name]] == ["Blue", "Green", "Blue Image", "Green Image"]  # with -o wide


def test_status_can_hold_all_that_the_design_names() -> None:
    status = version()["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
    assert {"observedGeneration", "phase", "active", "epoch", "conditions", "members", "lastSwitch", "shape"} <= set(
        status
    )
    assert set(status["phase"]["enum"]) == {
        "Ready",
        "Paused",
        "WaitingForReady",
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
    entry = status["history"]["items"]["properties"]
    assert {*last, "fromVersion", "toVersion", "askedBy"} == set(entry), "an entry is a lastSwitch and who and what"
    assert status["history"]["maxItems"] == KEPT
    assert entry["reason"]["maxLength"] == REASON_CHARACTERS
    member = status["members"]["items"]["properties"]
    assert {"pod", "color", "ready", "obstacle", "bootId", "state", "epoch", "partitions"} <= set(member)


# -- the admission policy --------------------------------------------------------------------------------


def test_the_policy_denies_and_fails_closed(stack: Recorder) -> None:
    spec = stack.of("ValidatingAdmissionPolicy")["own-pod-status"].inputs["spec"]
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
    binding = stack.of("ValidatingAdmissionPolicyBinding")["own-pod-status"]
    assert binding.inputs["spec"] == {
        "policyName": "kafka-bluegreen-own-pod-status",
        "validationActions": ["Deny"],
    }


def test_the_policy_rests_on_the_tokens_pod() -> None:
    expressions = [str(validation.expression) for validation in policy.validations()]
    for key in ("pod-name", "pod-uid"):
        assert any(f"authentication.kubernetes.io/{key}" in expression for expression in expressions)
    assert any("kafka-bluegreen.io/Lifecycle" in expression for expression in expressions)


# -- who stands on the platform ---------------------------------------------------------------------------


def test_the_platform_cannot_be_taken_away_from_under_a_stack(stack: Recorder) -> None:
    spec = stack.of("ValidatingAdmissionPolicy")["platform-guard"].inputs["spec"]
    assert spec["paramKind"] == {"apiVersion": "v1", "kind": "Namespace"}
    guarded = {
        (rule["resources"][0], rule["resourceNames"][0])
        for rule in spec["matchConstraints"]["resourceRules"]
        if rule["operations"] == ["DELETE"]
    }
    assert guarded == {
        ("namespaces", "kafka-bluegreen"),
        ("configmaps", "kafka-bluegreen-in-use"),
        ("customresourcedefinitions", "kafkaconsumerswitches.kafka-bluegreen.io"),
    }
    (rule,) = spec["validations"]
    assert rule["expression"] == "params.metadata.name == 'kafka-bluegreen'"
    assert "pulumi destroy -s ' + params.metadata.name" in rule["messageExpression"]
    binding = stack.of("ValidatingAdmissionPolicyBinding")["platform-guard"].inputs["spec"]
    # The label that every strategy's namespace has; without one of them nothing stands here.
    assert binding["paramRef"] == {
        "selector": {"matchLabels": {"app.kubernetes.io/part-of": "kafka-bluegreen"}},
        "parameterNotFoundAction": "Allow",
    }
    assert binding["validationActions"] == ["Deny"]


def test_nothing_is_gone_when_a_destroy_is_refused(stack: Recorder) -> None:
    """Pulumi takes away first what depends on the rest: the one object whose deletion is refused."""
    first = stack.of("ConfigMap")["platform-guard"]
    others = {key for key, resource in stack.by_name.items() if resource.type.startswith("kubernetes:")}
    others -= {"ConfigMap/platform-guard", "ValidatingAdmissionPolicy/platform-guard"}  # itself; its binding's
    assert others <= first.dependencies
    assert "ValidatingAdmissionPolicy/platform-guard" in (
        stack.of("ValidatingAdmissionPolicyBinding")["platform-guard"].dependencies
    )
    assert first.inputs["metadata"]["namespace"] == "kafka-bluegreen"


@pytest.fixture(scope="module")
def with_argo() -> Recorder:
    def program() -> None:
        images = {
            "kafka": "localhost/kafka:1",
            "victoriametrics": "localhost/vm:1",
            "argo-rollouts": "localhost/argo:1",
        }
        build_platform(platform_settings({"argo": "true"}), images)

    return deploy(program, stack="platform")


@pytest.fixture(scope="module")
def alerting() -> Recorder:
    """The platform with alerts."""
    given = {"alerts": "true", "alertmanager": "http://alertmanager:9093", "dashboards": '["strategy-c-mine"]'}

    def program() -> None:
        images = {"kafka": "localhost/kafka:1", "victoriametrics": "localhost/vm:1", "vmalert": "localhost/vmalert:1"}
        build_platform(platform_settings(given), images)

    return deploy(program, stack="platform")


def test_argo_is_there_when_it_is_asked_for_and_changes_nothing_else(stack: Recorder, with_argo: Recorder) -> None:
    def named(recorder: Recorder) -> set[str]:
        made = [r for r in recorder.order if "metadata" in r.inputs]
        return {f"{r.type.rpartition(':')[2]}/{r.inputs['metadata']['name']}" for r in made}

    assert named(with_argo) - named(stack) == {
        "CustomResourceDefinition/analysisruns.argoproj.io",
        "CustomResourceDefinition/analysistemplates.argoproj.io",
        "CustomResourceDefinition/clusteranalysistemplates.argoproj.io",
        "ServiceAccount/argo-rollouts",
        "ClusterRole/kafka-bluegreen-argo-rollouts",
        "ClusterRoleBinding/kafka-bluegreen-argo-rollouts",
        "Role/argo-rollouts",
        "RoleBinding/argo-rollouts",
        "Deployment/argo-rollouts",
    }
    assert named(stack) < named(with_argo)


def test_argo_only_judges_and_can_do_no_more_than_it_must(with_argo: Recorder) -> None:
    spec = with_argo.of("Deployment")["argo-rollouts"].inputs["spec"]
    assert spec["strategy"] == {"type": "Recreate"}
    pod_spec = spec["template"]["spec"]
    assert pod_spec["securityContext"]["runAsNonRoot"] is True
    (container,) = pod_spec["containers"]
    assert "--controllers=analysis" in container["args"]
    assert "command" not in container, "upstream's image and the sandbox's have the same entry point"
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    rules = with_argo.of("ClusterRole")["argo-rollouts"].inputs["rules"]
    assert {verb for rule in rules for verb in rule["verbs"]}.isdisjoint({"*", "escalate", "bind", "impersonate"})
    resources = {resource: set(rule["verbs"]) for rule in rules for resource in rule["resources"]}
    assert set(resources) == {
        "analysisruns",
        "analysistemplates",
        "clusteranalysistemplates",
        "jobs",
        "pods",
        "events",
    }
    writes = {name: verbs - {"get", "list", "watch"} for name, verbs in resources.items()}
    assert {name for name, verbs in writes.items() if verbs} == {"analysisruns", "events"}
    assert "create" not in resources["analysisruns"], "whoever is to be judged says by what"


def test_the_definitions_of_argo_stay_when_it_goes(with_argo: Recorder) -> None:
    """With a definition every object of its kind would go, whoever has made it."""
    assert {name for name, made in with_argo.of("CustomResourceDefinition").items() if made.retained} == {
        "analysisruns",
        "analysistemplates",
        "clusteranalysistemplates",
    }


def test_grafanas_sidecar_finds_the_dashboard_and_vmui_has_one_of_each_stack(
    stack: Recorder, alerting: Recorder
) -> None:
    found = stack.of("ConfigMap")["dashboards-grafana"].inputs
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    (text,) = found["data"].values()
    assert json.loads(text)["uid"] == "kafka-bluegreen"
    shown = [made.of("ConfigMap")["dashboards-vmui"].inputs["data"] for made in (stack, alerting)]
    assert set(shown[0]) == {f"strategy-{letter}.json" for letter in registry.models()}
    assert set(shown[1]) == {"strategy-c-mine.json"}
    (container,) = pod(stack, "metrics")["containers"]
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert f"-vmui.customDashboardsPath={mounted['dashboards']}" in container["args"]


def test_vmalert_is_there_only_when_it_is_asked_for(stack: Recorder, alerting: Recorder) -> None:
    assert "Deployment" not in {made.type.rpartition(":")[2] for made in stack.order}
    assert not any("vmalert" in argument for argument in pod(stack, "metrics")["containers"][0]["args"])
    spec = alerting.of("Deployment")["alerts"].inputs["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["image"] == "localhost/vmalert:1"
    assert "-notifier.url=http://alertmanager:9093" in container["args"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert spec["automountServiceAccountToken"] is False
    rules = alerting.of("ConfigMap")["alerts"].inputs["data"]["alerts.yaml"]
    assert "DualActiveConsumers" in rules
    assert any(
        argument.startswith("-vmalert.proxyURL=") for argument in pod(alerting, "metrics")["containers"][0]["args"]
    )


def test_alerts_on_log_lines_are_there_with_a_log_store(alerting: Recorder) -> None:
    names = ("kafka", "victoriametrics", "vmalert", "victorialogs", "vlagent")
    settings = platform_settings({"alerts": "true", "logs": "true", "alertmanager": "http://alertmanager:9093"})
    made = deploy(lambda: build_platform(settings, dict.fromkeys(names, "i:1")) and None, stack="platform")
    assert set(made.of("Deployment")) - set(alerting.of("Deployment")) == {"log-alerts"}
    arguments = [
        recorder.of("Deployment")[name].inputs["spec"]["template"]["spec"]["containers"][0]["args"]
        for recorder, name in ((alerting, "alerts"), (made, "log-alerts"))
    ]
    own = {"-datasource.url=http://victorialogs.kafka-bluegreen.svc.cluster.local:9428"}
    own.add("-rule=/etc/vmalert/log-alerts.yaml")
    assert set(arguments[1]) - set(arguments[0]) == own
    assert "LeaseGone" in made.of("ConfigMap")["log-alerts"].inputs["data"]["log-alerts.yaml"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"alerts": "maybe"}, "kafka-bluegreen:alerts: "),
        ({"alertmanager": "http://a:1"}, "kafka-bluegreen:alertmanager: contradicts alerts: false"),
        ({"alerts": "true", "alertmanager": "a:1"}, "an address such as http://alertmanager:9093"),
        ({"dashboards": '["kafka"]'}, "a list of strategy stacks' names"),
        (
            {"alerts": "true", "platform": "cluster", "images": '{"kafka": "k:1", "victoriametrics": "v:1"}'},
            "kafka-bluegreen:images.vmalert: is required with alerts: true",
        ),
    ],
)
def test_alerts_that_could_not_be_raised_are_refused(given: dict[str, str], told: str) -> None:
    with pytest.raises(SettingsError) as refused:
        platform_settings(given)
    assert told in str(refused.value)
