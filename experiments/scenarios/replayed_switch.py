"""Scenario 5 of the plan with `onRollback: replay`: what a bad green has handled is handled again.

The same rounds as scenario 5. When green is taken back, blue begins where green was granted: of the records that green
failed none stays unhandled, and those that it handled well are handled twice. Those are counted, and at most as many as
green handled.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments import criteria
from experiments.criteria import Observations, none_of
from experiments.lab import Notes
from experiments.records import handled
from experiments.results import Criterion, Measured
from experiments.scenarios import failed_switch
from experiments.scenarios.base import Scenario

#: As the controller says it (`workloads/controller/replay.py`).
_REPLAYED = "; replayed from where it was granted"


def observe(notes: Notes, logs: Path) -> Mapping[str, Measured]:
    rows: list[dict[str, Any]] = notes.tables.get(failed_switch.TABLE, [])
    return {
        **failed_switch.observe(notes, logs),
        "rounds_replayed": sum(_REPLAYED in row["reason"] for row in rows),
        "handled_by_green_taken_back": taken_back(handled(logs)),
    }


def taken_back(consumed: Iterable[Mapping[str, Any]]) -> int:
    """How many records green handled without an error under grants that were followed by one of blue's. consumed: lines
    of the record logs, in any order.
    """
    epochs: dict[str, set[int]] = {"blue": set(), "green": set()}
    well: dict[int, int] = {}
    for line in consumed:
        epoch = int(line["epoch"])
        epochs[line["color"]].add(epoch)
        if line["color"] == "green" and "error" not in line:
            well[epoch] = well.get(epoch, 0) + 1
    last = max(epochs["blue"], default=0)
    return sum(count for epoch, count in well.items() if epoch < last)


def judge(seen: Observations) -> list[Criterion]:
    told, rounds = seen.measured, seen.switches_asked
    unhandled, most = (told.get(n) for n in ("failed_and_not_handled_again", "handled_by_green_taken_back"))
    twice, replayed = seen.anomalies.get("duplicate"), told.get("rounds_replayed")
    tolerant = replace(seen, limits=replace(seen.limits, tolerated=seen.limits.tolerated | {"duplicate"}))
    return [
        *failed_switch.rounds(seen),
        Criterion("rounds_replayed", f"= {rounds}", replayed, replayed == rounds),
        none_of("failed_and_not_handled_again", unhandled if isinstance(unhandled, int) else None),
        Criterion(
            "duplicates",
            f"<= handled by green until it was taken back, {most}",
            twice,
            twice is not None and isinstance(most, int) and twice <= most,
        ),
        *criteria.records(tolerant),
    ]


SCENARIO = Scenario(
    "5-replay",
    "failed switch, and what green has handled is handled again",
    default_switches=10,
    step=failed_switch.CAUSES,
    perform=failed_switch.perform,
    judge=judge,
    observe=observe,
    faults=True,
    configuration={"analysis": failed_switch.ANALYSIS, "onRollback": "replay"},
    moment="taken back",
)
