"""Scenario 5 of the plan: a switch to a colour that does its work badly, and the way back by itself.

Green fails half of its records, or handles a quarter of what comes in, in turn. It looks healthy: its pods are Ready,
and it becomes ACTIVE. What tells is its analysis: within 10 s a share of 0.05 may fail, and 0.9 of what comes in has to
be handled. By that the controller takes the grant back and gives it to blue. Then:

- `pulumi up` has returned with an error that says so, the configuration says green, and the live object says who is
  active and why; nothing is tried again by itself;
- the next `up` with `active: blue` is clean, and moves nothing;
- at the end green is mended, and the same command switches to it, with the same analysis.

Records that green failed are committed past, so nobody handles them again: they are counted, beside what is lost.
"""

import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from experiments import criteria, failures, faults
from experiments.criteria import Observations, below, none_of
from experiments.lab import Lab, Notes
from experiments.measurements import SWITCHED, SwitchRecord
from experiments.records import EVENTS, handled, objects
from experiments.results import Criterion, Measured
from experiments.scenarios.base import Scenario

TABLE = "rollbacks"
_ROLLED_BACK = "RolledBack"
_ERRORS, _SLOW = CAUSES = ("errors", "slow")
_FAILURE_RATE = 0.5
_SHARE = 0.25
_ANALYSIS = {"seconds": 10, "maxErrorRate": 0.05, "minRecords": 50, "minThroughput": 0.9}
_FLOW_SECONDS = 60.0
Look = Callable[[Lab, SwitchRecord], dict[str, Any]]
"""What else there is to be said of a round: columns of its row in the table, `wrong` among them if it is."""


def _nothing(_lab: Lab, _record: SwitchRecord) -> dict[str, Any]:
    return {}


def perform(lab: Lab, switches: int, seconds: int = 10, look: Look = _nothing) -> None:
    """The rounds, and at their end a switch to the mended colour. seconds: by when the analysis has its verdict."""
    lab.notes.measured["analysis_seconds"] = seconds
    lab.spell()
    for number in range(1, switches + 1):
        cause = CAUSES[(number - 1) % len(CAUSES)]
        _green_does(lab, cause)
        row = _round(lab, cause, look)
        lab.notes.tables.setdefault(TABLE, []).append(row)
        lab.report(number, switches, lab.notes.switches[-1])
        if row["wrong"]:
            lab.progress.say(f"  {row['wrong']}")
            return
        lab.spell()
    _green_does(lab, "")
    record = lab.switch()
    lab.report(switches + 1, switches + 1, record)
    wrong = str(look(lab, record).get("wrong") or "")
    lab.notes.measured["mended"] = (wrong or record.outcome) if record.error is None else record.error
    lab.spell()


def _green_does(lab: Lab, cause: str) -> None:
    """Have green do this wrong, and nothing else; nothing at all if it is empty."""
    program, replicas = lab.parts.members.program, lab.settings.replicas
    pods = [lab.pod("green", number) for number in range(replicas)]
    wrong: dict[str, faults.Fault] = {
        "failure_rate": _FAILURE_RATE if cause == _ERRORS else 0.0,
        "processing_delay_ms": faults.slow(_SHARE, replicas, lab.settings.rate) if cause == _SLOW else 0.0,
    }
    faults.put(lab.namespace, program.container, pods, wrong)


def _round(lab: Lab, cause: str, look: Look) -> dict[str, Any]:
    """One switch to green that is to be taken back, and what is so afterwards."""
    record = lab.switch()
    more = look(lab, record)
    wrong = _wrong(record) or str(more.get("wrong") or "") or _tried_again(lab) or _unclear(lab)
    if not wrong and (error := lab.stay().error) is not None:
        wrong = f"pulumi up with blue active again: {error}"
    return {
        "cause": cause,
        "green_active_at": record.last.active_at if record.last else None,
        "outcome": record.outcome,
        "reason": record.reason,
        "up_seconds": round(record.up_seconds, 3),
        **more,
        "wrong": wrong,
    }


def _wrong(record: SwitchRecord) -> str:
    if record.outcome != _ROLLED_BACK or not record.reason.startswith("AnalysisFailed"):
        return f"{record.outcome} in place of {_ROLLED_BACK} by AnalysisFailed: {record.reason}"
    return "pulumi up returned without an error although green was taken back" if record.error is None else ""


def _tried_again(lab: Lab) -> str:
    """Whether anything moves by itself while the configuration asks for what has failed."""
    epoch = lab.cluster.switch(lab.namespace).epoch
    lab.lag.wait_flow(_FLOW_SECONDS, "blue")
    now = lab.cluster.switch(lab.namespace).epoch
    return "" if now == epoch else f"epoch {epoch} became {now} by itself"


