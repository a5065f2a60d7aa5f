"""What a strategy stack registers: names, order, security, rights, volumes."""

import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pytest
import yaml

from components import switch as switch_component
from components.cluster.access import ClusterAccess
from components.crd import definition
from components.live_switch import Expectation, SwitchError
from components.platform_reference import platform_stack, require_platform
from components.settings import StackName, strategy_settings
from components.strategy_stack import build_strategy
from tests.support.recorder import PLATFORM_OUTPUTS, Recorder, Registered, deploy

IMAGE = "localhost/kafka-bluegreen/workloads:1"
POD_KINDS = ("StatefulSet", "Deployment", "Job")


def up(*, preview: bool = False, platform: Mapping[str, Any] = PLATFORM_OUTPUTS, **values: Any) -> Recorder:
    raw = {"strategy": "c", **{k: v if isinstance(v, str) else json.dumps(v) for k, v in values.items()}}
    settings = strategy_settings(raw, "strategy-c")

    def program() -> None:  # as in __main__.py
        require_platform(platform_stack())
        build_strategy(settings, StackName("strategy-c"), {"workloads": IMAGE}, ClusterAccess(context="there"))

    return deploy(program, preview=preview, platform=platform)


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[Expectation]:
    """The checks of the live switch that were made; all of them find what was asked for."""
    made: list[Expectation] = []

    def check(expected: Expectation, access: ClusterAccess) -> None:
        assert access == ClusterAccess(context="there")
        made.append(expected)

    monkeypatch.setattr(switch_component, "_check", check)
    return made


