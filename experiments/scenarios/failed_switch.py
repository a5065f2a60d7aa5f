"""Scenario 5 of the plan: a switch to a colour that does its work badly, and the way back by itself.

Green fails half of its records, or handles a quarter of what comes in, in turn. It looks healthy: its pods are Ready,
and it becomes ACTIVE. What tells is its analysis: within 10 s a share of 0.05 may fail, and 0.9 of what comes in has to
be handled. By that the controller takes the grant back and gives it to blue. Of a green that is a connector Connect
refuses half of the records: it skips them, or fails its tasks at them, in turn (`bad_green`). Then:

- `pulumi up` has returned with an error that says so, the configuration says green, and the live object says who is
  active and why; nothing is tried again by itself;
- the next `up` with `active: blue` is clean, and moves nothing;
- at the end green is mended, and the same command switches to it, with the same analysis.

Records that green failed are committed past, so nobody handles them again: they are counted, beside what is lost. What
Connect skips is such a record, by its dead-letter queue; one at which a task ended is blue's again.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments import bad_green, criteria, failures, rollbacks
from experiments.criteria import Observations, below, none_of
from experiments.lab import Lab, Notes
from experiments.measurements import SWITCHED, SwitchRecord
from experiments.records import EVENTS, handled, objects
from experiments.results import Criterion, Measured
from experiments.scenarios.base import Scenario

TABLE = "rollbacks"
_REASONS = ("AnalysisFailed",)
#: Each kind of green does wrong in so many ways, in turn.
CAUSES = 2
ANALYSIS = {"seconds": 10, "maxErrorRate": 0.05, "minRecords": 50, "minThroughput": 0.9}

Look = Callable[[Lab, SwitchRecord], dict[str, Any]]
"""What else there is to be said of a round: columns of its row in the table, `wrong` among them if it is."""


def _nothing(_lab: Lab, _record: SwitchRecord) -> dict[str, Any]:
    return {}


def perform(lab: Lab, switches: int, seconds: int = 10, look: Look = _nothing) -> None:
    """The rounds, and at their end a switch to the mended colour. seconds: by when the analysis has its verdict."""
    lab.notes.measured["analysis_seconds"] = seconds
    green = bad_green.of(lab)
    green.prepare()
    lab.spell()
    for number in range(1, switches + 1):
        cause = green.causes[(number - 1) % len(green.causes)]
        green.does(cause)
        row = _round(lab, cause, look)
        lab.notes.tables.setdefault(TABLE, []).append(row)
        lab.report(number, switches, lab.notes.switches[-1])
        if row["wrong"]:
            lab.progress.say(f"  {row['wrong']}")
            return
        lab.spell()
    green.does("")
    record = lab.switch()
    lab.report(switches + 1, switches + 1, record)
    wrong = str(look(lab, record).get("wrong") or "")
    lab.notes.measured["mended"] = (wrong or record.outcome) if record.error is None else record.error
    lab.spell()
    green.finish()


def _round(lab: Lab, cause: str, look: Look) -> dict[str, Any]:
    """One switch to green that is to be taken back, and what is so afterwards."""
    record = lab.switch()
    more = look(lab, record)
    wrong = rollbacks.taken_back(record, _REASONS) or str(more.get("wrong") or "")
    wrong = wrong or rollbacks.afterwards(lab, _REASONS)
    return {
        "cause": cause,
        "green_active_at": record.last.active_at if record.last else None,
        "begun_at": record.last.started_at if record.last else None,
        "outcome": record.outcome,
        "reason": record.reason,
        "up_seconds": round(record.up_seconds, 3),
        **more,
        "wrong": wrong,
    }


def observe(notes: Notes, logs: Path) -> Mapping[str, Measured]:
    """Of each round: from its first bad record to blue ACTIVE again, and what green failed meanwhile. Where no record
    tells, it is from when green was ACTIVE, or, if it never was, began.
    """
    rows: list[dict[str, Any]] = notes.tables.get(TABLE, [])
    consumed = list(handled(logs))
    failed, by_blue = (failures.by_epoch(consumed, color) for color in ("green", "blue"))
    events = list(objects(logs, EVENTS))
    bad = iter(failed.values())
    for row in rows:
        since = row["green_active_at"] or _began(events, row.get("begun_at"))
        if row["cause"] == bad_green.ERRORS and (found := next(bad, None)) is not None:
            since = found.first_at
            row.update(failed=found.failed, failed_handled_again=found.again)
        back = None if since is None else failures.active_after(events, "blue", since)
        row["back_seconds"] = None if since is None or back is None else round(back - since, 6)
    known = [row["back_seconds"] for row in rows if row["back_seconds"] is not None]
    by_cause: dict[str, list[Any]] = {}
    for row in rows:
        by_cause.setdefault(row["cause"], []).append(row["back_seconds"])
    return {
        "rounds_with_errors": len(by_cause.get(bad_green.ERRORS, ())),
        **{
            f"back_seconds_{cause}_median": None if None in own else statistics.median(own)
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


def _began(events: Sequence[Mapping[str, Any]], moment: float | None) -> float | None:
    """When green was first told where to begin after this moment; None: it was not."""
    if moment is None:
        return None
    own = (event for event in events if event["event"] == "ASSIGNED" and event["color"] == "green")
    return min((t for event in own if (t := int(event["t"]) / 1e9) > moment), default=None)


def judge(seen: Observations) -> list[Criterion]:
    unhandled = seen.measured.get("failed_and_not_handled_again")
    most = seen.rate * back_limit(seen) * seen.switches_asked
    return [
        *rounds(seen),
        below("failed_and_not_handled_again", unhandled if isinstance(unhandled, int) else None, most, "records"),
        *criteria.records(seen),
    ]


def back_limit(seen: Observations) -> float:
    """How long it may take until blue is active again, in seconds: an analysis to its end, and the way back."""
    seconds = seen.measured.get("analysis_seconds")
    return (float(seconds) if isinstance(seconds, int) else 0.0) + seen.limits.rollback_seconds


def rounds(seen: Observations) -> list[Criterion]:
    """What rounds of a bad green are judged by, wherever blue begins afterwards."""
    told, asked = seen.measured, seen.switches_asked
    right, wrong = told.get("rounds_as_they_should"), told.get("round_wrong")
    worst, by_blue = told.get("back_seconds_worst"), told.get("failed_by_blue")
    return [
        Criterion("rounds_as_they_should", f"= {asked}", wrong or right, right == asked),
        Criterion(
            "epochs_with_failed_records",
            f"= {told.get('rounds_with_errors')}",
            told.get("epochs_with_failed_records"),
            told.get("epochs_with_failed_records") == told.get("rounds_with_errors"),
        ),
        below("back_seconds_worst", worst if isinstance(worst, float) else None, back_limit(seen)),
        Criterion(
            "failed",
            f"= by green under its grants, {told.get('failed_by_green')}",
            seen.failed,
            seen.failed is not None and seen.failed == told.get("failed_by_green"),
        ),
        none_of("failed_by_blue", by_blue if isinstance(by_blue, int) else None),
        Criterion("mended", f"= {SWITCHED}", told.get("mended"), told.get("mended") == SWITCHED),
        criteria.spells(seen),
        *criteria.everything_judged(seen),
        *criteria.times(seen),
        criteria.producer_rate(seen),
    ]


SCENARIO = Scenario(
    "5",
    "failed switch, and the way back by itself",
    default_switches=10,
    step=CAUSES,
    perform=perform,
    judge=judge,
    observe=observe,
    faults=True,
    configuration={"analysis": ANALYSIS},
    moment="taken back",
)
