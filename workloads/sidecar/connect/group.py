"""The consumer group of a connector, as the brokers have it: members, and committed offsets."""

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, Protocol, TypeVar

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from workloads.sidecar.connect.control import SilentError
from workloads.sidecar.connect.seen import Member, Offsets

LATE_SECONDS = 0.5

T = TypeVar("T")


class Groups(Protocol):
    """Both raise SilentError."""

    def members(self, group: str, deadline: float) -> tuple[Member, ...]:
        """Who is in the group now."""
        ...

    def offsets(self, group: str, deadline: float) -> Offsets:
        """What it has committed, of every topic."""
        ...


class KafkaGroups:
    """`Groups` by one admin client, which keeps its connections. Safe for threads, as the client is.

    Needs Describe on the groups of both colours' connectors.
    """

    def __init__(self, bootstrap_servers: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._admin: AdminClient | None = None

    def members(self, group: str, deadline: float) -> tuple[Member, ...]:
        """See Groups. A group that does not exist has no members."""

        def read(admin: AdminClient) -> tuple[Member, ...]:
            asked = admin.describe_consumer_groups([group], request_timeout=deadline)
            try:
                found = _answer(asked[group], deadline)
            except KafkaException as error:
                # Brokers since 4.0 (KIP-1043) say so of a group that they do not have; older ones call it dead.
                if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
                    return ()
                raise
            return tuple(_member(member) for member in found.members)

        return self._read(f"members of group {group}", read)

    def offsets(self, group: str, deadline: float) -> Offsets:
        """See Groups."""

        def read(admin: AdminClient) -> Offsets:
            asked: dict[str, Future[Any]] = admin.list_consumer_group_offsets(
                [ConsumerGroupTopicPartitions(group)], request_timeout=deadline
            )
            found = [one for answer in asked.values() for one in _answer(answer, deadline).topic_partitions]
            refused = next((one for one in found if one.error is not None), None)
            if refused is not None:
                raise KafkaException(refused.error)
            return {(one.topic, one.partition): one.offset for one in found if one.offset >= 0}

        return self._read(f"offsets of group {group}", read)

    def _read(self, what: str, read: Callable[[AdminClient], T]) -> T:
        admin = self._admin
        if admin is None:
            admin = self._admin = AdminClient(
                {"bootstrap.servers": self._bootstrap_servers, "socket.nagle.disable": True, "log_level": 3}
            )
        try:
            return read(admin)
        except (KafkaException, FutureTimeoutError) as error:
            # The client goes on with what it knows of leaders and coordinators; after a broker's restart a fresh one
            # finds them sooner.
            self._admin = None
            raise SilentError(f"{what} cannot be read: {error!r}") from error


def _answer(future: "Future[Any]", deadline: float) -> Any:
    return future.result(deadline + LATE_SECONDS)


def _member(found: Any) -> Member:
    assigned = found.assignment.topic_partitions if found.assignment else []
    return Member(
        client_id=found.client_id,
        host=found.host,
        partitions=tuple(sorted((one.topic, one.partition) for one in assigned)),
    )
