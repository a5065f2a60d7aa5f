"""What takes the lines of our pods from their nodes to the log store: vlagent, one pod on each node.

A container's log is a file of its node that only root and the group root may read, and a mount of a node's folder is
more than the restricted and the baseline Pod Security Standards allow. So the collector is in a namespace of its own:
nobody of the group root, but it, and nobody but it with a view of a node. It is not root, its mounts are read-only, and
it has no capability. What it keeps (how far it has read, and what the store has not taken yet) goes with its pod: a new
one reads the files from their beginning, as far as the store keeps them.

It collects the namespaces that bear this project's label, its own, which does not, left out.
"""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apps.v1 import DaemonSet, DaemonSetSpecArgs
from pulumi_kubernetes.core.v1 import (
    ContainerPortArgs,
    EmptyDirVolumeSourceArgs,
    HostPathVolumeSourceArgs,
    Namespace,
    PodSecurityContextArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    SeccompProfileArgs,
    TolerationArgs,
    VolumeArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs

from components import names, pods
from components.observability.reader import reader

#: Of every node: the files, by their pods and containers, and the links to them by which they are found.
POD_LOGS = "/var/log/pods"
CONTAINER_LOGS = "/var/log/containers"
_DATA = "/var/lib/vlagent"
_UID = 10001
_ROOT_GROUP = 0
#: vlagent keeps what waits for the store in chunks of 500 MB, and asks for a multiple of that.
_BUFFER = "500MB"
_VOLUME = "700Mi"
_NOT_OURS = f'"kubernetes.namespace_labels.{names.PART_OF_LABEL}":!="{names.PART_OF}"'


def rules() -> list[PolicyRuleArgs]:
    """What vlagent asks for: the pods of its node, their namespaces' labels, and its node by its name, which no rule
    can say beforehand.
    """
    return [
        PolicyRuleArgs(api_groups=[""], resources=["pods"], verbs=["get", "list", "watch"]),
        PolicyRuleArgs(api_groups=[""], resources=["namespaces"], verbs=["list"]),
        PolicyRuleArgs(api_groups=[""], resources=["nodes"], verbs=["get"]),
    ]


@dataclass(frozen=True)
class LogCollectorArgs:
    """image: vlagent's, whose program takes its flags as arguments. store: the log store's address."""

    image: pulumi.Input[str]
    store: pulumi.Input[str]


class LogCollector(pulumi.ComponentResource):
    """The DaemonSet `vlagent`, its namespace and its rights."""

    def __init__(self, name: str, args: LogCollectorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kafka-bluegreen:component:LogCollector", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        own = {names.NAME_LABEL: names.LOG_COLLECTOR}
        # Not of this project by its label: that is what a strategy's namespace has, which holds the platform.
        self.namespace = Namespace(
            name,
            metadata=ObjectMetaArgs(
                name=names.LOGS_NAMESPACE, labels={"pod-security.kubernetes.io/enforce": "privileged"}
            ),
            opts=child,
        )
        metadata = ObjectMetaArgs(
            name=names.LOG_COLLECTOR, namespace=self.namespace.metadata.name, labels=names.labels(names.LOG_COLLECTOR)
        )
        self.service_account, self.role, self.binding = reader(
            name,
            metadata,
            ObjectMetaArgs(name=names.LOGS_NAMESPACE, labels=names.labels(names.LOG_COLLECTOR)),
            rules(),
            opts=child,
        )
        self.daemon_set = DaemonSet(
            name,
            metadata=metadata,
            spec=DaemonSetSpecArgs(
                selector=LabelSelectorArgs(match_labels=own),
                template=PodTemplateSpecArgs(
                    metadata=ObjectMetaArgs(
                        labels=names.labels(names.LOG_COLLECTOR),
                        annotations=pods.scraping(names.LOG_COLLECTOR_PORT, "15s"),
                    ),
                    spec=_pod(args, self.service_account.metadata.name),
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.binding], custom_timeouts=pods.ROLLOUT_TIMEOUTS),
        )
        self.register_outputs({"namespace": self.namespace.metadata.name})


def _pod(args: LogCollectorArgs, service_account: pulumi.Input[str]) -> PodSpecArgs:
    agent = pods.container(
        names.LOG_COLLECTOR,
        args.image,
        args=[
            f"-httpListenAddr=:{names.LOG_COLLECTOR_PORT}",
            pulumi.Output.concat("-remoteWrite.url=", args.store, "/insert/native"),
            f"-remoteWrite.maxDiskUsagePerURL={_BUFFER}",
            f"-tmpDataPath={_DATA}",
            "-kubernetesCollector",
            f"-kubernetesCollector.logsPath={CONTAINER_LOGS}",
            f"-kubernetesCollector.excludeFilter={_NOT_OURS}",
            "-memory.allowedBytes=64MB",
        ],
        ports=[ContainerPortArgs(name="metrics", container_port=names.LOG_COLLECTOR_PORT)],
        readiness_probe=pods.http_probe("/health", names.LOG_COLLECTOR_PORT, period=1, failures=3),
        liveness_probe=pods.http_probe("/health", names.LOG_COLLECTOR_PORT, period=10, failures=6, timeout=5),
        resources=pods.resources("50m", "64Mi", "256Mi"),
        mounts=[
            pods.mount("pod-logs", POD_LOGS, read_only=True),
            pods.mount("container-logs", CONTAINER_LOGS, read_only=True),
            pods.mount("data", _DATA),
        ],
    )
    return pods.pod(
        [agent],
        volumes=[
            _of_the_node("pod-logs", POD_LOGS),
            _of_the_node("container-logs", CONTAINER_LOGS),
            VolumeArgs(name="data", empty_dir=EmptyDirVolumeSourceArgs(size_limit=_VOLUME)),
        ],
        security_context=PodSecurityContextArgs(
            run_as_non_root=True,
            run_as_user=_UID,
            run_as_group=_ROOT_GROUP,
            seccomp_profile=SeccompProfileArgs(type="RuntimeDefault"),
        ),
        service_account_name=service_account,
        automount_service_account_token=True,
        # Every node has pods whose lines are wanted, also those that are kept for something.
        tolerations=[TolerationArgs(operator="Exists")],
    )


def _of_the_node(name: str, path: str) -> VolumeArgs:
    return VolumeArgs(name=name, host_path=HostPathVolumeSourceArgs(path=path, type="Directory"))
