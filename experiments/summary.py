"""Distributions over committed results.

`python -m experiments summary [DIR]`. Pure text from `result.json` files, nothing measured anew.
"""

from collections.abc import Mapping, Sequence

from experiments.measurements import Distribution
from experiments.results import RunResult
from experiments.tables import figures, table
from experiments.variants import words

TIMES = ("handoff_seconds", "switch_seconds", "up_seconds", "gap_seconds", "spacing_seconds")


_WORDS = {True: "passed", False: "FAILED", None: "measurement"}


def times_table(result: RunResult) -> str:
    """Median, 95th percentile and worst of each time of one run's switches."""
    rows: list[list[object]] = []
    for name in TIMES:
        values = [getattr(switch, name) for switch in result.switches]
        found = Distribution.of(values)
        rows.append([name, found.count, found.median, found.p95, found.worst] if found else [name, 0, None, None, None])
    return table(["time (s)", "n", "median", "p95", "worst"], rows)


def switches_table(result: RunResult) -> str:
    """Each switch of one run."""
    rows = [
        [
            number,
            s.direction,
            s.outcome,
            s.switch_seconds,
            s.up_seconds,
            s.handoff_seconds,
            s.gap_seconds,
            s.spacing_seconds,
            s.commanded,
        ]
        for number, s in enumerate(result.switches, 1)
    ]
    return table(["#", "direction", "outcome", "switch s", "up s", "hand-off s", "gap s", "spacing s", "by"], rows)


def criteria_table(result: RunResult) -> str:
    rows = [
        ["pass" if c.passed else "FAIL", c.name, c.limit, "not measured" if c.measured is None else str(c.measured)]
        for c in result.criteria
    ]
    return table(["", "criterion", "limit", "measured"], rows)


def heading(result: RunResult) -> str:
    environment = result.environment
    return (
        f"{result.run}: strategy {result.strategy}, scenario {result.scenario}, "
        f"{words(result)} records/s, "
        f"{environment.get('partitions')} partitions, {environment.get('replicas')} pods per colour"
    )


def counts_line(result: RunResult) -> str:
    m = result.measurements
    return (
        f"acked {m.get('acked')}, lost {m.get('lost')}, duplicates {m.get('duplicates')}, "
        f"dual active {m.get('dual_active')}, zombies {m.get('zombies')}, failed {m.get('failed', 'not counted')}, "
        f"rebalances {m.get('rebalances')}, max lag {m.get('max_lag')}"
    )


def closing(result: RunResult, shows: Sequence[str] = ()) -> str:
    """What a run prints at its end. shows: of a measurement, the figures that stand for it."""
    verdict = {True: "PASSED", False: "FAILED", None: "none, it is a measurement"}[result.passed]
    parts = [heading(result), switches_table(result)]
    if len(result.switches) > 2:
        parts.append(times_table(result))
    if result.criteria:
        parts.append(criteria_table(result))
    return "\n\n".join([*parts, *_measured(result, shows), counts_line(result), f"verdict: {verdict}"])


def summary(results: Sequence[RunResult], shows: Mapping[str, Sequence[str]] | None = None) -> str:
    """What `summary` prints: each run's distribution, in the order given. shows: by scenario, the figures that stand
    for a measurement of it.
    """
    return "\n\n".join(
        "\n".join(
            [
                heading(result),
                f"{_WORDS[result.passed]}: {counts_line(result)}",
                *_measured(result, (shows or {}).get(result.scenario, ())),
                times_table(result),
            ]
        )
        for result in results
    )


def _measured(result: RunResult, shows: Sequence[str]) -> list[str]:
    found = figures(result.measurements, shows)
    return [f"measured: {found}"] if found else []
