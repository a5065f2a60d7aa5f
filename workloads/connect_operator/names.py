"""Names that the operator, its users and Kafka Connect agree on.

Labels, annotations and the names of what is made for a KafkaConnect are Strimzi's (`KafkaConnectResources`, `Labels`,
`Annotations`, 1.2.0): whoever reads them here reads them the same way where the real operator is.
"""

GROUP_VERSION = "kafka.strimzi.io/v1"
CONNECTS = f"/apis/{GROUP_VERSION}/namespaces/{{}}/kafkaconnects"
CONNECTORS = f"/apis/{GROUP_VERSION}/namespaces/{{}}/kafkaconnectors"
CONFIG_MAPS = "/api/v1/namespaces/{}/configmaps"
SERVICES = "/api/v1/namespaces/{}/services"
STATEFUL_SETS = "/apis/apps/v1/namespaces/{}/statefulsets"

CLUSTER_LABEL = "strimzi.io/cluster"
KIND_LABEL = "strimzi.io/kind"
NAME_LABEL = "strimzi.io/name"
CONNECT_KIND = "KafkaConnect"
CONNECTOR_KIND = "KafkaConnector"

USE_RESOURCES = "strimzi.io/use-connector-resources"
PAUSE_RECONCILIATION = "strimzi.io/pause-reconciliation"
OFFSETS = "strimzi.io/connector-offsets"
RESTART = "strimzi.io/restart"
RESTART_TASK = "strimzi.io/restart-task"
#: On the pods: the hash of what a worker reads only when it starts.
SETTINGS_HASH = "kafka-bluegreen.io/settings-hash"

OFFSETS_KEY = "offsets.json"
REST_PORT = 8083
METRICS_PORT = 9404


def component(cluster: str) -> str:
    """The workers' StatefulSet and headless Service; the pods are `<this>-<number>`."""
    return f"{cluster}-connect"


def api_service(cluster: str) -> str:
    """The Service of the workers' REST API."""
    return f"{cluster}-connect-api"


def config_map(cluster: str) -> str:
    """The ConfigMap of what the workers read."""
    return f"{cluster}-connect-config"


def selector(cluster: str) -> dict[str, str]:
    """The labels that select the workers' pods."""
    return {CLUSTER_LABEL: cluster, KIND_LABEL: CONNECT_KIND, NAME_LABEL: component(cluster)}


def labels_text(labels: dict[str, str]) -> str:
    """Labels as a selector is written."""
    return ",".join(f"{name}={value}" for name, value in labels.items())
