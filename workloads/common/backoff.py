"""How long to wait before a thing that did not work is tried again: at first a moment, then longer, up to a limit."""


class Backoff:
    """Exponential backoff. No clock and no randomness of its own: whoever asks does the waiting, and the spreading."""

    def __init__(self, first: float, most: float, factor: float = 2) -> None:
        """`first`: the first wait in seconds; each is `factor` times the one before, and at most `most` seconds.

        Raises ValueError unless 0 < first <= most and factor >= 1: a wait of nothing is a loop that runs hot.
        """
        if not 0 < first <= most or not factor >= 1:
            raise ValueError(f"a backoff needs 0 < first <= most and factor >= 1, not {first=}, {most=}, {factor=}")
        self._first = first
        self._most = most
        self._factor = factor
        self._next = first
        self.waits = 0

    def next(self) -> float:
        """Seconds to wait now. `waits` counts these calls since the beginning or the last `reset`."""
        now = self._next
        self._next = min(now * self._factor, self._most)
        self.waits += 1
        return now

    def reset(self) -> None:
        """It worked: the next wait is the first one again."""
        self._next = self._first
        self.waits = 0
