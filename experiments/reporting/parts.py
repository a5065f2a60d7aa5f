"""Parts one, four and six of the report: what stands above the scenarios, and what follows from them."""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

from experiments.campaign.steps import Step
from experiments.complexity import Complexity
from experiments.reporting import watched
from experiments.reporting.told import NOTHING, Told
from experiments.reporting.verdicts import Verdict, recommended
from experiments.reporting.words import Words
from experiments.results import RunResult
from experiments.scenarios import SCENARIOS
from experiments.tables import markdown

#: Runs by scenario of one strategy, the plan's steps.
Runs = Mapping[str, RunResult]
_NORMAL, _ROLLBACK = "1", "2"
_BACK = "switches[?direction=='green-blue' && commanded=='{}'].switch_seconds"


def summary(verdicts: Sequence[Verdict], told: Told, runs: Mapping[str, Runs], words: Words) -> str:
    """The verdicts, the rule, and the recommendation."""
    rows: list[list[object]] = []
    for one in verdicts:
        normal = runs[one.strategy].get(_NORMAL)
        rows.append(
            [
                one.strategy.upper(),
                f"**{words(f'verdict.{one.word}')}**",
                told.figure(normal.run, "switches[].switch_seconds", "median", "worst") if normal else NOTHING,
                told.figure(normal.run, "switches[].handoff_seconds", "median", "worst", unit="ms", decimals=0)
                if normal
                else NOTHING,
                _sum(told, runs[one.strategy], "lost"),
                _sum(told, runs[one.strategy], "dual_active"),
                "; ".join((*one.missed, *one.conditions)) or words("summary.no_conditions"),
            ]
        )
    columns = ("verdict", "switch", "handoff", "lost", "dual_active", "conditions")
    header = [words("strategy.column"), *(words(f"summary.{name}") for name in columns)]
    best = recommended(verdicts)
    last = words("verdict.recommended", letter=best.strategy.upper()) if best else words("verdict.none_recommended")
    return "\n\n".join([markdown(header, rows), words("verdict.rule"), last])


def _sum(told: Told, runs: Runs, name: str) -> str:
    """Of all of a strategy's runs of the plan together."""
    return told.figure([run.run for run in runs.values()], f"measurements.{name}") if runs else NOTHING


def comparison(
    strategies: Sequence[str],
    runs: Mapping[str, Runs],
    told: Told,
    complexity: Mapping[str, Complexity],
    words: Words,
) -> str:
    """The plan's table, with what stands beside it."""

    def of(letter: str, scenario: str, expression: str, *statistics: str, **how: Any) -> str:
        result = runs[letter].get(scenario)
        return told.figure(result.run, expression, *statistics, **how) if result else NOTHING

    spread = ("median", "p95", "worst")
    cells: list[tuple[str, Any]] = [
        ("switch_seconds", lambda s: of(s, _NORMAL, "switches[].switch_seconds", *spread)),
        ("back_after_up", lambda s: of(s, _ROLLBACK, _BACK.format("up"), *spread)),
        ("back_at_active", lambda s: of(s, _ROLLBACK, _BACK.format("patch"), *spread)),
        ("lost", lambda s: _sum(told, runs[s], "lost")),
        ("duplicates_planned", lambda s: _of_both(told, runs[s], "duplicates")),
        ("duplicates", lambda s: _sum(told, runs[s], "duplicates")),
        ("dual_active", lambda s: _sum(told, runs[s], "dual_active")),
        ("rebalances_planned", lambda s: _of_both(told, runs[s], "rebalances")),
        ("handoff_seconds", lambda s: of(s, _NORMAL, "switches[].handoff_seconds", *spread, unit="ms", decimals=0)),
        ("to_build", lambda s: words(f"complexity.{complexity[s].to_build}")),
        ("to_run", lambda s: words(f"complexity.{complexity[s].to_run}") if complexity[s].to_run else NOTHING),
    ]
    rows: list[list[object]] = [
        [words(f"comparison.{name}"), *(cell(letter) for letter in strategies)] for name, cell in cells
    ]
    return "\n\n".join(
        [
            markdown(["", *(words("strategy.one", letter=letter.upper()) for letter in strategies)], rows),
            words("comparison.remark"),
        ]
    )


def _of_both(told: Told, runs: Runs, name: str) -> str:
    both = [runs[scenario].run for scenario in (_NORMAL, _ROLLBACK) if scenario in runs]
    return told.figure(both, f"measurements.{name}") if both else NOTHING


