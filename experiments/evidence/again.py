"""A committed run judged again, with today's validator and criteria, and compared with its `result.json`.

From its record logs where they are kept. Where they are not, from what the validator said of them at the time
(`validator.json`): then the figures of the result are compared with the files that they were made of, and nothing is
said about the logs.
"""

import json
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from experiments import alerts, observed, verdict
from experiments.conclusion import conclude
from experiments.criteria import ALERTS_FIRED, DUAL_ACTIVE_ALERTS
from experiments.errors import ExperimentError
from experiments.evidence import columns
from experiments.folders import RESULT_FILE
from experiments.measurements import Verdict
from experiments.records import PRODUCED, objects
from experiments.results import BESIDES, Criterion, RunResult, from_json
from experiments.scenarios import SCENARIOS

_VALIDATOR = "validator.json"
#: What a run without `observed.json` cannot be judged on again: nothing else tells it.
_NOT_TOLD = frozenset(
    {
        "lag_after_rollback",
        "lag_during_scale_down",
        "records_by_the_colour_that_came_back",
        "spells_with_records_on_all_partitions",
        "judged_acked",
        "producer_restarts",
        "producers_without_end",
        "clocks_agree",
        "lines_of_unknown_time",
    }
)
_LAG = "lag_below_"


@dataclass(frozen=True, slots=True)
class Judged:
    """A run judged again. logs: whether from its record logs. differences: where its result says otherwise. untold:
    criteria that were not judged again, because nothing that is kept tells what they rest on. limits: those whose limit
    is another one today, or has another wording.
    """

    run: str
    logs: bool
    differences: tuple[str, ...]
    untold: tuple[str, ...]
    limits: tuple[str, ...]


def judged_again(folder: Path) -> Judged:
    """Judge a run again. Raises ValueError for a result that is none, CollectionError for logs that cannot be judged,
    ExperimentError for a folder that lacks a file.
    """
    result = from_json((folder / RESULT_FILE).read_text())
    scenario = SCENARIOS.get(result.scenario)
    if scenario is None:
        raise ExperimentError(f"{folder.name}: there is no scenario {result.scenario} any more")
    try:
        told = json.loads((folder / _VALIDATOR).read_text())
        before = Verdict.of(told)
        from_logs = columns.kept(folder)
        limits = scenario.limits(result.strategy)
        now = _validated(folder, result, limits.tolerated) if from_logs else before
        seen = observed.of(folder, result, now)
    except (OSError, KeyError, TypeError) as error:
        raise ExperimentError(f"{folder.name} cannot be judged again: {error!r}") from error
    anew = conclude(observed.subject_of(result, limits), seen, scenario.judge)
    differences = [*_apart("validator.json", asdict(before), asdict(now)), *_by_itself(result)]
    untold: list[str] = []
    if observed.whole(folder):
        differences += _apart("result.json", _plain(result), _plain(anew))
    else:
        found, untold = _in_part(result, anew)
        differences += found
    today = {criterion.name: criterion.limit for criterion in anew.criteria}
    others = [
        f"{one.name}: {one.limit!r} then, {today[one.name]!r} today"
        for one in result.criteria
        if one.name not in untold and today.get(one.name, one.limit) != one.limit
    ]
    return Judged(folder.name, from_logs, tuple(differences), tuple(untold), tuple(others))


def _validated(folder: Path, result: RunResult, tolerated: Collection[str]) -> Verdict:
    error = result.measurements.get("clock_error_ms")
    with columns.logs_of(folder) as logs, tempfile.TemporaryDirectory(prefix="evidence-") as scratch:
        producers = dict.fromkeys(line["producer"] for line in objects(logs, PRODUCED))
        return verdict.validate(
            logs,
            list(producers),
            Path(scratch) / _VALIDATOR,
            clock_error_ms=float(error) if isinstance(error, int | float) else 0.0,
            tolerated=tolerated,
        )


def _plain(result: RunResult) -> dict[str, Any]:
    """As JSON has it. The schema is that of the writer, and the limits are those of their day."""
    found: dict[str, Any] = json.loads(result.to_json())
    del found["schema"]
    for key in BESIDES:  # what others said; nothing is concluded from it again
        found.pop(key, None)
    found["criteria"] = {one["name"]: {**one, "limit": ""} for one in found["criteria"]}
    return found


def _by_itself(result: RunResult) -> list[str]:
    """Where a result contradicts itself."""
    by_alerts = alerts.measured(result.alerts)
    # Runs before 29 November 2026 do not say the second by itself.
    names = (ALERTS_FIRED, *({DUAL_ACTIVE_ALERTS} & result.measurements.keys()))
    found = [
        f"{name}: {result.measurements.get(name)!r}, and by its alerts {by_alerts.get(name)!r}"
        for name in names
        if result.measurements.get(name) != by_alerts.get(name)
    ]
    passed = bool(result.criteria) and all(criterion.passed for criterion in result.criteria)
    if result.kind == "test" and result.passed is not passed:
        found.append(f"passed: {result.passed}, and by its criteria {passed}")
    return found


def _in_part(result: RunResult, anew: RunResult) -> tuple[list[str], list[str]]:
    """What differs of what can be told without `observed.json`, and what cannot be."""
    differences = _apart("switches", [asdict(one) for one in result.switches], [asdict(one) for one in anew.switches])
    differences += _apart(
        "measurements",
        {name: result.measurements[name] for name in observed.CONCLUDED if name in result.measurements},
        {name: anew.measurements[name] for name in observed.CONCLUDED if name in result.measurements},
    )
    again = {criterion.name: criterion for criterion in anew.criteria}
    untold = []
    for criterion in result.criteria:
        now = again.get(criterion.name)
        if criterion.name in _NOT_TOLD or criterion.name.startswith(_LAG):
            untold.append(criterion.name)
        elif now is None:
            differences.append(f"criterion {criterion.name}: today's scenario has none of this name")
        else:
            differences += _apart(f"criterion {criterion.name}", _said(criterion), _said(now))
    if acked := next((c for c in result.criteria if c.name == "judged_acked"), None):
        differences += _apart("criterion judged_acked.measured", acked.measured, anew.measurements["acked"])
    return differences, untold


def _said(criterion: Criterion) -> dict[str, Any]:
    return {"measured": criterion.measured, "passed": criterion.passed}


def _apart(where: str, before: Any, now: Any) -> list[str]:
    """Where two values differ, by the path to it; numbers may differ by rounding."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        return [
            found
            for key in dict.fromkeys([*before, *now])
            for found in _apart(f"{where}.{key}", before.get(key), now.get(key))
        ]
    if isinstance(before, list | tuple) and isinstance(now, list | tuple) and len(before) == len(now):
        return [
            found
            for number, (one, other) in enumerate(zip(before, now, strict=True))
            for found in _apart(f"{where}[{number}]", one, other)
        ]
    if isinstance(before, float) or isinstance(now, float):
        same = (
            isinstance(before, int | float)
            and isinstance(now, int | float)
            and not isinstance(before, bool)
            and abs(before - now) < 1e-9 + 1e-9 * abs(before)
        )
    else:
        same = before == now
    return [] if same else [f"{where}: {before!r} there, {now!r} judged again"]
