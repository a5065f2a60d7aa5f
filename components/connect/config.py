"""What Connect's workers and the connectors on them are configured with, as values, each chosen for a reason."""

from collections.abc import Mapping

Scalar = str | int | float | bool

_MOUNTS = "/mnt/"  # where Strimzi lets volumes of one's own be mounted, and nowhere else
SINK_DIRECTORY = f"{_MOUNTS}sink"
_PACKAGE = "org.apache.kafka.connect"
_SINK = f"{_PACKAGE}.file.FileStreamSinkConnector"
_TEXT = f"{_PACKAGE}.storage.StringConverter"
_HOIST, _INSERT = (f"{_PACKAGE}.transforms.{name}$Value" for name in ("HoistField", "InsertField"))
_CLASS, _TASKS = "connector.class", "tasks.max"
#: The fields of a line of the sink, as the recorder reads them.
_VALUE, _PARTITION, _OFFSET, _EPOCH = tuple("vpoe")
_TIME = "ts"

#: Keys of a connector that the protocol owns, with the reason that the user is told (design §5.1).
PROTOCOL_OWNED: Mapping[str, str] = {
    "name": "it follows from the stack's name and the colour",
    _CLASS: "the sink is the standard FileStreamSinkConnector",
    _TASKS: "set kafka-bluegreen:replicas",
    "topics": "set kafka-bluegreen:topic",
    "topics.regex": "set kafka-bluegreen:topic",
    "file": "the recorder follows the files that it names",
    "value.converter": "the recorder reads the lines as text",
    "transforms": "the recorder reads what they put into a line, and one of them bears the epoch",
    "consumer.override.group.id": "offsets are moved from one colour's group to the other's; the group follows from "
    "the connector's name",
    "consumer.override.group.instance.id": "a worker that dies must not keep its partitions",
    "consumer.override.group.protocol": "offsets of the group are altered while it is empty, as of a classic one",
    "consumer.override.client.id": "the agent tells by it which tasks a worker runs",
    "consumer.override.enable.auto.commit": "Connect commits what the sink has flushed",
    "consumer.override.auto.offset.reset": "always earliest, so that nothing is skipped",
    "consumer.override.session.timeout.ms": "it is the workers', and bounds how long a killed one keeps its partitions",
    "consumer.override.heartbeat.interval.ms": "it goes with the session timeout",
    "consumer.override.bootstrap.servers": "it comes from the platform stack",
    "consumer.override.metric.reporters": "the agent reads the consumers' metrics",
}
_OWNED_PREFIXES = ("transforms", "predicates")


def owned(key: str) -> str:
    """Why the protocol owns this key of a connector; empty when it does not."""
    if key.partition(".")[0] in _OWNED_PREFIXES:
        return PROTOCOL_OWNED["transforms"]
    return PROTOCOL_OWNED.get(key, "")


def storage(cluster_id: str) -> dict[str, str]:
    """The group and the topics that the workers of one Connect cluster have to themselves in all of Kafka."""
    topics = {f"{kind}StorageTopic": f"{cluster_id}-{name}" for kind, name in _TOPICS.items()}
    return {"groupId": cluster_id, **topics}


#: How long a task writes before it commits: what a crash can repeat is what was written since.
FLUSH_SECONDS = 1

_TOPICS = {"config": "configs", "offset": "offsets", "status": "status"}


