"""Part three of the report: a section for each scenario."""

import re
from collections.abc import Mapping, Sequence

from experiments.campaign.steps import LeftOut, Step
from experiments.reporting.told import NOTHING, Told
from experiments.results import Criterion, RunResult
from experiments.scenarios import SCENARIOS
from experiments.tables import markdown

_BACK = "switches[?direction=='green-blue' && commanded=='{}'].switch_seconds"
_SPREAD = ("median", "p95", "worst")
#: What every scenario shows of a run: name, expression, statistics, unit, decimals.
_ROWS: tuple[tuple[str, str, tuple[str, ...], str, int | None], ...] = (
    ("switches", "switches[].up_seconds", ("count",), "", 0),
    ("time to switch (s)", "switches[].switch_seconds", _SPREAD, "", 2),
    ("hand-off (ms)", "switches[].handoff_seconds", _SPREAD, "ms", 0),
    ("gap, worst partition (ms)", "switches[].gap_seconds", _SPREAD, "ms", 0),
    ("its mean time between records (ms)", "switches[].spacing_seconds", ("median",), "ms", 0),
    ("records acknowledged", "measurements.acked", (), "", 0),
    ("lost", "measurements.lost", (), "", 0),
    ("duplicates", "measurements.duplicates", (), "", 0),
    ("both colours active", "measurements.dual_active", (), "", 0),
    ("zombies", "measurements.zombies", (), "", 0),
    ("rebalances", "measurements.rebalances", (), "", 0),
    ("highest lag (records)", "measurements.max_lag", (), "", 0),
    ("lag below its limit again after (s), at most", "measurements.lag_recovery_seconds", (), "", 1),
)
_BACKS = (
    ("time to roll back, commanded when `up` had returned (s)", _BACK.format("up"), _SPREAD, "", 2),
    ("time to roll back, commanded at ACTIVE (s)", _BACK.format("patch"), _SPREAD, "", 2),
)
#: What a scenario is about, besides: name and measurement.
_OWN: Mapping[str, tuple[tuple[str, str], ...]] = {
    "1": (("the colour that waits scaled down, and back (s)", "scale_down_seconds"),),
    "2": (),
    "3": (
        ("`wait`: waited for the backlog (s)", "waiting_seconds_wait_released"),
        ("`wait`: hand-off (s)", "handoff_seconds_wait_released"),
        ("`wait`: backlog handled after (s)", "caught_up_seconds_wait_released"),
        ("`immediate`: hand-off (s)", "handoff_seconds_immediate"),
        ("`immediate`: time to switch (s)", "switch_seconds_immediate"),
        ("`immediate`: backlog handled after (s)", "caught_up_seconds_immediate"),
        ("with a threshold above the lag: hand-off (s)", "handoff_seconds_threshold"),
        ("behind when commanded, at least (records)", "lag_when_commanded_min"),
    ),
    "4": (
        ("switches with a restart in them", "switches_with_a_restart"),
        ("... that had a rebalance", "switches_with_a_rebalance"),
        ("... that went through", "switches_gone_through"),
        ("assignments to members that rested", "assigned_while_resting"),
        ("records handled by members that rested", "handled_while_resting"),
    ),
    "4-static": (
        ("session (s)", "session_seconds"),
        ("restarts within the session", "restarts_within"),
        ("rebalances within it", "rebalances_within"),
        ("JoinGroup within it", "joins_within"),
        ("SyncGroup of a leader within it", "assignments_within"),
        ("longest without an owner within it (s)", "unowned_seconds_within_max"),
        ("restarts beyond the session", "restarts_beyond"),
        ("rebalances beyond it", "rebalances_beyond"),
        ("JoinGroup beyond it", "joins_beyond"),
        ("SyncGroup of a leader beyond it", "assignments_beyond"),
        ("longest without an owner beyond it (s)", "unowned_seconds_beyond_max"),
    ),
    "5": (
        ("rounds that went as they should", "rounds_as_they_should"),
        ("bad records, first to blue active again: median (s)", "back_seconds_errors_median"),
        ("slow, green active to blue active again: median (s)", "back_seconds_slow_median"),
        ("the slowest way back (s)", "back_seconds_worst"),
        ("records that green failed and nobody handled again", "failed_and_not_handled_again"),
    ),
}
#: Measurements that have a row, or are about the run and not about what was run.
_NOT_BESIDES = frozenset(
    {
        "acked", "lost", "duplicates", "dual_active", "zombies", "rebalances", "max_lag", "lag_recovery_seconds",
        "produced", "consumed", "failed", "lag_samples", "lag_samples_failed", "switches_asked", "metrics_series",
        "rollback_seconds", "rollback_seconds_after_up", "rollback_seconds_at_active", "clock_offset_ms",
        "clock_offset_error_ms", "clock_error_ms", "broker_log_lines",
    }
)  # fmt: skip
_PICTURES = {
    "timeline": "One hand-off, the median one: by pod, and where what was handled is kept by partition",
    "handoffs": "The hand-offs of the run",
    "gaps": "The gap of each hand-off, by partition",
    "lag": "The lag over the run; the uprights are the switches, in the colour that became active",
}


