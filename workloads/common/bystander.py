"""What a consumer group has committed, asked and written by a client that bears the group's name and never joins it.

Not by `AdminClient`: librdkafka aborts the process (`eonce->refcnt > 0`) when a group's coordinator goes away while an
admin client has a question to it, as at each restart of a broker (librdkafka issues 3663 and 4605, open in 2.16).
Questions to partitions' leaders (`list_offsets`) are not concerned.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, KafkaException, TopicPartition

from workloads.common.clients import ASKING
from workloads.common.labels import unsealed

# Committed offsets of a transaction that is not finished are asked for again after so long; the default of 100 would be
# the longest step of a hand-off.
_RETRY = {"retry.backoff.ms": 10, "retry.backoff.max.ms": 10}
_SERVE_SECONDS = 0.002
_READINGS = 5

# What a broker answers that is not yet, or no longer, what it was asked as: of a topic or a coordinator that is new or
# moves. A reading is made again, by a client that finds its brokers anew.
_MOVING = {
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.UNKNOWN_LEADER_EPOCH,
}
_AGAIN_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Committed:
    """What is committed of a partition: the next offset to handle, negative without a commit, and the label in its
    metadata (`labels.unsealed`).
    """

    offset: int
    label: str = ""


class _Client:
    """A consumer that never subscribes, and the answers to its commits.

    Nothing that the consumer knows of leads back to it: the collector sees no circle through librdkafka's objects, and
    threads and connections of one that is dropped would stay.
    """

    def __init__(self, configuration: Mapping[str, Any]) -> None:
        answers: list[tuple[KafkaError | None, list[TopicPartition]]] = []
        self._answers = answers
        self._consumer = Consumer({**configuration, "on_commit": lambda *answer: answers.append(answer)})

    def committed(self, places: list[TopicPartition], seconds: float) -> list[TopicPartition]:
        return _checked(self._consumer.committed(places, timeout=max(0.001, seconds)))

    def bounds(self, places: list[TopicPartition], seconds: float) -> list[TopicPartition]:
        return _checked(self._consumer.offsets_for_times(places, timeout=max(0.001, seconds)))

    def commit(self, places: list[TopicPartition], until: float) -> None:
        """Not `commit(asynchronous=False)`, which has no deadline."""
        self._consumer.commit(offsets=places, asynchronous=True)
        while not self._answers:
            if time.monotonic() >= until:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "the commit was not acknowledged in time"))
            self._consumer.poll(_SERVE_SECONDS)
        error, found = self._answers.pop()
        if error is not None:
            raise KafkaException(error)
        _checked(found)

    def close(self) -> None:
        self._consumer.close()


class Bystander:
    """One group's offsets. Safe for threads.

    A client that failed is not asked again: the next question makes a new one, which finds brokers and coordinator
    anew. Needs Describe on the group, and Read to write.
    """

    def __init__(self, configuration: Mapping[str, Any], group: str, *, stable: bool = False) -> None:
        """configuration: librdkafka's, of what it takes to get in. stable: what a transaction has not finished yet is
        waited for (`require_stable`, KIP-447); else the answer may be the commit before it.
        """
        self._configuration = {
            **ASKING,
            **_RETRY,
            **configuration,
            "group.id": group,
            "enable.auto.commit": False,
            "isolation.level": "read_committed" if stable else "read_uncommitted",
        }
        self._client: _Client | None = None
        self._lock = threading.Lock()
        self._writing = threading.Lock()

    def offsets(self, topic: str, partitions: Iterable[int], seconds: float) -> dict[int, int]:
        """What is committed of these, by partition: negative without a commit.

        Raises `KafkaException`, also when there is no answer within `seconds`; a coordinator that is new or moves is
        asked again until then.
        """
        return {place.partition: place.offset for place in self._places(topic, partitions, seconds)}

    def committed(self, topic: str, partitions: Iterable[int], seconds: float) -> dict[int, Committed]:
        """What is committed of these, by partition, with its label.

        Raises as `offsets`, and when metadata is no text however often it is read: who takes it for none could start in
        the wrong place.
        """
        until = time.monotonic() + seconds
        asked = list(partitions)
        for _ in range(_READINGS):
            found = self._places(topic, asked, until - time.monotonic())
            try:
                return {place.partition: Committed(place.offset, unsealed(place.metadata)) for place in found}
            except UnicodeDecodeError as error:
                said = str(error)
        told = (
            f"a commit of {topic} bears metadata that is no text ({said}); committed anew by another tool it has none"
        )
        raise KafkaException(KafkaError(KafkaError._BAD_MSG, told))

    def bounds(self, topic: str, partitions: Sequence[int], seconds: float) -> dict[int, tuple[int, int]]:
        """Of each of these partitions, the offset of the first record that it has, and of the next one that it gets.

        Not by `AdminClient.list_offsets`: of two questions at a time one can wait for 3 s, which is how long librdkafka
        waits until it asks for a leader again. Raises as `offsets`.
        """
        until = time.monotonic() + seconds

        def at(bound: int) -> list[TopicPartition]:
            asked = [TopicPartition(topic, p, bound) for p in partitions]
            return self._read(until, lambda client, left: client.bounds(asked, left))

        low, high = at(OFFSET_BEGINNING), at(OFFSET_END)  # as timestamps: the first record, and behind the last
        ends = {place.partition: place.offset for place in high}
        return {place.partition: (place.offset, ends[place.partition]) for place in low}

    def commit(self, topic: str, offsets: Mapping[int, tuple[int, str]], seconds: float) -> None:
        """Commit for a group that has no members: by partition, offset and metadata. Raises `KafkaException`, also
        when it is not acknowledged within `seconds`.
        """
        until = time.monotonic() + seconds
        places = [TopicPartition(topic, p, offset, metadata) for p, (offset, metadata) in offsets.items()]
        with self._writing:
            client = self._current()
            try:
                client.commit(places, until)
            except KafkaException:
                self._drop(client)
                raise

    def close(self) -> None:
        """End its connections; nobody else may be using it. It may be asked again, which makes new ones."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _places(self, topic: str, partitions: Iterable[int], seconds: float) -> list[TopicPartition]:
        asked = [TopicPartition(topic, p) for p in partitions]
        return self._read(time.monotonic() + seconds, lambda client, left: client.committed(asked, left))

    def _read(self, until: float, ask: Callable[[_Client, float], list[TopicPartition]]) -> list[TopicPartition]:
        """The answer to what `ask` asks a client, within the seconds that are left. Raises `KafkaException`."""
        while True:
            client = self._current()
            try:
                return ask(client, until - time.monotonic())
            except KafkaException as error:
                self._drop(client)
                if error.args[0].code() not in _MOVING or time.monotonic() + _AGAIN_SECONDS >= until:
                    raise
            time.sleep(_AGAIN_SECONDS)

    def _current(self) -> _Client:
        with self._lock:
            self._client = self._client or _Client(self._configuration)
            return self._client

    def _drop(self, client: _Client) -> None:
        """Not closed: another thread may be using it. It goes with its last user."""
        with self._lock:
            if self._client is client:
                self._client = None


class Bystanders:
    """A bystander for each group, made when it is first asked for. Safe for threads."""

    def __init__(self, configuration: Mapping[str, Any]) -> None:
        """configuration: see `Bystander`."""
        self._configuration = configuration
        self._known: dict[str, Bystander] = {}
        self._lock = threading.Lock()

    def of(self, group: str) -> Bystander:
        """The one of this group."""
        with self._lock:
            if group not in self._known:
                self._known[group] = Bystander(self._configuration, group)
            return self._known[group]

    def close(self) -> None:
        """As `Bystander.close`, of all."""
        for one in self._known.values():
            one.close()


def _checked(places: list[TopicPartition]) -> list[TopicPartition]:
    refused = next((place.error for place in places if place.error is not None), None)
    if refused is not None:
        raise KafkaException(refused)
    return places
