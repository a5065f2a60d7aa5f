"""A KafkaConnect resource as the operator reads it, and what of it this stand-in refuses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workloads.connect_operator import names
from workloads.connect_operator.connector import is_true, owner_of
from workloads.connect_operator.errors import InvalidResourceError

#: Keys of `spec.config` that are left out, and which of them are not (CRD of 1.2.0).
FORBIDDEN_PREFIXES = (
    "group.id",
    "config.storage.topic",
    "offset.storage.topic",
    "status.storage.topic",
    "ssl.",
    "sasl.",
    "security.",
    "listeners",
    "plugin.path",
    "rest.",
    "bootstrap.servers",
    "consumer.interceptor.classes",
    "producer.interceptor.classes",
    "prometheus.metrics.reporter.",
)
ALLOWED = ("ssl.endpoint.identification.algorithm", "ssl.cipher.suites", "ssl.protocol", "ssl.enabled.protocols")
#: Where volumes of one's own may be mounted (TemplateUtils.java).
MOUNTS = "/mnt/"

# What is carried out. The CRD allows more; whatever else stands in a resource is refused by its name, not passed over.
_SPEC = frozenset(
    {"replicas", "version", "image", "bootstrapServers", "groupId", "configStorageTopic", "statusStorageTopic"}
    | {"offsetStorageTopic", "config", "resources", "jvmOptions", "readinessProbe", "livenessProbe", "metricsConfig"}
    | {"template"}
)
_TEMPLATE = frozenset({"pod", "connectContainer", "apiService", "headlessService"})
_POD_NOT = frozenset({"templatedVolumes"})
_STORAGE = {
    "groupId": "group.id",
    "configStorageTopic": "config.storage.topic",
    "offsetStorageTopic": "offset.storage.topic",
    "statusStorageTopic": "status.storage.topic",
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """What a resource wants. spec: as it stands, for the pods. config: the workers' configuration but for what differs
    from worker to worker. metrics_from: name and key of the ConfigMap with the JMX exporter's configuration.
    """

    name: str
    namespace: str
    owner: Mapping[str, Any]
    labels: Mapping[str, str]
    replicas: int
    image: str | None
    config: Mapping[str, str]
    spec: Mapping[str, Any]
    uses_resources: bool
    metrics_from: tuple[str, str] | None = None


def read(resource: Mapping[str, Any]) -> Cluster:
    """The resource's wishes. Raises InvalidResourceError, which names all that is wrong."""
    metadata, spec = resource["metadata"], resource.get("spec")
    if not isinstance(spec, Mapping):
        raise InvalidResourceError("the resource has no spec")
    if problems := [*_not_done(spec), *_missing(spec), *_mounts(spec)]:
        raise InvalidResourceError("; ".join(problems))
    return Cluster(
        name=metadata["name"],
        namespace=metadata.get("namespace", ""),
        owner={**owner_of(resource), "kind": names.CONNECT_KIND},
        labels=metadata.get("labels") or {},
        replicas=replicas_of(resource),
        image=spec.get("image"),
        config=_config(spec),
        spec=spec,
        uses_resources=is_true(resource, names.USE_RESOURCES),
        metrics_from=_metrics(spec),
    )


def replicas_of(resource: Mapping[str, Any]) -> int:
    """How many workers are wanted."""
    wanted = (resource.get("spec") or {}).get("replicas", 3)
    return int(wanted)


def _config(spec: Mapping[str, Any]) -> dict[str, str]:
    config = {
        "key.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    }
    for key, value in (spec.get("config") or {}).items():
        small = key.lower()
        if small in ALLOWED or not small.startswith(FORBIDDEN_PREFIXES):
            config[key] = str(value).lower() if isinstance(value, bool) else str(value)
    config["bootstrap.servers"] = spec["bootstrapServers"]
    return config | {name: spec[key] for key, name in _STORAGE.items()}


def _metrics(spec: Mapping[str, Any]) -> tuple[str, str] | None:
    given = spec.get("metricsConfig")
    if given is None:
        return None
    if given.get("type") != "jmxPrometheusExporter":
        raise InvalidResourceError(f"spec.metricsConfig.type {given.get('type')!r}: only jmxPrometheusExporter is done")
    reference = (given.get("valueFrom") or {}).get("configMapKeyRef") or {}
    if not reference.get("name") or not reference.get("key"):
        raise InvalidResourceError("spec.metricsConfig.valueFrom.configMapKeyRef needs name and key")
    return reference["name"], reference["key"]


def _not_done(spec: Mapping[str, Any]) -> list[str]:
    template = spec.get("template") or {}
    pod = template.get("pod") or {}
    unknown = [
        *sorted(set(spec) - _SPEC),
        *(f"template.{key}" for key in sorted(set(template) - _TEMPLATE)),
        *(f"template.pod.{key}" for key in sorted(set(pod) & _POD_NOT)),
    ]
    return [f"spec.{key} is not carried out by this stand-in" for key in unknown]


def _missing(spec: Mapping[str, Any]) -> list[str]:
    return [f"spec.{key} is missing" for key in ("bootstrapServers", *_STORAGE) if not spec.get(key)]


def _mounts(spec: Mapping[str, Any]) -> list[str]:
    mounts = ((spec.get("template") or {}).get("connectContainer") or {}).get("volumeMounts") or ()
    wrong = [mount["mountPath"] for mount in mounts if not mount["mountPath"].startswith(MOUNTS)]
    return [f"spec.template.connectContainer.volumeMounts: {path} is not below {MOUNTS}" for path in wrong]
