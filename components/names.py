"""Names, ports and labels that the workloads, the experiments and people with kubectl rely on. Changing one changes a
contract.
"""

from typing import Literal

GROUP = "kafka-bluegreen.io"

PLATFORM_STACK = "platform"
PLATFORM_NAMESPACE = "kafka-bluegreen"

KAFKA = "kafka"
KAFKA_PORT = 9092
#: Where the broker says that it is `localhost`: for whoever comes through a port-forward of this port.
KAFKA_FORWARDED_PORT = 19092
KAFKA_METRICS_PORT = 9404
METRICS = "victoriametrics"
METRICS_PORT = 8428
LOGS = "victorialogs"
LOGS_PORT = 9428
LOG_COLLECTOR = "vlagent"
LOG_COLLECTOR_PORT = 9429
#: Where the collector of logs is, alone: what reads a node's files is let into no namespace of the others.
LOGS_NAMESPACE = "kafka-bluegreen-logs"
#: Where KEDA is, alone: it may read the Secrets of its namespace.
KEDA_NAMESPACE = "kafka-bluegreen-keda"
ALERTS = "vmalert"
#: The one whose rules are on log lines.
LOG_ALERTS = "vmalert-logs"
ALERTS_PORT = 8880

PRODUCER = "producer"
CONSUMER = "consumer"
CONTROLLER = "controller"
TOPIC = "topic"
PAGE = "page"
SIDECAR = "sidecar"

HTTP_PORT = 8080
#: Where an application listens for its own sidecar, on the loopback.
LIFECYCLE_PORT = 8081
SIDECAR_PORT = 8082

SWITCH_NAME = "consumer"
SWITCH_VERSION = "v1alpha1"
SWITCH_KIND = "KafkaConsumerSwitch"
SWITCH_PLURAL = "kafkaconsumerswitches"
#: Who asks the API server, of an update.
UPDATE_AGENT = "kafka-bluegreen-up"
LEASE_NAME = "consumer-switch"
LIFECYCLE_CONDITION = f"{GROUP}/Lifecycle"
POLICY_NAME = "kafka-bluegreen-own-pod-status"

PART_OF_LABEL = "app.kubernetes.io/part-of"
PART_OF = "kafka-bluegreen"
NAME_LABEL = "app.kubernetes.io/name"
COLOR_LABEL = f"{GROUP}/color"
STRATEGY_LABEL = f"{GROUP}/strategy"
SETTINGS_HASH = f"{GROUP}/settings-hash"
RESTARTS = f"{GROUP}/restarted-by"
KAFKA_ID = f"{GROUP}/kafka-id"
#: Of a member's pod: the application's version and image.
VERSION_ANNOTATION = f"{GROUP}/version"
IMAGE_ANNOTATION = f"{GROUP}/image"

SETTINGS_DIRECTORY = "/etc/kafka-bluegreen"
SETTINGS_FILE = "settings.yaml"
SECRETS_FILE = "secrets.yaml"
RECORDS_DIRECTORY = "/records"

Color = Literal["blue", "green"]
COLORS: tuple[Color, Color] = ("blue", "green")


def switches(namespace: str) -> str:
    """The API server's path of a namespace's KafkaConsumerSwitches."""
    return f"/apis/{GROUP}/{SWITCH_VERSION}/namespaces/{namespace}/{SWITCH_PLURAL}"


def consumer_set(color: str) -> str:
    """The name of a colour's StatefulSet, ConfigMap and Service."""
    return f"{CONSUMER}-{color}"


def labels(name: str) -> dict[str, str]:
    """The labels of everything that belongs to `name`."""
    return {NAME_LABEL: name, PART_OF_LABEL: PART_OF}


def selector(name: str, color: str) -> dict[str, str]:
    """The labels that select a colour's pods of `name`, and nothing else in their namespace."""
    return {NAME_LABEL: name, COLOR_LABEL: color}


def consumer_selector(color: str) -> dict[str, str]:
    """The labels that select a colour's consumer pods, and nothing else in their namespace."""
    return selector(CONSUMER, color)
