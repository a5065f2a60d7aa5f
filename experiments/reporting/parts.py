"""Parts one, two, four and six of the report: what stands above the scenarios, and what follows from them."""

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.campaign.steps import Step
from experiments.reporting.told import NOTHING, Told
from experiments.reporting.verdicts import RULE, Verdict, recommended, stand_ins_of
from experiments.results import RunResult
from experiments.scenarios import SCENARIOS
from experiments.tables import markdown

#: Runs by scenario of one strategy, the plan's steps.
Runs = Mapping[str, RunResult]
_NORMAL, _ROLLBACK = "1", "2"
_BACK = "switches[?direction=='green-blue' && commanded=='{}'].switch_seconds"
#: Of an environment: what says how a run was asked for, and not what it ran on.
_ASKED = (
    "partitions", "replicas", "rate", "message_bytes", "lag_policy", "drain_timeout_seconds", "resume_timeout_seconds",
    "membership", "group_protocol", "fencing", "standby", "control", "connect",
)  # fmt: skip
_CLUSTER = ("nodes", "node_cpus", "node_memory_gib", "kernel", "os", "container_runtime", "kubernetes")
_NO_COMPONENTS = frozenset(
    {
        "strategy", "active", "attempt", "topic", "lag_timeout_seconds", "lag_threshold", "ready_timeout_seconds",
        "allow_in_place", "session_timeout_seconds", "paused", "blue version", "green version", "blue image",
        "green image", "ms_per_million_additions", "commit", "static", *_ASKED, *_CLUSTER,
    }
)  # fmt: skip
_IMAGE = "image "
_EXPECTED = (
    "Expected, and its author's figures: `report/expected.json` ([readable](../plan/expected.md)), not measured here. "
    "Here: median · worst, the way back commanded when `up` had returned; counts of all of the plan's scenarios."
)
_COMPLEXITY = (
    "Times: median · 95th percentile · worst. Complexity by its own lines (to build) and by the programs that take "
    "part and the commands by hand (to run): `python -m experiments compare` has the figures and limits."
)


def summary(verdicts: Sequence[Verdict], told: Told, runs: Mapping[str, Runs]) -> str:
    """The verdicts, the rule, and the recommendation."""
    rows: list[list[object]] = []
    for one in verdicts:
        normal = runs[one.strategy].get(_NORMAL)
        rows.append(
            [
                one.strategy.upper(),
                f"**{one.word}**",
                told.figure(normal.run, "switches[].switch_seconds", "median", "worst") if normal else NOTHING,
                told.figure(normal.run, "switches[].handoff_seconds", "median", "worst", unit="ms", decimals=0)
                if normal
                else NOTHING,
                _sum(told, runs[one.strategy], "lost"),
                _sum(told, runs[one.strategy], "dual_active"),
                "; ".join((*one.missed, *one.conditions)) or "none",
            ]
        )
    header = ["strategy", "verdict", "switch (s): median · worst", "hand-off (ms): median · worst"]
    header += ["lost", "both colours active", "missed, and conditions"]
    best = recommended(verdicts)
    last = f"**Recommended: strategy {best.strategy.upper()}.**" if best else "**None can be recommended.**"
    return "\n\n".join([markdown(header, rows), RULE, last])


def _sum(told: Told, runs: Runs, name: str) -> str:
    """Of all of a strategy's runs of the plan together."""
    return told.figure([run.run for run in runs.values()], f"measurements.{name}") if runs else NOTHING


