"""The types of values that more is to be said of than their bounds."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, InstanceOf, SecretStr

from components.settings.declare import Allowed

Color = Literal["blue", "green"]
ClientValue = str | int | float | bool
#: What stands for a secret wherever one is shown.
HIDDEN = "[secret]"

#: Client settings that the protocol owns, with the reason that the user is told (design §5.1), under every name that
#: librdkafka knows them by: https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md
PROTOCOL_OWNED: Mapping[str, str] = {
    "group.id": "it follows from the stack's name and the strategy",
    "group.instance.id": "it follows from the group and the pod's name, and hand-overs rest on it",
    "enable.auto.commit": "the consumer commits what it has written down",
    "enable.auto.offset.store": "the consumer commits what it has written down",
    "enable.partition.eof": "positions pass what no application is handed by it",
    "auto.offset.reset": "always earliest, so that nothing is skipped",
    "session.timeout.ms": "set kafka-bluegreen:sessionTimeoutSeconds",
    "heartbeat.interval.ms": "always 500 with the classic protocol, so that a member soon hears of a change in its "
    "group; with KIP-848 it is the broker's",
    "group.protocol": "set kafka-bluegreen:groupProtocol",
    "group.protocol.type": "whoever is in one group has the same",
    "bootstrap.servers": "it comes from the platform stack",
    "metadata.broker.list": "it comes from the platform stack",
    "auto.commit.enable": "the consumer commits what it has written down",
    "statistics.interval.ms": "the consumer's metrics rest on it",
    "test.mock.num.brokers": "it puts made-up brokers in the place of the platform's",
    "on_commit": "it is the consumer's own",
    "error_cb": "it is the consumer's own",
    "stats_cb": "it is the consumer's own",
}
#: Settings of the broker that the platform owns, by how their names begin, with the reason that the user is told.
PLATFORM_OWNED: Mapping[str, str] = {
    "advertised.listeners": "clients find the broker by its Service",
    "auto.create.topics.enable": "a topic has the partitions that the configuration asks for, or none",
    "controller.": "the broker is its own KRaft controller",
    "inter.broker.listener.name": "clients find the broker by its Service",
    "listener": "clients find the broker by its Service",
    "log.dir": "its data is on the volume of its StatefulSet",
    "metadata.log.dir": "its data is on the volume of its StatefulSet",
    "node.id": "it is the only broker",
    "process.roles": "the broker is its own KRaft controller",
}


def _topic_name(value: str) -> str:
    if value in {".", ".."} or value.startswith("__"):
        raise ValueError("'.', '..' and names that begin with '__' are Kafka's own")
    return value


def _text_of_whole_number(value: object) -> object:
    # `pulumi config set --path blue.version 2` writes a number; 1.10 would have lost its zero by now and is refused.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _number_of_text(value: object) -> object:
    # `pulumi config set --path green.faults.failure_rate 0.1` writes text: it knows whole numbers only.
    return float(value) if isinstance(value, str) and re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value) else value


def version_of(image: str) -> str:
    """The version that an image's reference tells: its tag, or else the beginning of its digest; `latest` without
    both. What no `Version` can have in it is a `-` in it.
    """
    name, _, digest = image.partition("@")
    told = name.rpartition("/")[2].partition(":")[2] or digest.rpartition(":")[2][:12]
    return re.sub(r"[^A-Za-z0-9._-]", "-", told)[:63].strip("._-") or "latest"


def _tuple_of_list(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def dotted(value: object) -> object:
    """Names with dots, of what `pulumi config set --path blue.config.fetch.min.bytes` makes: an object in an object for
    each dot. What is no object is left for the validation to refuse. Raises ValueError for a name that is there twice.
    """
    if not isinstance(value, dict):
        return value
    found: dict[object, object] = {}
    for name, inner in _leaves(value):
        if name in found:
            raise ValueError(f"{name} is there twice, by two ways to write it")
        found[name] = inner
    return found


def shown(value: object) -> str:
    """A value as an error may show it."""
    text = HIDDEN if isinstance(value, SecretStr) else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _leaves(value: Mapping[object, object], before: str = "") -> Iterator[tuple[object, object]]:
    for key, inner in value.items():
        name = f"{before}{key}" if before else key
        if isinstance(inner, dict):
            yield from _leaves(inner, f"{name}.")
        else:
            yield name, inner


def _not_protocol_owned(key: str) -> str:
    if key in PROTOCOL_OWNED:
        raise ValueError(f"it belongs to the switching protocol: {PROTOCOL_OWNED[key]}")
    return key


def _not_platform_owned(key: str) -> str:
    for begin, why in PLATFORM_OWNED.items():
        if key.startswith(begin):
            raise ValueError(f"it belongs to the platform: {why}")
    return key


def _one_line(value: ClientValue) -> ClientValue:
    if isinstance(value, str) and not value.isprintable():
        raise ValueError("it is one line of a properties file")
    return value


TopicName = Annotated[
    str,
    Field(pattern=r"^[a-zA-Z0-9._-]{1,249}$"),
    Allowed("1 to 249 letters, digits, '.', '_' and '-'"),
    AfterValidator(_topic_name),
]
Version = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$"),
    Allowed("text of at most 63 letters, digits, '.', '_' and '-' (in quotes, if it looks like a number)"),
    BeforeValidator(_text_of_whole_number),
]
Fraction = Annotated[float, BeforeValidator(_number_of_text), Field(ge=0, le=1, allow_inf_nan=False)]
Partitions = Annotated[
    tuple[Annotated[int, Field(ge=0, le=999)], ...],
    Allowed("a list of partition numbers from 0"),
    BeforeValidator(_tuple_of_list),
]
ClientKey = Annotated[str, Field(pattern=r"^[a-z0-9]+([._][a-z0-9]+)*$"), AfterValidator(_not_protocol_owned)]
ClientConfig = Annotated[
    dict[ClientKey, ClientValue | InstanceOf[SecretStr]],
    BeforeValidator(dotted),
    Allowed("client settings by their librdkafka names, but not those that the protocol owns"),
]
BrokerKey = Annotated[str, Field(pattern=r"^[a-z0-9]+([._-][a-z0-9]+)*$"), AfterValidator(_not_platform_owned)]
BrokerConfig = Annotated[
    dict[BrokerKey, Annotated[ClientValue, AfterValidator(_one_line)]],
    BeforeValidator(dotted),
    Allowed("broker settings by Kafka's names, but not those that the platform owns"),
]
Stacks = Annotated[
    tuple[Annotated[str, Field(pattern=r"^strategy-[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?$")], ...],
    Allowed("a list of strategy stacks' names"),
    BeforeValidator(_tuple_of_list),
]
Address = Annotated[
    str, Field(pattern=r"^(https?://[^\s]+)?$"), Allowed("an address such as http://alertmanager:9093, or nothing")
]
ImageName = Annotated[str, Field(pattern=r"^[^\s]+$"), Allowed("an image reference")]
