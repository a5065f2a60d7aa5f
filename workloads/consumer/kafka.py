"""The client on confluent-kafka (librdkafka): joins, halts, rewinds, commits and leaves; tells a listener of it.

Everything here is called by the one thread that owns it, except `close`, which may be handed to another after `detach`.
Every call has a deadline: librdkafka's own commit has none, so commits are asynchronous and end in
`Listener.commit_ended`.
"""

import logging
import struct
import time
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from workloads.common.clients import STRANDED, Stranding
from workloads.common.logs import fields
from workloads.consumer.client import Ended, Listener
from workloads.consumer.sockets import hush
from workloads.handling.record import failed

logger = logging.getLogger("workloads.consumer")

# How long a standby client's look at the cluster may take: it delays a command by as much.
_WARM_SECONDS = 1.0
_WAKE_SECONDS = 0.25
# librdkafka's statistics come every second; older ones say that the client is stuck.
_STATS_AGE_SECONDS = 4.0
# rd_kafka_consumer_group_metadata_write: this, then the generation as a native 32-bit integer, then names.
_METADATA_MAGIC = b"CGMDv2:"


class KafkaClient:
    """See `GroupClient`, which it is.

    It halts with the classic protocol by an empty assignment (`pause()` and `resume()` can take a second to be heard in
    librdkafka, see `_wake`), with KIP-848, where the assignment is reported to the broker, by `pause`. librdkafka keeps
    a partition paused also when it is taken and given again (confluent-kafka-go#193), and a `resume` beside the
    assignment may come to nothing (librdkafka#5591): who joins anew had better do so by another client.

    More than a dozen attributes: half of them are what a `GroupClient` shows of itself.
    """

    def __init__(
        self,
        configuration: Mapping[str, Any],
        topic: str,
        *,
        incremental: bool,
        listener: Listener,
        carries: bool = False,
    ) -> None:
        """carries: whoever owns it starts what is assigned, by `start`; it never begins to read by itself."""
        self._topic = topic
        self._incremental = incremental
        self._carries = carries
        self._listener: Listener | None = listener
        self._sent: list[tuple[float, Ended | None]] = []
        self._stranding = Stranding()
        self._up_until = 0.0
        self.owned: tuple[int, ...] = ()
        self.flowing = False
        self.warm = False
        self.member_id = ""
        self._ports: frozenset[int] = frozenset()  # of the brokers, as they say them
        self._paused: set[int] = set()  # by librdkafka, whoever owns them now
        self._touched: set[int] = set()  # given or taken by a rebalance since the last poll began
        self._consumer = Consumer(
            {
                **configuration,
                "error_cb": self._on_error,
                "stats_cb": self._on_stats,
                "on_commit": self._on_commit,
                "logger": logger,
            }
        )

    # --- what is

    @property
    def committing(self) -> bool:
        """A commit is on its way. There is one at a time: a retried older one must not overtake a newer one."""
        return bool(self._sent)

    @property
    def late(self) -> bool:
        """See `GroupClient`. Never: an ordinary commit that went wrong is told, and the next one takes it up."""
        return False

    @property
    def connected(self) -> bool:
        """The coordinator's connection is up."""
        return time.monotonic() < self._up_until

    def generation(self) -> int:
        """The group's generation (KIP-848: the member's epoch) as this client knows it; -1 when it is not known."""
        metadata = self._consumer.consumer_group_metadata()
        if not isinstance(metadata, bytes) or not metadata.startswith(_METADATA_MAGIC):
            return -1
        return int(struct.unpack_from("=i", metadata, len(_METADATA_MAGIC))[0])

    # --- what to do

    def warm_up(self) -> bool:
        """Open the connections that a join needs (leaders', coordinator's) and have fresh metadata; False when that
        failed.
        """
        try:
            seen = self._consumer.list_topics(self._topic, timeout=_WARM_SECONDS)
            found = seen.topics[self._topic].partitions
            self._consumer.committed(self._partitions(sorted(found) or [0]), timeout=_WARM_SECONDS)
            self._ports = frozenset(broker.port for broker in seen.brokers.values())
            hush(self._ports)  # for the client of a process that is killed in its join
        except KafkaException as error:
            self.warm = False
            self._coordinator(up=False)
            self._tell_failed(error.args[0])
        else:
            self.warm = True
            self._coordinator(up=True)
        return self.warm

    def join(self) -> None:
        """Enter the group; `Listener.assigned` follows from within `poll`."""
        self._consumer.subscribe(
            [self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )
        # By KIP-848 the client chooses it, and may be a member for long before it is assigned anything.
        self.member_id = self._consumer.memberid() or ""

    def leave(self) -> None:
        """Begin to leave the group; done when `left` says so, from within `poll`."""
        self._consumer.unsubscribe()

    @property
    def left(self) -> bool:
        """Nothing is owned any more. `unsubscribe` is asynchronous: it ends with the revocation."""
        return not self.owned

    def halt(self) -> None:
        """Read no more, stay a member."""
        if self._incremental:
            self._pause(self.owned)
        else:
            self._consumer.assign([])
        self.flowing = False

    def rewind(self) -> None:
        """Read what is owned, from the committed offsets. Raises `KafkaException` when those cannot be had."""
        if self._incremental:
            self._seek_committed(self.owned)
            self._resume(self.owned)
        else:
            self._consumer.assign(self._partitions(self.owned))
        self.flowing = True

    def start(self, offsets: Mapping[int, int]) -> None:
        """Read these, which are owned and halted, from these next offsets."""
        places = [TopicPartition(self._topic, p, offset) for p, offset in offsets.items()]
        if self._incremental:
            for place in places:
                self._consumer.seek(place)
            self._resume(tuple(offsets))
            self._wake(places)
        else:
            self._consumer.assign(places)
        self.flowing = True

    def _pause(self, partitions: Sequence[int]) -> None:
        self._consumer.pause(self._partitions(partitions))
        self._paused.update(partitions)

    def _resume(self, partitions: Sequence[int]) -> None:
        self._consumer.resume(self._partitions(partitions))
        self._paused.difference_update(partitions)

    def _wake(self, places: Sequence[TopicPartition]) -> None:
        """librdkafka's thread of a broker from which nothing is fetched sleeps for up to a second, and hears of a
        `resume` after that; a request to that broker wakes it.
        """
        try:
            self._consumer.offsets_for_times(
                [TopicPartition(self._topic, place.partition, -1) for place in places], timeout=_WAKE_SECONDS
            )
        except KafkaException as error:
            self._tell_failed(error.args[0])

    def fence(self, numbers: Sequence[int], seconds: float) -> None:
        """Nothing: whoever is a member of this group may commit."""

    def _seek_committed(self, partitions: Sequence[int]) -> None:
        for partition in self._consumer.committed(self._partitions(partitions), timeout=_WARM_SECONDS):
            # OFFSET_BEGINNING is what auto.offset.reset would make of a partition without a committed offset.
            self._consumer.seek(
                partition if partition.offset >= 0 else TopicPartition(self._topic, partition.partition, -2)
            )

    def poll(self, seconds: float, most: int) -> list[Message]:
        """See `GroupClient`.

        librdkafka gives no record of an older assignment, but a batch may hold some from before a rebalance that
        happened while it was filled (confluent-kafka-python#1013).
        """
        first = self._consumer.poll(seconds)
        if first is None:
            return []
        if most == 1:
            return [first]
        self._touched.clear()
        try:
            got = [first, *self._consumer.consume(most - 1, 0)]
            return self._anew(got) if self._touched else got
        except KafkaException as error:
            # Records that were fetched are gone with it, and the client would go on behind them.
            self._tell_failed(error.args[0])
            if self._listener is not None:
                self._listener.lost(f"a batch was lost: {error.args[0].str()}", fenced=False)
            return []

    def _anew(self, got: list[Message]) -> list[Message]:
        """What is left of a batch that a rebalance fell into. Which of the records of a partition that it touched came
        before it nobody can tell: they are given up, and what is still owned is read again from the committed offset.
        """
        kept = [message for message in got if failed(message) or message.partition() in self._untouched]
        again = [p for p in self.owned if p in self._touched]
        if len(kept) < len(got) and again and self.flowing and not self._carries:
            if self._incremental:
                self._seek_committed(again)
            else:
                self._consumer.assign(self._partitions(self.owned))
        return kept

    @property
    def _untouched(self) -> set[int]:
        return set(self.owned) - self._touched

    def commit(self, offsets: Mapping[int, int], metadata: str, ended: Ended | None = None) -> None:
        """See `GroupClient`. Raises `KafkaException` when the client is gone."""
        self._consumer.commit(
            offsets=[TopicPartition(self._topic, p, offset, metadata) for p, offset in offsets.items()],
            asynchronous=True,
        )
        self._sent.append((time.monotonic(), ended))

    @property
    def spent(self) -> bool:
        """See `GroupClient`."""
        return not self._paused.issubset(self.owned)

    @property
    def detached(self) -> bool:
        """It was told to be silent: it is being got rid of."""
        return self._listener is None

    def detach(self) -> None:
        """Say nothing more to the listener, whatever happens until `close` has ended."""
        self._listener = None

    def close(self) -> None:
        """Close the client. A static classic member leaves nothing behind at the broker; others leave the group. What
        nobody has heard yet is not heard any more.
        """
        started = time.monotonic()
        hush(self._ports)
        try:
            self._consumer.close()
        except (KafkaException, RuntimeError) as error:
            logger.warning("closing the client failed", extra=fields(error=str(error)))
        logger.info("client closed", extra=fields(duration_ms=_milliseconds(started)))

    # --- what librdkafka calls

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        got = tuple(sorted(p.partition for p in partitions))
        flow = self._listener is not None and self._listener.wants_flow()
        if self._incremental:
            consumer.incremental_assign(partitions)
            if not flow:
                self._pause(got)
            elif before := self._paused.intersection(got):
                self._resume(sorted(before))
        else:
            consumer.assign(partitions if flow else [])
        self.owned = tuple(sorted({*self.owned, *got})) if self._incremental else got
        # What it reads besides is left alone where assignments come in parts.
        self.flowing = flow or (self._carries and self._incremental and self.flowing)
        self._touched.update(got)
        self.member_id = consumer.memberid() or ""
        if self._listener is not None:
            self._listener.assigned(got, self.owned, self.generation())

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        gone = tuple(sorted(p.partition for p in partitions)) if self._incremental else self.owned
        if self._listener is not None:
            self._listener.revoked(gone)
        self._unassign(consumer, partitions, gone)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._unassign(
            consumer, partitions, tuple(p.partition for p in partitions) if self._incremental else self.owned
        )
        if self._listener is not None:
            self._listener.lost("the group took the partitions away (session or poll interval exceeded)", fenced=False)

    def _unassign(self, consumer: Consumer, partitions: list[TopicPartition], gone: Sequence[int]) -> None:
        self.owned = tuple(p for p in self.owned if p not in gone)
        self._touched.update(gone)
        try:
            if self._incremental:
                consumer.incremental_unassign(partitions)
            else:
                consumer.unassign()
        except KafkaException as error:  # a client that is fatal refuses this too; its end is told by poll
            logger.info("unassign refused", extra=fields(error=error.args[0].str()))

    def _on_commit(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        sent, ended = self._sent.pop(0) if self._sent else (time.monotonic(), None)
        taken = {p.partition: p.offset for p in partitions if error is None and p.error is None}
        first = error or next((p.error for p in partitions if p.error is not None), None)
        self._tell_ended(ended, first, taken, time.monotonic() - sent)

    def _tell_ended(
        self, ended: Ended | None, error: KafkaError | None, taken: Mapping[int, int], latency: float
    ) -> None:
        if self._listener is not None:
            (ended or self._listener.commit_ended)(error, taken, latency)

    def _on_error(self, error: KafkaError) -> None:
        self._tell_failed(error)

    def _on_stats(self, text: str) -> None:
        stats = orjson.loads(text)
        self._coordinator(up=stats["brokers"].get("GroupCoordinator", {}).get("state") == "UP")
        found = stats["topics"].get(self._topic, {}).get("partitions", {})
        if self._listener is not None:
            self._listener.observed({int(p): values for p, values in found.items() if int(p) in self.owned})
            if self._stranding.observe(stats):
                self._listener.lost(STRANDED, fenced=False)

    def _coordinator(self, *, up: bool) -> None:
        self._up_until = time.monotonic() + _STATS_AGE_SECONDS if up else 0.0

    def _tell_failed(self, error: KafkaError) -> None:
        if self._listener is not None:
            self._listener.failed(error)

    def _partitions(self, numbers: Sequence[int]) -> list[TopicPartition]:
        return [TopicPartition(self._topic, p) for p in numbers]


def _milliseconds(since: float) -> float:
    return round((time.monotonic() - since) * 1000, 3)
