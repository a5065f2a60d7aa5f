"""Scenario 3 of the plan: switches while the active colour is more than 500 records behind.

Four cases in turn, each with a colour that is made slow (`experiments/backlog.py`):

- `wait`, and it is made quick again while the switch waits: it completes by itself;
- `wait`, and it stays slow: the switch is refused after its time, and nothing was touched;
- `immediate`: the new colour takes over the backlog;
- `wait` with a `lagThreshold` below the backlog: it is made quick again while the switch waits, as in the first case,
  and the switch goes on as soon as the backlog is under the threshold, and not at 0.

What each does is told of each case by itself: lag, waiting time, gap, what is handled twice, and when everything was
handled that had come in until the colour was quick again (`lag_0_after_release_seconds`), and until the new one was
active (`lag_0_after_active_seconds`). What a case is made with has its own duplicates: of the refused one, which is no
switch, these are all.

A worker that is frozen cannot confirm that it has stopped, so with strategy E it goes on when the grant is withdrawn.

A case that did not end as it should ends the run's cases: what comes after it would measure something else.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from experiments import criteria, ownership
from experiments.backlog import Release, behind, lag
from experiments.criteria import Observations, below
from experiments.disturbance import WAITING_FOR_LAG, Disturbance
from experiments.errors import DeadlineError
from experiments.lab import Lab, Notes
from experiments.measurements import SWITCHED, LastSwitch, SwitchRecord, between, max_lag
from experiments.ownership import Window
from experiments.records import CONSUMED, EVENTS, PRODUCED, objects
from experiments.results import Criterion, Measured
from experiments.scenarios.base import Scenario
from experiments.standstill import Records, gap_seconds

LAG = 500
_TABLE = "cases"
_REFUSED = "Refused"
_CAUGHT_UP_SECONDS = criteria.LAG_RECOVERY_LIMIT_SECONDS
_FIGURES = (
    *("waiting_seconds", "switch_seconds", "handoff_seconds", "gap_seconds", "max_lag", "duplicates"),
    *("caught_up_seconds", "lag_0_after_release_seconds", "lag_0_after_active_seconds"),
)
_WAITING_RECORDS = 100
"""So much more comes in while a switch waits before its colour is made quick again: it was seen to wait."""


@dataclass(frozen=True, slots=True)
class Case:
    """values: of the switch's configuration. released: when the colour is quick again; outcome: how it has to end.
    threshold: with a `lagThreshold` that the backlog crosses.
    """

    name: str
    values: Mapping[str, Any]
    released: Literal["while it waits", "at the withdrawal", "after it"]
    outcome: str = SWITCHED
    threshold: bool = False


CASES = (
    Case("wait_released", {"lagPolicy": "wait", "lagTimeoutSeconds": 120, "lagThreshold": 0}, "while it waits"),
    Case("wait_stays", {"lagPolicy": "wait", "lagTimeoutSeconds": 5, "lagThreshold": 0}, "after it", _REFUSED),
    Case("immediate", {"lagPolicy": "immediate"}, "at the withdrawal"),
    Case("threshold", {"lagPolicy": "wait", "lagTimeoutSeconds": 120}, "while it waits", threshold=True),
)


def threshold(partitions: int) -> int:
    """`lagThreshold`, which is of each partition, so that all of them together have half of the backlog left: it is
    crossed, and well above what a flow has on its way.
    """
    return LAG // (2 * partitions)


def perform(lab: Lab, switches: int) -> None:
    lab.notes.measured["lag_threshold"] = threshold(lab.settings.partitions)
    lab.spell()
    for number in range(switches):
        case = CASES[number % len(CASES)]
        row = _carry_out(lab, case)
        lab.notes.tables.setdefault(_TABLE, []).append(row)
        lab.report(number + 1, switches, lab.notes.switches[-1])
        lab.progress.say(f"  {case.name}: {row['wrong'] or 'as it should'}, lag {row['lag']} when it was commanded")
        if row["wrong"]:
            return
        lab.spell()


def _carry_out(lab: Lab, case: Case) -> dict[str, Any]:
    before, begun, released = _standing(lab), time.time(), list[float]()
    with behind(lab, LAG) as slow:
        now = lag(lab)

        def release() -> None:
            slow()
            released.append(time.time())

        values = dict(case.values)
        if case.threshold:
            values["lagThreshold"] = threshold(lab.settings.partitions)
        record = lab.switch(during=_during(lab, case, release), **values)
        touched = _changes(before, _standing(lab)) if case.outcome == _REFUSED else []
    released.append(time.time())
    wrong = _wrong(case, record, touched)
    if not wrong and not record.switched and (error := lab.stay().error) is not None:
        wrong = f"pulumi up with {lab.active} active again: {error}"
    since = _since(lab, record)
    with suppress(DeadlineError):
        lab.lag.wait_caught_up(_CAUGHT_UP_SECONDS, lab.active)
    ended, last = time.time(), record.last
    return {
        "case": case.name,
        "begun": begun + lab.clock_offset,
        "ended": ended + lab.clock_offset,
        "released_at": released[0] + lab.clock_offset,
        "active_at": last.active_at if last and record.switched else None,
        "epoch": last.epoch if last and record.switched else None,
        "max_lag": max_lag(between(lab.lag.samples, begun, ended)),
        "lag": now,
        "outcome": record.outcome,
        "reason": record.reason,
        "wrong": wrong,
        "waiting_seconds": _rounded(_waiting(last)),
        "switch_seconds": _rounded(record.switch_seconds),
        "handoff_seconds": _rounded(last.handoff_seconds if last else None),
        "caught_up_seconds": _rounded(ended - since),
    }


def _during(lab: Lab, case: Case, release: Release) -> Any:
    """What is done while the update goes on; None: nothing."""

    def while_it_waits(disturbance: Disturbance) -> None:
        disturbance.wait_phase(WAITING_FOR_LAG)
        ends = lab.lag.end_offsets()
        while sum(lab.lag.end_offsets().values()) < sum(ends.values()) + _WAITING_RECORDS:
            time.sleep(0.1)
        release()

    def at_the_withdrawal(disturbance: Disturbance) -> None:
        # It may be over before it was seen; then there is nothing left to be released for.
        with suppress(DeadlineError):
            disturbance.wait_holder("", 30.0)
        release()

    if case.released == "while it waits":
        return while_it_waits
    return at_the_withdrawal if case.released == "at the withdrawal" and lab.parts.workers is not None else None


def _standing(lab: Lab) -> dict[str, object]:
    """What a switch that is refused leaves as it is."""
    live = lab.cluster.switch(lab.namespace)
    pods = {pod.name: pod.uid for pod in lab.cluster.pods(lab.namespace, lab.parts.at_work.selector)}
    return {"active": live.active, "epoch": live.epoch, **pods}


def _changes(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    return [
        f"{name} {before.get(name)} -> {after.get(name)}"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]


def _wrong(case: Case, record: SwitchRecord, touched: list[str]) -> str:
    """What is not as the case has it; empty when all of it is."""
    if record.outcome != case.outcome:
        return f"{record.outcome} in place of {case.outcome}: {record.reason}"
    if case.outcome == SWITCHED:
        return record.error or ""
    if not record.reason.startswith("LagTimeout"):
        return f"refused for another reason: {record.reason}"
    if record.error is None:
        return "pulumi up returned without an error although the switch was refused"
    return f"touched although refused: {'; '.join(touched)}" if touched else ""


def _waiting(last: LastSwitch | None) -> float | None:
    """Seconds from when the controller saw the command until the lag was as it had to be, or it was refused."""
    if last is None or last.started_at is None:
        return None
    if last.outcome == _REFUSED:
        return None if last.ended_at is None else last.ended_at - last.started_at
    if last.active_at is None or last.handoff_seconds is None:
        return None
    return max(0.0, last.active_at - last.handoff_seconds - last.started_at)


def _since(lab: Lab, record: SwitchRecord) -> float:
    """The time on this machine's clock from which catching up counts: the new colour's being active, or now."""
    if record.last is None or record.last.active_at is None:
        return time.time()
    return record.last.active_at - lab.clock_offset


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)


def observe(notes: Notes, logs: Path) -> Mapping[str, Measured]:
    """What each case did, by the record logs, too; it is in the table. Then the figures of each: the worst of its
    name.
    """
    rows: list[dict[str, Any]] = notes.tables.get(_TABLE, [])
    events, produced, consumed = (list(objects(logs, kind)) for kind in (EVENTS, PRODUCED, CONSUMED))
    windows = [Window.of(row["begun"], row["ended"]) for row in rows]
    records = Records(produced, consumed)
    for row, cost in zip(rows, ownership.costs(windows, events, produced, consumed), strict=True):
        row["duplicates"] = cost.duplicates
        row["gap_seconds"] = None if row["epoch"] is None else gap_seconds(consumed, row["epoch"])
        active_at, released_at = row["active_at"], row["released_at"]
        # Who was made quick again only when the other one was at work has nothing more to do with the backlog.
        by_itself = active_at is None or released_at < active_at
        row["lag_0_after_release_seconds"] = records.caught_up_after(released_at) if by_itself else None
        row["lag_0_after_active_seconds"] = None if active_at is None else records.caught_up_after(active_at)
    return figures(rows)


def figures(rows: Sequence[Mapping[str, Any]]) -> dict[str, Measured]:
    """Of each case: the worst of its name."""
    found: dict[str, Measured] = {
        "lag_when_commanded_min": min((row["lag"] for row in rows), default=None),
        "cases_as_they_should": sum(not row["wrong"] for row in rows),
        "case_wrong": next((f"{row['case']}: {row['wrong']}" for row in rows if row["wrong"]), None),
    }
    for row in rows:
        for name in _FIGURES:
            if row[name] is not None:
                key = f"{name}_{row['case']}"
                found[key] = max(row[name], found.get(key) or 0.0)
    return found


def judge(seen: Observations) -> list[Criterion]:
    told = seen.measured
    right, wrong, least = told.get("cases_as_they_should"), told.get("case_wrong"), told.get("lag_when_commanded_min")
    quick = [_number(told.get(f"switch_seconds_{name}")) for name in _not_waiting(told)]
    caught = [_number(value) for name, value in told.items() if name.startswith("caught_up_seconds_")]
    return [
        Criterion("cases_as_they_should", f"= {seen.switches_asked}", wrong or right, right == seen.switches_asked),
        Criterion("lag_when_commanded_min", f"> {LAG}", least, isinstance(least, int) and least > LAG),
        *_waited_for_the_threshold(told),
        below("switch_seconds_worst_not_waiting", criteria.worst(quick), seen.limits.switch_seconds),
        below("caught_up_seconds_worst", criteria.worst(caught), criteria.LAG_RECOVERY_LIMIT_SECONDS),
        criteria.spells(seen),
        *criteria.sound(seen),
    ]


def _not_waiting(told: Mapping[str, Measured]) -> tuple[str, ...]:
    """The cases that do not wait: in runs until 29 November 2026 the threshold was above any lag."""
    return ("immediate",) if "lag_threshold" in told else ("immediate", "threshold")


def _waited_for_the_threshold(told: Mapping[str, Measured]) -> list[Criterion]:
    """That the threshold was crossed: the switch was seen to wait, and went on by itself."""
    if "lag_threshold" not in told:
        return []
    waited = _number(told.get("waiting_seconds_threshold"))
    return [Criterion("waiting_seconds_threshold", "> 0 s", waited, waited is not None and waited > 0)]


def _number(value: Measured) -> float | None:
    return float(value) if isinstance(value, int | float) else None


SCENARIO = Scenario(
    "3",
    "switch under lag",
    default_switches=len(CASES),
    step=len(CASES),
    perform=perform,
    judge=judge,
    observe=observe,
    faults=True,
    moment="waiting",
)