def workers() -> dict[str, Scalar]:
    """What a worker is told beside its group and topics.

    - `offset.flush.interval.ms` 1000: a killed worker's successor writes again what was not committed; with Connect's
      60 s that is a minute's records. Each flush is one commit of each task.
    - `scheduled.rebalance.max.delay.ms` 0: Connect leaves the tasks of a worker that is gone unassigned for 5 minutes
      in case it comes back, by default (KIP-415); here they go to the others at once.
    - `session.timeout.ms` 6000, of the workers' group, and `consumer.session.timeout.ms`, of the tasks': how long a
      killed worker's tasks, and its partitions, are nobody's. 6 s is the least that a broker takes by default
      (`group.min.session.timeout.ms`). Not longer, as for consumers of our own: nothing here is a static member, and
      no broker fences a worker that comes back; the agent asks each worker itself before a grant moves on.
    - `consumer.heartbeat.interval.ms` 100: tasks do not enter their group at once, each one more is a rebalance, and
      those that are in it hear of that by the answer to a heartbeat: with Connect's 3 s that would be most of a start.
    - `consumer.metadata.max.age.ms` 1000: how long partitions that are added have no owner; five minutes by default.
    - `connector.client.config.override.policy` All: connectors say from where on their consumers read.
    - `plugin.discovery` SERVICE_LOAD: no scan of every jar for plugins at each start (KIP-898).
    - `config.providers`: a connector is one for all workers, and names each one's file by the worker's host name, which
      is its pod's. The container runtime sets HOSTNAME.
    - Replication factor -1: the broker's default. One partition for what these sinks do not use (their offsets are
      their groups'), and for the few statuses.
    - `consumer.metrics.sample.window.ms` 2500: two samples are 5 s, over which the plan's rates are.
    """
    return {
        "offset.flush.interval.ms": 1000 * FLUSH_SECONDS,
        "scheduled.rebalance.max.delay.ms": 0,
        "session.timeout.ms": 6000,
        "heartbeat.interval.ms": 1000,
        "consumer.session.timeout.ms": 6000,
        "consumer.heartbeat.interval.ms": 100,
        "consumer.metadata.max.age.ms": 1000,
        "consumer.metrics.sample.window.ms": 2500,
        "connector.client.config.override.policy": "All",
        "plugin.discovery": "SERVICE_LOAD",
        "config.providers": "env",
        "config.providers.env.class": "org.apache.kafka.common.config.provider.EnvVarConfigProvider",
        "config.providers.env.param.allowlist.pattern": "HOSTNAME",
        "config.storage.replication.factor": -1,
        "offset.storage.replication.factor": -1,
        "offset.storage.partitions": 1,
        "status.storage.replication.factor": -1,
        "status.storage.partitions": 1,
    }


def sink_suffix(color: str) -> str:
    """What a colour's files are called after the worker's pod: two connectors on one worker have a file each."""
    return f"-{color}.txt"


def connector(*, topic: str, tasks: int, color: str, overrides: Mapping[str, Scalar]) -> dict[str, str]:
    """A colour's connector, but for its epoch, which its agent writes. The sink writes values alone: how keys are read
    is the colour's own matter, as text if it says nothing.

    The transforms put into each line what `workloads/recorder` reads from it: the value, the partition, the offset, the
    record's time, and the epoch.
    """
    return {
        "key.converter": _TEXT,
        **{key: _text(value) for key, value in overrides.items()},
        _CLASS: _SINK,
        _TASKS: str(tasks),
        "topics": topic,
        "file": f"{SINK_DIRECTORY}/${{env:HOSTNAME}}{sink_suffix(color)}",
        "value.converter": _TEXT,
        "transforms": "value,at,epoch",
        "transforms.value.type": _HOIST,
        "transforms.value.field": _VALUE,
        "transforms.at.type": _INSERT,
        "transforms.at.partition.field": _PARTITION,
        "transforms.at.offset.field": _OFFSET,
        "transforms.at.timestamp.field": _TIME,
        "transforms.epoch.type": _INSERT,
        "transforms.epoch.static.field": _EPOCH,
        "consumer.override.auto.offset.reset": "earliest",
    }


def as_resource(config: Mapping[str, str]) -> dict[str, object]:
    """The same as a KafkaConnector's spec has it: what has a field of its own is not among the rest."""
    rest = {key: value for key, value in config.items() if key not in {_CLASS, _TASKS}}
    return {"class": config[_CLASS], "tasksMax": int(config[_TASKS]), "config": rest}


def _text(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
