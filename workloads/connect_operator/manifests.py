"""What is made for a KafkaConnect: a ConfigMap, two Services, a StatefulSet. Pure.

Names, labels, ports and the pods' names are Strimzi's. Strimzi makes a StrimziPodSet, a service account, a
PodDisruptionBudget and a NetworkPolicy; here a StatefulSet gives the same pods, which have no account at all. All of it
belongs to the resource, and goes with it.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from workloads.connect_operator import names
from workloads.connect_operator.cluster import Cluster
from workloads.connect_operator.properties import worker_file

Object = dict[str, Any]

UID = 1000  # appuser of the image apache/kafka
START = "/opt/kafka/bin/connect-distributed.sh"
AGENT = "/opt/jmx-exporter/jmx_prometheus_javaagent.jar"
FILES = "/opt/kafka/custom-config"
PROPERTIES, METRICS = "connect.properties", "metrics-config.yaml"
PROBE = {"initialDelaySeconds": 60, "timeoutSeconds": 5}  # KafkaConnectCluster.java's defaults
GRACE_SECONDS = 30


def objects(cluster: Cluster, default_image: str, metrics: str | None) -> list[tuple[str, Object]]:
    """(path of its collection, object) of each, in the order in which they are applied.

    metrics: the JMX exporter's configuration; None without `spec.metricsConfig`.
    """
    files = {PROPERTIES: worker_file(cluster.config)}
    if metrics is not None:
        files[METRICS] = metrics
    ports = [{"name": "rest-api", "port": names.REST_PORT, "targetPort": "rest-api", "protocol": "TCP"}]
    api, headless = names.api_service(cluster.name), names.component(cluster.name)
    return [
        (names.CONFIG_MAPS, {**_head(cluster, "v1", "ConfigMap", names.config_map(cluster.name)), "data": files}),
        (
            names.SERVICES,
            {
                **_head(cluster, "v1", "Service", api, template="apiService"),
                "spec": {"type": "ClusterIP", "selector": names.selector(cluster.name), "ports": ports},
            },
        ),
        (
            names.SERVICES,
            {
                **_head(cluster, "v1", "Service", headless, template="headlessService"),
                "spec": {
                    "clusterIP": "None",
                    "publishNotReadyAddresses": True,  # the workers find each other before they are ready
                    "selector": names.selector(cluster.name),
                    "ports": ports,
                },
            },
        ),
        (names.STATEFUL_SETS, _stateful_set(cluster, cluster.image or default_image, files)),
    ]


def _stateful_set(cluster: Cluster, image: str, files: Mapping[str, str]) -> Object:
    pod = _template(cluster, "pod")
    given = pod.get("metadata") or {}
    template = {
        "metadata": {
            "labels": {**(given.get("labels") or {}), **_labels(cluster)},
            "annotations": {**(given.get("annotations") or {}), names.SETTINGS_HASH: _digest(files)},
        },
        "spec": _pod(cluster, image, with_metrics=METRICS in files),
    }
    return {
        **_head(cluster, "apps/v1", "StatefulSet", names.component(cluster.name)),
        "spec": {
            "replicas": cluster.replicas,
            "serviceName": names.component(cluster.name),
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": names.selector(cluster.name)},
            "template": template,
        },
    }


def _pod(cluster: Cluster, image: str, *, with_metrics: bool) -> Object:
    template = _template(cluster, "pod")
    own = {key: value for key, value in template.items() if key not in {"metadata", "volumes", "tmpDirSizeLimit"}}
    tmp = {"name": "tmp", "emptyDir": {"sizeLimit": template.get("tmpDirSizeLimit", "64Mi")}}
    files = {"name": "files", "configMap": {"name": names.config_map(cluster.name)}}
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": UID,
            "runAsGroup": UID,
            "fsGroup": UID,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        **own,
        "containers": [_container(cluster, image, with_metrics=with_metrics)],
        "volumes": [files, tmp, *(template.get("volumes") or ())],
    }


def _container(cluster: Cluster, image: str, *, with_metrics: bool) -> Object:
    spec, template = cluster.spec, _template(cluster, "connectContainer")
    ports = [{"name": "rest-api", "containerPort": names.REST_PORT, "protocol": "TCP"}]
    if with_metrics:
        ports.append({"name": "tcp-prometheus", "containerPort": names.METRICS_PORT, "protocol": "TCP"})
    environment = _environment(cluster, with_metrics=with_metrics)
    taken = {variable["name"] for variable in environment}
    more = [variable for variable in template.get("env") or () if variable["name"] not in taken]
    container: Object = {
        "name": names.component(cluster.name),
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": [START, f"{FILES}/{PROPERTIES}"],
        "env": [*environment, *more],
        "ports": ports,
        "readinessProbe": _probe(spec.get("readinessProbe")),
        "livenessProbe": _probe(spec.get("livenessProbe")),
        "securityContext": template.get("securityContext")
        or {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [
            {"name": "files", "mountPath": FILES, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the pod's own
            *(template.get("volumeMounts") or ()),
        ],
    }
    if spec.get("resources"):
        container["resources"] = spec["resources"]
    return container


def _environment(cluster: Cluster, *, with_metrics: bool) -> list[Object]:
    jvm = cluster.spec.get("jvmOptions") or {}
    heap = " ".join(f"{option}{jvm[option]}" for option in ("-Xms", "-Xmx") if option in jvm)
    performance = " ".join(_flag(name, value) for name, value in (jvm.get("-XX") or {}).items())
    options = [f"-D{entry['name']}={entry['value']}" for entry in jvm.get("javaSystemProperties") or ()]
    if with_metrics:
        options.insert(0, f"-javaagent:{AGENT}={names.METRICS_PORT}:{FILES}/{METRICS}")
    host = f"$(POD_NAME).{names.component(cluster.name)}.{cluster.namespace}.svc"
    texts = {
        "ADVERTISED_HOSTNAME": host,
        "LOG_DIR": "/tmp/kafka-logs",  # noqa: S108 - the pod's own
        "KAFKA_HEAP_OPTS": heap,
        "KAFKA_JVM_PERFORMANCE_OPTS": performance,
        "KAFKA_OPTS": " ".join(options),
    }
    pod_name = {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    return [pod_name, *({"name": name, "value": value} for name, value in texts.items() if value)]


def _flag(name: str, value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return {"true": f"-XX:+{name}", "false": f"-XX:-{name}"}.get(text.lower(), f"-XX:{name}={text}")


def _probe(given: Mapping[str, Any] | None) -> Object:
    return {"httpGet": {"path": "/", "port": "rest-api"}, **PROBE, **(given or {})}


def _template(cluster: Cluster, of: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (cluster.spec.get("template") or {}).get(of) or {}
    return found


def _head(cluster: Cluster, version: str, kind: str, name: str, template: str = "") -> Object:
    given = (_template(cluster, template) if template else {}).get("metadata") or {}
    metadata: Object = {
        "name": name,
        "namespace": cluster.namespace,
        "labels": {**(given.get("labels") or {}), **_labels(cluster)},
        "ownerReferences": [dict(cluster.owner)],
    }
    if given.get("annotations"):
        metadata["annotations"] = given["annotations"]
    return {"apiVersion": version, "kind": kind, "metadata": metadata}


def _labels(cluster: Cluster) -> dict[str, str]:
    return {
        **cluster.labels,
        **names.selector(cluster.name),
        "strimzi.io/component-type": "kafka-connect",
        "app.kubernetes.io/name": "kafka-connect",
        "app.kubernetes.io/instance": cluster.name,
        "app.kubernetes.io/part-of": f"strimzi-{cluster.name}",
        "app.kubernetes.io/managed-by": "kafka-bluegreen-connect-operator",
    }


def _digest(files: Mapping[str, str]) -> str:
    text = "\0".join(f"{name}\0{files[name]}" for name in sorted(files))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
