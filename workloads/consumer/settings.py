"""What the consumer can be told, by file and environment."""

from typing import Any, Self

from pydantic import model_validator

from workloads.common.clients import CONNECTING, STATISTICS_MS
from workloads.common.settings import ordinal
from workloads.common.states import Fencing, GroupProtocol
from workloads.handling.settings import DYNAMIC_SESSION_SECONDS, ApplicationSettings
from workloads.member.way import Place, Start, Way

# Of the client's overrides, what any client needs to get in; the rest is a consumer's own.
_ACCESS = ("security.", "sasl.", "ssl.", "enable.ssl.", "broker.address.", "socket.", "connections.", "log_level")
# For so long a transaction that a crash left open keeps its offsets from being read, unless its id is initialised anew,
# which ends it: less than a resume goes on trying.
TRANSACTION_SECONDS = 5

# The classic protocol's: a member hears of a change in its group with a heartbeat.
HEARTBEAT_MS = 500
# Partitions that are added are a matter of a group of one's own: its members find them. Five minutes by default.
REFRESHING = {"topic.metadata.refresh.interval.ms": 1000}

# What the protocol owns: an override would break what a switch rests on.
OWNED = frozenset(
    {
        "bootstrap.servers",
        "group.id",
        "group.instance.id",
        "group.protocol",
        "group.protocol.type",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "enable.partition.eof",
        "auto.offset.reset",
        "session.timeout.ms",
        "heartbeat.interval.ms",
        "test.mock.num.brokers",
        "on_commit",
        "error_cb",
        "stats_cb",
        "statistics.interval.ms",
    }
)


class ConsumerSettings(ApplicationSettings):
    """`ApplicationSettings` of a consumer on confluent-kafka. client, secret_client: librdkafka's settings."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if taken := sorted(OWNED & self.overrides.keys()):
            raise ValueError(f"client: {', '.join(taken)} cannot be overridden: the switch protocol owns it")
        if self.way.place is Place.PAIR or self.fenced:
            ordinal(self.pod_name)
        self._separate()
        return self

    def _separate(self) -> None:
        """Raises ValueError for what makes no sense together with the membership."""
        given = {"other_group_id": self.other_group_id, "transactional_id": self.transactional_id}
        given |= {"transactional_ids": str(self.transactional_ids or ""), "fencing": "transactions" * self.fenced}
        if not self.carries:
            if needless := sorted(name for name, value in given.items() if value):
                raise ValueError(f"{', '.join(needless)}: given, but only membership separate has a use for it")
            return
        if self.other_group_id in {"", self.group_id}:
            raise ValueError("other_group_id: membership separate needs the other colour's group, which is another one")
        if not self.fenced:
            return
        if not self.transactional_id or not self.transactional_ids:
            raise ValueError("transactional_id, transactional_ids: fencing transactions needs both")
        if ordinal(self.pod_name) >= self.transactional_ids:
            raise ValueError(f"pod_name: {self.pod_name} has no id; transactional_ids are {self.transactional_ids}")

    @property
    def way(self) -> Way:
        """How it enters and leaves its group."""
        return Way.of(self.membership, self.group_protocol)

    @property
    def carries(self) -> bool:
        """Whether it starts where the higher epoch stands, in its own group or in the other colour's."""
        return self.way.starts is Start.CARRIED

    @property
    def fenced(self) -> bool:
        """Whether offsets are committed by transactions."""
        return self.fencing is Fencing.TRANSACTIONS

    @property
    def number(self) -> int:
        """The pod's ordinal: the number of its transactional id."""
        return ordinal(self.pod_name)

    @property
    def instance_id(self) -> str | None:
        """`group.instance.id`: the place that pod i of both colours share, one of its own, or none."""
        match self.way.place:
            case Place.PAIR:
                return f"{self.group_id}-{ordinal(self.pod_name)}"
            case Place.OWN:
                return f"{self.group_id}-{self.pod_name}"
            case Place.NONE:
                return None

    def client_configuration(self) -> dict[str, Any]:
        """librdkafka's configuration, without callbacks.

        Session timeout and heartbeat are the classic protocol's; with KIP-848 the broker sets them, and librdkafka
        refuses them here.
        """
        configuration: dict[str, Any] = {
            "client.id": self.pod_name,
            "reconnect.backoff.max.ms": 1000,
            "fetch.error.backoff.ms": 100,
            "queued.max.messages.kbytes": 32 * 1024,
            **(REFRESHING if self.way.starts is Start.CARRIED else {}),
            **CONNECTING,
            **self.overrides,
            "bootstrap.servers": self.bootstrap_servers,
            "group.id": self.group_id,
            "group.protocol": self.group_protocol.value,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "statistics.interval.ms": STATISTICS_MS,
        }
        if self.instance_id is not None:
            configuration["group.instance.id"] = self.instance_id
        if self.group_protocol is GroupProtocol.CLASSIC:
            longest = self.session_timeout_seconds if self.instance_id is not None else DYNAMIC_SESSION_SECONDS
            configuration["session.timeout.ms"] = round(min(self.session_timeout_seconds, longest) * 1000)
            configuration["heartbeat.interval.ms"] = HEARTBEAT_MS
        return configuration

    def admin_configuration(self) -> dict[str, Any]:
        """librdkafka's configuration of a client that asks about groups."""
        access = {name: value for name, value in self.overrides.items() if name.startswith(_ACCESS)}
        return {
            "client.id": f"{self.pod_name}-admin",
            "reconnect.backoff.max.ms": 1000,
            "retry.backoff.ms": 10,
            **CONNECTING,
            **access,
            "bootstrap.servers": self.bootstrap_servers,
        }

    def producer_configuration(self, number: int) -> dict[str, Any]:
        """librdkafka's configuration of a producer that commits by the transactional id of this number.

        The coordinator refuses the next transaction while it still finishes the last one, for a few milliseconds, and
        librdkafka asks again after `retry.backoff.ms`, whose default of 100 would be the longest step of a hand-off.
        """
        return {
            **self.admin_configuration(),
            "client.id": f"{self.pod_name}-commits",
            "retry.backoff.max.ms": 50,
            "transactional.id": f"{self.transactional_id}-{number}",
            "transaction.timeout.ms": TRANSACTION_SECONDS * 1000,
        }

    @property
    def incremental(self) -> bool:
        """Whether assignments come and go in parts (KIP-848, cooperative assignors) and not as a whole."""
        assignor = str(self.overrides.get("partition.assignment.strategy", ""))
        return self.group_protocol is GroupProtocol.CONSUMER or "cooperative" in assignor

    @property
    def max_poll_interval_seconds(self) -> float:
        """After how long without a poll the client leaves the group; Kafka's default is 300 s."""
        return float(self.overrides.get("max.poll.interval.ms", 300_000)) / 1000
