"""A Kafka client in its group, as the consumer sees it: what it can be told, and what it tells.

`workloads.consumer.kafka` is the one on confluent-kafka; tests have one that follows a script.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from confluent_kafka import KafkaError, Message

# Codes after which a client is of no use any more. A fenced client answers with a message whose code is _FATAL, but
# whose `fatal()` is False.
GONE = frozenset(
    {
        KafkaError._FATAL,
        KafkaError._MAX_POLL_EXCEEDED,
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError.UNRELEASED_INSTANCE_ID,
        KafkaError.FENCED_MEMBER_EPOCH,
        KafkaError._FENCED,
    }
)


# How a commit ended: the first error, the next offsets that were taken, and after how many seconds.
Ended = Callable[[KafkaError | None, Mapping[int, int], float], None]


class Listener(Protocol):
    """Called from within `poll` (and `close`), in the thread that calls it. May commit, may not replace the client."""

    def assigned(self, partitions: tuple[int, ...], complete: tuple[int, ...], generation: int) -> None:
        """The group gave these, in this generation; the complete set is the other. What was fetched of these before is
        void: reading begins again at the committed offsets.
        """

    def revoked(self, partitions: tuple[int, ...]) -> None:
        """The group takes these; a commit is still possible. What was fetched of them is void, also where the same
        rebalance gives them back.
        """

    def lost(self, reason: str, *, fenced: bool) -> None:
        """The membership is gone without a say."""

    def commit_ended(self, error: KafkaError | None, offsets: Mapping[int, int], latency: float) -> None:
        """A commit was answered after `latency` seconds: the offsets that were taken, and the first error."""

    def failed(self, error: KafkaError) -> None:
        """An error that the client gets over by itself, or a fatal one that `lost` follows."""

    def observed(self, partitions: Mapping[int, Mapping[str, int]]) -> None:
        """librdkafka's figures of the topic's partitions, once a second."""

    def wants_flow(self) -> bool:
        """Whether partitions that are assigned now are to be read."""


class GroupClient(Protocol):
    """A client that stands by, or is a member of its group. One thread owns it; `close` may be handed to another after
    `detach`. Every call has a deadline. What goes wrong for good is raised as `KafkaException`.
    """

    owned: tuple[int, ...]
    flowing: bool  # records of the owned partitions may come; a halted member keeps its partitions and reads nothing
    warm: bool  # the connections that a join needs are up
    member_id: (
        str  # as which the coordinator knows it; empty before the join, of a classic member before its assignment
    )

    @property
    def late(self) -> bool:
        """What is handled now may never be committed by this client: a commit is overdue, or none can be made."""

    @property
    def committing(self) -> bool:
        """A commit is on its way. There is one at a time: a retried older one must not overtake a newer one."""

    @property
    def connected(self) -> bool:
        """The coordinator's connection is up."""

    @property
    def left(self) -> bool:
        """Nothing is owned any more: what `leave` began has ended."""

    @property
    def spent(self) -> bool:
        """It halted partitions that were taken from it since: who joins by it once more would not read them."""

    @property
    def detached(self) -> bool:
        """It was told to be silent: it is being got rid of."""

    def warm_up(self) -> bool:
        """Open the connections that a join needs (leaders', coordinator's) and have fresh metadata; False when that
        failed.
        """

    def join(self) -> None:
        """Enter the group; `Listener.assigned` follows from within `poll`."""

    def leave(self) -> None:
        """Begin to leave the group; done when `left` says so, from within `poll`."""

    def halt(self) -> None:
        """Read no more, stay a member."""

    def rewind(self) -> None:
        """Read what is owned, from the committed offsets."""

    def start(self, offsets: Mapping[int, int]) -> None:
        """Read these partitions, which are owned and halted, from these next offsets: of a client that assigns as a
        whole, all of them.
        """

    def fence(self, numbers: Sequence[int], seconds: float) -> None:
        """Whoever else committed by the transactional ids of these numbers does so no more, within `seconds`; the first
        is this client's own, by which it commits from now on. Nothing to do without transactions.
        """

    def poll(self, seconds: float, most: int) -> Sequence[Message]:
        """Up to `most` records (or errors) of the present assignment, waiting up to `seconds` for the first one only.

        What a rebalance within this very call made void is not among them.
        """

    def commit(self, offsets: Mapping[int, int], metadata: str, ended: Ended | None = None) -> None:
        """Send these next offsets; `Listener.commit_ended` follows, or `ended` in its place, from within `poll`, unless
        the client is detached before.
        """

    def detach(self) -> None:
        """Say nothing more to the listener, whatever happens until `close` has ended."""

    def close(self) -> None:
        """Close the client. A static classic member leaves nothing behind at the broker; others leave the group."""
