"""When records are due: a pure schedule, without a clock of its own."""

# Below this, waking up costs more than it evens out; above 1 / TICK records a second, each wake-up sends several.
TICK_SECONDS = 0.002
# What a producer that was held up (a slow broker, a busy machine) makes up for at most, in seconds of its rate.
CATCH_UP_SECONDS = 1.0


class Pace:
    """Spreads `rate` records over each second. Times are monotonic seconds."""

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._start = now
        self._done = 0

    def change(self, rate: float, now: float) -> None:
        """Another rate from now on; nothing of the old one is owed."""
        if rate != self._rate:
            self._rate, self._start, self._done = rate, now, 0

    def due(self, now: float) -> int:
        """How many records should be sent now; what is older than the catch-up limit is given up."""
        owed = int((now - self._start) * self._rate) - self._done
        most = max(1, int(self._rate * CATCH_UP_SECONDS))
        if owed > most:
            self._done += owed - most
            return most
        return max(0, owed)

    def sent(self, count: int) -> None:
        """That many of them were sent."""
        self._done += count

    def wait(self, now: float, longest: float) -> float:
        """Seconds until it is worth looking again."""
        if self._rate <= 0:
            return longest
        next_at = self._start + (self._done + 1) / self._rate
        return min(longest, max(next_at - now, TICK_SECONDS if self._rate * TICK_SECONDS > 1 else 0.0))
