"""What is committed in both colours' groups and what the topic holds, as the broker has it.

Offsets are read as stable ones where there are transactions: while one is not finished, the broker would give the
offset from before it (`require_stable`, KIP-447). The end of a transaction is answered before it is finished.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Protocol, TypeVar

from confluent_kafka import KafkaError, KafkaException

from workloads.common.bystander import Bystander, Committed
from workloads.common.labels import sealed
from workloads.consumer.settings import ConsumerSettings
from workloads.handling.carry import Found, read

T = TypeVar("T")


class Asked(Protocol):
    """A question that is under way."""

    def done(self) -> bool:
        """The answer is there."""

    def answer(self, seconds: float) -> Mapping[int, Found]:
        """What was found, by partition, within `seconds`. Raises `KafkaException` when the broker refuses or does not
        answer, or a transaction is not finished in time.
        """


class Registering(Protocol):
    """A note that is under way to the fence register."""

    def answer(self, seconds: float) -> None:
        """Return when it is noted. Raises `KafkaException` when it is not within `seconds`."""


class Offsets(Protocol):
    """All that a start has to know of the broker. Nothing here waits but the answers."""

    def ask(self, partitions: Sequence[int], seconds: float) -> Asked:
        """Ask for what stands in the way of these partitions' starts."""

    def register(self, numbers: Sequence[int], epoch: int, seconds: float) -> Registering:
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
        self._topic = settings.topic
        self._color = settings.color.value
        self._numbers = range(settings.transactional_ids)
        configuration = settings.admin_configuration()
        self._log = Bystander(configuration, settings.group_id)
        self._own, self._other, self._fence = (
            Bystander(configuration, group, stable=settings.fenced)
            for group in (settings.group_id, settings.other_group_id, f"{settings.transactional_id}-fence")
        )

    def ask(self, partitions: Sequence[int], seconds: float) -> "_Question":
        """See `Offsets`."""
        groups = tuple(
            _begun(partial(group.committed, self._topic, partitions, seconds)) for group in (self._own, self._other)
        )
        bounds = _begun(partial(self._log.bounds, self._topic, partitions, seconds))
        return _Question(partitions, groups, bounds)

    def register(self, numbers: Sequence[int], epoch: int, seconds: float) -> "_Note":
        """See `Offsets`."""
        notes = dict.fromkeys(numbers, (epoch, sealed(self._color)))
        return _Note(_begun(lambda: self._fence.commit(self._topic, notes, seconds)))

    def registered(self, seconds: float) -> Mapping[int, int]:
        """See `Offsets`."""
        found = self._fence.committed(self._topic, self._numbers, seconds)
        return {n: place.offset for n, place in found.items() if place.label == self._color}


class _Question:
    def __init__(
        self,
        partitions: Sequence[int],
        groups: Sequence[Future[dict[int, Committed]]],
        bounds: Future[dict[int, tuple[int, int]]],
    ) -> None:
        self._partitions = partitions
        self._groups = groups
        self._bounds = bounds

    def done(self) -> bool:
        return self._bounds.done() and all(future.done() for future in self._groups)

    def answer(self, seconds: float) -> Mapping[int, Found]:
        until = time.monotonic() + seconds
        own, other = (
            {p: read(place.offset, place.label) for p, place in _result(group, until).items()} for group in self._groups
        )
        bounds = _result(self._bounds, until)
        return {p: Found(own[p], other[p], *bounds[p]) for p in self._partitions}


class _Note:
    def __init__(self, future: Future[None]) -> None:
        self._future = future

    def answer(self, seconds: float) -> None:
        _result(self._future, time.monotonic() + seconds)


def _begun(call: Callable[[], T]) -> "Future[T]":
    """The call's end, made in a thread of its own: it waits for the broker, which whoever asks does not."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except Exception as error:  # noqa: BLE001 - raised to whoever takes the answer, an error of ours as well
            future.set_exception(error)

    threading.Thread(target=run, name="offsets", daemon=True).start()
    return future


def _result(future: "Future[T]", until: float) -> T:
    try:
        return future.result(max(0.0, until - time.monotonic()))
    except TimeoutError:
        if future.done():  # it came just now; or this is what the call itself has come to
            return future.result()
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "the broker did not answer in time")) from None
