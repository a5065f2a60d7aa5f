"""Offsets as the brokers have them: a topic's partitions' bounds, and what a group has committed.

Against brokers with access control: Describe on the topic and on the group, and Read to set a group's offsets.
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, TypeVar

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from workloads.common.bystander import Bystanders
from workloads.common.clients import ASKING
from workloads.controller.measured import MeasureError, Topic

BROKER_SECONDS = 2.0
LATE_SECONDS = 0.5
_NAMED = 3

T = TypeVar("T")


class BrokerOffsets:
    """Reads offsets over one admin client, and one client for each group; they keep their connections. Used by one
    thread.
    """

    def __init__(self, bootstrap_servers: str) -> None:
        self._configuration: dict[str, Any] = {**ASKING, "bootstrap.servers": bootstrap_servers}
        self._admin: AdminClient | None = None
        self._groups = Bystanders(self._configuration)

    def ends(self, topic: str, partitions: int) -> dict[int, int]:
        """Partition -> its last stable offset: what a consumer can have come to. Raises MeasureError.

        Without transactions that is the offset that the next record will get. What lies behind an open transaction is
        handed to nobody before that ends (isolation.level is read_committed by default), so nobody can be waited for.
        """
        return self._bounds("end", OffsetSpec.latest(), topic, partitions)  # type: ignore[no-untyped-call]

    def beginnings(self, topic: str, partitions: int) -> dict[int, int]:
        """Partition -> the offset of the first record that it still has. Raises MeasureError."""
        return self._bounds("beginning", OffsetSpec.earliest(), topic, partitions)  # type: ignore[no-untyped-call]

    def _bounds(self, what: str, spec: OffsetSpec, topic: str, partitions: int) -> dict[int, int]:
        asked = {TopicPartition(topic, number): spec for number in range(partitions)}

        def read(admin: AdminClient) -> dict[int, int]:
            answers: dict[TopicPartition, Future[Any]] = admin.list_offsets(
                asked, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=BROKER_SECONDS
            )
            return {which.partition: _answer(answer).offset for which, answer in answers.items()}

        return self._read(f"{what} offsets of {topic}", read)

    def topic(self, name: str) -> Topic:
        """What the brokers know of a topic. Raises MeasureError."""

        def read(admin: AdminClient) -> Topic:
            asked = admin.describe_topics(TopicCollection([name]), request_timeout=BROKER_SECONDS)
            try:
                found = _answer(asked[name]).partitions
            except KafkaException as error:
                if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                    return Topic(0)
                raise
            return Topic(len(found), _shrunken((one.id, len(one.isr), len(one.replicas)) for one in found))

        return self._read(f"partitions of {name}", read)

    def committed(self, group: str, topic: str, partitions: int) -> dict[int, int]:
        """Partition -> the offset that `group` would go on from, for those that it has committed one of.

        What a transaction has not committed yet does not count, and is not waited for (`require_stable` is off): the
        answer may be the commit before, never one that is taken back. Raises MeasureError. (OffsetFetch answers a
        partition without a commit by a negative offset, also of a group that nobody ever was in.)
        """
        try:
            found = self._groups.of(group).offsets(topic, range(partitions), BROKER_SECONDS)
        except KafkaException as error:
            raise _unread(f"committed offsets of group {group} on {topic}", error) from error
        return {partition: offset for partition, offset in found.items() if offset >= 0}

    def commit(self, group: str, topic: str, offsets: Mapping[int, tuple[int, str]]) -> None:
        """Set what `group`, which nobody is in, goes on from: partition -> offset and metadata. Raises MeasureError,
        also while somebody is in it.
        """
        try:
            self._groups.of(group).commit(topic, offsets, BROKER_SECONDS)
        except KafkaException as error:
            raise MeasureError(f"offsets of group {group} on {topic} cannot be set: {error!r}") from error

    def close(self) -> None:
        """End the connections. What is asked afterwards makes new ones."""
        self._admin = None
        self._groups.close()

    def _read(self, what: str, read: Callable[[AdminClient], T]) -> T:
        if self._admin is None:
            self._admin = AdminClient(self._configuration)
        try:
            return read(self._admin)
        except (KafkaException, FutureTimeoutError) as error:
            # librdkafka's admin client goes on with the leader epochs it knows: after a broker's restart it would be
            # refused for ever (FENCED_LEADER_EPOCH). A fresh one asks for them.
            self._admin = None
            raise _unread(what, error) from error


def _unread(what: str, error: Exception) -> MeasureError:
    return MeasureError(f"{what} cannot be read: {error!r}")


def _shrunken(partitions: Iterable[tuple[int, int, int]]) -> str:
    """Of (number, replicas in sync, replicas): which are short of some; the first few by name."""
    short = [f"partition {n}: {isr} of {replicas} in sync" for n, isr, replicas in partitions if isr < replicas]
    more = [f"{len(short) - _NAMED} more"] if len(short) > _NAMED else []
    return "; ".join([*short[:_NAMED], *more])


def _answer(future: "Future[Any]") -> Any:
    return future.result(BROKER_SECONDS + LATE_SECONDS)
