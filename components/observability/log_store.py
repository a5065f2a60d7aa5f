"""The log store: a single VictoriaLogs. What sends it the lines is `log_collector`."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import ContainerPortArgs, PodSpecArgs

from components import names, pods
from components.stateful import StatefulArgs, stateful

_DATA = "/var/lib/victorialogs"
_UID = 10001
URL = f"http://{names.LOGS}.{names.PLATFORM_NAMESPACE}.svc.cluster.local:{names.LOGS_PORT}"


@dataclass(frozen=True)
class LogStoreArgs:
    """namespace: where. image: VictoriaLogs' single-node version, whose program takes its flags as arguments.

    retention: how long a line is kept, as VictoriaLogs writes it. most: of bytes on disk, before which the oldest days
    are dropped (https://docs.victoriametrics.com/victorialogs/#retention-by-disk-space-usage); `storage`, the volume,
    has room for a day above that.
    """

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    storage: str = "3Gi"
    most: str = "2GiB"
    retention: str = "3d"


class LogStore(pulumi.ComponentResource):
    """VictoriaLogs behind the Service `victorialogs`. url: its address inside the cluster, known once it is ready."""

    url: pulumi.Output[str]

    def __init__(self, name: str, args: LogStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kafka-bluegreen:component:LogStore", name, None, opts)
        self.service, self.stateful_set = stateful(
            name,
            StatefulArgs(
                name=names.LOGS,
                namespace=args.namespace,
                labels=names.labels(names.LOGS),
                selector={names.NAME_LABEL: names.LOGS},
                annotations=pods.scraping(names.LOGS_PORT, "15s"),
                pod=_pod(args),
                claim="data",
                storage=args.storage,
                port=names.LOGS_PORT,
                headless=False,
            ),
            parent=self,
            depends_on=[],
        )
        self.url = self.stateful_set.metadata.apply(lambda _: URL)
        self.register_outputs({"url": self.url})


def _pod(args: LogStoreArgs) -> PodSpecArgs:
    store = pods.container(
        names.LOGS,
        args.image,
        args=[
            f"-httpListenAddr=:{names.LOGS_PORT}",
            f"-storageDataPath={_DATA}",
            f"-retentionPeriod={args.retention}",
            f"-retention.maxDiskSpaceUsageBytes={args.most}",
            "-memory.allowedBytes=128MB",
        ],
        ports=[ContainerPortArgs(name="metrics", container_port=names.LOGS_PORT)],
        readiness_probe=pods.http_probe("/health", names.LOGS_PORT, period=1, failures=3),
        liveness_probe=pods.http_probe("/health", names.LOGS_PORT, period=10, failures=6, timeout=5),
        resources=pods.resources("50m", "96Mi", "512Mi"),
        mounts=[pods.mount("data", _DATA)],
    )
    return pods.pod([store], uid=_UID)
