"""Connect workers: a KafkaConnect, which Strimzi's operator carries out (in the sandbox, its stand-in)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import (
    ConfigMap,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpecArgs,
    VolumeResourceRequirementsArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import (
    NetworkPolicy,
    NetworkPolicyIngressRuleArgs,
    NetworkPolicyPeerArgs,
    NetworkPolicyPortArgs,
    NetworkPolicySpecArgs,
)

from components import connect_names as connect
from components import names, pods, restarts
from components.connect import config

RULES = Path(__file__).parents[1] / "files" / "connect" / "jmx-exporter.yaml"

USE_RESOURCES = "strimzi.io/use-connector-resources"
METRICS_PORT = 9404  # the operator's
#: The group of the workers' files, and so of whoever reads them.
VOLUMES_GID = 1000
_LIVENESS_PERIOD = 10
#: Until the operator has carried out this generation, whichever way: a plain `condition=Ready` would take the one of
#: the generation before for it, for Strimzi's conditions have no observedGeneration (provider 4.25, `jsonpath.go`).
_UNTIL_READY = {"pulumi.com/waitFor": 'jsonpath={.status.conditions[?(@.type=="Ready")].status}=True'}


@dataclass(frozen=True)
class ConnectClusterArgs:
    """name: of the resource. cluster_id: of its group and topics in Kafka. image: None for the operator's own, which
    then needs connect-file among its plugins. by_resources: connectors are made and moved by their resources, and one
    that has none is deleted. labels: of the workers' pods, beside the operator's.

    slowest: seconds that a hang may take to show as a failed switch, before liveness acts.
    """

    namespace: pulumi.Input[str]
    name: str
    cluster_id: str
    image: str | None
    bootstrap_servers: pulumi.Input[str]
    replicas: int
    by_resources: bool
    labels: Mapping[str, str]
    slowest: int
    storage: str = "10Gi"


class ConnectCluster(pulumi.ComponentResource):
    """The KafkaConnect `<name>`, the rules of its metrics, and the claim `sink-<name>` that its sinks write to.

    The workers' files outlive them. Whoever mounts the claim runs on one node: a volume that only one node can mount
    is what every cluster has.
    """

    def __init__(self, name: str, args: ConnectClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kafka-bluegreen:component:ConnectCluster", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        labels = {names.PART_OF_LABEL: names.PART_OF, **args.labels}
        self.metrics = ConfigMap(
            name,
            metadata=ObjectMetaArgs(name=_metrics(args.name), namespace=args.namespace, labels=labels),
            data={RULES.name: RULES.read_text(encoding="utf-8")},
            opts=child,
        )
        self.sink = PersistentVolumeClaim(
            name,
            metadata=ObjectMetaArgs(
                name=sink_claim(args.name),
                namespace=args.namespace,
                labels=labels,
                # It may be bound only when the first pod that mounts it is placed.
                annotations={"pulumi.com/skipAwait": "true"},
            ),
            spec=PersistentVolumeClaimSpecArgs(
                access_modes=["ReadWriteOnce"],
                resources=VolumeResourceRequirementsArgs(requests={"storage": args.storage}),
            ),
            opts=child,
        )
        annotations = {
            **_UNTIL_READY,
            **restarts.annotation(of_workers(args)),
            **({USE_RESOURCES: "true"} if args.by_resources else {}),
        }
        self.resource = CustomResource(
            name,
            api_version=f"{connect.STRIMZI_GROUP}/{connect.STRIMZI_VERSION}",
            kind=connect.CONNECT_KIND,
            metadata=ObjectMetaArgs(name=args.name, namespace=args.namespace, labels=labels, annotations=annotations),
            spec=_spec(args),
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[self.metrics, self.sink], custom_timeouts=pods.ROLLOUT_TIMEOUTS
            ),
        )
        if not args.by_resources:
            self.policy = _who_may_ask(name, args, labels, child)
        self.register_outputs({"name": args.name})


def of_workers(args: ConnectClusterArgs) -> restarts.Digests:
    """By what the workers of these arguments are restarted, but for the broker's address. Registers nothing."""
    spec = _spec(replace(args, image=None, replicas=0, bootstrap_servers=""))
    return {"image": str(args.image or ""), "workers": restarts.digest(spec)}


