"""A record, as far as its handling has to know it: confluent-kafka's `Message` is one."""

from typing import Protocol


class Record(Protocol):
    """What was fetched, or what went wrong with fetching."""

    def value(self) -> bytes | None:
        """Its value."""

    def partition(self) -> int | None:
        """Its partition."""

    def offset(self) -> int | None:
        """Its offset."""

    def error(self) -> object | None:
        """What stands in the place of a record; None for one."""
