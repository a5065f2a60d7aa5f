"""The producer's loop: the one thread that owns the Kafka client."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import orjson
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from workloads.common.clients import CONNECTING, STATISTICS_MS, STRANDED, Stranding
from workloads.common.logs import fields
from workloads.common.metrics import Window
from workloads.common.reload import Reloader
from workloads.producer.ledger import Ledger
from workloads.producer.pace import Pace
from workloads.producer.payload import Payload, key
from workloads.producer.settings import Load, ProducerSettings

logger = logging.getLogger("workloads.producer")

# The longest wait for something to do: what a change of the load, a stop or a scrape of the rate has to bear.
_LONGEST_WAIT_SECONDS = 0.1
_CONNECT_SECONDS = 5.0


class ProducerError(RuntimeError):
    """The producer cannot go on: its client is of no use any more, or the topic is not what the settings say."""


@dataclass(frozen=True, slots=True)
class Status:
    """What `GET /status` and the metrics show; replaced as a whole by the loop."""

    producer: str
    topic: str
    partitions: tuple[int, ...] = ()
    seq: int = 0
    acked: int = 0
    failed: int = 0
    unknown: int = 0
    in_flight: int = 0


def _replaced(new: Load, _: Load) -> Load:
    return new


class _Dial:
    """The load that is asked for. Any thread changes it, the loop reads it."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self._changing = threading.Lock()

    def change(self, changed: Callable[[Load], Load]) -> Load:
        """Change it; gives the new one."""
        with self._changing:
            before, self.load = self.load, changed(self.load)
            logger.info("load changed", extra=fields(before=before.model_dump(), after=self.load.model_dump()))
            return self.load


class _Link:
    """How the client stands with the brokers, by what it says. up: reachable. broken: why it is of no use any more.
    partitions: how many the topic has, as it has heard last.
    """

    def __init__(self, topic: str) -> None:
        self._stranding = Stranding()
        self._topic = topic
        self.partitions = 0
        self.up = False
        self.broken: str | None = None

    def failed(self, error: KafkaError) -> None:
        """The client's `error_cb`."""
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self.up = False
        if error.code() == KafkaError._FATAL or error.fatal():
            self.broken = f"it is fatal: {error.str()}"
        logger.warning("client error", extra=fields(code=error.name(), error=error.str(), fatal=error.fatal()))

    def observed(self, text: str) -> None:
        """The client's `stats_cb`."""
        said = orjson.loads(text)
        # -1 is for records that have no partition yet.
        known = said.get("topics", {}).get(self._topic, {}).get("partitions", {}).keys() - {"-1"}
        self.partitions = len(known)
        if self._stranding.observe(said):
            self.up = False
            self.broken = STRANDED


def client_configuration(settings: ProducerSettings) -> dict[str, Any]:
    """librdkafka's configuration: idempotent, acknowledged by all in-sync replicas, a bounded queue."""
    return {
        "linger.ms": 10,
        "delivery.timeout.ms": 120_000,
        "queue.buffering.max.kbytes": 64 * 1024,
        "message.max.bytes": 1_040_000,
        "reconnect.backoff.max.ms": 1000,
        # Partitions that are added are written to within two seconds.
        "topic.metadata.refresh.interval.ms": 1000,
        **CONNECTING,
        "client.id": settings.pod_name,
        **settings.client,
        "bootstrap.servers": settings.bootstrap_servers,
        "statistics.interval.ms": STATISTICS_MS,
        "enable.idempotence": True,
        "acks": "all",
    }


