"""The records that were fetched and are not handled yet."""

from collections.abc import Collection, Sequence

from confluent_kafka import Message

from workloads.handling.record import failed


class Backlog:
    """In the order in which the client gave them; errors and ends of partitions stand among them.

    It changes while the client is polled: a rebalance takes records out. So it is told what to add when the poll has
    ended, and nobody keeps its list over a poll. `messages` is for the worker alone.
    """

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def __bool__(self) -> bool:
        return bool(self.messages)

    def add(self, got: Sequence[Message]) -> None:
        """These came last."""
        self.messages = [*self.messages, *got] if self.messages else list(got)

    def drop(self, partitions: Collection[int]) -> None:
        """Nothing more of these: they are another's, or are read again from the committed offset."""
        if self.messages:
            self.messages = [m for m in self.messages if failed(m) or m.partition() not in partitions]

    def drop_records(self) -> None:
        """No record at all: whoever is ACTIVE next, this process included, starts at the committed offsets."""
        self.messages = [message for message in self.messages if failed(message)]

    def clear(self) -> None:
        """Nothing, errors neither: they are of a client that is gone."""
        self.messages = []

    def fault(self) -> Message | None:
        """What is next and no record, taken out: an error or the end of a partition; None when a record is."""
        first = self.messages[0]
        if first.error() is None:
            return None
        self.messages = self.messages[1:]
        return first
