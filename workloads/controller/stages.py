"""Where a switch stands, in the plan's four words, each from the phases of the controller that it stands for."""

import time
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum

from prometheus_client.core import Metric

from workloads.common.metrics import Families
from workloads.common.states import Phase


class Stage(StrEnum):
    """DONE: nothing is under way; how the last switch ended is its outcome's matter."""

    PREPARING = "preparing"
    SWITCHING = "switching"
    DONE = "done"
    ROLLING_BACK = "rolling-back"


STAGES: Mapping[Phase, Stage] = {
    Phase.WAITING_FOR_READY: Stage.PREPARING,
    Phase.WAITING_FOR_LAG: Stage.PREPARING,
    Phase.PAUSING: Stage.SWITCHING,
    Phase.RESUMING: Stage.SWITCHING,
    Phase.VERIFYING: Stage.SWITCHING,
    Phase.ROLLING_BACK: Stage.ROLLING_BACK,
    Phase.READY: Stage.DONE,
    Phase.PAUSED: Stage.DONE,
    Phase.FAILED: Stage.DONE,
}


class Stages:
    """The stage that holds, how often each began, and for how long nothing has been done. One thread tells, any reads.

    clock: gives monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._stage: Stage | None = None
        self._begun: float | None = None
        self._entered = dict.fromkeys(Stage, 0)

    def stands(self, phase: Phase) -> None:
        """This phase holds now."""
        stage = STAGES[phase]
        if stage is self._stage:
            return
        self._stage = stage
        self._entered[stage] += 1
        if stage is Stage.DONE:
            self._begun = None
        elif self._begun is None:
            self._begun = self._clock()

    def metrics(self, make: Families) -> Iterator[Metric]:
        """What a scrape reads. A stage that is over before the next scrape is still counted."""
        begun = self._begun
        yield make.gauges(
            "bg_switch_stage",
            "1 for what holds: preparing, switching, done, rolling-back",
            ["stage"],
            [((stage,), float(stage is self._stage)) for stage in Stage],
        )
        yield make.counters(
            "bg_switch_stages_total",
            "Times that a stage began",
            ["stage"],
            [((stage,), count) for stage, count in self._entered.items()],
        )
        yield make.gauge(
            "bg_switch_under_way_seconds",
            "Since when a switch is under way, 0 while none is",
            0.0 if begun is None else self._clock() - begun,
        )
