"""A switch while consumers have one of the plan's faults, there and back: one without any, for comparison, and one with
each fault on each side. A measurement.

- `slow_commit`: every commit of the colour is sent 2 s late, and nothing is handled meanwhile;
- `overrun`: a pod of it takes longer over each record than its `max.poll.interval.ms`, which is 6 s here, so that its
  client drops out of the group with a record in hand.

The fault is put in before the switch is commanded, and taken away when a while has passed after its end. Whether the
switch goes through, is refused or is taken back is what is looked at, with its time, the longest silence of a partition
and what is handled twice: what an overrun had in hand is committed by nobody.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from experiments import broker_log, criteria, faults, fitness, ownership
from experiments.collection import kept_broker_log
from experiments.criteria import Observations
from experiments.lab import Lab, Notes
from experiments.measurements import other
from experiments.ownership import Window
from experiments.records import CONSUMED, EVENTS, PRODUCED, objects
from experiments.results import Criterion, Measured
from experiments.scenarios.base import Scenario
from experiments.standstill import Records, longest_silence

_TABLE = "impaired_switches"
SLOW_COMMIT, OVERRUN = "slow_commit", "overrun"
_COMMIT_SECONDS = 2.0
POLL_INTERVAL_SECONDS = 6
_OVERRUN_NUMBER = 1
_AFTER_SECONDS = 20.0
"""So long the fault stays after the switch: the client of an overrun that begins with it has heard by then that it has
dropped out, after a second record.
"""
ENDED = frozenset({"Switched", "RolledBack", "Failed", "Refused"})
_SHOWN = ("outcome", "switch_seconds", "silent_seconds", "duplicates")
#: What makes a consumer's client leave a group that it does not poll: as short as it may be, so also its session.
CONFIGURATION = {
    "sessionTimeoutSeconds": POLL_INTERVAL_SECONDS,
    "blue": {"config": {"max.poll.interval.ms": POLL_INTERVAL_SECONDS * 1000}},
    "green": {"config": {"max.poll.interval.ms": POLL_INTERVAL_SECONDS * 1000}},
}


@dataclass(frozen=True, slots=True)
class Case:
    """fault: empty for none. side: whose it is."""

    fault: str
    side: Literal["old", "new"]

    @property
    def name(self) -> str:
        return f"{self.fault}_{self.side}" if self.fault else "none"


CASES = (
    Case("", "old"),
    Case(SLOW_COMMIT, "old"),
    Case(SLOW_COMMIT, "new"),
    Case(OVERRUN, "old"),
    Case(OVERRUN, "new"),
)


def perform(lab: Lab, switches: int) -> None:
    lab.spell()
    for number in range(1, switches + 1):
        case = CASES[(number - 1) % len(CASES)]
        row = _switch(lab, case)
        lab.notes.tables.setdefault(_TABLE, []).append(row)
        lab.report(number, switches, lab.notes.switches[-1])
        lab.progress.say(f"  {case.name}: {row['wrong'] or row['outcome']}")
        if row["wrong"]:
            return
        lab.wait_pods(lab.whole)
        lab.spell()


def _switch(lab: Lab, case: Case) -> dict[str, Any]:
    source = lab.active
    color = source if case.side == "old" else other(source)
    numbers = [_OVERRUN_NUMBER] if case.fault == OVERRUN else range(lab.settings.replicas)
    pods = [lab.pod(color, number) for number in numbers]
    group = lab.cluster.switch(lab.namespace).groups[other(source)]
    begun = time.time() + lab.clock_offset
    try:
        if case.fault:
            _put(lab, pods, case.fault)
        record = lab.switch()
        # What the fault does to the colour that is active by then shows after the switch: there is nothing to watch.
        time.sleep(_AFTER_SECONDS)
    finally:
        if case.fault:
            _put(lab, pods, "")
    wrong = "" if record.outcome in ENDED else f"the switch ended as {record.outcome}: {record.error}"
    if not wrong and record.error is not None and (error := lab.stay().error) is not None:
        wrong = f"pulumi up with {lab.active} active again: {error}"
    return {
        "case": case.name,
        "fault": case.fault,
        "pods": pods if case.fault else [],
        "group": group,
        "outcome": record.outcome,
        "reason": record.reason,
        "switch_seconds": record.switch_seconds,
        "handoff_seconds": record.last.handoff_seconds if record.last else None,
        "begun": begun,
        "ended": time.time() + lab.clock_offset,
        "wrong": wrong,
    }


def _put(lab: Lab, pods: list[str], fault: str) -> None:
    """This fault, and no other; none at all if it is empty."""
    wanted: dict[str, faults.Fault] = {
        "commit_delay_ms": _COMMIT_SECONDS * 1000 if fault == SLOW_COMMIT else 0.0,
        "exceed_max_poll_interval": fault == OVERRUN,
    }
    faults.put(lab.namespace, lab.parts.members.program.container, pods, wanted)


def observe(notes: Notes, logs: Path) -> Mapping[str, Measured]:
    """What each switch cost, and whether its fault was seen to do what it is for; it is in the table, too."""
    rows: list[dict[str, Any]] = notes.tables.get(_TABLE, [])
    lines = kept_broker_log(logs.parent).splitlines()
    events, produced, consumed = (list(objects(logs, kind)) for kind in (EVENTS, PRODUCED, CONSUMED))
    windows = [Window.of(row["begun"], row["ended"]) for row in rows]
    records = Records(produced, consumed)
    for row, window, cost in zip(rows, windows, ownership.costs(windows, events, produced, consumed), strict=True):
        row.update(asdict(broker_log.count(broker_log.within(lines, row["begun"], row["ended"]), row["group"])))
        row["silent_seconds"] = longest_silence(records.within(window))
        row["duplicates"] = cost.duplicates
        row["lost_memberships"] = sum(
            event["event"] in {"LOST", "FENCED"} and event["pod"] in row["pods"] and window.holds(event["t"])
            for event in events
        )
        row["fault_seen"] = _seen(row)
    found: dict[str, Measured] = {
        "cases_made": sum(not row["wrong"] for row in rows),
        "case_wrong": next((f"{row['case']}: {row['wrong']}" for row in rows if row["wrong"]), None),
        "faults_not_seen": ", ".join(row["case"] for row in rows if not row["fault_seen"]) or None,
    }
    for row in rows:
        name = row["case"]
        found[f"outcome_{name}"] = row["outcome"]
        for what in ("switch_seconds", "silent_seconds", "duplicates", "rebalances"):
            if row[what] is not None:
                found[f"{what}_{name}"] = max(row[what], found.get(f"{what}_{name}") or 0)
    return found


def _seen(row: Mapping[str, Any]) -> bool:
    """Whether the fault was there: a commit that held its colour for so long, a member that dropped out."""
    if row["fault"] == OVERRUN:
        return bool(row["lost_memberships"])
    return row["fault"] != SLOW_COMMIT or (row["silent_seconds"] or 0.0) >= _COMMIT_SECONDS


def judge(seen: Observations) -> list[Criterion]:
    """That each fault was seen to do what it is for, each switch came to an end, and nothing is lost. Duplicates are
    what is measured.
    """
    told, asked = seen.measured, seen.switches_asked
    made, wrong, unseen = (told.get(name) for name in ("cases_made", "case_wrong", "faults_not_seen"))
    return [
        Criterion("cases_made", f"= {asked}", wrong or made, made == asked),
        Criterion("faults_not_seen", "none", unseen or "none", made is not None and unseen is None),
        criteria.spells(seen),
        *criteria.sound(seen),
    ]


SCENARIO = Scenario(
    "impaired",
    "a switch under a slow commit, and under a max.poll overrun",
    default_switches=len(CASES),
    step=len(CASES),
    perform=perform,
    judge=judge,
    tolerated=frozenset({"duplicate"}),
    needs=fitness.one_group,
    configuration={"lagPolicy": "immediate", **CONFIGURATION},
    kind="measurement",
    observe=observe,
    faults=True,
    shows=tuple(
        f"{what}_{case.name}"
        for case in CASES
        for what in ("outcome", "switch_seconds", "silent_seconds", "duplicates")
    ),
)
