"""A client whose commits are transactions, so that the broker refuses those of a zombie (KIP-447).

Pod i of both colours commits by the same transactional id. Whoever initialises the id last is the only one that can
commit by it: the other's next call is fatal. A commit also carries the group's metadata of its member, so that a member
of an earlier generation is refused even where its id is still its own.

A commit holds the poll loop for as long as it usually takes and no longer: a broker that does not answer stalls nobody.
A producer does not survive that all brokers were away: librdkafka can go on with a coordinator that it has dropped
since, and then a call never returns, whatever its timeout. Nobody but who holds a grant may initialise the id anew, so
when they are back that is the end of the client; until then nothing is handled, for it would be handled again. A commit
that a broker which is there does not answer is the end of it too.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from workloads.common.logs import fields
from workloads.consumer.client import Ended, Listener
from workloads.consumer.kafka import KafkaClient
from workloads.consumer.settings import TRANSACTION_SECONDS, ConsumerSettings

logger = logging.getLogger("workloads.consumer")

# How long a commit holds the poll loop; it takes a few milliseconds. After that it is looked for at each poll.
_COMMIT_SECONDS = 0.25
_CALL_SECONDS = 5.0
_WARM_SECONDS = 1.0
# A commit that takes so long is in trouble, a broker's restart or worse: it takes a few milliseconds.
_LATE_SECONDS = 1.0
# After so long a broker that is there has ended the transaction by itself.
_LOST_SECONDS = TRANSACTION_SECONDS

_AWAY = {KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN}
_GIVEN_UP = KafkaError(KafkaError._STATE, "the transaction was given up")

MakeProducer = Callable[[int, Callable[[KafkaError], None]], Producer]


class Transaction:
    """One commit of offsets, by a producer that was initialised: made in a thread of its own, for librdkafka's calls
    outlast their timeouts by as long as the broker leaves a request unanswered.
    """

    def __init__(self, producer: Producer, offsets: Sequence[TopicPartition], member: Any) -> None:
        """Begin it, and send it. member: the group's metadata. Raises `KafkaException`."""
        producer.begin_transaction()
        self._producer = producer
        self._offsets = list(offsets)
        self._member = member
        self._given_up = False
        self._error: KafkaError | None = None
        self._thread = threading.Thread(target=self._run, name="commit", daemon=True)
        self._thread.start()

    def ended(self, seconds: float | None) -> bool:
        """Whether it has, after waiting for it for so long at most; None: for as long as it takes."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    @property
    def error(self) -> KafkaError | None:
        """How it ended. What is fatal is the end of the producer too; after any other error nothing was committed."""
        return self._error

    def give_up(self) -> None:
        """Its end is of no interest any more: it is not committed, if it is not being committed now."""
        self._given_up = True

    def _run(self) -> None:
        self._error = (
            self._try(lambda: self._producer.send_offsets_to_transaction(self._offsets, self._member, _CALL_SECONDS))
            or (_GIVEN_UP if self._given_up else None)
            or self._try(lambda: self._producer.commit_transaction(_CALL_SECONDS))
        )
        if self._error is not None and not _fatal(self._error):
            error = self._try(lambda: self._producer.abort_transaction(_CALL_SECONDS))
            self._error = error if error is not None and _fatal(error) else self._error

    def _try(self, call: Callable[[], object]) -> KafkaError | None:
        """Call until it is answered: one that timed out is resumed by calling it again."""
        while True:
            try:
                call()
            except KafkaException as refused:
                error: KafkaError = refused.args[0]
                if _fatal(error) or error.txn_requires_abort() or not error.retriable() or self._given_up:
                    return error
            else:
                return None


def _fatal(error: KafkaError) -> bool:
    return error.fatal() or error.code() == KafkaError._FENCED


class TransactionalClient(KafkaClient):
    """See `GroupClient`, which it is."""

    def __init__(self, *arguments: Any, make_producer: MakeProducer, number: int, **more: Any) -> None:
        """make_producer: one with the transactional id of that number, initialised by nobody; it tells errors when it
        is polled. number: its own.
        """
        super().__init__(*arguments, **more)
        self._make_producer = make_producer
        self._number = number
        self._spare: Producer | None = None  # connected, and initialised by nobody yet
        self._producer: Producer | None = None  # the one that commits
        self._transaction: Transaction | None = None
        self._waiting: tuple[float, Mapping[int, int], Ended | None] | None = None
        self._patient_until = 0.0
        self._away = False
        self._cut_off = False  # since the producer was initialised
        self._fatal: KafkaError | None = None  # of the producer that commits

    def warm_up(self) -> bool:
        """See `GroupClient`. A producer for the next start is made too, for each can initialise its id only once, and
        the one of the last start is given up: from here on the other colour commits by its id.
        """
        self._drop_producer()
        if not super().warm_up():
            return False
        self._spare = self._spare or self._make_producer(self._number, self._on_producer_error)
        try:
            self._spare.list_topics(self._topic, timeout=_WARM_SECONDS)
        except KafkaException as error:
            self.warm = False
            self._drop_spare()  # a fresh one finds the brokers anew
            self._tell_failed(error.args[0])
        return self.warm

    def fence(self, numbers: Sequence[int], seconds: float) -> None:
        """See `GroupClient`. Raises `KafkaException`; what was begun is given up then."""
        until = time.monotonic() + seconds
        self.warm = False
        for number in numbers:
            own = number == self._number
            producer = (
                self._spare if own and self._spare is not None else self._make_producer(number, self._on_producer_error)
            )
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
                self._producer, self._cut_off = producer, False
            else:
                _dispose(producer)
            logger.info(
                "transactional id initialised",
                extra=fields(number=number, duration_ms=round((time.monotonic() - began) * 1000, 3)),
            )

    @property
    def late(self) -> bool:
        """See `GroupClient`."""
        return self._cut_off or (self._waiting is not None and time.monotonic() - self._waiting[0] > _LATE_SECONDS)

    @property
    def committing(self) -> bool:
        """See `GroupClient`; or the broker is away, and none can be begun."""
        return self._waiting is not None or self._away or not self.connected or super().committing

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
        self._patient_until = time.monotonic() + _LOST_SECONDS
        self._transaction.ended(_COMMIT_SECONDS)

    def poll(self, seconds: float, most: int) -> list[Message]:
        """See `GroupClient`."""
        transaction = self._transaction
        if transaction is not None and transaction.ended(0):
            self._answer(transaction.error)
        elif transaction is not None and (error := self._hopeless()) is not None:
            self._give_up()
            self._answer(error)
        if self._cut_off and not self._away and self.connected:
            self._give_up()
            if self._listener is not None:
                self._listener.lost(
                    "all brokers were away, which its transactional producer does not survive", fenced=False
                )
        return super().poll(seconds, most)

    def _give_up(self) -> None:
        self._cut_off = False
        if self._transaction is not None:
            self._transaction.give_up()
        self._drop_producer()

    def _hopeless(self) -> KafkaError | None:
        """Why the commit in progress will not be answered any more; its call may go on for ever all the same."""
        if self._producer is not None:
            self._producer.poll(0)
        if self._fatal is None and self._lost(time.monotonic()):
            self._fatal = KafkaError(KafkaError._TIMED_OUT, "the broker is there and does not answer a commit", True)
        return self._fatal

    def _on_producer_error(self, error: KafkaError) -> None:
        if _fatal(error):
            self._fatal = error

    def _on_error(self, error: KafkaError) -> None:
        """Of a broker that went away the statistics tell up to a second later."""
        self._away = self._away or error.code() in _AWAY
        self._cut_off = self._cut_off or (error.code() == KafkaError._ALL_BROKERS_DOWN and self._producer is not None)
        super()._on_error(error)

    def _on_stats(self, text: str) -> None:
        self._away = False
        super()._on_stats(text)

    def _lost(self, now: float) -> bool:
        """Whether the commit in progress has had a broker for so long that it will not be answered any more."""
        if not self.connected:
            self._patient_until = now + _LOST_SECONDS
            return False
        return now >= self._patient_until

    def _answer(self, error: KafkaError | None) -> None:
        waiting, self._waiting, self._transaction = self._waiting, None, None
        if waiting is not None:
            began, offsets, ended = waiting
            self._tell_ended(ended, error, offsets if error is None else {}, time.monotonic() - began)

    def close(self) -> None:
        """See `GroupClient`."""
        super().close()
        if self._transaction is not None:
            self._transaction.give_up()
        self._drop_producer()
        self._drop_spare()

    def _drop_spare(self) -> None:
        spare, self._spare = self._spare, None
        if spare is not None:
            _dispose(spare)

    def _drop_producer(self) -> None:
        producer, self._producer, self._fatal = self._producer, None, None
        if producer is not None:
            _dispose(producer, self._transaction)


def _dispose(producer: Producer, transaction: Transaction | None = None) -> None:
    """Close it when its last transaction has ended, in a thread of its own: both may wait for a broker."""

    def close() -> None:
        if transaction is not None:
            transaction.ended(None)
        try:
            producer.close()
        except KafkaException as error:
            logger.info("closing a producer failed", extra=fields(error=error.args[0].str()))

    threading.Thread(target=close, name="producer-close", daemon=True).start()


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
        make_producer=lambda number, on_error: Producer(
            {**settings.producer_configuration(number), "logger": logger, "error_cb": on_error}
        ),
        number=settings.number,
    )
