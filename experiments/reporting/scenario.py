"""Part three of the report: a section for each scenario."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from experiments.campaign.steps import LeftOut, Step
from experiments.reporting import watched
from experiments.reporting.told import NOTHING, Told
from experiments.reporting.words import Words
from experiments.results import Criterion, RunResult
from experiments.scenarios import SCENARIOS
from experiments.tables import markdown

_BACK = "switches[?direction=='green-blue' && commanded=='{}'].switch_seconds"
_SPREAD = ("median", "p95", "worst")
#: What every scenario shows of a run: the key of its words, expression, statistics, unit, decimals.
_ROWS: tuple[tuple[str, str, tuple[str, ...], str, int | None], ...] = (
    ("switches", "switches[].up_seconds", ("count",), "", 0),
    ("switch_seconds", "switches[].switch_seconds", _SPREAD, "", 2),
    ("handoff_seconds", "switches[].handoff_seconds", _SPREAD, "ms", 0),
    ("gap_seconds", "switches[].gap_seconds", _SPREAD, "ms", 0),
    ("spacing_seconds", "switches[].spacing_seconds", ("median",), "ms", 0),
    ("acked", "measurements.acked", (), "", 0),
    ("lost", "measurements.lost", (), "", 0),
    ("duplicates", "measurements.duplicates", (), "", 0),
    ("dual_active", "measurements.dual_active", (), "", 0),
    ("zombies", "measurements.zombies", (), "", 0),
    ("rebalances", "measurements.rebalances", (), "", 0),
    ("max_lag", "measurements.max_lag", (), "", 0),
    ("lag_recovery_seconds", "measurements.lag_recovery_seconds", (), "", 1),
)
_BACKS = (
    ("back_after_up", _BACK.format("up"), _SPREAD, "", 2),
    ("back_at_active", _BACK.format("patch"), _SPREAD, "", 2),
)
#: What a scenario is about, besides: measurements, whose words are under `own`.
_OWN: Mapping[str, tuple[str, ...]] = {
    "1": ("scale_down_seconds",),
    "2": (),
    "3": (
        "waiting_seconds_wait_released",
        "handoff_seconds_wait_released",
        "caught_up_seconds_wait_released",
        "handoff_seconds_immediate",
        "switch_seconds_immediate",
        "caught_up_seconds_immediate",
        "waiting_seconds_threshold",
        "handoff_seconds_threshold",
        "gap_seconds_wait_released",
        "gap_seconds_immediate",
        "lag_0_after_release_seconds_wait_released",
        "lag_0_after_active_seconds_immediate",
        "duplicates_wait_released",
        "duplicates_wait_stays",
        "duplicates_immediate",
        "lag_when_commanded_min",
    ),
    "4": (
        "switches_with_a_restart",
        "switches_with_a_rebalance",
        "turns_expecting_a_departure",
        "turns_with_the_departure",
        "left_by_the_pods",
        "rebalances_in_turns",
        "revoked_while_resting",
        "switches_gone_through",
        "assigned_while_resting",
        "handled_while_resting",
    ),
    "4-static": (
        "session_seconds",
        "restarts_within",
        "rebalances_within",
        "joins_within",
        "assignments_within",
        "entry_lines_within",
        "leader_assignment_lines_within",
        "join_group_requests_within",
        "sync_group_requests_within",
        "member_rebalances_within",
        "unowned_seconds_within_max",
        "restarts_beyond",
        "rebalances_beyond",
        "joins_beyond",
        "assignments_beyond",
        "entry_lines_beyond",
        "leader_assignment_lines_beyond",
        "join_group_requests_beyond",
        "sync_group_requests_beyond",
        "member_rebalances_beyond",
        "unowned_seconds_beyond_max",
    ),
    "5": (
        "rounds_as_they_should",
        "back_seconds_errors_median",
        "back_seconds_slow_median",
        "back_seconds_worst",
        "failed_and_not_handled_again",
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
_PICTURES = ("timeline", "handoffs", "gaps", "lag")


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
    explained: Mapping[str, str] = MappingProxyType({}),
    words: Words,
) -> str:
    """A scenario of the plan. text: what people wrote about it. plots: by run, the kinds of plots that there are.
    explained: by strategy, what people wrote of logs and alerts that were not normal.
    """
    scenario = SCENARIOS[name]
    of_plan = [step for step in steps if step.plan and step.scenario == name]
    found = {step: result for step in of_plan if (result := step.newest(results)) is not None}
    title = words("scenario.heading", name=name, title=words.said(scenario.title))
    parts = [f"### {title}", text.strip()]
    if found:
        parts += [_conditions(found, words), _measurements(found, told, words)]
    parts.append(_verdicts(of_plan, left_out, found, name, failures=failures, words=words))
    if found:
        parts.append(_watched(found, explained, words))
    for step, result in found.items():
        parts.append(_run(step, result, told, plots.get(result.run, ()), words))
    return "\n\n".join(part for part in parts if part)


def _conditions(found: Mapping[Step, RunResult], words: Words) -> str:
    rows: list[list[object]] = [
        [
            step.strategy.upper(),
            f"`python -m experiments {' '.join(step.command)}`",
            words.said(step.why),
            f"`{result.run}`",
        ]
        for step, result in found.items()
    ]
    header = [words(key) for key in ("strategy.column", "scenario.command", "scenario.why", "scenario.result")]
    return f"{words('scenario.conditions')}\n\n{markdown(header, rows)}"


def _measurements(found: Mapping[Step, RunResult], told: Told, words: Words) -> str:
    rows: list[list[object]] = []
    backs = _BACKS if any(one.measurements.get("rollback_seconds") is not None for one in found.values()) else ()
    for name, expression, statistics, unit, decimals in (*_ROWS[:2], *backs, *_ROWS[2:]):
        cells = [told.figure(one.run, expression, *statistics, unit=unit, decimals=decimals) for one in found.values()]
        if any(cell != NOTHING for cell in cells):
            rows.append([words(f"row.{name}"), *cells])
    header = ["", *(words("strategy.one", letter=step.strategy.upper()) for step in found)]
    for measurement in _OWN.get(next(iter(found)).scenario, ()):
        cells = [told.figure(one.run, f"measurements.{measurement}") for one in found.values()]
        if any(cell != NOTHING for cell in cells):
            rows.append([words(f"own.{measurement}"), *cells])
    return f"{words('scenario.measured')}\n\n{markdown(header, rows)}"


def _verdicts(
    of_plan: Sequence[Step],
    left_out: Sequence[LeftOut],
    found: Mapping[Step, RunResult],
    name: str,
    *,
    failures: Mapping[str, str],
    words: Words,
) -> str:
    lines = []
    for step in of_plan:
        letter, result = step.strategy.upper(), found.get(step)
        if why := failures.get(step.name):
            lines.append(words("scenario.not_run", letter=letter, why=why))
        elif result is None:
            lines.append(words("scenario.missing", letter=letter, command=" ".join(step.command)))
        elif result.passed:
            lines.append(words("scenario.passed", letter=letter))
        else:
            wrong = ", ".join(
                words("scenario.criterion", name=one.name, limit=one.limit, measured=one.measured)
                for one in _missed(result)
            )
            lines.append(words("scenario.failed", letter=letter, criteria=wrong))
    lines += [
        words("scenario.not_tried", letter=one.strategy.upper(), why=words.said(one.why))
        for one in left_out
        if one.scenario == name
    ]
    return f"{words('scenario.verdict')}\n\n" + "\n".join(lines)


def _watched(found: Mapping[Step, RunResult], explained: Mapping[str, str], words: Words) -> str:
    lines, texts = [], []
    for step, result in found.items():
        text = "" if watched.is_normal(result) else explained.get(step.strategy) or words("watched.not_explained")
        said = watched.line(result, words)
        lines.append(words("watched.line", letter=step.strategy.upper(), found=said))
        texts.append(words("watched.why", letter=step.strategy.upper(), text=text) if text else "")
    return "\n\n".join([words("watched.heading"), "\n".join(lines), *filter(None, texts)])


def _limit(limit: str, words: Words) -> str:
    """As code; what looks like a measured time says that it is none."""
    return f"`{limit}`" + f"<!-- given: {words('scenario.the_limit')} -->" * bool(re.search(r"\d\.\d+ m?s\b", limit))


def _missed(result: RunResult) -> list[Criterion]:
    return [one for one in result.criteria if not one.passed]


def _screenshot(letter: str, number: int, result: RunResult, told: Told, words: Words) -> str:
    """A picture that was taken during the run, and under it what it is of: run, switch, time."""
    said = (result.screenshots or ())[number]
    day, _, clock = str(said["taken_at"]).rstrip("Z").partition("T")
    of_switch = ""
    if said["switch"] is not None:
        source, target = str(said["direction"]).split("-")
        of_switch = words(
            "screenshot.switch",
            number=said["switch"],
            source=source,
            target=target,
            after=told.figure(result.run, f"screenshots[{number}].after_command_seconds", decimals=1),
        )
    caption = words(
        "screenshot.caption",
        letter=letter,
        run=f"`{result.run}`",
        switch=of_switch,
        state=words("screenshot.ended" if said["ended"] else "screenshot.under_way", phase=said["phase"]),
        epoch=said["epoch"],
        day=day,
        clock=f"`{clock}`",
    )
    picture = f"![{words('screenshot.picture', letter=letter)}](data/{result.run}/{said['file']})"
    return f"{picture}\n\n*{caption}*"


def _run(step: Step, result: RunResult, told: Told, kinds: Sequence[str], words: Words) -> str:
    """The pictures of a run; its criteria, what it measured besides and its log items, folded."""
    letter = step.strategy.upper()
    parts = [
        f"![{words('scenario.picture', what=words(f'picture.{kind}'), letter=letter)}](plots/{result.run}.{kind}.svg)"
        for kind in _PICTURES
        if kind in kinds
    ]
    parts += [_screenshot(letter, number, result, told, words) for number in range(len(result.screenshots or ()))]
    criteria: list[list[object]] = [
        [
            words("scenario.criterion_passed" if one.passed else "scenario.criterion_failed"),
            f"`{one.name}`",
            _limit(one.limit, words),
            told.measured(result, one),
        ]
        for one in result.criteria
    ]
    besides: list[list[object]] = [
        [f"`{name}`", f"`{value}`" if isinstance(value, str) else told.figure(result.run, f'measurements."{name}"')]
        for name, value in result.measurements.items()
        if name not in _NOT_BESIDES and name not in _OWN.get(step.scenario, ()) and value is not None
    ]
    folded = [
        f"<details><summary>{words('scenario.folded', letter=letter)}</summary>",
        markdown(["", words("scenario.criteria"), words("scenario.limit"), words("scenario.value")], criteria),
    ]
    if besides:
        folded.append(markdown([words("scenario.besides"), ""], besides))
    if items := watched.table(result, told, words):
        folded.append(items)
    if "timeline" not in kinds:
        folded.append(words("scenario.no_timeline"))
    return "\n\n".join([*parts, *folded, "</details>"])
