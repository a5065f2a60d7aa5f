"""A Kafka broker: KRaft, persistent, with the metrics and the group coordinator's log that the experiments rest on."""

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
    EnvVarArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    ProbeArgs,
    Service,
    ServicePortArgs,
    ServiceSpecArgs,
    TCPSocketActionArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from components import names, pods

_FILES = Path(__file__).with_name("files") / "kafka"
_CONFIG = "/etc/kafka-bluegreen"
_UID = 1000  # appuser of the image apache/kafka
# Any 16 bytes in unpadded base64url; it stays the same, so that a restart never formats a second time (KIP-785).
_CLUSTER_ID = "a2Fma2EtYmx1ZWdyZWVuMQ"
_START = (
    "set -eu\n"
    # The agent of KAFKA_OPTS would serve metrics of the formatting, too.
    "KAFKA_OPTS= /opt/kafka/bin/kafka-storage.sh format --ignore-formatted"
    f" --cluster-id {_CLUSTER_ID} --config {_CONFIG}/server.properties\n"
    f"exec /opt/kafka/bin/kafka-server-start.sh {_CONFIG}/server.properties\n"
)


@dataclass(frozen=True)
class KafkaArgs:
    """namespace: where. image: laid out as apache/kafka, with the JMX exporter's agent in /opt/jmx-exporter."""

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    storage: str = "10Gi"


class Kafka(pulumi.ComponentResource):
    """One broker behind the headless Service `kafka`. bootstrap_servers: where clients of any namespace find it."""

    bootstrap_servers: pulumi.Output[str]

    def __init__(self, name: str, args: KafkaArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kafka-bluegreen:component:Kafka", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        labels = names.labels(names.KAFKA)

        # Clients look the broker up while it restarts: its name must not vanish (and be cached as missing) meanwhile.
        self.service = Service(
            name,
            metadata=ObjectMetaArgs(
                name=names.KAFKA, namespace=args.namespace, labels=labels, annotations={"pulumi.com/skipAwait": "true"}
            ),
            spec=ServiceSpecArgs(
                cluster_ip="None",
                publish_not_ready_addresses=True,
                selector={names.NAME_LABEL: names.KAFKA},
                ports=[ServicePortArgs(name="kafka", port=names.KAFKA_PORT, target_port="kafka")],
            ),
            opts=child,
        )
        domain = f"{names.KAFKA}.{names.PLATFORM_NAMESPACE}.svc.cluster.local"
        files = _config_files(f"{names.KAFKA}-0.{domain}:{names.KAFKA_PORT}")
        self.config = ConfigMap(
            name,
            metadata=ObjectMetaArgs(name=names.KAFKA, namespace=args.namespace, labels=labels),
            data=files,
            opts=child,
        )
        self.stateful_set = StatefulSet(
            name,
            metadata=ObjectMetaArgs(
                name=names.KAFKA, namespace=args.namespace, labels=labels, annotations=pods.until_rolled_out(1)
            ),
            spec=StatefulSetSpecArgs(
                replicas=1,
                service_name=self.service.metadata.name,
                selector=LabelSelectorArgs(match_labels={names.NAME_LABEL: names.KAFKA}),
                template=PodTemplateSpecArgs(
                    metadata=ObjectMetaArgs(
                        labels=labels,
                        annotations={
                            **pods.scraping(names.KAFKA_METRICS_PORT),
                            "prometheus.io/interval": "5s",
                            **pods.settings_hash(*files.values()),
                        },
                    ),
                    spec=_pod(args.image),
                ),
                volume_claim_templates=[pods.claim("data", args.storage)],
                persistent_volume_claim_retention_policy=StatefulSetPersistentVolumeClaimRetentionPolicyArgs(
                    when_deleted="Delete", when_scaled="Retain"
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.config], custom_timeouts=pods.ROLLOUT_TIMEOUTS),
        )
        # Through the StatefulSet, so that whoever uses the address waits for a broker that answers there.
        self.bootstrap_servers = self.stateful_set.metadata.apply(lambda _: f"{domain}:{names.KAFKA_PORT}")
        self.register_outputs({"bootstrapServers": self.bootstrap_servers})


def _config_files(advertised: str) -> dict[str, str]:
    files = {path.name: path.read_text(encoding="utf-8") for path in sorted(_FILES.iterdir())}
    files["server.properties"] += f"\nadvertised.listeners=PLAINTEXT://{advertised}\n"
    return files


def _pod(image: pulumi.Input[str]) -> PodSpecArgs:
    return PodSpecArgs(
        automount_service_account_token=False,
        enable_service_links=False,
        # A controlled shutdown writes the logs' clean-shutdown markers, without which the next start recovers every
        # segment.
        termination_grace_period_seconds=30,
        security_context=pods.pod_security(_UID),
        containers=[
            ContainerArgs(
                name=names.KAFKA,
                image=image,
                image_pull_policy=pods.PULL_POLICY,
                command=["/bin/sh", "-c", _START],
                env=[
                    EnvVarArgs(name="KAFKA_HEAP_OPTS", value="-Xms256m -Xmx512m"),
                    # Starts in half the time on two cores; the broker's work here is far from needing the second
                    # compiler.
                    EnvVarArgs(name="KAFKA_JVM_PERFORMANCE_OPTS", value="-XX:+UseSerialGC -XX:TieredStopAtLevel=1"),
                    EnvVarArgs(name="KAFKA_LOG4J_OPTS", value=f"-Dlog4j2.configurationFile={_CONFIG}/log4j2.xml"),
                    EnvVarArgs(
                        name="KAFKA_OPTS",
                        value="-javaagent:/opt/jmx-exporter/jmx_prometheus_javaagent.jar"
                        f"={names.KAFKA_METRICS_PORT}:{_CONFIG}/jmx-exporter.yaml",
                    ),
                    EnvVarArgs(name="LOG_DIR", value="/tmp/kafka-logs"),  # noqa: S108 - the pod's own
                ],
                ports=[
                    ContainerPortArgs(name="kafka", container_port=names.KAFKA_PORT),
                    ContainerPortArgs(name="metrics", container_port=names.KAFKA_METRICS_PORT),
                ],
                startup_probe=_listening(period=1, failures=120),
                readiness_probe=_listening(period=2, failures=3),
                liveness_probe=_listening(period=10, failures=6),
                security_context=pods.container_security(),
                resources=pods.resources("100m", "512Mi", "1Gi"),
                volume_mounts=[
                    pods.mount("config", _CONFIG, read_only=True),
                    pods.mount("data", "/var/lib/kafka/data"),
                    pods.mount("tmp", "/tmp"),  # noqa: S108 - the pod's own
                ],
            )
        ],
        volumes=[pods.config_volume("config", names.KAFKA), pods.scratch_volume()],
    )


def _listening(*, period: int, failures: int) -> ProbeArgs:
    # The broker opens its port when it is ready to serve, not before.
    return ProbeArgs(
        tcp_socket=TCPSocketActionArgs(port=names.KAFKA_PORT),
        period_seconds=period,
        failure_threshold=failures,
        timeout_seconds=2,
    )
