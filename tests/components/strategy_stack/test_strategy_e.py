"""A stack of strategy E: what it is made of, by both controls and on both platforms; what its parts may do; what a
switch of it changes; what is refused.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.crd import definition
from components.live_switch import Expectation
from components.settings import SettingsError, strategy_settings
from tests.components.strategy_stack.deployed import CONNECT_IMAGE, IMAGE, containers, mounts, pod, settings_of, up
from tests.support.recorder import PLATFORM_OUTPUTS, Recorder, Registered
from workloads.connect_operator import cluster as operators_cluster
from workloads.connect_operator import manifests
from workloads.connect_operator.access import RULES
from workloads.connect_operator.settings import OperatorSettings
from workloads.recorder.settings import RecorderSettings
from workloads.sidecar.settings import SidecarSettings

ROOT = Path(__file__).parents[3]
CLUSTER = {**PLATFORM_OUTPUTS, "platform": "cluster"}
CONTROLS = ("strimzi", "rest")
pytestmark = pytest.mark.usefixtures("checks")


@pytest.fixture
def stack() -> Recorder:
    """The stack with nothing but defaults."""
    return up(strategy="e")


def named(recorder: Recorder) -> set[str]:
    """What there is besides what every strategy has."""
    common = {"Namespace", "Job", "KafkaConsumerSwitch"}
    return {
        f"{kind}/{resource.inputs['metadata']['name']}"
        for resource in recorder.order
        if "metadata" in resource.inputs
        and (kind := resource.type.rpartition(":")[2]) not in common
        and resource.name not in {"producer", "controller"}
    }


def spec_of(recorder: Recorder, kind: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = recorder.of(kind)[name].inputs["spec"]
    return found


def rules_of(recorder: Recorder, name: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = recorder.of("Role")[name].inputs["rules"]
    return found


def ancestors(recorder: Recorder, key: str) -> set[str]:
    """What comes before a resource: what it and its components wait for, and what that waits for in turn."""
    found: set[str] = set()
    todo = [key]
    while todo:
        resource = recorder.by_name.get(todo.pop())
        if resource is None:  # the reference to the platform's stack, which is read, not registered
            continue
        new = {*resource.dependencies, *([resource.parent] if resource.parent else [])} - found
        found |= new
        todo += new
    return found


# -- what there is ---------------------------------------------------------------------------------------


def of_a_color(color: str) -> set[str]:
    account = {f"{kind}/agent-{color}" for kind in ("ServiceAccount", "Role", "RoleBinding")}
    sets = {
        f"{kind}/{what}-{color}" for kind in ("ConfigMap", "Service", "StatefulSet") for what in ("agent", "recorder")
    }
    workers = {f"KafkaConnect/{color}", f"ConfigMap/{color}-jmx-exporter", f"PersistentVolumeClaim/sink-{color}"}
    return {*account, *sets, *workers, f"KafkaConnector/strategy-e-{color}"}


OPERATOR = {f"{kind}/connect-operator" for kind in ("ServiceAccount", "Role", "RoleBinding", "ConfigMap", "Deployment")}


def test_a_colour_is_workers_a_connector_its_agent_and_a_recorder(stack: Recorder) -> None:
    assert named(stack) == of_a_color("blue") | of_a_color("green") | OPERATOR


def test_by_rest_there_is_no_resource_of_a_connector_and_none_is_used() -> None:
    """An operator with `use-connector-resources` would delete a connector that has none."""
    recorder = up(strategy="e", control="rest")
    without = {name for name in of_a_color("blue") | of_a_color("green") if not name.startswith("KafkaConnector/")}
    policies = {f"NetworkPolicy/{color}-rest" for color in ("blue", "green")}
    assert named(recorder) == without | policies | OPERATOR
    for made, wanted in ((recorder, None), (up(strategy="e"), "true")):
        for found in made.of("KafkaConnect").values():
            assert found.inputs["metadata"]["annotations"].get("strimzi.io/use-connector-resources") == wanted


def test_the_stand_in_is_in_the_sandbox_and_never_on_a_cluster() -> None:
    recorder = up(strategy="e", platform=CLUSTER)
    assert named(recorder) == of_a_color("blue") | of_a_color("green")
    assert not [resource for resource in recorder.order if "StandIn" in resource.type or "operator" in resource.name]


def test_shared_workers_have_both_connectors() -> None:
    recorder = up(strategy="e", connect="shared")
    (workers,) = recorder.of("KafkaConnect").values()
    assert workers.inputs["metadata"]["name"] == "shared"
    assert "kafka-bluegreen.io/color" not in workers.inputs["spec"]["template"]["pod"]["metadata"]["labels"]
    connectors = recorder.of("KafkaConnector").values()
    assert {c.inputs["metadata"]["labels"]["strimzi.io/cluster"] for c in connectors} == {"shared"}
    assert len({c.inputs["spec"]["config"]["file"] for c in connectors}) == 2
    for color in ("blue", "green"):
        subject = settings_of(recorder, f"agent-{color}")["connect"]
        assert subject["own"]["workers"] == subject["other"]["workers"]
        volumes = {volume["name"]: volume for volume in pod(recorder.of("StatefulSet")[f"recorder-{color}"])["volumes"]}
        assert volumes["sink"]["persistentVolumeClaim"] == {"claimName": "sink-shared"}


def test_everything_belongs_to_a_component_in_the_stacks_namespace(stack: Recorder) -> None:
    for resource in stack.order:
        if resource.type.startswith("kubernetes:") and not resource.type.endswith(":Namespace"):
            assert resource.parent, resource.name
            assert resource.inputs["metadata"]["namespace"] == "strategy-e", resource.name


# -- the resources of Strimzi's kinds --------------------------------------------------------------------


def test_the_stand_in_carries_all_of_the_workers_out(stack: Recorder) -> None:
    for color in ("blue", "green"):
        made = stack.of("KafkaConnect")[f"connect-{color}"].inputs
        resource = {"metadata": {**made["metadata"], "uid": "u"}, "spec": made["spec"]}
        read = operators_cluster.read(resource)
        assert (read.replicas, read.image, read.uses_resources) == (3, CONNECT_IMAGE, True)
        assert read.metrics_from == (f"{color}-jmx-exporter", "jmx-exporter.yaml")
        rules = stack.of("ConfigMap")[f"connect-{color}"].inputs
        assert rules["metadata"]["name"] == f"{color}-jmx-exporter"
        stateful_set = manifests.objects(read, "", rules["data"]["jmx-exporter.yaml"])[-1][1]
        template = stateful_set["spec"]["template"]
        (container,) = template["spec"]["containers"]
        assert template["spec"]["securityContext"]["runAsNonRoot"] is True
        assert template["spec"]["securityContext"]["fsGroup"] == 1000
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"].keys() == {"memory"}
        assert {"name": "sink", "mountPath": f"{operators_cluster.MOUNTS}sink"} in container["volumeMounts"]
        assert template["metadata"]["labels"]["kafka-bluegreen.io/color"] == color
        assert template["metadata"]["annotations"]["prometheus.io/port"] == "9404"
        assert template["metadata"]["annotations"]["prometheus.io/interval"] == "5s"
        assert container["readinessProbe"]["initialDelaySeconds"] == 1
        assert container["livenessProbe"]["httpGet"] == {"path": "/", "port": "rest-api"}


def test_on_a_cluster_the_image_is_the_operators_unless_one_is_named() -> None:
    given = {"workloads": "w:1", "connect": "c:1"}
    settings = {"strategy": "e", "images": json.dumps(given)}
    read = strategy_settings(settings, "strategy-e").images
    assert read is not None
    assert read.model_dump(exclude_none=True) == given
    settings["images"] = json.dumps({"workloads": "w:1"})
    read = strategy_settings(settings, "strategy-e").images
    assert read is not None
    assert read.model_dump(exclude_none=True) == {"workloads": "w:1"}


def test_two_stacks_have_no_group_and_no_topic_in_common(stack: Recorder) -> None:
    ids = [
        spec_of(stack, "KafkaConnect", f"connect-{color}")[key]
        for color in ("blue", "green")
        for key in ("groupId", "configStorageTopic", "offsetStorageTopic", "statusStorageTopic")
    ]
    assert len(set(ids)) == 8
    assert all(found.startswith("strategy-e-connect-") for found in ids)


def test_a_connector_is_made_stopped_and_never_stopped_again(stack: Recorder) -> None:
    connector = stack.of("KafkaConnector")["connect-blue"]
    assert connector.inputs["metadata"]["labels"]["strimzi.io/cluster"] == "blue"
    assert connector.inputs["spec"]["state"] == "stopped"
    assert connector.inputs["spec"]["tasksMax"] == 3
    assert connector.ignored == ("spec.state",)
    # What the agent writes besides is not the program's at all.
    assert not {"alterOffsets", "listOffsets"} & connector.inputs["spec"].keys()
    annotations = connector.inputs["metadata"]["annotations"]
    # Nor is what it writes taken back by force: it may write between the provider's look and its write.
    assert annotations.pop("pulumi.com/patchForce") == "false"
    assert annotations.keys() == {"kafka-bluegreen.io/restarted-by"}
    assert "transforms.epoch.static.value" not in connector.inputs["spec"]["config"]


def test_up_waits_for_workers_and_then_for_agents_that_see_their_connector(stack: Recorder) -> None:
    for color in ("blue", "green"):
        workers = stack.of("KafkaConnect")[f"connect-{color}"]
        waits = workers.inputs["metadata"]["annotations"]["pulumi.com/waitFor"]
        assert waits == 'jsonpath={.status.conditions[?(@.type=="Ready")].status}=True'
        assert workers.timeouts == ("5m", "5m")
        before = ancestors(stack, f"StatefulSet/agent-{color}")
        assert {f"KafkaConnect/connect-{color}", f"KafkaConnector/connect-{color}"} <= before
        assert "Deployment/connect-operator" in ancestors(stack, f"KafkaConnect/connect-{color}")
        assert f"KafkaConnect/connect-{color}" in ancestors(stack, f"KafkaConnector/connect-{color}")
        agents = stack.of("StatefulSet")[f"agent-{color}"]
        assert agents.inputs["spec"]["podManagementPolicy"] == "Parallel"
        (agent,) = containers(agents)
        assert agent["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": 8082}


def test_whoever_mounts_the_sinks_is_on_one_node(stack: Recorder) -> None:
    (claim,) = [c for c in stack.of("PersistentVolumeClaim").values() if c.name == "connect-blue"]
    assert claim.inputs["spec"]["accessModes"] == ["ReadWriteOnce"]
    workers = spec_of(stack, "KafkaConnect", "connect-blue")["template"]["pod"]
    recorder = stack.of("StatefulSet")["recorder-blue"]
    label = {"kafka-bluegreen.io/sink": "blue"}
    term = {"labelSelector": {"matchLabels": label}, "topologyKey": "kubernetes.io/hostname"}
    for affinity, labels in (
        (workers["affinity"], workers["metadata"]["labels"]),
        (pod(recorder)["affinity"], recorder.inputs["spec"]["template"]["metadata"]["labels"]),
    ):
        assert affinity == {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
        assert label.items() <= labels.items()
    # Neither takes the files' group from the other.
    assert workers["securityContext"]["fsGroup"] == pod(recorder)["securityContext"]["fsGroup"] == 1000


# -- our programs ----------------------------------------------------------------------------------------


def loaded(content: Mapping[str, Any], tmp_path: Path) -> Path:
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump(dict(content)), encoding="utf-8")
    return file


@pytest.mark.parametrize("control", CONTROLS)
def test_the_programs_take_their_settings(control: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = up(strategy="e", control=control, green={"version": "2", "config": {"errors.tolerance": "all"}})
    monkeypatch.setenv("POD_NAME", "p-0")
    monkeypatch.setenv("POD_NAMESPACE", "strategy-e")
    operator = OperatorSettings.load(loaded(settings_of(recorder, "connect-operator"), tmp_path))
    assert operator.default_image == CONNECT_IMAGE
    written = RecorderSettings.load(loaded(settings_of(recorder, "recorder-green"), tmp_path))
    assert (written.color, written.topic, written.version) == ("green", "bluegreen", "2")
    assert (str(written.sink_dir), written.sink_suffix) == ("/sink", "-green.txt")
    (container,) = containers(recorder.of("StatefulSet")["recorder-green"])
    assert mounts(container)["sink"] == str(written.sink_dir)
    monkeypatch.setenv("BG_COLOR", "green")
    monkeypatch.setenv("BG_LEASE_NAME", "consumer-switch")
    agent = SidecarSettings.load(loaded(settings_of(recorder, "agent-green"), tmp_path))
    assert (agent.version, agent.image, agent.strategy) == ("2", CONNECT_IMAGE, "e")
    subject = agent.connect
    assert subject is not None
    assert (subject.control.value, subject.own.name, subject.other.name) == (
        control,
        "strategy-e-green",
        "strategy-e-blue",
    )
    assert subject.own.workers == "strimzi.io/cluster=green,strimzi.io/kind=KafkaConnect"
    assert (subject.topic, subject.partitions) == ("bluegreen", 12)
    assert subject.recorder_urls == ("http://recorder-green.strategy-e.svc:8084",)
    assert subject.bootstrap_servers == PLATFORM_OUTPUTS["bootstrapServers"]
    assert bool(subject.config) == (control == "rest")


def test_by_both_controls_it_is_the_same_connector() -> None:
    own = {"config": {"errors.tolerance": "all"}}
    by_rest = settings_of(up(strategy="e", control="rest", blue=own), "agent-blue")["connect"]["config"]
    spec = spec_of(up(strategy="e", blue=own), "KafkaConnector", "connect-blue")
    same = {**spec["config"], "connector.class": spec["class"], "tasks.max": f"{spec['tasksMax']:g}"}
    assert by_rest == same
    assert by_rest["errors.tolerance"] == "all"


def test_the_workers_that_an_agent_asks_are_its_connectors(stack: Recorder) -> None:
    made = stack.of("KafkaConnect")["connect-blue"].inputs
    read = operators_cluster.read({"metadata": {**made["metadata"], "uid": "u"}, "spec": made["spec"]})
    labels = manifests.objects(read, "", None)[-1][1]["spec"]["template"]["metadata"]["labels"]
    asked = settings_of(stack, "agent-blue")["connect"]["own"]["workers"]
    assert dict(part.split("=") for part in asked.split(",")).items() <= labels.items()


def test_no_pod_of_ours_can_do_more_than_it_must(stack: Recorder) -> None:
    ours: list[Registered] = [
        *(stack.of("StatefulSet")[f"{what}-{color}"] for what in ("agent", "recorder") for color in ("blue", "green")),
        stack.of("Deployment")["connect-operator"],
    ]
    for resource in ours:
        assert pod(resource)["securityContext"]["runAsUser"] == 10001
        assert pod(resource)["securityContext"]["runAsNonRoot"] is True
        assert pod(resource)["automountServiceAccountToken"] is not resource.name.startswith("recorder-")
        for container in containers(resource):
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert container["image"] == IMAGE
            assert {"memory"} == container["resources"]["limits"].keys()
    (container,) = containers(stack.of("StatefulSet")["recorder-blue"])
    assert [m.get("readOnly") for m in container["volumeMounts"] if m["name"] == "sink"] == [True]
    for account in stack.of("ServiceAccount").values():
        assert account.inputs["automountServiceAccountToken"] is False


def test_everything_fits_on_two_cores(stack: Recorder) -> None:
    millicores = sum(
        resource.inputs["spec"].get("replicas", 1) * int(container["resources"]["requests"]["cpu"].removesuffix("m"))
        for kind in ("StatefulSet", "Deployment")
        for resource in stack.of(kind).values()
        for container in containers(resource)
    )
    for workers in stack.of("KafkaConnect").values():
        spec = workers.inputs["spec"]
        millicores += spec["replicas"] * int(spec["resources"]["requests"]["cpu"].removesuffix("m"))
    assert millicores <= 800


def test_metrics_are_found_where_the_annotations_say(stack: Recorder) -> None:
    for kind in ("StatefulSet", "Deployment"):
        for resource in stack.of(kind).values():
            annotations = resource.inputs["spec"]["template"]["metadata"]["annotations"]
            ports = {port["name"]: f"{port['containerPort']:g}" for c in containers(resource) for port in c["ports"]}
            assert ports["metrics"] == annotations["prometheus.io/port"], resource.name


def test_the_store_scrapes_the_workers_too(stack: Recorder) -> None:
    """Their part-of label and their port's name are the operator's."""
    file = ROOT / "components" / "observability" / "files" / "scrape.yaml"
    (job,) = yaml.safe_load(file.read_text(encoding="utf-8"))["scrape_configs"]
    made = stack.of("KafkaConnect")["connect-blue"].inputs
    read = operators_cluster.read({"metadata": {**made["metadata"], "uid": "u"}, "spec": made["spec"]})
    template = manifests.objects(read, "", "rules: []")[-1][1]["spec"]["template"]
    pods_labels = {f"__meta_kubernetes_pod_label_{_meta(k)}": v for k, v in template["metadata"]["labels"].items()}
    pods_labels |= {
        f"__meta_kubernetes_pod_annotation_{_meta(k)}": v for k, v in template["metadata"]["annotations"].items()
    }
    kept = []
    for port in template["spec"]["containers"][0]["ports"]:
        target = {**pods_labels, "__meta_kubernetes_pod_container_port_name": port["name"]}
        for rule in job["relabel_configs"]:
            value = ";".join(target.get(label, "") for label in rule["source_labels"])
            if rule.get("action") == "keep" and not re.fullmatch(str(rule["regex"]), value):
                break
        else:
            kept.append(port["containerPort"])
    assert kept == [9404]


def _meta(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "_", name)


# -- rights ----------------------------------------------------------------------------------------------


def test_the_stand_in_may_do_what_its_requests_need_and_no_more(stack: Recorder) -> None:
    assert rules_of(stack, "connect-operator") == [dict(rule) for rule in RULES]


def test_an_agent_may_change_its_own_connector_and_no_other(stack: Recorder) -> None:
    for color, other in (("blue", "green"), ("green", "blue")):
        sidecars, rest = rules_of(stack, f"agent-{color}")[:2], rules_of(stack, f"agent-{color}")[2:]
        assert sidecars == rules_of(up(), "consumer")
        own, both = f"strategy-e-{color}", sorted([f"strategy-e-{color}", f"strategy-e-{other}"])
        strimzi = {"apiGroups": ["kafka.strimzi.io"], "resources": ["kafkaconnectors"]}
        assert rest == [
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
            {**strimzi, "resourceNames": both, "verbs": ["get", "list", "watch"]},
            {**strimzi, "resourceNames": [own], "verbs": ["patch"]},
            {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create", "patch", "delete"]},
        ]


def test_by_rest_an_agent_may_change_nothing_but_its_pods_status() -> None:
    rules = rules_of(up(strategy="e", control="rest"), "agent-blue")
    changing = [rule for rule in rules if {"create", "update", "patch", "delete"} & set(rule["verbs"])]
    assert changing == [{"apiGroups": [""], "resources": ["pods/status"], "verbs": ["patch"]}]


def test_by_rest_only_agents_and_workers_reach_the_api() -> None:
    recorder = up(strategy="e", control="rest")
    spec = spec_of(recorder, "NetworkPolicy", "connect-blue")
    made = recorder.of("KafkaConnect")["connect-blue"].inputs
    read = operators_cluster.read({"metadata": {**made["metadata"], "uid": "u"}, "spec": made["spec"]})
    workers = manifests.objects(read, "", None)[-1][1]["spec"]["template"]["metadata"]["labels"]
    agent = recorder.of("StatefulSet")["agent-blue"].inputs["spec"]["template"]["metadata"]["labels"]
    rest, metrics = spec["ingress"]
    assert spec["podSelector"]["matchLabels"].items() <= workers.items()
    assert [port["port"] for port in rest["ports"]] == [8083]
    for labels, peer in zip((workers, agent), rest["from"], strict=True):
        assert peer["podSelector"]["matchLabels"].items() <= labels.items()
    assert ([port["port"] for port in metrics["ports"]], metrics.get("from")) == ([9404], None)


def test_each_has_an_account_of_its_own(stack: Recorder) -> None:
    accounts = {
        resource.name: pod(resource).get("serviceAccountName")
        for kind in ("StatefulSet", "Deployment")
        for resource in stack.of(kind).values()
    }
    assert accounts == {
        "producer": "producer",
        "controller": "controller",
        "connect-operator": "connect-operator",
        "agent-blue": "agent-blue",
        "agent-green": "agent-green",
        "recorder-blue": None,
        "recorder-green": None,
    }
    assert stack.of("ClusterRole") == {}


# -- the switch ------------------------------------------------------------------------------------------


def test_the_controller_is_told_by_values_what_differs(stack: Recorder) -> None:
    spec = spec_of(stack, "KafkaConsumerSwitch", "switch")
    said = {name: spec[name] for name in ("strategy", "absence", "positions", "standby")}
    assert said == {"strategy": "e", "absence": "Unknown", "positions": "Groups", "standby": "Outside"}
    for color in ("blue", "green"):
        assert spec[color]["group"] == f"connect-strategy-e-{color}"
        assert spec[color]["replicas"] == 1
        labels = stack.of("StatefulSet")[f"agent-{color}"].inputs["spec"]["template"]["metadata"]["labels"]
        assert spec[color]["selector"].items() <= labels.items()
        workers = spec_of(stack, "KafkaConnect", f"connect-{color}")["template"]["pod"]["metadata"]["labels"]
        recorders = stack.of("StatefulSet")[f"recorder-{color}"].inputs["spec"]["template"]["metadata"]["labels"]
        for others in (workers, recorders):
            assert not spec[color]["selector"].items() <= others.items()
    schema = definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert set(schema["required"]) <= set(spec) <= set(schema["properties"])


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("connect", ["clusters", "shared"])
def test_a_switch_changes_one_field_of_one_resource(control: str, connect: str) -> None:
    blue, green = (
        up(strategy="e", active=color, control=control, connect=connect).by_name for color in ("blue", "green")
    )
    assert blue.keys() == green.keys()
    assert {key for key in blue if blue[key].inputs != green[key].inputs} == {"KafkaConsumerSwitch/switch"}
    before, after = (found["KafkaConsumerSwitch/switch"].inputs["spec"] for found in (blue, green))
    assert {key for key in before if before[key] != after[key]} == {"active"}


@pytest.mark.parametrize("control", CONTROLS)
def test_a_preview_knows_everything(control: str, checks: list[Expectation]) -> None:
    preview = up(strategy="e", control=control, preview=True).by_name
    assert checks == []
    deployed = up(strategy="e", control=control).by_name
    assert {key: found.inputs for key, found in preview.items()} == {k: found.inputs for k, found in deployed.items()}


def test_both_colours_are_there_before_the_switch() -> None:
    """Each agent has to confirm: a switch that waited for one that follows it would never settle."""
    before = ancestors(up(strategy="e", active="green"), "KafkaConsumerSwitch/switch")
    for color in ("blue", "green"):
        assert {f"StatefulSet/agent-{color}", f"KafkaConnect/connect-{color}"} <= before, color


def test_what_one_colour_has_to_itself_changes_that_colour_only() -> None:
    before = up(strategy="e").by_name
    after = up(strategy="e", green={"version": "2", "config": {"consumer.override.max.poll.records": 7}}).by_name
    changed = {key for key in before if before[key].inputs != after[key].inputs} - {"KafkaConsumerSwitch/switch"}
    assert changed == {
        "KafkaConnector/connect-green",
        "ConfigMap/agent-green",
        "StatefulSet/agent-green",
        "ConfigMap/recorder-green",
        "StatefulSet/recorder-green",
    }


def test_how_keys_are_read_is_the_colours_own_matter() -> None:
    """The sink writes values alone; how those are read, the recorder rests on."""
    json_keys = "org.apache.kafka.connect.json.JsonConverter"
    recorder = up(strategy="e", green={"config": {"key.converter": json_keys, "errors.tolerance": "all"}})
    found = {c: spec_of(recorder, "KafkaConnector", f"connect-{c}")["config"] for c in ("blue", "green")}
    assert found["green"]["key.converter"] == json_keys
    assert found["green"]["errors.tolerance"] == "all"
    assert found["blue"]["key.converter"] == "org.apache.kafka.connect.storage.StringConverter"
    assert found["blue"]["value.converter"] == found["green"]["value.converter"]


def test_an_analysis_asks_the_agents(stack: Recorder) -> None:
    recorder = up(strategy="e", analysis={"seconds": 10, "maxErrorRate": 0.05, "minThroughput": 0.9})
    assert spec_of(recorder, "KafkaConsumerSwitch", "switch")["analysis"]["maxErrorRate"] == 0.05
    settings = yaml.safe_load(stack.of("ConfigMap")["controller"].inputs["data"]["settings.yaml"])
    (agent,) = stack.of("StatefulSet")["agent-green"].inputs["spec"]["template"]["spec"]["containers"]
    assert settings["progress_port"] in {port["containerPort"] for port in agent["ports"]}


def test_a_colour_without_workers_has_no_agent_and_keeps_its_connector_and_its_recorder() -> None:
    recorder = up(strategy="e", active="green", blue={"replicas": 0})
    assert [spec_of(recorder, "KafkaConnect", f"connect-{c}")["replicas"] for c in ("blue", "green")] == [0, 3]
    sets = recorder.of("StatefulSet")
    assert [sets[name].inputs["spec"]["replicas"] for name in ("agent-blue", "agent-green")] == [0, 1]
    assert sets["recorder-blue"].inputs["spec"]["replicas"] == 1
    assert spec_of(recorder, "KafkaConnector", "connect-blue")["tasksMax"] == 3
    switch = spec_of(recorder, "KafkaConsumerSwitch", "switch")
    assert [switch[color]["replicas"] for color in ("blue", "green")] == [0, 1]


# -- what is refused -------------------------------------------------------------------------------------


def problems(**values: Any) -> tuple[str, ...]:
    raw = {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
    with pytest.raises(SettingsError) as refused:
        strategy_settings({"strategy": "e", **raw}, "strategy-e")
    return refused.value.problems


@pytest.mark.parametrize(
    "key",
    [
        "consumer.override.group.id",
        "consumer.override.auto.offset.reset",
        "transforms",
        "file",
        "tasks.max",
        "value.converter",
    ],
)
def test_connector_settings_that_the_protocol_owns_are_refused_by_name(key: str) -> None:
    (line,) = problems(green={"config": {key: "x"}})
    assert line.startswith(f"kafka-bluegreen:green.config.{key}: '{key}' is refused")
    assert "belongs to the switching protocol" in line


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"control": "hand"}, "kafka-bluegreen:control: 'hand' is refused; allowed: 'strimzi' or 'rest'"),
        ({"connect": "one"}, "kafka-bluegreen:connect: 'one' is refused; allowed: 'clusters' or 'shared'"),
        ({"membership": "shared"}, "kafka-bluegreen:membership: belongs to another kind of stack"),
        ({"sessionTimeoutSeconds": 30}, "kafka-bluegreen:sessionTimeoutSeconds: belongs to another kind of stack"),
        ({"blue": {"faults": {}}}, "kafka-bluegreen:blue.faults: unknown key; allowed: image, version, replicas,"),
        (
            {"connect": "shared", "active": "green", "blue": {"replicas": 0}},
            "kafka-bluegreen:blue.replicas: 0 contradicts connect: shared",
        ),
        (
            {"connect": "shared", "green": {"image": "registry/connect:2"}},
            "kafka-bluegreen:green.image: contradicts connect: shared",
        ),
        ({"messageBytes": 8001}, "kafka-bluegreen:messageBytes: 8001 contradicts strategy: e"),
        (
            {"analysis": {"templates": ["error-rate"], "timeoutSeconds": 9}},
            "kafka-bluegreen:analysis.templates: contradicts strategy: e",
        ),
        (
            {"analysis": {"seconds": 5, "maxErrorRate": 0, "maxRestarts": 1}},
            "kafka-bluegreen:analysis.maxRestarts: contradicts strategy: e",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_name(values: dict[str, Any], line: str) -> None:
    (told,) = problems(**values)
    assert told.startswith(line)


def test_the_stacks_file_leaves_room_for_the_operators_lock() -> None:
    """A start that was asked for can come true for so long, and counts as gone only then."""
    content = yaml.safe_load((ROOT / "stacks" / "Pulumi.strategy-e.yaml").read_text(encoding="utf-8"))["config"]
    assert (
        content["kafka-bluegreen:drainTimeoutSeconds"] > OperatorSettings.model_fields["lock_timeout_seconds"].default
    )
