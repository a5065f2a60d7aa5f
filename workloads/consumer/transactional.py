"""A client whose commits are transactions, so that the broker refuses those of a zombie (KIP-447).

Pod i of both colours commits by the same transactional id. Whoever initialises the id last is the only one that can
commit by it: the other's next call is fatal. A commit also carries the group's metadata of its member, so that a member
of an earlier generation is refused even where its id is still its own.

Every call is bounded, and goes on where it stopped when it is repeated (librdkafka: a call that timed out is resumed by
calling it again). So a broker that does not answer holds the poll loop for moments, never for good.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from workloads.common.logs import fields
from workloads.consumer.client import Ended, Listener
from workloads.consumer.kafka import KafkaClient
from workloads.consumer.settings import ConsumerSettings

logger = logging.getLogger("workloads.consumer")

# How long a commit holds the poll loop at once; a transaction takes a few milliseconds. Beyond that it goes on by
# turns, in slices.
_COMMIT_SECONDS = 0.25
_SLICE_SECONDS = 0.02
_WARM_SECONDS = 1.0

MakeProducer = Callable[[int], Producer]


class _Stage(Enum):
    OFFSETS = auto()  # they are not with the coordinator yet
    COMMIT = auto()
    ABORT = auto()


class Transaction:
    """One commit of offsets by a producer that was initialised. Owned by the poll loop."""

    def __init__(self, producer: Producer, offsets: Sequence[TopicPartition], member: Any) -> None:
        """Begin it; nothing is sent yet. member: the group's metadata. Raises `KafkaException`."""
        producer.begin_transaction()
        self._producer = producer
        self._offsets = list(offsets)
        self._member = member
        self._stage = _Stage.OFFSETS
        self._cause: KafkaError | None = None

    def go_on(self, seconds: float) -> tuple[KafkaError | None] | None:
        """Take it as far as it comes within `seconds`; how it ended, as a tuple of the error or of None, or None while
        it has not. An error that is fatal is the end of the producer too; after any other one nothing was committed.
        """
        until = time.monotonic() + seconds
        while True:
            try:
                return self._step(max(0.001, until - time.monotonic()))
            except KafkaException as refused:
                error: KafkaError = refused.args[0]
                if error.fatal() or error.code() == KafkaError._FENCED:
                    return (error,)
                if error.retriable() and not error.txn_requires_abort():
                    if time.monotonic() >= until:
                        return None
                elif self._stage is _Stage.ABORT:
                    return (error,)
                else:
                    self._stage, self._cause = _Stage.ABORT, error

    def _step(self, seconds: float) -> tuple[KafkaError | None]:
        until = time.monotonic() + seconds
        if self._stage is _Stage.OFFSETS:
            self._producer.send_offsets_to_transaction(self._offsets, self._member, seconds)
            self._stage = _Stage.COMMIT
        if self._stage is _Stage.COMMIT:
            self._producer.commit_transaction(max(0.001, until - time.monotonic()))
        else:
            self._producer.abort_transaction(seconds)
        return (self._cause,)


class TransactionalClient(KafkaClient):
    """See `GroupClient`, which it is."""

    def __init__(self, *arguments: Any, make_producer: MakeProducer, number: int, **more: Any) -> None:
        """make_producer: one with the transactional id of that number, initialised by nobody. number: its own."""
        super().__init__(*arguments, **more)
        self._make_producer = make_producer
        self._number = number
        self._spare: Producer | None = None  # connected, and initialised by nobody yet
        self._producer: Producer | None = None  # the one that commits
        self._transaction: Transaction | None = None
        self._waiting: tuple[float, Mapping[int, int], Ended | None] | None = None
        self._ended: tuple[KafkaError | None] | None = None

    def warm_up(self, partitions: int) -> bool:
        """See `GroupClient`. A producer for the next start is made too, for each can initialise its id only once, and
        the one of the last start is given up: from here on the other colour commits by its id.
        """
        if self._transaction is None:
            self._drop_producer()
        if not super().warm_up(partitions):
            return False
        self._spare = self._spare or self._make_producer(self._number)
        try:
            self._spare.list_topics(self._topic, timeout=_WARM_SECONDS)
        except KafkaException as error:
            self.warm = False
            self._tell_failed(error.args[0])
        return self.warm

    def fence(self, numbers: Sequence[int], seconds: float) -> None:
        """See `GroupClient`. Raises `KafkaException`; what was begun is given up then."""
        until = time.monotonic() + seconds
        self.warm = False
        for number in numbers:
            own = number == self._number
            producer = self._spare if own and self._spare is not None else self._make_producer(number)
            if own:
                self._spare = None
            began = time.monotonic()
            try:
                producer.init_transactions(max(0.001, until - began))
            except KafkaException:
                _dispose(producer)
                raise
            if own:
                self._drop_producer()
                self._producer = producer
            else:
                _dispose(producer)
            logger.info(
                "transactional id initialised",
                extra=fields(number=number, duration_ms=round((time.monotonic() - began) * 1000, 3)),
            )

    @property
    def committing(self) -> bool:
        """See `GroupClient`."""
        return self._waiting is not None or super().committing

    def commit(self, offsets: Mapping[int, int], metadata: str, ended: Ended | None = None) -> None:
        """See `GroupClient`. Before the first `fence` this client has committed nothing that could be fenced, and
        commits as any member does. Raises `KafkaException` when the producer or the client is gone.
        """
        if self._producer is None:
            super().commit(offsets, metadata, ended)
            return
        places = [TopicPartition(self._topic, p, offset, metadata) for p, offset in offsets.items()]
        self._transaction = Transaction(self._producer, places, self._consumer.consumer_group_metadata())
        self._waiting = (time.monotonic(), dict(offsets), ended)
        self._ended = self._transaction.go_on(_COMMIT_SECONDS)

    def poll(self, seconds: float, most: int) -> list[Message]:
        """See `GroupClient`."""
        if self._waiting is not None and self._transaction is not None:
            if self._ended is None:
                self._ended = self._transaction.go_on(_SLICE_SECONDS)
            if self._ended is not None:
                self._answer(*self._ended)
        return super().poll(seconds, most)

    def _answer(self, error: KafkaError | None) -> None:
        waiting, self._waiting, self._transaction, self._ended = self._waiting, None, None, None
        if waiting is not None:
            began, offsets, ended = waiting
            self._tell_ended(ended, error, offsets if error is None else {}, time.monotonic() - began)

    def close(self) -> None:
        """See `GroupClient`."""
        super().close()
        self._drop_producer()
        if self._spare is not None:
            _dispose(self._spare)

    def _drop_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            _dispose(producer)


def _dispose(producer: Producer) -> None:
    """Close it, in a thread of its own: it may wait for a broker that does not answer."""
    threading.Thread(target=producer.close, name="producer-close", daemon=True).start()


def make_client(settings: ConsumerSettings, listener: Listener) -> KafkaClient:
    """A client that stands by, of the kind that the settings ask for."""
    common: dict[str, Any] = {
        "incremental": settings.incremental,
        "carries": settings.carries,
        "listener": listener,
    }
    if not settings.fenced:
        return KafkaClient(settings.client_configuration(), settings.topic, **common)
    return TransactionalClient(
        settings.client_configuration(),
        settings.topic,
        **common,
        make_producer=lambda number: Producer({**settings.producer_configuration(number), "logger": logger}),
        number=settings.number,
    )
