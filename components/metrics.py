"""The metrics store: a single VictoriaMetrics that finds and scrapes our pods by itself."""

from dataclasses import dataclass
from pathlib import Path

import pulumi
from pulumi_kubernetes.apps.v1 import (
    StatefulSet,
    StatefulSetPersistentVolumeClaimRetentionPolicyArgs,
    StatefulSetSpecArgs,
)
from pulumi_kubernetes.core.v1 import (
    ConfigMap,
    ContainerArgs,
    ContainerPortArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    Service,
    ServiceAccount,
    ServicePortArgs,
    ServiceSpecArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import ClusterRole, ClusterRoleBinding, PolicyRuleArgs, RoleRefArgs, SubjectArgs

from components import names, pods

_SCRAPE = Path(__file__).with_name("files") / "metrics" / "scrape.yaml"
_CONFIG = "/etc/victoriametrics"
_DATA = "/var/lib/victoriametrics"
_UID = 10001
_CLUSTER_NAME = "kafka-bluegreen-metrics"


@dataclass(frozen=True)
class MetricsArgs:
    """namespace: where. image: VictoriaMetrics' single-node version, with `/victoria-metrics` as its program."""

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    storage: str = "5Gi"
    retention: str = "14d"


class Metrics(pulumi.ComponentResource):
    """VictoriaMetrics behind the Service `victoriametrics`. url: its address inside the cluster."""

    url: pulumi.Output[str]

    def __init__(self, name: str, args: MetricsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kafka-bluegreen:component:Metrics", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        metadata = ObjectMetaArgs(name=names.METRICS, namespace=args.namespace, labels=names.labels(names.METRICS))
        scrape = _SCRAPE.read_text(encoding="utf-8")

        self.service_account = ServiceAccount(
            name, metadata=metadata, automount_service_account_token=False, opts=child
        )
        # Reading pods, in every namespace: strategy stacks come and go in namespaces of their own.
        self.role = ClusterRole(
            name,
            metadata=ObjectMetaArgs(name=_CLUSTER_NAME, labels=names.labels(names.METRICS)),
            rules=[PolicyRuleArgs(api_groups=[""], resources=["pods"], verbs=["get", "list", "watch"])],
            opts=child,
        )
        self.binding = ClusterRoleBinding(
            name,
            metadata=ObjectMetaArgs(name=_CLUSTER_NAME, labels=names.labels(names.METRICS)),
            role_ref=RoleRefArgs(
                api_group="rbac.authorization.k8s.io", kind="ClusterRole", name=self.role.metadata.name
            ),
            subjects=[
                SubjectArgs(kind="ServiceAccount", name=self.service_account.metadata.name, namespace=args.namespace)
            ],
            opts=child,
        )
        self.config = ConfigMap(name, metadata=metadata, data={_SCRAPE.name: scrape}, opts=child)
        self.service = Service(
            name,
            metadata=ObjectMetaArgs(
                name=names.METRICS,
                namespace=args.namespace,
                labels=names.labels(names.METRICS),
                annotations={"pulumi.com/skipAwait": "true"},
            ),
            spec=ServiceSpecArgs(
                selector={names.NAME_LABEL: names.METRICS},
                ports=[ServicePortArgs(name="http", port=names.METRICS_PORT, target_port="metrics")],
            ),
            opts=child,
        )
        self.stateful_set = StatefulSet(
            name,
            metadata=ObjectMetaArgs(
                name=names.METRICS,
                namespace=args.namespace,
                labels=names.labels(names.METRICS),
                annotations=pods.until_rolled_out(1),
            ),
            spec=StatefulSetSpecArgs(
                replicas=1,
                service_name=self.service.metadata.name,
                selector=LabelSelectorArgs(match_labels={names.NAME_LABEL: names.METRICS}),
                template=PodTemplateSpecArgs(
                    metadata=ObjectMetaArgs(
                        labels=names.labels(names.METRICS),
                        annotations={
                            **pods.scraping(names.METRICS_PORT),
                            "prometheus.io/interval": "5s",
                            **pods.settings_hash(scrape),
                        },
                    ),
                    spec=_pod(args, self.service_account.metadata.name),
                ),
                volume_claim_templates=[pods.claim("data", args.storage)],
                persistent_volume_claim_retention_policy=StatefulSetPersistentVolumeClaimRetentionPolicyArgs(
                    when_deleted="Delete", when_scaled="Retain"
                ),
            ),
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[self.config, self.binding], custom_timeouts=pods.ROLLOUT_TIMEOUTS
            ),
        )
        self.url = self.service.metadata.apply(
            lambda _: f"http://{names.METRICS}.{names.PLATFORM_NAMESPACE}.svc.cluster.local:{names.METRICS_PORT}"
        )
        self.register_outputs({"url": self.url})


def _pod(args: MetricsArgs, service_account: pulumi.Input[str]) -> PodSpecArgs:
    return PodSpecArgs(
        service_account_name=service_account,
        automount_service_account_token=True,
        enable_service_links=False,
        security_context=pods.pod_security(_UID),
        containers=[
            ContainerArgs(
                name=names.METRICS,
                image=args.image,
                image_pull_policy=pods.PULL_POLICY,
                args=[
                    f"-httpListenAddr=:{names.METRICS_PORT}",
                    f"-storageDataPath={_DATA}",
                    f"-retentionPeriod={args.retention}",
                    f"-promscrape.config={_CONFIG}/{_SCRAPE.name}",
                    "-memory.allowedBytes=128MB",
                    # A run reads what it has just measured: the newest samples are not held back, nor cached answers
                    # served.
                    "-search.latencyOffset=0s",
                    "-search.disableCache",
                ],
                ports=[ContainerPortArgs(name="metrics", container_port=names.METRICS_PORT)],
                readiness_probe=pods.http_probe("/health", names.METRICS_PORT, period=1, failures=3),
                liveness_probe=pods.http_probe("/health", names.METRICS_PORT, period=10, failures=6, timeout=5),
                security_context=pods.container_security(),
                resources=pods.resources("50m", "128Mi", "512Mi"),
                volume_mounts=[
                    pods.mount("config", _CONFIG, read_only=True),
                    pods.mount("data", _DATA),
                    pods.mount("tmp", "/tmp"),  # noqa: S108 - the pod's own
                ],
            )
        ],
        volumes=[pods.config_volume("config", names.METRICS), pods.scratch_volume()],
    )
