"""Scenario 3 of the plan: switches while the active colour is more than 500 records behind.

Four cases in turn, each with a colour that is made slow (`experiments/backlog.py`):

- `wait`, and it is made quick again while the switch waits: it completes by itself;
- `wait`, and it stays slow: the switch is refused after its time, and nothing was touched;
- `immediate`: the new colour takes over the backlog;
- `lagThreshold`: a backlog below it counts as none, so it goes as with `immediate`.

A worker that is frozen cannot confirm that it has stopped, so with strategy E it goes on when the grant is withdrawn.

A case that did not end as it should ends the run's cases: what comes after it would measure something else.
"""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from experiments import criteria
from experiments.backlog import Release, behind, lag
from experiments.criteria import Observations, below
from experiments.disturbance import WAITING_FOR_LAG, Disturbance
from experiments.errors import DeadlineError
from experiments.lab import Lab
from experiments.measurements import SWITCHED, LastSwitch, SwitchRecord
from experiments.results import Criterion, Measured
from experiments.scenarios.base import Scenario

LAG = 500
_TABLE = "cases"
_REFUSED = "Refused"
_CAUGHT_UP_SECONDS = criteria.LAG_RECOVERY_LIMIT_SECONDS
_WAITING_RECORDS = 100
"""So much more comes in while a switch waits before its colour is made quick again: it was seen to wait."""


@dataclass(frozen=True, slots=True)
class Case:
    """values: of the switch's configuration. released: when the colour is quick again; outcome: how it has to end."""

    name: str
    values: Mapping[str, Any]
    released: Literal["while it waits", "at the withdrawal", "after it"]
    outcome: str = SWITCHED


CASES = (
    Case("wait_released", {"lagPolicy": "wait", "lagTimeoutSeconds": 120, "lagThreshold": 0}, "while it waits"),
    Case("wait_stays", {"lagPolicy": "wait", "lagTimeoutSeconds": 5, "lagThreshold": 0}, "after it", _REFUSED),
    Case("immediate", {"lagPolicy": "immediate"}, "at the withdrawal"),
    Case("threshold", {"lagPolicy": "wait", "lagThreshold": 1_000_000}, "at the withdrawal"),
)


def perform(lab: Lab, switches: int) -> None:
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
    before = _standing(lab)
    with behind(lab, LAG) as release:
        now = lag(lab)
        record = lab.switch(during=_during(lab, case, release), **case.values)
        touched = _changes(before, _standing(lab)) if case.outcome == _REFUSED else []
    wrong = _wrong(case, record, touched)
    if not wrong and not record.switched and (error := lab.stay().error) is not None:
        wrong = f"pulumi up with {lab.active} active again: {error}"
    since = _since(lab, record)
    with suppress(DeadlineError):
        lab.lag.wait_caught_up(_CAUGHT_UP_SECONDS, lab.active)
    return {
        "case": case.name,
        "lag": now,
        "outcome": record.outcome,
        "reason": record.reason,
        "wrong": wrong,
        "waiting_seconds": _rounded(_waiting(record.last)),
        "switch_seconds": _rounded(record.switch_seconds),
        "handoff_seconds": _rounded(record.last.handoff_seconds if record.last else None),
        "caught_up_seconds": _rounded(time.time() - since),
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
    """Seconds from when the controller saw the command until the lag was as it had to be."""
    if last is None or last.started_at is None or last.active_at is None or last.handoff_seconds is None:
        return None
    return max(0.0, last.active_at - last.handoff_seconds - last.started_at)


def _since(lab: Lab, record: SwitchRecord) -> float:
    """The time on this machine's clock from which catching up counts: the new colour's being active, or now."""
    if record.last is None or record.last.active_at is None:
        return time.time()
    return record.last.active_at - lab.clock_offset


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)


def observe(rows: list[dict[str, Any]]) -> dict[str, Measured]:
    """The figures of each case: the worst of its name."""
    found: dict[str, Measured] = {
        "lag_when_commanded_min": min((row["lag"] for row in rows), default=None),
        "cases_as_they_should": sum(not row["wrong"] for row in rows),
        "case_wrong": next((f"{row['case']}: {row['wrong']}" for row in rows if row["wrong"]), None),
    }
    for row in rows:
        for name in ("waiting_seconds", "switch_seconds", "handoff_seconds", "caught_up_seconds"):
            if row[name] is not None:
                key = f"{name}_{row['case']}"
                found[key] = max(row[name], found.get(key) or 0.0)
    return found


def judge(seen: Observations) -> list[Criterion]:
    told = seen.measured
    right, wrong, least = told.get("cases_as_they_should"), told.get("case_wrong"), told.get("lag_when_commanded_min")
    quick = [_number(told.get(f"switch_seconds_{name}")) for name in ("immediate", "threshold")]
    caught = [_number(value) for name, value in told.items() if name.startswith("caught_up_seconds_")]
    return [
        Criterion("cases_as_they_should", f"= {seen.switches_asked}", wrong or right, right == seen.switches_asked),
        Criterion("lag_when_commanded_min", f"> {LAG}", least, isinstance(least, int) and least > LAG),
        below("switch_seconds_worst_not_waiting", criteria.worst(quick), seen.limits.switch_seconds),
        below("caught_up_seconds_worst", criteria.worst(caught), criteria.LAG_RECOVERY_LIMIT_SECONDS),
        criteria.spells(seen),
        *criteria.sound(seen),
    ]


def _number(value: Measured) -> float | None:
    return float(value) if isinstance(value, int | float) else None


SCENARIO = Scenario(
    "3",
    "switch under lag",
    default_switches=len(CASES),
    step=len(CASES),
    perform=perform,
    judge=judge,
    observe=lambda notes, _: observe(notes.tables.get(_TABLE, [])),
    faults=True,
    moment="waiting",
)
