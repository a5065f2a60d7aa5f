"""How late lines are seen, and how many there were."""

from collections import deque
from collections.abc import Iterator

from prometheus_client.core import Metric

from workloads.common.metrics import Buckets, Families

BOUNDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
SECOND = 1e9


class Figures:
    """late_max: seconds; no line was seen later than this after it was written (of those of which that is known).

    unknown: lines that were there before anybody looked: how late they were seen is not known.
    """

    def __init__(self) -> None:
        self.lines = 0
        self.torn = 0
        self.unknown = 0
        self.late = Buckets(BOUNDS)
        # (seen at, how late) of the looks that no later one was as late as: the latest since any moment is one of them.
        self._latest: deque[tuple[int, int]] = deque()

    def saw(self, lines: int, torn: int, late_ns: int | None, t: int) -> None:
        """So many lines were seen at once, at `t` (ns), none later than `late_ns` after it was written."""
        self.lines += lines
        self.torn += torn
        if late_ns is None:
            self.unknown += lines
            return
        self.late.observe(late_ns / SECOND)
        while self._latest and self._latest[-1][1] <= late_ns:
            self._latest.pop()
        self._latest.append((t, late_ns))

    @property
    def late_max(self) -> float:
        """See above."""
        return self.late_since(0)

    def late_since(self, since: int) -> float:
        """Seconds; no line that was seen at `since` (ns) or after it was seen later than this."""
        return next((late / SECOND for t, late in self._latest if t >= since), 0.0)

    def told(self, since: int = 0) -> dict[str, object]:
        """As JSON; `late_seconds_max` of the lines that were seen at `since` (ns) or after it."""
        late = self.late_since(since)
        return {"lines": self.lines, "torn": self.torn, "unknown": self.unknown, "late_seconds_max": late}

    def families(self, make: Families) -> Iterator[Metric]:
        """What a scrape reads."""
        yield make.counter("bg_recorder_lines_total", "Lines of the sink that were recorded", self.lines)
        yield make.counter("bg_recorder_torn_lines_total", "Lines that a killed worker left unfinished", self.torn)
        yield make.counter("bg_recorder_unknown_lines_total", "Lines that nobody saw come", self.unknown)
        yield make.gauge("bg_recorder_late_seconds_max", "No line was seen later than this", self.late_max)
        yield make.histogram("bg_recorder_late_seconds", "How late lines were seen, at most, by look", self.late)
