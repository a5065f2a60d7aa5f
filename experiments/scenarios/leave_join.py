"""A switch as two groups of ordinary members make it: the old colour's leave their group, and then the new one's join
it (`membership: leave-join`). A measurement, to be shown beside the strategies' own ways.

The group is empty in between, and a group that is empty waits `group.initial.rebalance.delay.ms` for its first members:
3000 by default on other people's brokers. So it is run with `--kafka-config group.initial.rebalance.delay.ms=0`, and
with 3000.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments import broker_log, criteria, fitness
from experiments.collection import kept_broker_log
from experiments.criteria import Observations
from experiments.lab import Lab, Notes
from experiments.measurements import other
from experiments.membership import LEAVE_JOIN
from experiments.ownership import Window
from experiments.records import CONSUMED, PRODUCED, objects
from experiments.results import Criterion, Measured
from experiments.scenarios.base import Scenario
from experiments.standstill import Records, longest_silence
from experiments.variants import MEMBERSHIP

_TABLE = "leaving_and_joining"


def perform(lab: Lab, switches: int) -> None:
    lab.notes.measured[MEMBERSHIP] = lab.settings.own("membership")
    lab.spell()
    for number in range(1, switches + 1):
        group = lab.cluster.switch(lab.namespace).groups[other(lab.active)]
        begun = time.time() + lab.clock_offset
        record = lab.switch()
        lab.report(number, switches, record)
        done = lab.spell()
        row = {"group": group, "begun": begun, "ended": time.time() + lab.clock_offset, "outcome": record.outcome}
        lab.notes.tables.setdefault(_TABLE, []).append(row)
        if not (record.switched and done):
            return


def observe(notes: Notes, logs: Path) -> Mapping[str, Measured]:
    """Of each switch, with the spell after it: its rebalances, and the longest silence of a partition."""
    rows: list[dict[str, Any]] = notes.tables.get(_TABLE, [])
    lines = kept_broker_log(logs.parent).splitlines()
    records = Records(objects(logs, PRODUCED), objects(logs, CONSUMED))
    for row in rows:
        found = broker_log.count(broker_log.within(lines, row["begun"], row["ended"]), row["group"])
        row["rebalances"] = found.rebalances
        row["silent_seconds"] = longest_silence(records.within(Window.of(row["begun"], row["ended"])))
    return {
        "switches_with_a_rebalance": sum(row["rebalances"] > 0 for row in rows),
        "silent_seconds_max": max((row["silent_seconds"] or 0.0 for row in rows), default=None),
        "silent_seconds_min": min((row["silent_seconds"] or 0.0 for row in rows), default=None),
    }


def judge(seen: Observations) -> list[Criterion]:
    """As any measurement of switches; and that its members did leave and join."""
    told, asked = seen.measured, seen.switches_asked
    membership, rebalanced = told.get(MEMBERSHIP), told.get("switches_with_a_rebalance")
    return [
        Criterion(MEMBERSHIP, f"= {LEAVE_JOIN}", membership, membership == LEAVE_JOIN),
        Criterion("switches_with_a_rebalance", f"= {asked}", rebalanced, rebalanced == asked),
        *criteria.measured(seen),
    ]


SCENARIO = Scenario(
    "leave-join",
    "the old colour's members leave the group, the new one's join it",
    default_switches=6,
    step=2,
    perform=perform,
    judge=judge,
    needs=fitness.one_group,
    configuration={"membership": LEAVE_JOIN},
    kind="measurement",
    observe=observe,
    shows=("silent_seconds_min", "silent_seconds_max", "switches_with_a_rebalance"),
)
