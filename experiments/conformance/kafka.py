"""The broker as the kit asks it."""

import contextlib
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from experiments.errors import ExperimentError

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

    def remove(self, group: str) -> None:
        """Have the coordinator remove whoever is in the group, as it does with who is silent for a session. Raises
        `BrokerError`.
        """
        from kafka.admin import KafkaAdminClient, MemberToRemove  # noqa: PLC0415 - slow to import, and seldom used
        from kafka.errors import KafkaError as OtherKafkaError  # noqa: PLC0415

        members = [MemberToRemove(m.member_id, m.instance_id or None, "conformance") for m in self.members(group)]
        try:
            client = KafkaAdminClient(bootstrap_servers=self.servers)
            try:
                client.remove_group_members(group, members)
            finally:
                client.close()
        except OtherKafkaError as error:
            raise BrokerError(f"members of {group} cannot be removed: {error}") from error

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