@pytest.fixture(scope="module")
def stack() -> Recorder:
    """The stack with nothing but defaults."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(switch_component, "_check", lambda *_: None)
        return up()


def pod(resource: Registered) -> dict[str, Any]:
    spec: dict[str, Any] = resource.inputs["spec"]["template"]["spec"]
    return spec


def containers(resource: Registered) -> list[dict[str, Any]]:
    return [*pod(resource).get("initContainers", []), *pod(resource)["containers"]]


def mounts(container: Mapping[str, Any]) -> dict[str, str]:
    return {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}


def settings_of(stack: Recorder, name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(stack.of("ConfigMap")[name].inputs["data"]["settings.yaml"])
    return content


def with_pods(stack: Recorder) -> list[Registered]:
    return [resource for kind in POD_KINDS for resource in stack.of(kind).values()]


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
        "membership": "takeover",
        "lagPolicy": "wait",
        "lagTimeoutSeconds": 120,
        "lagThreshold": 0,
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
    # lag 120, two hand-offs of 10 + 10, a margin of 30
    assert annotations == {"pulumi.com/waitFor": "condition=Settled", "pulumi.com/timeoutSeconds": "190"}


def test_the_timeout_follows_from_the_settings(checks: list[Expectation]) -> None:
    recorder = up(lagTimeoutSeconds=5, drainTimeoutSeconds=2, resumeTimeoutSeconds=3, lagPolicy="immediate")
    annotations = recorder.of("KafkaConsumerSwitch")["switch"].inputs["metadata"]["annotations"]
    assert annotations["pulumi.com/timeoutSeconds"] == "45"
    assert [expected.timeout_seconds for expected in checks] == [45]


def test_an_analysis_is_asked_for_and_waited_for(checks: list[Expectation]) -> None:
    recorder = up(analysis={"seconds": 60, "maxErrorRate": 0.05})
    switch = recorder.of("KafkaConsumerSwitch")["switch"].inputs
    assert switch["spec"]["analysis"] == {
        "seconds": 60,
        "maxErrorRate": 0.05,
        "minRecords": 1,
        "onInconclusive": "RollBack",
    }
    # 190 without, 60 of analysis, 5 for the controller to see that they are over
    assert switch["metadata"]["annotations"]["pulumi.com/timeoutSeconds"] == "255"
    assert [expected.timeout_seconds for expected in checks] == [255]


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
    assert {asked_for, "Deployment/controller"} <= _all_dependencies(recorder, switch)
    for part in (rest, f"ConfigMap/consumer-{other}", f"Service/consumer-{other}"):
        assert switch in _all_dependencies(recorder, part), part
    assert rest not in _all_dependencies(recorder, switch)
    assert [(e.namespace, e.name, e.active, e.attempt) for e in checks] == [("strategy-c", "consumer", active, 1)]


def _all_dependencies(recorder: Recorder, key: str) -> set[str]:
    """What a resource waits for, by itself or because its component does: a child is registered after its parent."""
    resource = recorder.by_name[key]
    inherited = recorder.by_name[resource.parent].dependencies if resource.parent else frozenset()
    return set(resource.dependencies | inherited)


@pytest.mark.parametrize("kind", ["StatefulSet", "ConfigMap", "Service"])
def test_when_the_switch_failed_the_other_colour_is_not_touched(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    def check(expected: Expectation, access: ClusterAccess) -> None:
        raise SwitchError("consumer-blue-1 did not confirm")

    monkeypatch.setattr(switch_component, "_check", check)
    recorders: list[Recorder] = []
    monkeypatch.setattr(Recorder, "__post_init__", _remember(recorders, Recorder.__post_init__))
    with pytest.raises(pulumi.RunError, match="consumer-blue-1 did not confirm"):
        up(active="green")
    (recorder,) = recorders
    assert "consumer-green" in recorder.of(kind)
    assert "consumer-blue" not in recorder.of(kind)


def _remember(recorders: list[Recorder], original: Any) -> Any:
    def post_init(self: Recorder) -> None:
        original(self)
        recorders.append(self)

    return post_init


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
        "partitions": 12,
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
        assert "Job/topic" in _all_dependencies(stack, f"StatefulSet/{name}")


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


# -- what runs in the pods -------------------------------------------------------------------------------


def test_no_pod_can_do_more_than_it_must(stack: Recorder) -> None:
    for resource in with_pods(stack):
        assert pod(resource)["securityContext"] == {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "fsGroup": 10001,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        assert pod(resource)["enableServiceLinks"] is False
        for container in containers(resource):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["imagePullPolicy"] == "IfNotPresent"
            assert container["image"] == IMAGE
            assert "memory" in container["resources"]["limits"]
            assert "cpu" in container["resources"]["requests"]


def test_everything_fits_on_two_cores(stack: Recorder) -> None:
    millicores = 0
    for resource in with_pods(stack):
        count = resource.inputs["spec"].get("replicas", 1)
        for container in containers(resource):
            millicores += count * int(container["resources"]["requests"]["cpu"].removesuffix("m"))
    assert millicores <= 800  # the platform and the cluster's own want some, too


def test_only_sidecar_and_controller_have_a_token(stack: Recorder) -> None:
    automounted = {r.name for r in with_pods(stack) if pod(r)["automountServiceAccountToken"]}
    assert automounted == {"controller"}
    for name, account in stack.of("ServiceAccount").items():
        assert account.inputs["automountServiceAccountToken"] is False, name
    for color in ("blue", "green"):
        colour = stack.of("StatefulSet")[f"consumer-{color}"]
        token = next(volume for volume in pod(colour)["volumes"] if volume["name"] == "token")
        sources = token["projected"]["sources"]
        assert sources[0] == {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}}
        assert sources[1]["configMap"]["name"] == "kube-root-ca.crt"
        assert sources[2]["downwardAPI"]["items"][0]["fieldRef"] == {"fieldPath": "metadata.namespace"}
        holders = {c["name"]: mounts(c)["token"] for c in containers(colour) if "token" in mounts(c)}
        assert holders == {"sidecar": "/var/run/secrets/kubernetes.io/serviceaccount"}


def test_the_sidecar_is_a_native_one(stack: Recorder) -> None:
    colour = stack.of("StatefulSet")["consumer-green"]
    (sidecar,) = pod(colour)["initContainers"]
    assert sidecar["name"] == "sidecar"
    assert sidecar["restartPolicy"] == "Always"
    assert sidecar["command"] == ["python3", "-m", "workloads.sidecar"]
    environment = {e["name"]: e.get("value") or e["valueFrom"]["fieldRef"]["fieldPath"] for e in sidecar["env"]}
    assert environment == {
        "POD_NAME": "metadata.name",
        "POD_NAMESPACE": "metadata.namespace",
        "POD_UID": "metadata.uid",
        "BG_COLOR": "green",
        "BG_LEASE_NAME": "consumer-switch",
    }
    # The consumer's settings are not the sidecar's.
    assert "settings" not in mounts(sidecar)


def test_records_outlive_the_pods_but_not_the_deployment(stack: Recorder) -> None:
    for name, holder in (("producer", "producer"), ("consumer-blue", "consumer"), ("consumer-green", "consumer")):
        resource = stack.of("StatefulSet")[name]
        (claim,) = resource.inputs["spec"]["volumeClaimTemplates"]
        assert claim["metadata"]["name"] == "records"
        assert resource.inputs["spec"]["persistentVolumeClaimRetentionPolicy"] == {
            "whenDeleted": "Delete",
            "whenScaled": "Retain",
        }
        assert {c["name"]: mounts(c)["records"] for c in containers(resource) if "records" in mounts(c)} == {
            holder: "/records"
        }


def test_the_members_of_a_colour_do_not_wait_for_each_other(stack: Recorder) -> None:
    for color in ("blue", "green"):
        assert stack.of("StatefulSet")[f"consumer-{color}"].inputs["spec"]["podManagementPolicy"] == "Parallel"


@pytest.mark.parametrize(("drain", "resume"), [(10, 10), (1, 1), (60, 5), (5, 60)])
def test_a_hang_is_a_failed_switch_before_it_is_a_restart(checks: list[Expectation], drain: int, resume: int) -> None:
    colour = up(drainTimeoutSeconds=drain, resumeTimeoutSeconds=resume).of("StatefulSet")["consumer-blue"]
    (consumer,) = pod(colour)["containers"]
    liveness = consumer["livenessProbe"]
    # The first failing probe may come at once: so many periods pass at least until the last one.
    assert liveness["periodSeconds"] * (liveness["failureThreshold"] - 1) > max(drain, resume)
    assert pod(colour)["terminationGracePeriodSeconds"] == drain + 5


def test_probes_ask_what_the_contract_names(stack: Recorder) -> None:
    asked = {
        container["name"]: {
            probe: (container[f"{probe}Probe"]["httpGet"]["path"], container[f"{probe}Probe"]["httpGet"]["port"])
            for probe in ("liveness", "readiness")
        }
        for kind in ("StatefulSet", "Deployment")
        for resource in stack.of(kind).values()
        for container in containers(resource)
    }
    usual = {"liveness": ("/healthz", 8080), "readiness": ("/readyz", 8080)}
    assert asked == {
        "consumer": usual,
        "producer": usual,
        "controller": usual,
        "sidecar": {"liveness": ("/healthz", 8082), "readiness": ("/healthz", 8082)},
    }


def test_metrics_are_found(stack: Recorder) -> None:
    for kind in ("StatefulSet", "Deployment"):
        for resource in stack.of(kind).values():
            annotations = resource.inputs["spec"]["template"]["metadata"]["annotations"]
            assert annotations["prometheus.io/scrape"] == "true"
            assert annotations["prometheus.io/port"] == "8080"
            assert annotations["prometheus.io/path"] == "/metrics"
            ports = {port["name"]: port["containerPort"] for c in containers(resource) for port in c["ports"]}
            assert ports["metrics"] == 8080
    sidecar = containers(stack.of("StatefulSet")["consumer-blue"])[0]
    assert sidecar["ports"] == [{"name": "metrics-sidecar", "containerPort": 8082}]


# -- rights ----------------------------------------------------------------------------------------------


def test_a_sidecar_may_read_one_lease_and_report(stack: Recorder) -> None:
    assert stack.of("Role")["consumer"].inputs["rules"] == [
        {
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "resourceNames": ["consumer-switch"],
            "verbs": ["get", "watch"],
        },
        {"apiGroups": [""], "resources": ["pods/status"], "verbs": ["patch"]},
    ]


def test_the_controller_may_do_its_work_in_its_namespace(stack: Recorder) -> None:
    assert stack.of("Role")["controller"].inputs["rules"] == [
        {
            "apiGroups": ["kafka-bluegreen.io"],
            "resources": ["kafkaconsumerswitches"],
            "verbs": ["get", "list", "watch"],
        },
        {
            "apiGroups": ["kafka-bluegreen.io"],
            "resources": ["kafkaconsumerswitches/status"],
            "verbs": ["get", "patch", "update"],
        },
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
        {
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "resourceNames": ["consumer-switch"],
            "verbs": ["get", "list", "watch", "update"],
        },
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"]},
    ]


def test_rights_are_given_in_the_namespace_only_and_to_their_own_account(stack: Recorder) -> None:
    assert stack.of("ClusterRole") == {}
    assert stack.of("ClusterRoleBinding") == {}
    for name in ("consumer", "controller"):
        binding = stack.of("RoleBinding")[name].inputs
        assert binding["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": name, "namespace": "strategy-c"}]
    accounts = {r.name: pod(r).get("serviceAccountName") for r in with_pods(stack)}
    assert accounts == {
        "topic": None,
        "producer": "producer",
        "controller": "controller",
        "consumer-blue": "consumer",
        "consumer-green": "consumer",
    }


# -- the platform ----------------------------------------------------------------------------------------


def test_without_a_platform_nothing_is_registered_and_what_to_run_is_told(checks: list[Expectation]) -> None:
    recorders: list[Recorder] = []
    original = Recorder.__post_init__
    patch = pytest.MonkeyPatch()
    patch.setattr(Recorder, "__post_init__", _remember(recorders, original))
    try:
        with pytest.raises(pulumi.RunError, match="run: pulumi up -s platform"):
            up(platform={})
    finally:
        patch.undo()
    assert recorders[0].order == []
