"""The metrics store: a single VictoriaMetrics that finds and scrapes our pods by itself."""

from dataclasses import dataclass
from pathlib import Path

import pulumi
from pulumi_kubernetes.core.v1 import ConfigMap, ContainerPortArgs, PodSpecArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs

from components import names, pods
from components.observability.reader import reader
from components.stateful import StatefulArgs, stateful

_SCRAPE = Path(__file__).with_name("files") / "scrape.yaml"
_CONFIG = "/etc/victoriametrics"
_DASHBOARDS = "/etc/vmui-dashboards"
_DATA = "/var/lib/victoriametrics"
_UID = 10001
_CLUSTER_NAME = "kafka-bluegreen-metrics"


@dataclass(frozen=True)
class MetricsArgs:
    """namespace: where. image: VictoriaMetrics' single-node version, with `/victoria-metrics` as its program.
    dashboards: the ConfigMap of vmui's. alerts: the address of vmalert, which vmui shows; empty without one.
    """

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    dashboards: str
    alerts: str = ""
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

        # Reading pods, in every namespace: strategy stacks come and go in namespaces of their own.
        self.service_account, self.role, self.binding = reader(
            name,
            metadata,
            ObjectMetaArgs(name=_CLUSTER_NAME, labels=names.labels(names.METRICS)),
            [PolicyRuleArgs(api_groups=[""], resources=["pods"], verbs=["get", "list", "watch"])],
            opts=child,
        )
        self.config = ConfigMap(name, metadata=metadata, data={_SCRAPE.name: scrape}, opts=child)
        self.service, self.stateful_set = stateful(
            name,
            StatefulArgs(
                name=names.METRICS,
                namespace=args.namespace,
                labels=names.labels(names.METRICS),
                selector={names.NAME_LABEL: names.METRICS},
                annotations={
                    **pods.scraping(names.METRICS_PORT, "5s"),
                    **pods.settings_hash(scrape),
                },
                pod=_pod(args, self.service_account.metadata.name),
                claim="data",
                storage=args.storage,
                port=names.METRICS_PORT,
                headless=False,
            ),
            parent=self,
            depends_on=[self.config, self.binding],
        )
        self.url = self.service.metadata.apply(
            lambda _: f"http://{names.METRICS}.{names.PLATFORM_NAMESPACE}.svc.cluster.local:{names.METRICS_PORT}"
        )
        self.register_outputs({"url": self.url})


def _pod(args: MetricsArgs, service_account: pulumi.Input[str]) -> PodSpecArgs:
    store = pods.container(
        names.METRICS,
        args.image,
        args=[
            f"-httpListenAddr=:{names.METRICS_PORT}",
            f"-storageDataPath={_DATA}",
            f"-retentionPeriod={args.retention}",
            f"-promscrape.config={_CONFIG}/{_SCRAPE.name}",
            "-memory.allowedBytes=128MB",
            # A colour that was just deployed may be judged by its metrics a moment later; by default a new pod is not
            # looked for for half a minute.
            "-promscrape.kubernetesSDCheckInterval=2s",
            # A run reads what it has just measured: the newest samples are not held back, nor cached answers served.
            "-search.latencyOffset=0s",
            "-search.disableCache",
            f"-vmui.customDashboardsPath={_DASHBOARDS}",
            *([f"-vmalert.proxyURL={args.alerts}"] if args.alerts else []),
        ],
        ports=[ContainerPortArgs(name="metrics", container_port=names.METRICS_PORT)],
        readiness_probe=pods.http_probe("/health", names.METRICS_PORT, period=1, failures=3),
        liveness_probe=pods.http_probe("/health", names.METRICS_PORT, period=10, failures=6, timeout=5),
        resources=pods.resources("50m", "128Mi", "512Mi"),
        mounts=[
            pods.mount("config", _CONFIG, read_only=True),
            pods.mount("dashboards", _DASHBOARDS, read_only=True),
            pods.mount("data", _DATA),
        ],
    )
    return pods.pod(
        [store],
        volumes=[pods.config_volume("config", names.METRICS), pods.config_volume("dashboards", args.dashboards)],
        uid=_UID,
        service_account_name=service_account,
        automount_service_account_token=True,
    )
