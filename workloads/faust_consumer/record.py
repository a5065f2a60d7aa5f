"""A record as our applications handle it, of a message of Faust's."""

from typing import Any


class FaustRecord:
    """See `Record`, which it is."""

    __slots__ = ("_message",)

    def __init__(self, message: Any) -> None:
        self._message = message

    def value(self) -> bytes | None:
        """Its value."""
        value: bytes | None = self._message.value
        return value

    def partition(self) -> int:
        """Its partition."""
        return int(self._message.partition)

    def offset(self) -> int:
        """Its offset."""
        return int(self._message.offset)

    def error(self) -> None:
        """None: Faust hands on no errors."""
