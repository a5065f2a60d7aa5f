"""Scenario 4 of the plan, by `exceed_max_poll_interval`: a consumer takes longer over a record than its
`max.poll.interval.ms` in the middle of a switch, so that its client drops out of the group, which is rebalanced.

- of the pausing colour: it has the record in hand when it is told to pause, so the switch waits in `Pausing`;
- of the resuming colour: its first record; the switch is held in `Resuming` meanwhile (`experiments/disturbance.py`).

It is judged as a restart in the middle of a switch is (`experiments/scenarios/rebalance.py`); and a switch counts only
if the pod did drop out in it, by its own log and by the coordinator's. What it had in hand is committed by nobody and
handled again, once in each switch at least and no more than a batch: duplicates are counted, and belong to the fault.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from experiments import faults, fitness
from experiments.collection import kept_broker_log
from experiments.criteria import Observations
from experiments.disturbance import PAUSING, RESUMING, Disturbance
from experiments.lab import Lab, Notes
from experiments.measurements import other
from experiments.ownership import Window
from experiments.records import EVENTS, objects
from experiments.results import Criterion, Measured
from experiments.scenarios import rebalance
from experiments.scenarios.base import Scenario
from experiments.scenarios.impaired import CONFIGURATION, POLL_INTERVAL_SECONDS

_TURNS = [(PAUSING, rebalance.OLD), (RESUMING, rebalance.NEW)]
# The fault's record takes two seconds more than the interval. Who is told to pause looks at its client after the one in
# hand; who is at work, after another one.
_RECORD_SECONDS = POLL_INTERVAL_SECONDS + 2.0
_OVER_SECONDS = {PAUSING: _RECORD_SECONDS + 1.0, RESUMING: 2 * _RECORD_SECONDS + 1.5}
_TIMEOUT_SECONDS = 30
"""A member is waited for so long: longer than that."""


def perform(lab: Lab, switches: int) -> None:
    rebalance.in_turn(lab, switches, _TURNS, _overrun)


@contextmanager
def _overrun(lab: Lab, phase: str, pod: str, begins: Callable[[], None]) -> Iterator[Callable[[Disturbance], None]]:
    source, target = lab.active, other(lab.active)

    def put(*, on: bool) -> None:
        container = lab.parts.members.program.container
        faults.put(lab.namespace, container, [pod], {"exceed_max_poll_interval": on})

    def during(disturbance: Disturbance) -> None:
        # The update takes a second and more until it writes the switch, and a record comes every eighth of one.
        begins()
        put(on=True)
        try:
            if phase == PAUSING:
                disturbance.wait_holder("")
                # The record in hand is late already. Those after it are of whoever is granted next: without the fault.
                put(on=False)
                _over(phase)
            else:
                with disturbance.held(phase, source, target):
                    _over(phase)
        finally:
            put(on=False)

    yield during


def _over(phase: str) -> None:
    # What is waited for is time itself: that the interval is over tells nobody but the broker's log.
    time.sleep(_OVER_SECONDS[phase])


def observe(notes: Notes, logs: Path) -> Mapping[str, Measured]:
    """As of a restart; and in which switches the pod dropped out."""
    found = rebalance.observe(notes, logs)
    rows, lines = rebalance.rows_of(notes), kept_broker_log(logs.parent).splitlines()
    gone = [event for event in objects(logs, EVENTS) if event["event"] in {"LOST", "FENCED"}]
    for row in rows:
        window = Window.of(row["begun"], row["ended"])
        lost = [event["t"] for event in gone if event["pod"] == row["pod"] and window.holds(event["t"])]
        row["dropped_out"] = len(lost)
        # The coordinator hears of it from the client's other thread, before the one that is late in its record does.
        row["left_by_the_pod"] = len(rebalance.departures(row, lines, max(lost) / 1e9)) if lost else 0
    return {
        **found,
        "switches_with_an_overrun": sum(row["dropped_out"] > 0 for row in rows),
        "switches_with_the_departure": sum(row["left_by_the_pod"] > 0 for row in rows),
    }


def judge(seen: Observations) -> list[Criterion]:
    asked, over = seen.switches_asked, seen.measured.get("switches_with_an_overrun")
    # Until 29 November 2026 any rebalance of the switch's counted.
    before, now = "switches_with_a_rebalance", "switches_with_the_departure"
    told = now if now in seen.measured else before
    rebalanced = seen.measured.get(told)
    made, *rest = rebalance.switches(seen)
    return [
        Criterion("switches_with_an_overrun", f"= {asked}", over, over == asked),
        made,
        Criterion(told, f"= {asked}", rebalanced, rebalanced == asked),
        *rest,
    ]


_TIMEOUTS: dict[str, Any] = {"drainTimeoutSeconds": _TIMEOUT_SECONDS, "resumeTimeoutSeconds": _TIMEOUT_SECONDS}
SCENARIO = Scenario(
    "4-overrun",
    "a consumer drops out of its group in the middle of a switch",
    default_switches=2 * len(_TURNS),
    step=len(_TURNS),
    perform=perform,
    judge=judge,
    tolerated=frozenset({"duplicate"}),
    needs=fitness.one_group,
    observe=observe,
    faults=True,
    configuration={**CONFIGURATION, **_TIMEOUTS},
)