def section(
    name: str,
    steps: Sequence[Step],
    left_out: Sequence[LeftOut],
    results: Sequence[RunResult],
    *,
    told: Told,
    text: str,
    plots: Mapping[str, Sequence[str]],
    failures: Mapping[str, str],
) -> str:
    """A scenario of the plan. text: what people wrote about it. plots: by run, the kinds of plots that there are."""
    scenario = SCENARIOS[name]
    of_plan = [step for step in steps if step.plan and step.scenario == name]
    found = {step: result for step in of_plan if (result := step.newest(results)) is not None}
    parts = [f"### Scenario {name}: {scenario.title}", text.strip()]
    if found:
        parts += [_conditions(found), _measurements(found, told)]
    parts.append(_verdicts(of_plan, left_out, found, name, failures))
    for step, result in found.items():
        parts.append(_run(step, result, told, plots.get(result.run, ())))
    return "\n\n".join(part for part in parts if part)


def _conditions(found: Mapping[Step, RunResult]) -> str:
    rows: list[list[object]] = [
        [step.strategy.upper(), f"`python -m experiments {' '.join(step.command)}`", step.why, f"`{result.run}`"]
        for step, result in found.items()
    ]
    return "Conditions:\n\n" + markdown(["strategy", "command", "because", "result"], rows)


def _measurements(found: Mapping[Step, RunResult], told: Told) -> str:
    rows: list[list[object]] = []
    backs = _BACKS if any(one.measurements.get("rollback_seconds") is not None for one in found.values()) else ()
    for name, expression, statistics, unit, decimals in (*_ROWS[:2], *backs, *_ROWS[2:]):
        cells = [told.figure(one.run, expression, *statistics, unit=unit, decimals=decimals) for one in found.values()]
        if any(cell != NOTHING for cell in cells):
            rows.append([name, *cells])
    header = ["", *(f"strategy {step.strategy.upper()}" for step in found)]
    for label, measurement in _OWN.get(next(iter(found)).scenario, ()):
        cells = [told.figure(one.run, f"measurements.{measurement}") for one in found.values()]
        if any(cell != NOTHING for cell in cells):
            rows.append([label, *cells])
    return "Measured (of several, median · 95th percentile · worst):\n\n" + markdown(header, rows)


def _verdicts(
    of_plan: Sequence[Step],
    left_out: Sequence[LeftOut],
    found: Mapping[Step, RunResult],
    name: str,
    failures: Mapping[str, str],
) -> str:
    lines = []
    for step in of_plan:
        letter, result = step.strategy.upper(), found.get(step)
        if why := failures.get(step.name):
            lines.append(f"- {letter}: **fail**, it could not be run: {why}")
        elif result is None:
            lines.append(f"- {letter}: **missing**: there is no committed result of `{' '.join(step.command)}`")
        elif result.passed:
            lines.append(f"- {letter}: **pass**: every one of its criteria was met")
        else:
            wrong = ", ".join(f"`{one.name}` ({one.limit}, measured {one.measured})" for one in _missed(result))
            lines.append(f"- {letter}: **fail**: {wrong}")
    lines += [f"- {one.strategy.upper()}: not tried: {one.why}" for one in left_out if one.scenario == name]
    return "Verdict:\n\n" + "\n".join(lines)


def _limit(limit: str) -> str:
    """As code; what looks like a measured time says that it is none."""
    return f"`{limit}`" + "<!-- given: the limit -->" * bool(re.search(r"\d\.\d+ m?s\b", limit))


def _missed(result: RunResult) -> list[Criterion]:
    return [one for one in result.criteria if not one.passed]


def _run(step: Step, result: RunResult, told: Told, kinds: Sequence[str]) -> str:
    """The pictures of a run; its criteria and what it measured besides, folded."""
    letter = step.strategy.upper()
    parts = [
        f"![{what}: strategy {letter}](plots/{result.run}.{kind}.svg)"
        for kind, what in _PICTURES.items()
        if kind in kinds
    ]
    criteria: list[list[object]] = [
        ["pass" if one.passed else "**FAIL**", f"`{one.name}`", _limit(one.limit), told.measured(result, one)]
        for one in result.criteria
    ]
    besides: list[list[object]] = [
        [f"`{name}`", told.figure(result.run, f'measurements."{name}"')]
        for name, value in result.measurements.items()
        if name not in _NOT_BESIDES
        and name not in {measurement for _, measurement in _OWN.get(step.scenario, ())}
        and isinstance(value, int | float)
        and not isinstance(value, bool)
    ]
    folded = [
        f"<details><summary>Strategy {letter}: criteria and other measurements</summary>",
        markdown(["", "criterion", "limit", "measured"], criteria),
    ]
    if besides:
        folded.append(markdown(["measured besides", ""], besides))
    if "timeline" not in kinds:
        folded.append("No timeline: the members' events of this run are not kept.")
    return "\n\n".join([*parts, *folded, "</details>"])
