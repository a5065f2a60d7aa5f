"""The report as a whole: the plan's six parts, of results and of texts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.strategies.base import strategy
from experiments import complexity, lines
from experiments.campaign import record
from experiments.campaign.steps import LeftOut, Step, load
from experiments.complexity import Complexity
from experiments.errors import ExperimentError
from experiments.evidence.sources import Sources
from experiments.folders import RESULT_FILE
from experiments.reporting import parts, plots, scenario, verdicts
from experiments.reporting.told import Told
from experiments.results import RunResult, from_json

REPORT = "test-report.md"
PLOTS, TEXTS = "plots", "text"
_HEAD = (
    "<!-- made by `python -m experiments report` of the committed results and of report/text/; edit those -->\n\n"
    "# Test report\n\n"
    "How to read it: figures name the result that they are of in a comment of the source, and `make evidence` compares "
    "them; a run is a folder of [data/](data/)."
)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the report is made of. results: those that count, with their folders. failures: by a step's name, why it
    could not be run. complexity: by strategy.
    """

    steps: Sequence[Step]
    left_out: Sequence[LeftOut]
    results: Mapping[Path, RunResult]
    failures: Mapping[str, str]
    texts: Mapping[str, str]
    expected: Mapping[str, Any]
    complexity: Mapping[str, Complexity]
    data: Path


def inputs(repository: Path, folders: Sequence[Path]) -> Inputs:
    """Read everything. folders: of the runs that count. Raises ExperimentError naming a text that is missing,
    ValueError for what is no result.
    """
    steps, left_out = load()
    results = {folder: from_json((folder / RESULT_FILE).read_text()) for folder in folders}
    texts = repository / "report" / TEXTS
    wanted = ["purpose", "environment", "expected", "problems", "guide", "production", "recommendation"]
    wanted += [f"scenario-{name}" for name in _scenarios(steps)]
    found = {}
    for name in wanted:
        file = texts / f"{name}.md"
        if not file.is_file():
            raise ExperimentError(f"there is no {file.relative_to(repository)}, which the report has a place for")
        found[name] = _moved(file.read_text().strip())
    counted = lines.count(lines.read(repository), lines.owners())
    return Inputs(
        steps=steps,
        left_out=left_out,
        results=results,
        failures=record.failures(repository / "report" / "data", steps, list(results.values())),
        texts=found,
        expected=json.loads((repository / "report" / "expected.json").read_text()),
        complexity={
            letter: _complexity(letter, lines.total(counted, letter), steps, list(results.values()), repository)
            for letter in _strategies(steps)
        },
        data=repository / "report" / "data",
    )


def _moved(text: str) -> str:
    """A text of report/text/ with its links as they are from the report."""
    return text.replace(f"](../{REPORT}#", "](#").replace("](../", "](")


def _complexity(
    letter: str, own: int, steps: Sequence[Step], results: Sequence[RunResult], repository: Path
) -> Complexity:
    runs = (step.newest(results) for step in steps if step.plan and step.strategy == letter)
    run = next((one for one in runs if one is not None), None)
    parts_ = complexity.parts_of(run.environment) if run else None
    return Complexity(own, parts_, complexity.steps_of(strategy(letter).page, repository / "tutorial"))


def _strategies(steps: Sequence[Step]) -> list[str]:
    """In the plan's order."""
    return list(dict.fromkeys(step.strategy for step in steps))


def _scenarios(steps: Sequence[Step]) -> list[str]:
    """Those of the plan, in its order."""
    return list(dict.fromkeys(step.scenario for step in steps if step.plan))


def render(given: Inputs) -> dict[str, str]:
    """The report's files by their paths below `report/`: the text and its plots. Raises ExperimentError without any
    result of the plan's.
    """
    results = list(given.results.values())
    folders = {result.run: folder for folder, result in given.results.items()}
    told = Told(Sources(given.data))
    letters, of_plan = _strategies(given.steps), [step for step in given.steps if step.plan]
    runs: dict[str, dict[str, RunResult]] = {letter: {} for letter in letters}
    for step in of_plan:
        if (result := step.newest(results)) is not None:
            runs[step.strategy][step.scenario] = result
    shown = [result for by_scenario in runs.values() for result in by_scenario.values()]
    if not shown:
        raise ExperimentError("there is no committed result of any scenario of the plan")
    drawn = {result.run: plots.of_run(folders[result.run], result) for result in shown}
    judged = [verdicts.of_strategy(letter, of_plan, given.left_out, results, given.failures) for letter in letters]
    sections = [
        scenario.section(
            name,
            given.steps,
            given.left_out,
            results,
            told=told,
            text=given.texts[f"scenario-{name}"],
            plots={run: list(kinds) for run, kinds in drawn.items()},
            failures=given.failures,
        )
        for name in _scenarios(given.steps)
    ]
    text = "\n\n".join(
        [
            _HEAD,
            "## 1. Summary",
            given.texts["purpose"],
            parts.summary(judged, told, runs),
            given.texts["recommendation"],
            "## 2. Environment",
            parts.environment(shown, told),
            given.texts["environment"],
            "## 3. Results by scenario",
            "Screenshots of the dashboards are not taken yet; the plots are drawn from what the runs keep.",
            *sections,
            "### Beside the plan's scenarios",
            parts.variants(given.steps, results, told),
            "## 4. The strategies beside each other",
            parts.comparison(letters, runs, told, given.complexity),
            "## 5. Problems found",
            given.texts["problems"],
            "## 6. Conclusions",
            "### Expected and measured",
            parts.expected(letters, runs, told, given.expected),
            given.texts["expected"],
            "### Which strategy when",
            given.texts["guide"],
            "### Before production",
            given.texts["production"],
        ]
    )
    files = {REPORT: f"{text}\n"}
    files |= {f"{PLOTS}/{run}.{kind}.svg": svg for run, kinds in drawn.items() for kind, svg in kinds.items()}
    return files
