"""The plan's table: the strategies beside each other, with what was expected of them. Pure: results in, Markdown out.

Each column is a strategy as its stack is by default, at the rate that its stack has by default; what a figure rests on
stands in the last row. All other variants follow in a table of their own, one line each.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.settings import registry
from experiments.complexity import Complexity, measure
from experiments.measurements import Distribution
from experiments.results import SPEED, RunResult
from experiments.tables import figures, markdown
from experiments.variants import default_variant, variant, words

NORMAL, ROLLBACK = "1", "2"
NOTHING = "-"
_YES = {True: "yes", False: "no", None: NOTHING}
_REMARK = (
    "Times: median · 95th percentile · worst of n switches, from scenario 1; the way back from scenario 2. "
    "Counts: of both scenarios together. Expected: the design document's figures, not measured here."
)


@dataclass(frozen=True, slots=True)
class Column:
    """A strategy in the table. normal, rollback: its newest runs of scenarios 1 and 2; None where there is none."""

    letter: str
    normal: RunResult | None
    rollback: RunResult | None
    complexity: Complexity
    expected: Mapping[str, Any]
    measured_by_author: Mapping[str, Any]

    @property
    def runs(self) -> list[RunResult]:
        return [run for run in (self.normal, self.rollback) if run is not None]


def newest(results: Sequence[RunResult], letter: str, scenario: str) -> RunResult | None:
    """The newest test of a scenario with the strategy as its stack is by default; a key that a run does not tell is
    not held against it.
    """
    default = default_variant(letter)
    fitting = [
        result
        for result in results
        if (result.strategy, result.scenario, result.kind) == (letter, scenario, "test")
        and all(default.get(key) == value for key, value in variant(result).items())
    ]
    return max(fitting, key=lambda result: result.started_at, default=None)


def columns(
    results: Sequence[RunResult], expected: Mapping[str, Any], complexity: Callable[[str, RunResult | None], Complexity]
) -> list[Column]:
    """A column for each strategy that is built. complexity: of a letter and one of its runs."""
    found = []
    for letter in registry.models():
        normal, rollback = newest(results, letter, NORMAL), newest(results, letter, ROLLBACK)
        found.append(
            Column(
                letter=letter,
                normal=normal,
                rollback=rollback,
                complexity=complexity(letter, normal or rollback),
                expected=expected["strategies"].get(letter, {}),
                measured_by_author=expected["measured_by_author"].get(letter, {}),
            )
        )
    return found


def compared(
    chosen: Sequence[Column], results: Sequence[RunResult], shows: Mapping[str, Sequence[str]] | None = None
) -> str:
    """The tables, as Markdown. shows: by scenario, the figures that stand for a measurement of it."""
    rows: list[list[object]] = [
        [name, *(cell(column) for column in chosen)]
        for name, cell in (
            ("time to switch (s)", lambda c: _seconds(c.normal, "switch_seconds")),
            ("time to roll back, commanded when `up` had returned (s)", lambda c: _rollback(c.rollback, "up")),
            ("time to roll back, commanded at ACTIVE (s)", lambda c: _rollback(c.rollback, "patch")),
            ("lost", lambda c: _count(c, "lost")),
            ("duplicates", lambda c: _count(c, "duplicates")),
            ("dual active", lambda c: _count(c, "dual_active")),
            ("rebalances", lambda c: _count(c, "rebalances")),
            ("hand-off (ms)", lambda c: _milliseconds(c.normal, "handoff_seconds")),
            ("gap (ms)", lambda c: _milliseconds(c.normal, "gap_seconds")),
            ("spacing of records (ms)", lambda c: _milliseconds(c.normal, "spacing_seconds")),
            ("start - committed, at most (records)", _difference),
            ("complexity to build", lambda c: f"{c.complexity.to_build} ({c.complexity.lines} lines)"),
            ("complexity to run", _to_run),
            ("*expected:* time to switch (s)", lambda c: _switch_expected(c.expected)),
            ("*expected:* time to roll back (s)", lambda c: _range(c.expected.get("rollback_seconds"))),
            ("*expected:* message safety", lambda c: c.expected.get("message_safety") or NOTHING),
            ("*expected:* change to the application", lambda c: c.expected.get("application_change") or NOTHING),
            ("*expected:* a pause outlives a restart", lambda c: _YES[c.expected.get("pause_persists")]),
            ("*expected:* complexity", lambda c: c.expected.get("complexity") or NOTHING),
            ("*its author measured:*", lambda c: _by_author(c.measured_by_author)),
            ("the machine: a million additions (ms)", _machine),
            ("rests on", lambda c: ", ".join(f"`{run.run}`" for run in c.runs) or NOTHING),
        )
    ]
    header = ["", *(f"strategy {column.letter.upper()}" for column in chosen)]
    return "\n\n".join(
        [
            markdown(header, rows),
            _REMARK,
            measure(),
            "The newest run of each variant:",
            _variants(results),
            *_measurements(results, shows or {}),
        ]
    )


def newest_of_variants(results: Sequence[RunResult]) -> list[RunResult]:
    """The newest run of each variant, by strategy and scenario."""
    latest: dict[tuple[str, ...], RunResult] = {}
    for result in sorted(results, key=lambda one: one.started_at):
        latest[result.strategy, result.scenario, result.kind, words(result)] = result
    return [result for _, result in sorted(latest.items())]


def _variants(results: Sequence[RunResult]) -> str:
    verdicts = {True: "passed", False: "FAILED", None: "measurement"}
    rows: list[list[object]] = [
        [
            result.strategy.upper(),
            result.scenario,
            words(result),
            _seconds(result, "switch_seconds"),
            _milliseconds(result, "handoff_seconds"),
            _milliseconds(result, "gap_seconds"),
            *(result.measurements.get(name) for name in ("lost", "duplicates", "dual_active", "rebalances")),
            verdicts[result.passed],
            f"`{result.run}`",
        ]
        for result in newest_of_variants(results)
    ]
    header = ["strategy", "scenario", "variant", "switch (s)", "hand-off (ms)", "gap (ms)"]
    return markdown([*header, "lost", "duplicates", "dual active", "rebalances", "verdict", "run"], rows)


def _measurements(results: Sequence[RunResult], shows: Mapping[str, Sequence[str]]) -> list[str]:
    """What the measurements have shown, a line for the newest of each variant; nothing without one."""
    latest: dict[tuple[str, ...], RunResult] = {}
    for result in sorted(results, key=lambda one: one.started_at):
        if result.kind == "measurement" and shows.get(result.scenario):
            latest[result.strategy, result.scenario, words(result)] = result
    rows: list[list[object]] = [
        [strategy.upper(), scenario, told, figures(result.measurements, shows[scenario]) or NOTHING, f"`{result.run}`"]
        for (strategy, scenario, told), result in sorted(latest.items())
    ]
    header = ["strategy", "measurement", "variant", "figures", "run"]
    return ["What was measured besides:", markdown(header, rows)] if rows else []


def _seconds(result: RunResult | None, name: str) -> str:
    return _spread([getattr(s, name) for s in result.switches] if result else [], 1.0, ".2f")


def _milliseconds(result: RunResult | None, name: str) -> str:
    return _spread([getattr(s, name) for s in result.switches] if result else [], 1000.0, ".0f")


def _rollback(result: RunResult | None, commanded: str) -> str:
    """Of the ways back: every second switch of scenario 2."""
    back = result.switches[1::2] if result else []
    return _spread([s.switch_seconds for s in back if s.commanded == commanded], 1.0, ".2f")


def _spread(values: Sequence[float | None], factor: float, form: str) -> str:
    found = Distribution.of([None if value is None else value * factor for value in values])
    if found is None:
        return NOTHING
    return f"{found.median:{form}} · {found.p95:{form}} · {found.worst:{form}} (n = {found.count})"


def _count(column: Column, name: str) -> str:
    values = [run.measurements.get(name) for run in column.runs]
    known = [value for value in values if isinstance(value, int)]
    return str(sum(known)) if known and len(known) == len(values) else NOTHING


def _machine(column: Column) -> str:
    """How fast it was in each of the runs: a shared one changes by the hour."""
    return ", ".join(str(run.environment.get(SPEED, NOTHING)) for run in column.runs) or NOTHING


def _difference(column: Column) -> str:
    """By what the members said; where none says it, by the first record that was handled."""
    for name, remark in (("offset_difference_max", ""), ("offset_first_difference_max", " (by the first record)")):
        values = [run.measurements.get(name) for run in column.runs]
        known = [value for value in values if isinstance(value, int)]
        if known:
            return f"{max(known)}{remark}"
    return NOTHING


def _to_run(column: Column) -> str:
    found = column.complexity
    parts = f"{found.parts} programs" if found.parts is not None else "no run that tells its programs"
    steps = f"{found.steps} commands there and back by hand" if found.steps is not None else "no page by hand"
    return f"{found.to_run or NOTHING} ({parts}, {steps})"


def _range(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return " to ".join(f"{number:g}" for number in value)
    return NOTHING if value is None else str(value)


def _switch_expected(expected: Mapping[str, Any]) -> str:
    ranges = [_range(value) for value in (expected.get("switch_seconds") or {}).values()]
    return "; in detail ".join(dict.fromkeys(ranges)) or NOTHING


def _by_author(measured: Mapping[str, Any]) -> str:
    if not measured:
        return NOTHING
    if not measured.get("run"):
        estimate = measured.get("estimate_switch_seconds")
        if isinstance(estimate, Mapping):
            told = "; ".join(f"{name.replace('_', ' ')} {_range(value)} s" for name, value in estimate.items())
        else:
            told = f"{_range(estimate)} s"
        return f"not run (estimate: {told})"
    told = f"switch {_range(measured.get('switch_seconds'))} s, roll back {_range(measured.get('rollback_seconds'))} s"
    produced, consumed = measured.get("records_produced"), measured.get("records_consumed")
    if produced is not None and consumed is not None:
        told += f", {consumed} of {produced} records consumed"
    return f"{told}, duplicates {measured.get('duplicates')}, dual active {measured.get('dual_active')}"
