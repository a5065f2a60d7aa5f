"""A KafkaConnect: what is read, what is refused, and what is made for it."""

from typing import Any

import pytest

from tests.workloads.connect_operator.place import connect_resource
from workloads.connect_operator import names
from workloads.connect_operator.cluster import MOUNTS, read
from workloads.connect_operator.errors import InvalidResourceError
from workloads.connect_operator.manifests import objects
from workloads.connect_operator.properties import worker_file


def made(metrics: str | None = None, **spec: Any) -> dict[str, dict[str, Any]]:
    """What is made, by kind and name."""
    found = objects(read(connect_resource(**spec)), "kafka:1", metrics)
    return {f"{obj['kind']} {obj['metadata']['name']}": obj for _, obj in found}


def container(metrics: str | None = None, **spec: Any) -> dict[str, Any]:
    """The worker's."""
    pod = made(metrics, **spec)["StatefulSet blue-connect"]["spec"]["template"]["spec"]
    (only,) = pod["containers"]
    found: dict[str, Any] = only
    return found


def environment(**spec: Any) -> dict[str, Any]:
    """The worker's variables that are texts."""
    return {variable["name"]: variable.get("value") for variable in container(**spec)["env"]}


def test_names_ports_and_owners_are_strimzis() -> None:
    found = made()
    assert list(found) == [
        "ConfigMap blue-connect-config",
        "Service blue-connect-api",
        "Service blue-connect",
        "StatefulSet blue-connect",
    ]
    for obj in found.values():
        (owner,) = obj["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["uid"]) == ("KafkaConnect", "blue", "uid-blue")
        assert obj["metadata"]["labels"]["strimzi.io/cluster"] == "blue"
    api = found["Service blue-connect-api"]["spec"]
    assert [port["port"] for port in api["ports"]] == [8083]
    stateful_set = found["StatefulSet blue-connect"]["spec"]
    assert (
        api["selector"]
        == stateful_set["selector"]["matchLabels"]
        == {"strimzi.io/cluster": "blue", "strimzi.io/kind": "KafkaConnect", "strimzi.io/name": "blue-connect"}
    )
    assert stateful_set["template"]["metadata"]["labels"].items() >= api["selector"].items()
    assert stateful_set["serviceName"] == "blue-connect"
    assert found["Service blue-connect"]["spec"]["clusterIP"] == "None"


def test_pods_have_no_account_and_no_rights() -> None:
    pod = made()["StatefulSet blue-connect"]["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in pod
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container()["securityContext"]["readOnlyRootFilesystem"] is True


def test_the_workers_configuration() -> None:
    config = {
        "offset.flush.interval.ms": 1000,
        "group.id": "not mine",
        "rest.port": 1,
        "ssl.protocol": "TLS",
        "a": True,
    }
    text = made(config=config)["ConfigMap blue-connect-config"]["data"]["connect.properties"]
    lines = dict(line.split("=", 1) for line in text.splitlines())
    assert lines["bootstrap.servers"] == "kafka:9092"
    assert lines["group.id"] == "blue"
    assert lines["config.storage.topic"] == "blue-configs"
    assert lines["offset.storage.topic"] == "blue-offsets"
    assert lines["status.storage.topic"] == "blue-status"
    assert lines["offset.flush.interval.ms"] == "1000"
    assert lines["ssl.protocol"] == "TLS"
    assert lines["a"] == "true"
    assert lines["key.converter"] == "org.apache.kafka.connect.json.JsonConverter"
    assert lines["rest.advertised.host.name"] == "${podenv:ADVERTISED_HOSTNAME}"
    assert "rest.port" not in lines


def test_each_worker_is_found_by_its_own_name() -> None:
    assert environment()["ADVERTISED_HOSTNAME"] == "$(POD_NAME).blue-connect.n.svc"


def test_the_file_is_read_back_as_it_was_meant() -> None:
    text = worker_file({"a b": " x\\y\nz", "config.providers": "mine"})
    assert "a\\ b=\\ x\\\\y\\nz\n" in text
    assert "config.providers=mine,podenv\n" in text


def test_options_of_the_jvm() -> None:
    jvm = {
        "-Xms": "64m",
        "-Xmx": "256m",
        "-XX": {"UseSerialGC": "true", "UseG1GC": False, "TieredStopAtLevel": "1"},
        "javaSystemProperties": [{"name": "a", "value": "b"}],
    }
    found = environment(jvmOptions=jvm)
    assert found["KAFKA_HEAP_OPTS"] == "-Xms64m -Xmx256m"
    assert found["KAFKA_JVM_PERFORMANCE_OPTS"] == "-XX:+UseSerialGC -XX:-UseG1GC -XX:TieredStopAtLevel=1"
    assert found["KAFKA_OPTS"] == "-Da=b"
    assert "KAFKA_HEAP_OPTS" not in environment()


def test_metrics_by_the_jmx_exporter() -> None:
    reference = {"configMapKeyRef": {"name": "m", "key": "k"}}
    config = {"type": "jmxPrometheusExporter", "valueFrom": reference}
    assert read(connect_resource(metricsConfig=config)).metrics_from == ("m", "k")
    worker = container("rules: []", metricsConfig=config)
    assert {port["name"]: port["containerPort"] for port in worker["ports"]} == {
        "rest-api": 8083,
        "tcp-prometheus": 9404,
    }
    options = next(variable["value"] for variable in worker["env"] if variable["name"] == "KAFKA_OPTS")
    assert options.startswith("-javaagent:")
    assert ":9404" not in options
    assert "=9404:" in options
    files = made("rules: []", metricsConfig=config)["ConfigMap blue-connect-config"]["data"]
    assert files["metrics-config.yaml"] == "rules: []"


def test_probes_image_and_resources() -> None:
    probe = {"initialDelaySeconds": 1, "periodSeconds": 1}
    worker = container(readinessProbe=probe, image="mine:2", resources={"limits": {"memory": "1Gi"}})
    assert worker["readinessProbe"] == {"httpGet": {"path": "/", "port": "rest-api"}, "timeoutSeconds": 5, **probe}
    assert worker["livenessProbe"]["initialDelaySeconds"] == 60
    assert worker["image"] == "mine:2"
    assert worker["resources"] == {"limits": {"memory": "1Gi"}}
    assert container()["image"] == "kafka:1"


def test_what_the_templates_add() -> None:
    claim = {"name": "out", "persistentVolumeClaim": {"claimName": "sink"}}
    template = {
        "pod": {
            "metadata": {"labels": {"color": "blue"}, "annotations": {"a": "1"}},
            "volumes": [claim],
            "terminationGracePeriodSeconds": 5,
            "securityContext": {"runAsUser": 7},
        },
        "connectContainer": {
            "env": [{"name": "MINE", "value": "1"}, {"name": "ADVERTISED_HOSTNAME", "value": "no"}],
            "volumeMounts": [{"name": "out", "mountPath": f"{MOUNTS}out", "subPathExpr": "$(POD_NAME)"}],
        },
        "apiService": {"metadata": {"annotations": {"b": "2"}}},
    }
    found = made(template=template)
    pod = found["StatefulSet blue-connect"]["spec"]["template"]
    assert pod["metadata"]["labels"]["color"] == "blue"
    assert pod["metadata"]["annotations"]["a"] == "1"
    assert claim in pod["spec"]["volumes"]
    assert pod["spec"]["terminationGracePeriodSeconds"] == 5
    assert pod["spec"]["securityContext"] == {"runAsUser": 7}
    assert "metadata" not in pod["spec"]
    assert found["Service blue-connect-api"]["metadata"]["annotations"] == {"b": "2"}
    env = environment(template=template)
    assert env["MINE"] == "1"
    assert env["ADVERTISED_HOSTNAME"].startswith("$(POD_NAME)")
    mounts = container(template=template)["volumeMounts"]
    assert mounts[-1]["mountPath"] == f"{MOUNTS}out"


def test_pods_roll_when_what_they_read_at_their_start_has_changed_and_only_then() -> None:
    def settings_hash(**spec: Any) -> str:
        template = made(**spec)["StatefulSet blue-connect"]["spec"]["template"]
        return str(template["metadata"]["annotations"][names.SETTINGS_HASH])

    assert settings_hash() == settings_hash(replicas=3)
    assert settings_hash() != settings_hash(config={"a": "b"})


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"tls": {}}, r"spec\.tls"),
        ({"authentication": {"type": "plain"}, "rack": {}}, r"spec\.authentication.*spec\.rack"),
        ({"template": {"initContainer": {}}}, r"spec\.template\.initContainer"),
        ({"template": {"pod": {"templatedVolumes": []}}}, r"spec\.template\.pod\.templatedVolumes"),
        ({"groupId": ""}, r"spec\.groupId is missing"),
        ({"metricsConfig": {"type": "strimziMetricsReporter"}}, "jmxPrometheusExporter"),
        ({"metricsConfig": {"type": "jmxPrometheusExporter"}}, "configMapKeyRef"),
        (
            {"template": {"connectContainer": {"volumeMounts": [{"name": "x", "mountPath": "/opt"}]}}},
            "/opt is not below /mnt/",
        ),
    ],
)
def test_what_is_not_carried_out_is_refused_by_name(spec: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidResourceError, match=said):
        read(connect_resource(**spec))


def test_whether_connectors_are_managed_by_resources() -> None:
    made_without = connect_resource()
    made_without["metadata"]["annotations"] = {names.USE_RESOURCES: "false"}
    assert read(connect_resource()).uses_resources
    assert not read(made_without).uses_resources
