"""The consumer's lifecycle events as they are written down, with the offsets that a judge needs."""

import logging
from collections.abc import Mapping, Sequence

from workloads.common.logs import fields
from workloads.common.records import EventLog
from workloads.common.states import State
from workloads.handling.record import Record
from workloads.member.lifecycle import Lifecycle

logger = logging.getLogger("workloads.consumer")


class Journal:
    """Owned by the poll loop.

    Where reading begins after an assignment is known without another trip to the broker only when the first record of
    a partition comes: nothing before it was handed to this process. So ASSIGNED is written twice: at once, with what is
    owned, and again with `[topic, partition, offset]` of the partitions whose start has become known: when all of them
    are, and before every later event. A partition that brings no record has no start. Where starts are explicit, the
    second one has them all, at once (`started`).
    """

    def __init__(self, events: EventLog, topic: str) -> None:
        self._events = events
        self._topic = topic
        self._epoch = 0
        self._awaited: set[int] = set()
        self._begun: dict[int, int] = {}

    def write(self, name: str, epoch: int, partitions: Sequence[int], offsets: Mapping[int, int]) -> None:
        """One event, under this epoch; offsets: of the partitions for which one is known."""
        self._write_starts()
        self._write(name, epoch, partitions, offsets)

    def changed(
        self, before: Lifecycle, now: Lifecycle, *, acked: Mapping[int, int], positions: Mapping[int, int]
    ) -> None:
        """A change of state: of PAUSED with what is committed (acked), else with what is handled (positions)."""
        partitions = before.partitions if now.state is not State.ACTIVE else now.partitions
        self.write(now.state.value, now.epoch, partitions, acked if now.state is State.PAUSED else positions)
        logger.info(
            "state changed",
            extra=fields(
                before=before.state, state=now.state, epoch=now.epoch, partitions=partitions, committed=now.committed
            ),
        )

    def assigned(self, epoch: int, partitions: Sequence[int]) -> None:
        """The complete set that is owned now."""
        self.write("ASSIGNED", epoch, partitions, {})

    def reading(self, epoch: int, partitions: Sequence[int]) -> None:
        """Reading of these begins, at the committed offsets."""
        self._epoch = epoch
        self._awaited.update(partitions)
        for partition in partitions:
            self._begun.pop(partition, None)

    def started(self, epoch: int, offsets: Mapping[int, int]) -> None:
        """Reading of these begins, at offsets that are known."""
        self.write("ASSIGNED", epoch, sorted(offsets), offsets)

    def gone(self, partitions: Sequence[int]) -> None:
        """These are read no more."""
        self._awaited.difference_update(partitions)

    def forget(self) -> None:
        """Nothing is read any more."""
        self._awaited.clear()

    def fetched(self, messages: Sequence[Record]) -> None:
        """These came from the client, in this order."""
        if not self._awaited:
            return
        for message in messages:
            partition, offset = message.partition(), message.offset()
            if partition in self._awaited and offset is not None and message.error() is None:
                self._awaited.discard(partition)
                self._begun[partition] = offset
        if not self._awaited:
            self._write_starts()

    def _write_starts(self) -> None:
        if self._begun:
            begun, self._begun = self._begun, {}
            self._write("ASSIGNED", self._epoch, sorted(begun), begun)

    def _write(self, name: str, epoch: int, partitions: Sequence[int], offsets: Mapping[int, int]) -> None:
        topic = self._topic
        self._events.write(name, epoch, ([topic, p, offsets[p]] if p in offsets else [topic, p] for p in partitions))
