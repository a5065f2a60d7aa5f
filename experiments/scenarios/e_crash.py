"""A worker is killed between its write and its commit: what is written again, and up to which bound. A measurement.

Workers commit once in a while, so the worst moment is just before a commit: a commit is waited for, and then most of
the time until the next one. What was written since is not committed when the worker is gone, and whoever takes its
partitions writes it again. The bound is what the producer makes in that time.

Then it is waited until the colour has handled new records on every partition, and switched, so that both colours have
their turn. It needs the node's processes on this machine, and root.
"""

import signal
import time
from collections.abc import Mapping
from dataclasses import asdict
from math import ceil
from pathlib import Path

from components.names import Color
from experiments import connector_lab, criteria, fitness, redeliveries
from experiments.connect import required
from experiments.errors import DeadlineError
from experiments.lab import Lab, Notes
from experiments.records import CONSUMED, objects
from experiments.redeliveries import Crash
from experiments.results import Measured
from experiments.scenarios.base import Scenario

_TABLE = "crashes"
# The last part of the time between two commits, in which the worker is killed.
_LATE = 0.8
_COMMIT_DEADLINE_SECONDS = 30.0
_RECOVERY_SECONDS = 120.0
_POLL_SECONDS = 0.02


def perform(lab: Lab, switches: int) -> None:
    connector_lab.connect_of(lab)
    lab.spell()
    for number in range(1, switches + 1):
        crash = _crash(lab, lab.active, (number - 1) // 2 % lab.settings.replicas)
        lab.notes.tables.setdefault(_TABLE, []).append(asdict(crash))
        lab.wait_pods(lab.whole)
        lab.wait_steady()
        lab.spell()
        record = lab.switch()
        lab.report(number, switches, record)
        if not record.switched:
            return
        lab.spell()


def _crash(lab: Lab, color: Color, number: int) -> Crash:
    connectors, workers, _ = required(lab.parts)
    pod = workers.pod(color, number)
    _wait_late(lab, color, connectors.commit_seconds)
    in_hand = _in_hand(lab, color)
    lab.disturbance.processes.send(pod, workers.program, signal.SIGKILL)
    at_ns = time.time_ns()
    ends = {partition: end + 1 for partition, end in lab.lag.end_offsets().items()}
    recovered: float | None
    try:
        recovered = round(lab.lag.wait_reached(ends, _RECOVERY_SECONDS, color), 3)
    except DeadlineError as error:
        lab.progress.say(f"  not on all partitions: {error}")
        recovered = None
    lab.progress.say(f"  {pod} killed with {in_hand} records in hand; {color} whole again after {recovered} s")
    return Crash(pod, color, at_ns, ceil(lab.settings.rate * connectors.commit_seconds), in_hand, recovered)


def _wait_late(lab: Lab, color: Color, commit_seconds: float) -> None:
    """Wait until most of the time between two commits has passed. A commit tells nobody: it is looked for."""
    deadline, before = time.monotonic() + _COMMIT_DEADLINE_SECONDS, lab.lag.groups()[color].committed
    while time.monotonic() < deadline:
        if lab.lag.groups()[color].committed != before:
            time.sleep(_LATE * commit_seconds)
            return
        time.sleep(_POLL_SECONDS)
    raise DeadlineError(f"{color} to commit", _COMMIT_DEADLINE_SECONDS, "the same offsets")


def _in_hand(lab: Lab, color: Color) -> int:
    """Records that are written and not committed, as far as both is known now."""
    committed = lab.lag.groups()[color].committed
    reached = lab.lag.positions(color)
    return sum(max(0, after - committed.get(partition, after)) for partition, after in reached.items())


def observe(notes: Notes, logs: Path) -> Mapping[str, Measured]:
    """What was handled again after each crash, by the record logs."""
    repeated = redeliveries.repetitions(objects(logs, CONSUMED))
    table = redeliveries.rows([Crash(**raw) for raw in notes.tables.get(_TABLE, [])], repeated)
    notes.tables[_TABLE] = table
    return redeliveries.measurements(table)


SCENARIO = Scenario(
    "e-crash",
    "a worker is killed between its write and its commit",
    default_switches=4,
    step=2,
    perform=perform,
    judge=criteria.measured,
    needs=fitness.connectors,
    kind="measurement",
    observe=observe,
    shows=(
        "crashes",
        "crash_repeated_worst",
        "crash_bound",
        "crashes_beyond_bound",
        "crash_recovery_seconds_worst",
    ),
)
