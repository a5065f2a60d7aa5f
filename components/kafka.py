"""A Kafka broker: KRaft, persistent, with the metrics and the group coordinator's log that the experiments rest on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pulumi
from pulumi_kubernetes.core.v1 import (
    ConfigMap,
    ContainerPortArgs,
    EnvVarArgs,
    PodSpecArgs,
    ProbeArgs,
    TCPSocketActionArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components import broker_properties, names, pods
from components.settings.types import ClientValue
from components.stateful import StatefulArgs, stateful

_FILES = Path(__file__).with_name("files") / "kafka"
_CONFIG = "/etc/kafka-bluegreen"
_UID = 1000  # appuser of the image apache/kafka
# Any 16 bytes in unpadded base64url; it stays the same, so that a restart never formats a second time (KIP-785).
_CLUSTER_ID = "a2Fma2EtYmx1ZWdyZWVuMQ"
#: The broker's alone, and not the container's: Kafka's tools, run in it, would start the agent on a port that is taken,
#: and ask for a second heap of that size.
_BROKERS_OWN = {
    "KAFKA_HEAP_OPTS": "-Xms256m -Xmx512m",
    # One collector thread for a heap this small.
    "KAFKA_JVM_PERFORMANCE_OPTS": "-XX:+UseSerialGC",
    "KAFKA_LOG4J_OPTS": f"-Dlog4j2.configurationFile={_CONFIG}/log4j2.xml",
    "KAFKA_OPTS": "-javaagent:/opt/jmx-exporter/jmx_prometheus_javaagent.jar"
    f"={names.KAFKA_METRICS_PORT}:{_CONFIG}/jmx-exporter.yaml",
}
_START = (
    "set -eu\n"
    "/opt/kafka/bin/kafka-storage.sh format --ignore-formatted"
    f" --cluster-id {_CLUSTER_ID} --config {_CONFIG}/server.properties\n"
    + "".join(f"export {name}='{value}'\n" for name, value in _BROKERS_OWN.items())
    + f"exec /opt/kafka/bin/kafka-server-start.sh {_CONFIG}/server.properties\n"
)


@dataclass(frozen=True)
class KafkaArgs:
    """namespace: where. image: laid out as apache/kafka, with the JMX exporter's agent in /opt/jmx-exporter. config:
    settings of the broker, in place of its file's own.
    """

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    storage: str = "10Gi"
    config: Mapping[str, ClientValue] = field(default_factory=dict)


class Kafka(pulumi.ComponentResource):
    """One broker behind the headless Service `kafka`. bootstrap_servers: where clients of any namespace find it.
    identity: another one for a broker that was made anew, which has none of the topics: its volume goes with its set.
    """

    bootstrap_servers: pulumi.Output[str]
    identity: pulumi.Output[str]

    def __init__(self, name: str, args: KafkaArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kafka-bluegreen:component:Kafka", name, None, opts)
        labels = names.labels(names.KAFKA)

        domain = f"{names.KAFKA}.{names.PLATFORM_NAMESPACE}.svc.cluster.local"
        files = _config_files(f"{names.KAFKA}-0.{domain}:{names.KAFKA_PORT}", args.config)
        self.config = ConfigMap(
            name,
            metadata=ObjectMetaArgs(name=names.KAFKA, namespace=args.namespace, labels=labels),
            data=files,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.service, self.stateful_set = stateful(
            name,
            StatefulArgs(
                name=names.KAFKA,
                namespace=args.namespace,
                labels=labels,
                selector={names.NAME_LABEL: names.KAFKA},
                annotations={
                    **pods.scraping(names.KAFKA_METRICS_PORT, "5s"),
                    **pods.settings_hash(*files.values()),
                },
                pod=_pod(args.image),
                claim="data",
                storage=args.storage,
                port=names.KAFKA_PORT,
                port_name="kafka",
                target_port="kafka",
                # Clients look the broker up while it restarts: its name must not vanish (and be cached as missing).
                early=True,
            ),
            parent=self,
            depends_on=[self.config],
        )
        # Through the StatefulSet, so that whoever uses the address waits for a broker that answers there.
        self.bootstrap_servers = self.stateful_set.metadata.apply(lambda _: f"{domain}:{names.KAFKA_PORT}")
        self.identity = self.stateful_set.metadata.apply(lambda metadata: metadata.uid or "")
        self.register_outputs({"bootstrapServers": self.bootstrap_servers})


def _config_files(advertised: str, config: Mapping[str, ClientValue]) -> dict[str, str]:
    files = {path.name: path.read_text(encoding="utf-8") for path in sorted(_FILES.iterdir())}
    properties = broker_properties.merged(files["server.properties"], config)
    addresses = f"PLAINTEXT://{advertised},FORWARDED://localhost:{names.KAFKA_FORWARDED_PORT}"
    return files | {"server.properties": f"{properties}\nadvertised.listeners={addresses}\n"}


def _pod(image: pulumi.Input[str]) -> PodSpecArgs:
    broker = pods.container(
        names.KAFKA,
        image,
        command=["/bin/sh", "-c", _START],
        env=[EnvVarArgs(name="LOG_DIR", value="/tmp/kafka-logs")],  # noqa: S108 - the pod's own
        ports=[
            ContainerPortArgs(name="kafka", container_port=names.KAFKA_PORT),
            ContainerPortArgs(name="forwarded", container_port=names.KAFKA_FORWARDED_PORT),
            ContainerPortArgs(name="metrics", container_port=names.KAFKA_METRICS_PORT),
        ],
        startup_probe=_listening(period=1, failures=120),
        readiness_probe=_listening(period=2, failures=3),
        liveness_probe=_listening(period=10, failures=6),
        resources=pods.resources("100m", "512Mi", "1Gi"),
        mounts=[pods.mount("config", _CONFIG, read_only=True), pods.mount("data", "/var/lib/kafka/data")],
    )
    return pods.pod(
        [broker],
        volumes=[pods.config_volume("config", names.KAFKA)],
        uid=_UID,
        # A controlled shutdown writes the logs' clean-shutdown markers, without which the next start recovers every
        # segment.
        termination_grace_period_seconds=30,
    )


def _listening(*, period: int, failures: int) -> ProbeArgs:
    # The broker opens its port when it is ready to serve, not before.
    return ProbeArgs(
        tcp_socket=TCPSocketActionArgs(port=names.KAFKA_PORT),
        period_seconds=period,
        failure_threshold=failures,
        timeout_seconds=2,
    )