class ProducerLoop:
    """Sends `load.rate` records a second, round robin over the partitions, until `stop`, and keeps the ledger of them.

    `run` belongs to one thread; `load`, `change`, `stop`, `status` and `connected` may be used by others.
    """

    def __init__(
        self, settings: ProducerSettings, name: str, ledger: Ledger, reloader: Reloader[ProducerSettings]
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._reloader = reloader
        self._payload = Payload(name)
        self._dial = _Dial(settings.load_now)
        self._link = _Link(settings.topic)
        self._stop = False
        self._seq = 0
        self.turned = time.monotonic()
        self.sent_rate = Window()
        self.queue_full = 0
        self.status = Status(name, settings.topic)

    @property
    def load(self) -> Load:
        """What is asked for at present."""
        return self._dial.load

    @property
    def connected(self) -> bool:
        """The topic was seen, and a broker is reachable."""
        return bool(self.status.partitions) and self._link.up

    def change(self, changed: Callable[[Load], Load]) -> Load:
        """Change the load; it holds from the loop's next turn. Gives the new one."""
        return self._dial.change(changed)

    def stop(self) -> None:
        """End cleanly: send no more, wait for what is on its way. A flag only, so that a signal handler may call it."""
        self._stop = True

    def run(self) -> None:
        """Until `stop`. Raises `ProducerError` or `RecordLogError`; what was on its way is then unknown, and written
        down as such if that is possible.
        """
        link = self._link
        told = {"error_cb": link.failed, "stats_cb": link.observed, "logger": logger}
        client = Producer({**client_configuration(self._settings), **told})
        try:
            partitions = self._partitions(client)
            if partitions:
                logger.info(
                    "producing",
                    extra=fields(producer=self.status.producer, partitions=partitions, **self.load.model_dump()),
                )
                self._produce(client, partitions)
                self._flush(client)
        finally:
            self._end(client)

    def _partitions(self, client: Producer) -> tuple[int, ...]:
        """The partitions to send to, once the broker shows the topic; empty when stopped before."""
        while not self._stop:
            self.turned = time.monotonic()
            try:
                topic = client.list_topics(self._settings.topic, timeout=_CONNECT_SECONDS).topics[self._settings.topic]
                if topic.error is None and topic.partitions:
                    self._link.up = True
                    return self._chosen(tuple(sorted(topic.partitions)))
                reason = str(topic.error)
            except KafkaException as error:
                reason = error.args[0].str()
            logger.info("waiting for the topic", extra=fields(topic=self._settings.topic, reason=reason))
            client.poll(0.5)
            self._check()
        return ()

    def _chosen(self, there: tuple[int, ...]) -> tuple[int, ...]:
        wanted = self._settings.write_partitions or there
        if missing := sorted(set(wanted) - set(there)):
            raise ProducerError(
                f"write_partitions: topic {self._settings.topic} has partitions 0 to {there[-1]}, not {missing}"
            )
        return tuple(wanted)

    def _produce(self, client: Producer, partitions: tuple[int, ...]) -> None:
        now = time.monotonic()
        load = self.load
        pace = Pace(load.rate, now)
        while not self._stop:
            if (settings := self._reloader.changed(now)) is not None:
                self.change(partial(_replaced, settings.load_now))
            load = self.load
            pace.change(load.rate, now)
            sent = 0
            for _ in range(pace.due(now)):
                if not self._send(client, partitions, load):
                    break
                sent += 1
            pace.sent(sent)
            client.poll(pace.wait(time.monotonic(), _LONGEST_WAIT_SECONDS))
            now = time.monotonic()
            if not self._settings.write_partitions and self._link.partitions > len(partitions):
                partitions = tuple(range(self._link.partitions))
                logger.info("the topic has more partitions", extra=fields(partitions=partitions))
            self._turned(now, partitions)

    def _send(self, client: Producer, partitions: tuple[int, ...], load: Load) -> bool:
        """Send the next record; False when the queue is full and the broker has to be waited for.

        A sequence is used once: it is only counted on when the client has taken it, or when it was refused for good.
        """
        seq = self._seq
        partition = partitions[seq % len(partitions)]
        try:
            client.produce(
                self._settings.topic,
                self._payload.value(seq, load.message_bytes),
                key(seq, load.plain_keys),
                partition=partition,
                on_delivery=partial(self._delivered, seq),
            )
        except BufferError:
            self.queue_full += 1
            return False
        except KafkaException as error:
            if error.args[0].code() != KafkaError.MSG_SIZE_TOO_LARGE:
                raise ProducerError(f"the client refuses to send: {error.args[0].str()}") from error
            self._ledger.is_failed(seq)
        else:
            self._ledger.sent(seq)
        self._seq = seq + 1
        return True

    def _delivered(self, seq: int, error: KafkaError | None, message: Message) -> None:
        if error is None:
            partition, offset = message.partition(), message.offset()
            if partition is not None and offset is not None:
                self._ledger.is_acked(seq, partition, offset)
                self._link.up = True
                return
        # Also for errors that sound like a refusal: with retries, nobody can tell which attempt they speak of.
        self._ledger.is_unknown(seq)
        logger.warning("delivery unknown", extra=fields(seq=seq, error=str(error)))

    def _turned(self, now: float, partitions: tuple[int, ...]) -> None:
        self._ledger.write_down()
        self.turned = now
        self.sent_rate.sample(now, self._ledger.acked)
        self._tell(partitions)
        self._check()

    def _check(self) -> None:
        if (broken := self._link.broken) is not None:
            raise ProducerError(f"the client is of no use any more: {broken}; a new process goes on under a new name")

    def _tell(self, partitions: tuple[int, ...]) -> None:
        ledger = self._ledger
        self.status = replace(
            self.status,
            partitions=partitions,
            seq=self._seq,
            acked=ledger.acked,
            failed=ledger.failed,
            unknown=ledger.unknown,
            in_flight=ledger.in_flight,
        )

    def _flush(self, client: Producer) -> None:
        deadline = time.monotonic() + self._settings.flush_seconds
        while self._ledger.in_flight and (left := deadline - time.monotonic()) > 0:
            client.poll(min(left, _LONGEST_WAIT_SECONDS))
            self._ledger.write_down()

    def _end(self, client: Producer) -> None:
        """Whatever the reason: what has no answer now gets none, and is written down as unknown."""
        unresolved = self._ledger.in_flight
        if unresolved:
            client.purge()
            client.poll(0)
        self._ledger.end(self._seq)
        self._tell(self.status.partitions)
        logger.info(
            "ended",
            extra=fields(
                producer=self.status.producer, sequences=self._seq, unresolved=unresolved, acked=self._ledger.acked
            ),
        )
