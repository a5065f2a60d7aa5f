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
from experiments.evidence.commits import footnoted
from experiments.evidence.sources import Sources
from experiments.folders import RESULT_FILE
from experiments.reporting import environment, parts, plots, scenario, verdicts
from experiments.reporting.told import Told
from experiments.reporting.words import ENGLISH, LANGUAGES, Words, words
from experiments.results import RunResult, from_json

PLOTS, TEXTS = "plots", "text"


def report_of(language: str) -> str:
    """The name of the report's file in a language."""
    return "test-report.md" if language == ENGLISH else f"test-report.{language}.md"


REPORT = report_of(ENGLISH)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the report is made of. results: those that count, with their folders. failures: by a step's name, why it
    could not be run. texts: by language, what people wrote, by its place. complexity: by strategy.
    """

    steps: Sequence[Step]
    left_out: Sequence[LeftOut]
    results: Mapping[Path, RunResult]
    failures: Mapping[str, str]
    texts: Mapping[str, Mapping[str, str]]
    expected: Mapping[str, Any]
    complexity: Mapping[str, Complexity]
    data: Path


def inputs(repository: Path, folders: Sequence[Path]) -> Inputs:
    """Read everything. folders: of the runs that count. Raises ExperimentError naming a text that is missing,
    ValueError for what is no result.
    """
    steps, left_out = load()
    results = {folder: from_json((folder / RESULT_FILE).read_text()) for folder in folders}
    wanted = ["purpose", "environment", "expected", "problems", "guide", "production", "recommendation"]
    wanted += [f"scenario-{name}" for name in _scenarios(steps)]
    optional = [_explained(step.scenario, step.strategy) for step in steps if step.plan]
    counted = lines.count(lines.read(repository), lines.owners())
    return Inputs(
        steps=steps,
        left_out=left_out,
        results=results,
        failures=record.failures(repository / "report" / "data", steps, list(results.values())),
        texts={language: _texts(repository, language, wanted, optional) for language in LANGUAGES},
        expected=json.loads((repository / "report" / "expected.json").read_text()),
        complexity={
            letter: _complexity(letter, lines.total(counted, letter), steps, list(results.values()), repository)
            for letter in _strategies(steps)
        },
        data=repository / "report" / "data",
    )


def folder_of(language: str) -> str:
    """Where the texts of a language are, below `report/`."""
    return TEXTS if language == ENGLISH else f"{TEXTS}/{language}"


def _texts(repository: Path, language: str, wanted: Sequence[str], optional: Sequence[str]) -> dict[str, str]:
    """What people wrote, with its links as they are from the report. Raises ExperimentError naming what is missing of
    what is wanted.
    """
    up = "../" * len(Path(folder_of(language)).parts)
    found = {}
    for name in (*wanted, *optional):
        file = repository / "report" / folder_of(language) / f"{name}.md"
        if not file.is_file():
            if name in optional:
                continue
            raise ExperimentError(f"there is no {file.relative_to(repository)}, which the report has a place for")
        text = file.read_text().strip()
        found[name] = text.replace(f"]({up}{report_of(language)}#", "](#").replace(f"]({up}", "](")
    return found


def _explained(scenario_name: str, letter: str) -> str:
    """The text that only a run has whose logs or alerts were not normal."""
    return f"watched-{scenario_name}-{letter}"


def _pictures(shown: Sequence[RunResult], said: Words) -> str:
    """What is said of plots and screenshots before the scenarios."""
    with_one = sum(bool(result.screenshots) for result in shown)
    return said(f"document.screenshots_{'none' if not with_one else 'all' if with_one == len(shown) else 'some'}")


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
    """The report's files by their paths below `report/`: the text in each language, and the plots, which all of them
    show. Raises ExperimentError without any result of the plan's, and for words that a language lacks.
    """
    results = list(given.results.values())
    folders = {result.run: folder for folder, result in given.results.items()}
    letters, of_plan = _strategies(given.steps), [step for step in given.steps if step.plan]
    runs: dict[str, dict[str, RunResult]] = {letter: {} for letter in letters}
    for step in of_plan:
        if (result := step.newest(results)) is not None:
            runs[step.strategy][step.scenario] = result
    shown = [result for by_scenario in runs.values() for result in by_scenario.values()]
    if not shown:
        raise ExperimentError("there is no committed result of any scenario of the plan")
    drawn = {result.run: plots.of_run(folders[result.run], result) for result in shown}
    kinds = {run: list(of_run) for run, of_run in drawn.items()}
    sources = Sources(given.data)
    told = Told(sources)
    files = {
        report_of(language): footnoted(_text(given, words(language), told, runs, kinds) + "\n", sources, language)
        for language in LANGUAGES
    }
    files |= {f"{PLOTS}/{run}.{kind}.svg": svg for run, of_run in drawn.items() for kind, svg in of_run.items()}
    return files


def _text(
    given: Inputs,
    said: Words,
    told: Told,
    runs: Mapping[str, Mapping[str, RunResult]],
    plots_of: Mapping[str, Sequence[str]],
) -> str:
    """The report in one language. plots_of: by run, the kinds of its plots."""
    results, texts = list(given.results.values()), given.texts[said.language]
    letters, of_plan = _strategies(given.steps), [step for step in given.steps if step.plan]
    shown = [result for by_scenario in runs.values() for result in by_scenario.values()]
    newest = (step.newest(results) for step in given.steps if not step.plan)
    besides = [one for one in newest if one is not None]
    judged = [
        verdicts.of_strategy(letter, of_plan, given.left_out, results, given.failures, words=said) for letter in letters
    ]
    sections = [
        scenario.section(
            name,
            given.steps,
            given.left_out,
            results,
            told=told,
            text=texts[f"scenario-{name}"],
            plots=plots_of,
            failures=given.failures,
            explained={letter: texts.get(_explained(name, letter), "") for letter in letters},
            words=said,
        )
        for name in _scenarios(given.steps)
    ]
    return "\n\n".join(
        [
            said("document.head").strip(),
            f"## {said('document.summary')}",
            texts["purpose"],
            parts.summary(judged, told, runs, said),
            texts["recommendation"],
            f"## {said('document.environment')}",
            environment.environment(shown, besides, told, said),
            texts["environment"],
            f"## {said('document.scenarios')}",
            _pictures(shown, said),
            *sections,
            f"### {said('document.variants')}",
            parts.variants(given.steps, results, told, said),
            f"## {said('document.comparison')}",
            parts.comparison(letters, runs, told, given.complexity, said),
            f"## {said('document.problems')}",
            texts["problems"],
            f"## {said('document.conclusions')}",
            f"### {said('document.expected')}",
            parts.expected(letters, runs, told, given.expected, said),
            texts["expected"],
            f"### {said('document.guide')}",
            texts["guide"],
            f"### {said('document.production')}",
            texts["production"],
        ]
    )
