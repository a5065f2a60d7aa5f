"""Which report is written next, and when: a pure rule, whose caller gives the time (monotonic seconds)."""

from workloads.common.report import Report

REPEAT_SECONDS = 20.0
AFTER_ERROR_SECONDS = 3.0
NEVER = float("inf")


class Outbox:
    """The newest report that is due, and the one that was written last.

    A newer report takes the place of one that has not gone out. After an error the report is written once more some
    seconds later, because the write that seemed to fail may land after the one that followed it. The same report is
    also written again when nothing happened for a while, to keep the connection warm.
    """

    def __init__(self) -> None:
        self._due: Report | None = None
        self._due_at = NEVER
        self._not_before = 0.0
        self._again_at = NEVER
        self._repeat_at = NEVER
        self.written: Report | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing new is due."""
        return self._due is None

    def offer(self, report: Report | None, at: float) -> bool:
        """This report is due at `at`, in place of whatever was due before; None: nothing is.

        Returns whether the time to look again may have changed. A report that is due already is not put off.
        """
        if report is None:
            self._due, self._due_at = None, NEVER
            return False
        if report == self._due and at >= self._due_at:
            return False
        self._due, self._due_at = report, at
        return True

    def hurry(self, now: float) -> None:
        """What is due is due now."""
        self._due_at = min(self._due_at, now)

    def next(self, now: float) -> tuple[Report | None, float]:
        """The report to write now, or None and when to look again."""
        report = self.written if self._due is None else self._due
        if report is None:
            return None, now + REPEAT_SECONDS
        at = min(self._again_at, self._repeat_at) if self._due is None else self._due_at
        at = max(at, self._not_before)
        return (report, at) if now >= at else (None, at)

    def was_written(self, report: Report, now: float) -> None:
        """The report was accepted."""
        if self._due is None:
            self._again_at = NEVER
        if self._due == report:
            self._due, self._due_at = None, NEVER
        self.written = report
        self._not_before = now
        self._repeat_at = now + REPEAT_SECONDS

    def was_not_written(self, now: float, pause: float) -> None:
        """The write failed, or seemed to: whatever is next has to wait for `pause` seconds."""
        self._not_before = now + pause
        self._again_at = self._not_before + AFTER_ERROR_SECONDS
        self._repeat_at = now + REPEAT_SECONDS
