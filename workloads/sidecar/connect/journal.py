"""The connector's lifecycle events as they are written down, with the offsets that a judge needs."""

from collections.abc import Iterable

from workloads.common.records import EventLog
from workloads.sidecar.connect.seen import Member, Offsets


class Journal:
    """log: None writes nothing. Safe for threads as far as a line is one system call."""

    def __init__(self, log: EventLog | None, topic: str) -> None:
        self._log = log
        self._topic = topic

    def paused(self, epoch: int, offsets: Offsets) -> None:
        """It stands; these are its group's offsets."""
        self._write("PAUSED", epoch, [[name, number, offset] for (name, number), offset in sorted(offsets.items())])

    def assigned(self, epoch: int, offsets: Offsets, partitions: int) -> None:
        """It is about to begin there; a partition without an offset begins at its beginning."""
        numbers = range(partitions)
        starts = {number: offsets[self._topic, number] for number in numbers if (self._topic, number) in offsets}
        self._write(
            "ASSIGNED", epoch, [[self._topic, n, starts[n]] if n in starts else [self._topic, n] for n in numbers]
        )

    def active(self, epoch: int, members: Iterable[Member]) -> None:
        """It works, on these partitions."""
        owned = sorted(partition for member in members for partition in member.partitions)
        self._write("ACTIVE", epoch, [[name, number] for name, number in owned])

    def _write(self, event: str, epoch: int, partitions: list[list[object]]) -> None:
        if self._log is not None:
            self._log.write(event, epoch, partitions)