def environment(results: Sequence[RunResult], told: Told) -> str:
    """What the runs of the report ran on, and how they were asked for."""
    last = max(results, key=lambda one: one.started_at)
    cluster: list[list[object]] = [
        [name.replace("_", " "), _value(told, last, name)] for name in _CLUSTER if name in last.environment
    ]
    versions: dict[str, dict[str, int]] = {}
    for result in results:
        for name, value in result.environment.items():
            if name not in _NO_COMPONENTS and not name.startswith(_IMAGE) and value is not None:
                counts = versions.setdefault(name, {})
                counts[str(value)] = counts.get(str(value), 0) + 1
    stand_ins = {name for result in results for name in stand_ins_of(result)}
    components: list[list[object]] = [
        [name, ", ".join(f"`{value}`" for value in sorted(counts)), "**stand-in**" if name in stand_ins else ""]
        for name, counts in sorted(versions.items())
    ]
    asked: list[list[object]] = []
    for name in _ASKED:
        values = sorted({str(r.environment[name]) for r in results if r.environment.get(name) is not None})
        if values:
            asked.append([name.replace("_", " "), ", ".join(f"`{value}`" for value in values)])
    speeds = [one.run for one in results]
    return "\n\n".join(
        [
            f"The cluster, by the newest run (`{last.run}`):",
            markdown(["", ""], cluster),
            "Components by the runs of this report; several versions are several runs':",
            markdown(["component", "version", ""], components),
            "How the runs were asked for:",
            markdown(["key", "values"], asked),
            f"The machine's speed, ms for a million additions, in these runs: {_range(told, speeds)}.",
        ]
    )


def _range(told: Told, runs: Sequence[str]) -> str:
    speed = "environment.ms_per_million_additions"
    return f"{told.figure(runs, speed, 'min', decimals=1)} to {told.figure(runs, speed, 'worst', decimals=1)}"


def _value(told: Told, result: RunResult, name: str) -> str:
    value = result.environment[name]
    return told.figure(result.run, f"environment.{name}") if isinstance(value, int | float) else f"`{value}`"


def comparison(strategies: Sequence[str], runs: Mapping[str, Runs], told: Told, complexity: Mapping[str, Any]) -> str:
    """The plan's table, with what stands beside it."""

    def of(letter: str, scenario: str, expression: str, *statistics: str, **how: Any) -> str:
        result = runs[letter].get(scenario)
        return told.figure(result.run, expression, *statistics, **how) if result else NOTHING

    spread = ("median", "p95", "worst")
    cells: list[tuple[str, Any]] = [
        ("measured time to switch (s)", lambda s: of(s, _NORMAL, "switches[].switch_seconds", *spread)),
        (
            "measured time to roll back, commanded when `up` had returned (s)",
            lambda s: of(s, _ROLLBACK, _BACK.format("up"), *spread),
        ),
        (
            "measured time to roll back, commanded at ACTIVE (s)",
            lambda s: of(s, _ROLLBACK, _BACK.format("patch"), *spread),
        ),
        ("lost records, all scenarios", lambda s: _sum(told, runs[s], "lost")),
        ("duplicates, scenarios 1 and 2", lambda s: _of_both(told, runs[s], "duplicates")),
        ("duplicates, all scenarios", lambda s: _sum(told, runs[s], "duplicates")),
        ("both colours active, all scenarios", lambda s: _sum(told, runs[s], "dual_active")),
        ("rebalances, scenarios 1 and 2", lambda s: _of_both(told, runs[s], "rebalances")),
        ("hand-off (ms)", lambda s: of(s, _NORMAL, "switches[].handoff_seconds", *spread, unit="ms", decimals=0)),
        ("complexity to build", lambda s: complexity[s].to_build),
        ("complexity to run", lambda s: complexity[s].to_run or NOTHING),
    ]
    rows: list[list[object]] = [[name, *(cell(letter) for letter in strategies)] for name, cell in cells]
    return "\n\n".join(
        [
            markdown(["", *(f"strategy {letter.upper()}" for letter in strategies)], rows),
            _COMPLEXITY,
        ]
    )


def _of_both(told: Told, runs: Runs, name: str) -> str:
    both = [runs[scenario].run for scenario in (_NORMAL, _ROLLBACK) if scenario in runs]
    return told.figure(both, f"measurements.{name}") if both else NOTHING


