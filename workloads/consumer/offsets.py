"""What is committed in both colours' groups and what the topic holds: asked of the broker by an admin client.

Offsets are read as stable ones where there are transactions: while one is not finished, the broker would give the
offset from before it (`require_stable`, KIP-447). The end of a transaction is answered before it is finished.
"""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from workloads.consumer.carry import Commit, Found, read
from workloads.consumer.settings import ConsumerSettings


class UnstableError(Exception):
    """A transaction on one of the partitions is not finished: ask again."""


class Asked(Protocol):
    """A question that is under way."""

    @property
    def done(self) -> bool:
        """The answer is there."""

    def answer(self, seconds: float) -> Mapping[int, Found]:
        """What was found, by partition, within `seconds`. Raises `UnstableError`; `KafkaException` when the broker
        refuses or does not answer.
        """


class Registering(Protocol):
    """A note that is under way to the fence register."""

    def answer(self, seconds: float) -> None:
        """Return when it is noted. Raises `KafkaException` when it is not within `seconds`."""


class Offsets(Protocol):
    """All that a start has to know of the broker. Nothing here waits but the answers."""

    def ask(self, partitions: Sequence[int], seconds: float) -> Asked:
        """Ask for what stands in the way of these partitions' starts."""

    def register(self, numbers: Sequence[int], epoch: int) -> Registering:
        """Note that these transactional ids were initialised under this epoch, by this colour."""

    def registered(self, seconds: float) -> Mapping[int, int]:
        """By number, the epoch under which this colour initialised that id last, where no other did so since. Raises
        `KafkaException`.
        """


class GroupOffsets:
    """`Offsets` by confluent-kafka.

    The fence register is a consumer group `<transactional id>-fence` that nobody joins: partition j's offset is the
    epoch under which id j was initialised last, its metadata the colour of who did it. So whoever waits for an id that
    a colleague has to initialise needs to know nothing of colleagues.
    """

    def __init__(self, settings: ConsumerSettings) -> None:
        self._admin = AdminClient(settings.admin_configuration())
        self._topic = settings.topic
        self._own, self._other = settings.group_id, settings.other_group_id
        self._color = settings.color.value
        self._fence = f"{settings.transactional_id}-fence"
        self._stable = settings.fenced

    def ask(self, partitions: Sequence[int], seconds: float) -> "_Question":
        """See `Offsets`."""
        places = [TopicPartition(self._topic, p) for p in partitions]
        groups = tuple(
            next(
                iter(
                    self._admin.list_consumer_group_offsets(
                        [ConsumerGroupTopicPartitions(group, places)],
                        require_stable=self._stable,
                        request_timeout=seconds,
                    ).values()
                )
            )
            for group in (self._own, self._other)
        )
        low, high = (
            self._admin.list_offsets(dict.fromkeys(places, bound), request_timeout=seconds)
            for bound in (OffsetSpec.earliest(), OffsetSpec.latest())  # type: ignore[no-untyped-call]
        )
        return _Question(partitions, groups, low, high)

    def register(self, numbers: Sequence[int], epoch: int) -> "_Note":
        """See `Offsets`."""
        notes = [TopicPartition(self._topic, n, epoch, self._color) for n in numbers]
        asked = self._admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(self._fence, notes)])
        return _Note(next(iter(asked.values())))

    def registered(self, seconds: float) -> Mapping[int, int]:
        """See `Offsets`."""
        asked = self._admin.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(self._fence)], request_timeout=seconds
        )
        found = _result(next(iter(asked.values())), seconds).topic_partitions or []
        return {p.partition: p.offset for p in found if p.topic == self._topic and p.metadata == self._color}


class _Question:
    def __init__(
        self,
        partitions: Sequence[int],
        groups: Sequence[Future[ConsumerGroupTopicPartitions]],
        low: Mapping[TopicPartition, Future[Any]],
        high: Mapping[TopicPartition, Future[Any]],
    ) -> None:
        self._partitions = partitions
        self._groups = groups
        self._bounds = [{place.partition: future for place, future in bound.items()} for bound in (low, high)]

    @property
    def done(self) -> bool:
        return all(future.done() for future in (*self._groups, *self._bounds[0].values(), *self._bounds[1].values()))

    def answer(self, seconds: float) -> Mapping[int, Found]:
        until = time.monotonic() + seconds
        own, other = (_commits(_result(group, until - time.monotonic())) for group in self._groups)
        low, high = (
            {p: int(_result(future, until - time.monotonic()).offset) for p, future in bound.items()}
            for bound in self._bounds
        )
        return {p: Found(own.get(p), other.get(p), low[p], high[p]) for p in self._partitions}


class _Note:
    def __init__(self, future: Future[ConsumerGroupTopicPartitions]) -> None:
        self._future = future

    def answer(self, seconds: float) -> None:
        for place in _result(self._future, seconds).topic_partitions or []:
            if place.error is not None:
                raise KafkaException(place.error)


def _commits(group: ConsumerGroupTopicPartitions) -> dict[int, Commit | None]:
    found: dict[int, Commit | None] = {}
    for place in group.topic_partitions or []:
        if place.error is not None:
            _refused(place.error)
        found[place.partition] = read(place.offset, place.metadata)
    return found


def _result(future: Future[Any], seconds: float) -> Any:
    try:
        return future.result(max(0.0, seconds))
    except TimeoutError:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "the broker did not answer in time")) from None
    except KafkaException as error:
        _refused(error.args[0])


def _refused(error: KafkaError) -> None:
    if error.code() == KafkaError.UNSTABLE_OFFSET_COMMIT:
        raise UnstableError from None
    raise KafkaException(error) from None
