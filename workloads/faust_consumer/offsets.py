"""What is handled and not committed yet, and when the next commit is due."""

from collections.abc import Iterable


class Offsets:
    """positions: by partition, the offset after the newest handled record; the worker's own. acked: by partition, the
    offset that the broker has acknowledged. Times are monotonic seconds.
    """

    def __init__(self, positions: dict[int, int]) -> None:
        self._positions = positions
        self.acked: dict[int, int] = {}
        self._due_at = 0.0

    def uncommitted(self) -> dict[int, int]:
        """Positions that the broker has not acknowledged."""
        return {p: offset for p, offset in self._positions.items() if self.acked.get(p) != offset}

    def begin(self, now: float) -> None:
        """It became active."""
        self._due_at = now

    def due(self, now: float, interval: float) -> bool:
        """Whether a commit is to be sent now; the next one is due an interval later."""
        if now < self._due_at + interval:
            return False
        self._due_at = now
        return True

    def forget(self, partitions: Iterable[int]) -> None:
        """Of these nothing is known any more."""
        for partition in partitions:
            self._positions.pop(partition, None)
            self.acked.pop(partition, None)

    def clear(self) -> None:
        """Of all partitions."""
        self._positions.clear()
        self.acked.clear()
