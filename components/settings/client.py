"""What librdkafka says to a colour's client settings, before anything is deployed.

A client is made with what the colour's pods will make theirs with, and closed again. It is told no server, so it opens
no connection. The configuration is composed as in `workloads/consumer/settings.py` (tests hold the two together), but
for what only a pod has: its names, and its files.
"""

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from components.settings.types import HIDDEN, ClientValue

Settings = Mapping[str, ClientValue]

#: The classic protocol's: a third of the shortest session that brokers take by default would be four times as long.
HEARTBEAT_MS = 500
LIST_OF_SETTINGS = "https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md"

_CONNECTING: Settings = {"socket.connection.setup.timeout.ms": 3000}
_ACCESS = ("security.", "sasl.", "ssl.", "enable.ssl.", "broker.address.", "socket.", "connections.", "log_level")
#: What librdkafka would open, load or call while it is made. They are the pod's, not of the machine that deploys it.
_FILES = frozenset(
    {
        "https.ca.location",
        "plugin.library.paths",
        "sasl.oauthbearer.assertion.jwt.template.file",
        "sasl.oauthbearer.assertion.private.key.file",
        "ssl.ca.location",
        "ssl.certificate.location",
        "ssl.crl.location",
        "ssl.engine.location",
        "ssl.key.location",
        "ssl.keystore.location",
    }
)
_CALLS = frozenset({"sasl.oauthbearer.method"})
#: What a Java client calls what librdkafka has another name for.
_JAVA = {
    "fetch.max.wait.ms": "fetch.wait.max.ms",
    "receive.buffer.bytes": "socket.receive.buffer.bytes",
    "send.buffer.bytes": "socket.send.buffer.bytes",
    "ssl.keystore.certificate.chain": "ssl.certificate.pem",
    "ssl.keystore.key": "ssl.key.pem",
    "ssl.truststore.certificates": "ssl.ca.pem",
}
_UNKNOWN = "No such configuration property"

_SILENT = logging.getLogger("kafka-bluegreen.trial")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False


@dataclass(frozen=True)
class Trial:
    """One of the clients that a pod makes. settings: the whole of it, from the colour's own."""

    kind: Literal["consumer", "producer"]
    settings: Callable[[Settings], Settings]


def consumer(own: Settings, *, classic: bool, session_ms: int, refreshing: bool = False) -> dict[str, ClientValue]:
    """What a colour's consumers are made with. own: the colour's client settings. refreshing: they look for partitions
    that are added.
    """
    return {
        "reconnect.backoff.max.ms": 1000,
        "fetch.error.backoff.ms": 100,
        "queued.max.messages.kbytes": 32 * 1024,
        **({"topic.metadata.refresh.interval.ms": 1000} if refreshing else {}),
        **_CONNECTING,
        **own,
        "group.id": "trial",
        "group.protocol": "classic" if classic else "consumer",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",
        "statistics.interval.ms": 1000,
        **({"session.timeout.ms": session_ms, "heartbeat.interval.ms": HEARTBEAT_MS} if classic else {}),
    }


def committer(own: Settings) -> dict[str, ClientValue]:
    """What the producer is made with by which a member commits in transactions; of the colour's own settings it has
    what any client needs to get in.
    """
    return {
        "reconnect.backoff.max.ms": 1000,
        "retry.backoff.ms": 10,
        **_CONNECTING,
        **{name: value for name, value in own.items() if name.startswith(_ACCESS)},
        "retry.backoff.max.ms": 50,
        "transactional.id": "trial",
        "transaction.timeout.ms": 5000,
    }


def refusals(trials: Sequence[Trial], own: Settings) -> Iterator[tuple[str, str]]:
    """For each of a colour's own client settings that one of these clients is not made with: its name, and what
    librdkafka says to it, with what to do.
    """
    left = dict(own)
    while said := _first(trials, left):
        name = _culprit(trials, left, said)
        yield name, said + _advice(name, said)
        if not name:
            return
        del left[name]


def hidden(text: str, secrets: Sequence[str]) -> str:
    """`text` without these, where they stand by themselves: a 1 in a 100 is nobody's secret, and would tell it."""
    for secret in filter(None, secrets):
        text = re.sub(rf"(?<![\w.]){re.escape(secret)}(?![\w.])", HIDDEN, text)
    return text


def _first(trials: Sequence[Trial], own: Settings) -> str:
    """What is said to the first client that is not made with these; empty when all are."""
    return next(filter(None, (_said(trial, own) for trial in trials)), "")


def _said(trial: Trial, own: Settings) -> str:
    """Why a client is not made with these; empty when it is."""
    from confluent_kafka import Consumer, KafkaException, Producer  # noqa: PLC0415 - wanted by few stacks

    # What it says beside its error would stand among the deployment's own lines.
    settings = {**trial.settings(_tried(own)), "logger": _SILENT}
    try:
        if trial.kind == "producer":
            Producer(settings)
        else:
            Consumer(settings).close()
    except KafkaException as error:
        return str(error.args[0].str()).strip()
    except (AttributeError, TypeError, ValueError) as error:  # of what the Python client looks at by itself
        return str(error)
    return ""


def _tried(own: Settings) -> Settings:
    """Without what is the pod's; and without TLS, whose parts it would be, then."""
    pods = _FILES & own.keys()
    left_out = pods | _CALLS | ({"security.protocol"} if pods else set())
    return {name: value for name, value in own.items() if name not in left_out}


def _culprit(trials: Sequence[Trial], own: Settings, said: str) -> str:
    """The setting without which this is not said; of several, one that it names, if it does."""
    without = ((name, {key: value for key, value in own.items() if key != name}) for name in own)
    found = [name for name, rest in without if _first(trials, rest) != said]
    return next((name for name in found if name in said), next(iter(found), ""))


def _advice(name: str, said: str) -> str:
    if _UNKNOWN not in said:
        return "; leave it out, or set kafka-bluegreen:groupProtocol to classic" if "group.protocol" in said else ""
    if name in _JAVA:
        return f"; it is a Java client's setting, librdkafka's is {_JAVA[name]}"
    return "; librdkafka has no such setting"
