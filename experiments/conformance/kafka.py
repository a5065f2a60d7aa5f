"""The broker as the kit asks it."""

import contextlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from experiments.errors import ExperimentError

T = TypeVar("T")

_SECONDS = 15.0
_QUIET = {"log_level": 2}


class BrokerError(ExperimentError):
    """The broker did not do what was asked of it."""


@dataclass(frozen=True, slots=True)
class GroupMember:
    """A member of a group, as the coordinator has it."""

    member_id: str
    client_id: str
    instance_id: str
    partitions: tuple[int, ...]


class Kafka:
    """One broker, one topic of the kit's own."""

    def __init__(self, servers: str, *, partitions: int = 4) -> None:
        """Makes the topic. Raises `BrokerError`."""
        self.servers = servers
        self.partitions = partitions
        self.topic = f"conformance-{uuid.uuid4().hex[:8]}"
        self.sent = 0
        self._admin = AdminClient({"bootstrap.servers": servers, **_QUIET})
        self._producer = Producer({"bootstrap.servers": servers, "linger.ms": 1, **_QUIET})
        with _as_broker_error(f"topic {self.topic} cannot be made"):
            self._admin.create_topics([NewTopic(self.topic, partitions, 1)])[self.topic].result(_SECONDS)
        until = time.monotonic() + _SECONDS
        while len(self._admin.list_topics(self.topic, timeout=_SECONDS).topics[self.topic].partitions) != partitions:
            if time.monotonic() > until:
                raise BrokerError(f"topic {self.topic} has no {partitions} partitions after {_SECONDS:g} s")

    def send(self, count: int, *, value: bytes | None = None) -> None:
        """So many numbered records, round robin, or that value in each; returns when the broker has them. Raises
        `BrokerError`.
        """
        for _ in range(count):
            numbered = b'{"producer":"p0-conformance","seq":%d,"payload":"%b"}' % (self.sent, b"x" * 32)
            self._producer.produce(
                self.topic, numbered if value is None else value, partition=self.sent % self.partitions
            )
            self.sent += 1
        if self._producer.flush(_SECONDS):
            raise BrokerError(f"the broker has not taken {count} records within {_SECONDS:g} s")

    @contextlib.contextmanager
    def flow(self, rate: int) -> Iterator[None]:
        """So many numbered records a second for a while; the broker has all of them when it ends."""
        stopping = threading.Event()

        def run() -> None:
            began, before = time.monotonic(), self.sent
            while not stopping.wait(0.01):
                self.send(int((time.monotonic() - began) * rate) - (self.sent - before))

        thread = threading.Thread(target=run, name="flow", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join()

    def send_null(self) -> None:
        """A record without a value."""
        self._producer.produce(self.topic, None, partition=self.sent % self.partitions)
        self.sent += 1
        self._producer.flush(_SECONDS)

    def send_transactions(self, *committed: bool) -> None:
        """One transaction after the other on partition 0, with one numbered record each: committed, or aborted. Raises
        `BrokerError`. What was aborted does not count as sent.
        """
        with _as_broker_error("transactions"):
            writer = Producer({"bootstrap.servers": self.servers, "transactional.id": self.topic, **_QUIET})
            writer.init_transactions(_SECONDS)
            for commit in committed:
                writer.begin_transaction()
                producer = b"p0-conformance" if commit else b"aborted"
                writer.produce(self.topic, b'{"producer":"%b","seq":%d}' % (producer, self.sent), partition=0)
                writer.flush(_SECONDS)  # what is not sent yet, an abort never sends
                (writer.commit_transaction if commit else writer.abort_transaction)(_SECONDS)
                self.sent += commit

    def drop_before(self, offset: int) -> None:
        """Have each partition begin at this offset, as when what was before it is too old. Raises `BrokerError`."""
        places = [TopicPartition(self.topic, p, offset) for p in range(self.partitions)]
        with _as_broker_error(f"records of {self.topic} before {offset}"):
            for deleted in self._admin.delete_records(places).values():
                deleted.result(_SECONDS)

    def committed(self, group: str) -> dict[int, int]:
        """By partition, the offset that the group has committed, where it has."""
        asked = ConsumerGroupTopicPartitions(group)
        with _as_broker_error(f"offsets of {group}"):
            found = self._admin.list_consumer_group_offsets([asked], require_stable=True)[group].result(_SECONDS)
        return {p.partition: p.offset for p in found.topic_partitions if p.topic == self.topic and p.offset >= 0}

    def members(self, group: str) -> list[GroupMember]:
        """Who is in the group now."""
        with _as_broker_error(f"members of {group}"):
            found: Any = self._admin.describe_consumer_groups([group])[group].result(_SECONDS)
        return [
            GroupMember(
                member.member_id,
                member.client_id,
                member.group_instance_id or "",
                tuple(sorted(tp.partition for tp in member.assignment.topic_partitions if tp.topic == self.topic)),
            )
            for member in found.members
        ]

    def commits(self, group: str) -> dict[int, tuple[int, str]]:
        """By partition, the offset and the metadata that the group has committed, where it has. Raises `BrokerError`.

        By another client than `committed`: librdkafka gives metadata with bytes of its memory behind it.
        """
        found = self._otherwise(f"commits of {group}", lambda client: client.list_group_offsets({group: None})[group])
        return {at.partition: (c.offset, c.metadata or "") for at, c in found.items() if at.topic == self.topic}

    def commit(self, group: str, commits: Mapping[int, tuple[int, str]]) -> None:
        """Commit for a group without members: by partition, offset and metadata. Raises `BrokerError`."""
        from kafka.errors import NoError  # noqa: PLC0415 - as `_otherwise`
        from kafka.structs import OffsetAndMetadata  # noqa: PLC0415
        from kafka.structs import TopicPartition as At  # noqa: PLC0415

        places = {At(self.topic, p): OffsetAndMetadata(*commit, -1) for p, commit in commits.items()}

        def alter(client: Any) -> None:
            for at, refused in client.alter_group_offsets(group, places).items():
                if refused is not NoError:
                    raise refused(f"partition {at.partition}")

        self._otherwise(f"commits of {group}", alter)

    def remove(self, group: str) -> None:
        """Have the coordinator remove whoever is in the group, as it does with who is silent for a session. Raises
        `BrokerError`.
        """
        from kafka.admin import MemberToRemove  # noqa: PLC0415 - as `_otherwise`

        members = [MemberToRemove(m.member_id, m.instance_id or None, "conformance") for m in self.members(group)]
        self._otherwise(
            f"members of {group} cannot be removed", lambda client: client.remove_group_members(group, members)
        )

    @contextlib.contextmanager
    def another(self, group: str, settings: Mapping[str, Any]) -> Iterator["Another"]:
        """A member of the group that is not the application's, for a while."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.servers,
                "group.id": group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                **_QUIET,
                **settings,
            }
        )
        consumer.subscribe([self.topic])
        try:
            yield Another(consumer)
        finally:
            consumer.close()

    def _otherwise(self, what: str, ask: Callable[[Any], T]) -> T:
        """What librdkafka cannot do, by kafka-python's client; again while there is no coordinator, as at first on a
        new broker. Raises `BrokerError`.
        """
        from kafka.admin import KafkaAdminClient  # noqa: PLC0415 - slow to import, and seldom used
        from kafka.errors import KafkaError as OtherKafkaError  # noqa: PLC0415

        until = time.monotonic() + _SECONDS
        while True:
            try:
                client = KafkaAdminClient(bootstrap_servers=self.servers)
                try:
                    return ask(client)
                finally:
                    client.close()
            except OtherKafkaError as error:
                if not error.retriable or time.monotonic() > until:
                    raise BrokerError(f"{what}: {error}") from error
            time.sleep(0.1)

    def close(self) -> None:
        """Take the topic away; what the broker then still does is its own."""
        with contextlib.suppress(KafkaException):
            self._admin.delete_topics([self.topic])[self.topic].result(_SECONDS)


class Another:
    """A member that reads nothing of what it is given, and is served by polling."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self.wrong = ""

    def serve(self, seconds: float) -> tuple[int, ...]:
        """Let it be a member for so long; gives what it owns then."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self.wrong:
            if owned := self._consumer.assignment():
                self._consumer.pause(owned)
            message = self._consumer.poll(0.05)
            error = None if message is None else message.error()
            if error is not None and error.code() in {KafkaError._FATAL, KafkaError._FENCED}:
                self.wrong = error.str()
        return () if self.wrong else tuple(sorted(tp.partition for tp in self._consumer.assignment()))


@contextlib.contextmanager
def _as_broker_error(what: str) -> Iterator[None]:
    try:
        yield
    except KafkaException as error:
        raise BrokerError(f"{what}: {error.args[0].str()}") from error
    except TimeoutError as error:
        raise BrokerError(f"{what}: no answer within {_SECONDS:g} s") from error
