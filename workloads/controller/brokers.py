"""Offsets as the brokers have them: the ends of a topic's partitions, and what a group has committed."""

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, TypeVar

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from workloads.controller.measured import MeasureError

BROKER_SECONDS = 2.0
LATE_SECONDS = 0.5

T = TypeVar("T")


class BrokerOffsets:
    """Reads offsets over one admin client, which keeps its connections. Used by one thread."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._admin: AdminClient | None = None

    def ends(self, topic: str, partitions: int) -> dict[int, int]:
        """Partition -> the offset that its next record will get. Raises MeasureError."""
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        asked = {TopicPartition(topic, number): latest for number in range(partitions)}

        def read(admin: AdminClient) -> dict[int, int]:
            answers: dict[TopicPartition, Future[Any]] = admin.list_offsets(asked, request_timeout=BROKER_SECONDS)
            return {which.partition: _answer(answer).offset for which, answer in answers.items()}

        return self._read(f"end offsets of {topic}", read)

    def committed(self, group: str, topic: str, partitions: int) -> dict[int, int]:
        """Partition -> the offset that `group` would go on from, for those that it has committed one of.

        Raises MeasureError. (KIP-709's OffsetFetch; a partition without a commit is answered with a negative offset.)
        """
        wanted = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, number) for number in range(partitions)])

        def read(admin: AdminClient) -> dict[int, int]:
            answers: dict[str, Future[Any]] = admin.list_consumer_group_offsets(
                [wanted], request_timeout=BROKER_SECONDS
            )
            found = [one for answer in answers.values() for one in _answer(answer).topic_partitions]
            refused = next((one for one in found if one.error is not None), None)
            if refused is not None:
                raise KafkaException(refused.error)
            return {one.partition: one.offset for one in found if one.offset >= 0}

        return self._read(f"committed offsets of group {group} on {topic}", read)

    def _read(self, what: str, read: Callable[[AdminClient], T]) -> T:
        if self._admin is None:
            self._admin = AdminClient(
                {"bootstrap.servers": self._bootstrap_servers, "socket.nagle.disable": True, "log_level": 3}
            )
        try:
            return read(self._admin)
        except (KafkaException, FutureTimeoutError) as error:
            # librdkafka's admin client goes on with the leader epochs it knows: after a broker's restart it would be
            # refused for ever (FENCED_LEADER_EPOCH). A fresh one asks for them.
            self._admin = None
            raise MeasureError(f"{what} cannot be read: {error!r}") from error


def _answer(future: "Future[Any]") -> Any:
    return future.result(BROKER_SECONDS + LATE_SECONDS)