def _who_may_ask(
    name: str, args: ConnectClusterArgs, labels: Mapping[str, str], opts: pulumi.ResourceOptions
) -> NetworkPolicy:
    """Connect's REST API has no authentication: whoever reaches it moves the connector. So it is for the agents and for
    the other workers, and metrics are for all. With connectors by their resources, the operator makes such a policy
    itself, for itself and the workers (Strimzi's `KafkaConnectCluster`).
    """
    workers = {connect.CLUSTER_LABEL: args.name, connect.KIND_LABEL: connect.CONNECT_KIND}
    peers = (workers, {names.NAME_LABEL: connect.AGENT})
    return NetworkPolicy(
        name,
        metadata=ObjectMetaArgs(name=f"{args.name}-rest", namespace=args.namespace, labels=labels),
        spec=NetworkPolicySpecArgs(
            pod_selector=LabelSelectorArgs(match_labels=workers),
            policy_types=["Ingress"],
            ingress=[
                NetworkPolicyIngressRuleArgs(
                    ports=[NetworkPolicyPortArgs(port=connect.REST_PORT, protocol="TCP")],
                    from_=[NetworkPolicyPeerArgs(pod_selector=LabelSelectorArgs(match_labels=peer)) for peer in peers],
                ),
                NetworkPolicyIngressRuleArgs(ports=[NetworkPolicyPortArgs(port=METRICS_PORT, protocol="TCP")]),
            ],
        ),
        opts=opts,
    )


def sink_claim(cluster: str) -> str:
    """The claim of a cluster's sinks."""
    return f"sink-{cluster}"


def sink_labels(cluster: str) -> dict[str, str]:
    """The label of the pods that mount it."""
    return {f"{names.GROUP}/sink": cluster}


def beside_the_sink(cluster: str) -> dict[str, Any]:
    """The affinity of the pods that mount it: all on one node; the first one anywhere."""
    term = {"labelSelector": {"matchLabels": sink_labels(cluster)}, "topologyKey": "kubernetes.io/hostname"}
    return {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def _metrics(cluster: str) -> str:
    return f"{cluster}-jmx-exporter"


def _spec(args: ConnectClusterArgs) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "replicas": args.replicas,
        "bootstrapServers": args.bootstrap_servers,
        **config.storage(args.cluster_id),
        "config": config.workers(),
        "jvmOptions": {"-Xms": "64m", "-Xmx": "256m"},
        "resources": {"requests": {"cpu": "50m", "memory": "192Mi"}, "limits": {"memory": "512Mi"}},
        # A worker answers when its REST API is up; the operator's defaults begin to ask after a minute.
        "readinessProbe": {"initialDelaySeconds": 1, "periodSeconds": 1, "timeoutSeconds": 3, "failureThreshold": 3},
        # A worker that hangs is first a failed switch, then a restarted container: not the other way round.
        "livenessProbe": {
            "initialDelaySeconds": 60,
            "periodSeconds": _LIVENESS_PERIOD,
            "timeoutSeconds": 5,
            "failureThreshold": pods.liveness_failures(args.slowest, _LIVENESS_PERIOD),
        },
        "metricsConfig": {
            "type": "jmxPrometheusExporter",
            "valueFrom": {"configMapKeyRef": {"name": _metrics(args.name), "key": RULES.name}},
        },
        "template": {"pod": _pod(args), "connectContainer": _container()},
    }
    return spec if args.image is None else {**spec, "image": args.image}


def _pod(args: ConnectClusterArgs) -> dict[str, Any]:
    return {
        "metadata": {
            "labels": {**args.labels, **sink_labels(args.name)},
            "annotations": pods.scraping(METRICS_PORT, "5s"),
        },
        # The image says who runs in it: its user differs between Strimzi's and others.
        "securityContext": {
            "runAsNonRoot": True,
            "fsGroup": VOLUMES_GID,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "affinity": beside_the_sink(args.name),
        "tmpDirSizeLimit": "64Mi",
        "volumes": [{"name": "sink", "persistentVolumeClaim": {"claimName": sink_claim(args.name)}}],
    }


def _container() -> dict[str, Any]:
    return {
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "sink", "mountPath": config.SINK_DIRECTORY}],
    }