def _unclear(lab: Lab) -> str:
    """What the live object does not say that somebody needs who looks at it then."""
    live = lab.cluster.switch(lab.namespace)
    ready: Mapping[str, Any] = next((c for c in live.raw["status"]["conditions"] if c["type"] == "Ready"), {})
    if (live.wanted, live.active) != ("green", "blue"):
        return f"asked for {live.wanted}, and {live.active} is active"
    said = ready.get("status") == "False" and ready.get("reason") == _ROLLED_BACK
    return "" if said and "AnalysisFailed" in ready.get("message", "") else f"the condition Ready says {ready}"


def observe(notes: Notes, logs: Path) -> Mapping[str, Measured]:
    """Of each round: from its first bad record (or from when green was ACTIVE, if it is slow) to blue ACTIVE again, and
    what green failed meanwhile.
    """
    rows: list[dict[str, Any]] = notes.tables.get(TABLE, [])
    consumed = list(handled(logs))
    failed, by_blue = (failures.by_epoch(consumed, color) for color in ("green", "blue"))
    events = list(objects(logs, EVENTS))
    bad = iter(failed.values())
    for row in rows:
        since = row["green_active_at"]
        if row["cause"] == _ERRORS and (found := next(bad, None)) is not None:
            since = found.first_at
            row.update(failed=found.failed, failed_handled_again=found.again)
        back = None if since is None else failures.active_after(events, "blue", since)
        row["back_seconds"] = None if back is None else round(back - since, 6)
    known = [row["back_seconds"] for row in rows if row["back_seconds"] is not None]
    by_cause = {cause: [row["back_seconds"] for row in rows if row["cause"] == cause] for cause in CAUSES}
    return {
        "rounds_with_errors": len(by_cause[_ERRORS]),
        **{
            f"back_seconds_{cause}_median": statistics.median(own) if own and None not in own else None
            for cause, own in by_cause.items()
        },
        "rounds_as_they_should": sum(not row["wrong"] for row in rows),
        "round_wrong": next((row["wrong"] for row in rows if row["wrong"]), None),
        "back_seconds_worst": max(known) if known and len(known) == len(rows) else None,
        "epochs_with_failed_records": len(failed),
        "failed_by_round_max": max((found.failed for found in failed.values()), default=None),
        "failed_and_not_handled_again": sum(found.failed - found.again for found in failed.values()),
        "failed_by_green": sum(found.failed for found in failed.values()),
        "failed_by_blue": sum(found.failed for found in by_blue.values()),
    }


def judge(seen: Observations) -> list[Criterion]:
    told = seen.measured
    right, wrong, rounds = told.get("rounds_as_they_should"), told.get("round_wrong"), seen.switches_asked
    seconds, worst = told.get("analysis_seconds"), told.get("back_seconds_worst")
    limit = (float(seconds) if isinstance(seconds, int) else 0.0) + seen.limits.rollback_seconds
    unhandled, by_blue = told.get("failed_and_not_handled_again"), told.get("failed_by_blue")
    return [
        Criterion("rounds_as_they_should", f"= {rounds}", wrong or right, right == rounds),
        Criterion(
            "epochs_with_failed_records",
            f"= {told.get('rounds_with_errors')}",
            told.get("epochs_with_failed_records"),
            told.get("epochs_with_failed_records") == told.get("rounds_with_errors"),
        ),
        below("back_seconds_worst", worst if isinstance(worst, float) else None, limit),
        below(
            "failed_and_not_handled_again",
            unhandled if isinstance(unhandled, int) else None,
            seen.rate * limit * rounds,
            "records",
        ),
        Criterion(
            "failed",
            f"= by green under its grants, {told.get('failed_by_green')}",
            seen.failed,
            seen.failed is not None and seen.failed == told.get("failed_by_green"),
        ),
        none_of("failed_by_blue", by_blue if isinstance(by_blue, int) else None),
        Criterion("mended", f"= {SWITCHED}", told.get("mended"), told.get("mended") == SWITCHED),
        criteria.spells(seen),
        *criteria.records(seen),
        *criteria.everything_judged(seen),
        *criteria.times(seen),
        criteria.producer_rate(seen),
    ]


SCENARIO = Scenario(
    "5",
    "failed switch, and the way back by itself",
    default_switches=10,
    step=len(CAUSES),
    perform=perform,
    judge=judge,
    observe=observe,
    faults=True,
    configuration={"analysis": _ANALYSIS},
)
