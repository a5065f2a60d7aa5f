"""Names, labels and ports of what a stack has whose colours are connectors. Changing one changes a contract.

What is Strimzi's is so in its operator and in the stand-in: pods `<cluster>-connect-<n>`, their labels and their REST
port. A connector's consumer group is Connect's own name for it, `connect-<connector>`, unless its configuration says
another one.
"""

from components import names

STRIMZI_GROUP, STRIMZI_VERSION = "kafka.strimzi.io", "v1"
CONNECT_KIND, CONNECT_PLURAL = "KafkaConnect", "kafkaconnects"
CONNECTOR_KIND, CONNECTOR_PLURAL = "KafkaConnector", "kafkaconnectors"
CLUSTER_LABEL = "strimzi.io/cluster"
KIND_LABEL = "strimzi.io/kind"
MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"

#: The label `app.kubernetes.io/name` of the workers' pods.
WORKERS = "kafka-connect"
WORKERS_COMMAND = "org.apache.kafka.connect.cli.ConnectDistributed"
REST_PORT = 8083
GROUP_KEY = "consumer.override.group.id"

AGENT = "agent"
#: The agent is the sidecar's program, and so is its container called.
AGENT_CONTAINER = names.SIDECAR
AGENTS_MANAGER = "kafka-bluegreen-agent"

RECORDER = "recorder"
RECORDER_PORT = 8084

#: The stand-in for Strimzi's operator, where there is none.
OPERATOR = "connect-operator"
OPERATORS_MANAGER = "kafka-bluegreen-connect-operator"

SHARED = "shared"


def cluster(color: str, *, shared: bool = False) -> str:
    """The name of a colour's KafkaConnect; of the one for both, if it is shared."""
    return SHARED if shared else color


def workers(cluster_name: str) -> str:
    """What the names of a cluster's workers begin with, before their number; also the name of their container."""
    return f"{cluster_name}-connect"


def connector(stack: str, color: str) -> str:
    """The name of a colour's connector, in Connect and as a resource: the group that follows from it is the whole
    Kafka's, and the stack's name keeps stacks apart.
    """
    return f"{stack}-{color}"


def group(connector_name: str) -> str:
    """The consumer group of a sink connector whose configuration does not say another one."""
    return f"connect-{connector_name}"


def agent_set(color: str) -> str:
    """The name of a colour's agent's StatefulSet."""
    return f"{AGENT}-{color}"


def recorder_set(color: str) -> str:
    """The name of a colour's recorder's StatefulSet."""
    return f"{RECORDER}-{color}"
