"""What `summary`, `compare`, `handoff` and `offsets` tell, as JSON for programs. Pure but for `handoff`; times in the
unit that a key ends with.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from experiments import handoff as handoffs
from experiments.accuracy import Taken
from experiments.comparison import Column, newest_of_variants
from experiments.measurements import Distribution
from experiments.results import RunResult
from experiments.summary import TIMES
from experiments.variants import variant

Object = dict[str, Any]


def text(content: object) -> str:
    """As it is printed."""
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)


def summary(results: Sequence[RunResult], shows: Mapping[str, Sequence[str]]) -> list[Object]:
    """Each run's distributions and counts, in the order given. shows: by scenario, the figures that stand for a
    measurement of it.
    """
    return [_run(result, shows) for result in results]


def compared(
    chosen: Sequence[Column], results: Sequence[RunResult], shows: Mapping[str, Sequence[str]]
) -> dict[str, list[Object]]:
    """The strategies beside each other, and the newest run of each variant."""
    return {
        "strategies": [
            {
                "strategy": column.letter,
                "normal": column.normal and _run(column.normal, shows),
                "rollback": column.rollback and _run(column.rollback, shows),
                "complexity": {
                    **asdict(column.complexity),
                    "to_build": column.complexity.to_build,
                    "to_run": column.complexity.to_run,
                },
                "expected": column.expected,
                "measured_by_author": column.measured_by_author,
            }
            for column in chosen
        ],
        "variants": [_run(result, shows) for result in newest_of_variants(results)],
    }


def handoff(run: Path, logs: Path) -> Object:
    """The steps of a run's hand-offs, each with a value for every one of them. logs: the folder of its record logs.
    Raises ExperimentError.
    """
    return {"run": run.name, "steps": handoffs.told(handoffs.found_in(run, logs))}


def offsets(run: str, taken: Sequence[Taken]) -> Object:
    """Each partition of each change of colour."""
    rows = [{**asdict(one), "difference": one.difference, "first_difference": one.first_difference} for one in taken]
    return {"run": run, "taken": rows}


def _run(result: RunResult, shows: Mapping[str, Sequence[str]]) -> Object:
    counted = ("acked", "lost", "duplicates", "dual_active", "zombies", "failed", "rebalances", "max_lag")
    return {
        "run": result.run,
        "strategy": result.strategy,
        "scenario": result.scenario,
        "variant": variant(result),
        "kind": result.kind,
        "passed": result.passed,
        "commit": result.environment.get("commit"),
        "times": {name: _spread([getattr(switch, name) for switch in result.switches]) for name in TIMES},
        "counts": {name: result.measurements.get(name) for name in counted},
        "shows": {name: result.measurements.get(name) for name in shows.get(result.scenario, ())},
    }


def _spread(values: Sequence[float | None]) -> Object | None:
    found = Distribution.of(values)
    return None if found is None else asdict(found)