def variants(steps: Sequence[Step], results: Sequence[RunResult], told: Told) -> str:
    """What was run beside the plan's, a line each."""
    rows: list[list[object]] = []
    for step in (one for one in steps if not one.plan):
        result = step.newest(results)
        run = result.run if result else ""
        words = {True: "passed", False: "FAILED", None: "a measurement"}
        rows.append(
            [
                step.strategy.upper(),
                f"`{' '.join(step.command[3:])}`",
                step.why,
                told.figure(run, "switches[].switch_seconds", "median", "worst"),
                told.figure(run, "switches[].handoff_seconds", "median", "worst", unit="ms", decimals=0),
                told.figure(run, "measurements.lost"),
                told.figure(run, "measurements.duplicates"),
                _shown(result, told) if result else NOTHING,
                f"{words[result.passed]}, `{run}`" if result else "**no committed run**",
            ]
        )
    header = ["strategy", "run as", "why", "switch (s): median · worst", "hand-off (ms): median · worst"]
    return markdown([*header, "lost", "duplicates", "what it shows", "result"], rows)


def _shown(result: RunResult, told: Told) -> str:
    """The figures that stand for a measurement."""
    found = []
    for name in SCENARIOS[result.scenario].shows:
        value = result.measurements.get(name)
        if isinstance(value, int | float):
            found.append(f"{name.replace('_', ' ')} {told.figure(result.run, f'measurements.{name}')}")
        elif value is not None:
            found.append(f"{name.replace('_', ' ')} `{value}`")
    return ", ".join(found) or NOTHING


def expected(strategies: Sequence[str], runs: Mapping[str, Runs], told: Told, content: Mapping[str, Any]) -> str:
    """Expected by the design document, measured by its author, and measured here."""
    rows: list[list[object]] = []
    for letter in strategies:
        said, author = content["strategies"].get(letter, {}), content["measured_by_author"].get(letter, {})
        normal, back = runs[letter].get(_NORMAL), runs[letter].get(_ROLLBACK)
        switch = said.get("switch_seconds") or {}
        rows += [
            [
                f"{letter.upper()}: time to switch (s)",
                " or ".join(dict.fromkeys(_told(value) for value in switch.values())) or NOTHING,
                _told(author.get("switch_seconds")) if author.get("run") else f"not run; {_estimated(author)}",
                told.figure(normal.run, "switches[].switch_seconds", "median", "worst") if normal else NOTHING,
            ],
            [
                f"{letter.upper()}: time to roll back (s)",
                _told(said.get("rollback_seconds")),
                _told(author.get("rollback_seconds")) if author.get("run") else "not run",
                told.figure(back.run, _BACK.format("up"), "median", "worst") if back else NOTHING,
            ],
            [
                f"{letter.upper()}: safety of messages",
                said.get("message_safety") or NOTHING,
                _safety(author),
                (
                    f"lost {_sum(told, runs[letter], 'lost')}, duplicates {_sum(told, runs[letter], 'duplicates')}, "
                    f"both active {_sum(told, runs[letter], 'dual_active')}"
                ),
            ],
        ]
    return "\n\n".join(
        [
            markdown(["", "expected by the design document", "measured by its author", "measured here"], rows),
            _EXPECTED,
        ]
    )


def _told(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return " to ".join(f"{number:g}" for number in value) + "<!-- given: report/expected.json -->"
    return NOTHING if value is None else str(value)


def _estimated(author: Mapping[str, Any]) -> str:
    estimate = author.get("estimate_switch_seconds")
    if isinstance(estimate, Mapping):
        return "estimated " + ", ".join(
            f"{_told(value)} ({name.replace('_', ' ')})" for name, value in estimate.items()
        )
    return f"estimated {_told(estimate)}" if estimate else "not estimated"


def _safety(author: Mapping[str, Any]) -> str:
    if not author.get("run"):
        return "not run"
    given = "<!-- given: report/expected.json -->"
    produced, consumed = author["records_produced"], author["records_consumed"]
    return (
        f"{consumed:,}{given} of {produced:,}{given} records consumed, duplicates {author['duplicates']}{given}, "
        f"both active {author['dual_active']}{given}"
    )
