"""What the colour switched to has shown in its time: a count of what its members handled, and the verdict on it.

No I/O and no clock; `measure` asks the members and says when the time is over.
"""

from collections.abc import Mapping

from workloads.controller.measured import Progress
from workloads.controller.observe import AnalysisLimits
from workloads.controller.terms import Analysis

EARLIEST_SECONDS = 1.0


class Tally:
    """Records handled, and failed, since the first account was taken. A process that began since counts from 0."""

    def __init__(self) -> None:
        self.handled = 0
        self.failed = 0
        self._last: dict[tuple[str, str], Progress] = {}
        self._begun = False

    def add(self, accounts: Mapping[str, Progress]) -> None:
        """Take in what the members say now (pod name -> its account)."""
        for pod, now in accounts.items():
            before = self._last.get((pod, now.process))
            if before is not None or self._begun:
                self.handled += now.handled - (before.handled if before else 0)
                self.failed += now.failed - (before.failed if before else 0)
            self._last[pod, now.process] = now
        self._begun = self._begun or bool(accounts)

    def __str__(self) -> str:
        return f"{self.failed} of {self.handled} records failed"


def foregone(tally: Tally, limits: AnalysisLimits, elapsed: float) -> bool:
    """Whether it has failed before its time is over: the failures so far are more than the share of what is handled by
    then, at the pace so far, even if nothing failed any more. elapsed: seconds.

    Not before `EARLIEST_SECONDS`: the pace of the first moments is a backlog's, or nobody's.
    """
    if elapsed < EARLIEST_SECONDS or tally.handled < limits.min_records:
        return False
    return tally.failed > limits.max_error_rate * tally.handled * max(1.0, limits.seconds / elapsed)


def verdict(tally: Tally, limits: AnalysisLimits, problem: str, arrived: int = 0) -> tuple[Analysis, str]:
    """What follows at the end of the time, and why. problem: why the last count could not be had; empty if it could.
    arrived: how many records came in meanwhile, where a share of them is asked for.

    Too many failures among enough records are a failure, whatever else could not be had, and so is a share of what came
    in that is too small. Otherwise fewer records than `min_records` show nothing, and a count that is not whole shows
    nothing.
    """
    allowed = f"a share of {limits.max_error_rate:g} is allowed"
    enough = tally.handled >= limits.min_records
    if enough and tally.failed > limits.max_error_rate * tally.handled:
        return Analysis.FAILED, f"{tally}; {allowed}"
    if problem:
        return Analysis.INCONCLUSIVE, f"{problem}; until then {tally}"
    if tally.handled < limits.min_throughput * arrived:
        slow = f"{tally.handled} of {arrived} records that came in were handled; a share of {limits.min_throughput:g}"
        return Analysis.FAILED, f"{slow} is needed"
    if not enough:
        return Analysis.INCONCLUSIVE, f"{tally}; at least {limits.min_records} have to be handled"
    return Analysis.PASSED, f"{tally}; {allowed}"