def variants(steps: Sequence[Step], results: Sequence[RunResult], told: Told, words: Words) -> str:
    """What was run beside the plan's, a line each."""
    rows: list[list[object]] = []
    for step in (one for one in steps if not one.plan):
        result = step.newest(results)
        run = result.run if result else ""
        ended = {True: "passed", False: "failed", None: "measured"}
        rows.append(
            [
                step.strategy.upper(),
                f"`{' '.join(step.command[3:])}`",
                words.said(step.why),
                told.figure(run, "switches[].switch_seconds", "median", "worst"),
                told.figure(run, "switches[].handoff_seconds", "median", "worst", unit="ms", decimals=0),
                told.figure(run, "measurements.lost"),
                told.figure(run, "measurements.duplicates"),
                _shown(result, told, words) if result else NOTHING,
                watched.line(result, words) if result else NOTHING,
                words(f"variants.{ended[result.passed]}", run=run) if result else words("variants.missing"),
            ]
        )
    header = ["strategy.column", "variants.command", "variants.why", "summary.switch", "summary.handoff"]
    header += ["row.lost", "row.duplicates", "variants.shown", "variants.watched", "scenario.result"]
    return markdown([words(key) for key in header], rows)


def _shown(result: RunResult, told: Told, words: Words) -> str:
    """The figures that stand for a measurement."""
    found = []
    for name in SCENARIOS[result.scenario].shows:
        value = result.measurements.get(name)
        if isinstance(value, int | float):
            found.append(words("variants.figure", name=name, figure=told.figure(result.run, f"measurements.{name}")))
        elif value is not None:
            found.append(words("variants.figure", name=name, figure=f"`{value}`"))
    return ", ".join(found) or NOTHING


def expected(
    strategies: Sequence[str], runs: Mapping[str, Runs], told: Told, content: Mapping[str, Any], words: Words
) -> str:
    """Expected by the design document, measured by its author, and measured here."""
    rows: list[list[object]] = []
    for letter in strategies:
        said, author = content["strategies"].get(letter, {}), content["measured_by_author"].get(letter, {})
        normal, back = runs[letter].get(_NORMAL), runs[letter].get(_ROLLBACK)
        switch = dict.fromkeys(_told(value, words) for value in (said.get("switch_seconds") or {}).values())
        counts = {name: _sum(told, runs[letter], name) for name in ("lost", "duplicates", "dual_active")}
        rows += [
            [
                words("expected.switch_seconds", letter=letter.upper()),
                reduce(lambda one, other: words("expected.or", one=one, other=other), switch) if switch else NOTHING,
                _told(author.get("switch_seconds"), words) if author.get("run") else _estimated(author, words),
                told.figure(normal.run, "switches[].switch_seconds", "median", "worst") if normal else NOTHING,
            ],
            [
                words("expected.back_seconds", letter=letter.upper()),
                _told(said.get("rollback_seconds"), words),
                _told(author.get("rollback_seconds"), words) if author.get("run") else words("expected.not_run"),
                told.figure(back.run, _BACK.format("up"), "median", "worst") if back else NOTHING,
            ],
            [
                words("expected.safety", letter=letter.upper()),
                words.said(said.get("message_safety") or "") or NOTHING,
                _safety(author, words),
                words("expected.counts", **counts),
            ],
        ]
    header = ["", *(words(f"expected.{name}") for name in ("by_document", "by_author", "here"))]
    return "\n\n".join([markdown(header, rows), words("expected.remark")])


def _given(value: float | str) -> str:
    return f"{value}<!-- given: report/expected.json -->"


def _told(value: object, words: Words) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        least, most = (f"{number:g}" for number in value)
        return _given(words("expected.range", least=least, most=most))
    return NOTHING if value is None else words.said(str(value))


def _estimated(author: Mapping[str, Any], words: Words) -> str:
    estimate = author.get("estimate_switch_seconds")
    if not estimate:
        return words("expected.not_estimated")
    if not isinstance(estimate, Mapping):
        return words("expected.estimated", estimate=_told(estimate, words))
    ways = [
        words("expected.one_estimate", range=_told(value, words), way=words.said(name.replace("_", " ")))
        for name, value in estimate.items()
    ]
    return words("expected.estimated", estimate=", ".join(ways))


def _safety(author: Mapping[str, Any], words: Words) -> str:
    if not author.get("run"):
        return words("expected.not_run")
    counted = {name: _given(f"{author[f'records_{name}']:,}") for name in ("produced", "consumed")}
    return words(
        "expected.consumed",
        duplicates=_given(author["duplicates"]),
        dual_active=_given(author["dual_active"]),
        **counted,
    )
