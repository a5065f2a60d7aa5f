"""The plan's verification criteria as pure functions: what was observed in, judgements out.

Every input that decides is in `Observations`. What was not measured is not passed. The plan states its limits at 100
records/s, where 100 records of lag are one second of flow; at a higher rate the limit is one second of that flow, or a
healthy flow would miss it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from experiments.measurements import SWITCHED, SwitchRecord
from experiments.results import Criterion, Measured

LAG_LIMIT = 100
LAG_RECOVERY_LIMIT_SECONDS = 120.0
RATE_TOLERANCE = 0.05
_SWITCH_LIMIT_SECONDS = {"c": 5.0}
_ROLLBACK_LIMIT_SECONDS = {"c": 5.0}
_GENERAL_SWITCH_LIMIT_SECONDS = 30.0
_GENERAL_ROLLBACK_LIMIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Observations:
    """Everything that the judgements rest on. None: not measured."""

    strategy: str
    rate: int
    switches_asked: int
    switches: Sequence[SwitchRecord]
    rollbacks: Sequence[SwitchRecord] = ()
    """Those of `switches` that were a way back (scenario 2)."""
    anomalies: Mapping[str, int] = field(default_factory=dict)
    acked: int | None = None
    verdict: str | None = None
    lag_recovery_seconds: float | None = None
    lag_after_rollback: int | None = None
    """The highest lag seen after a rollback's colour was active again."""
    produced_rate: float | None = None
    spells: int | None = None
    """Spells between switches in which the colour in charge was seen to handle records on every partition."""
    spells_asked: int = 0
    scaled_down_lag: int | None = None
    """The highest lag while the old colour was being scaled down and was away."""


def lag_limit(rate: int) -> int:
    return max(LAG_LIMIT, rate)


def switch_limit(strategy: str) -> float:
    return _SWITCH_LIMIT_SECONDS.get(strategy, _GENERAL_SWITCH_LIMIT_SECONDS)


def rollback_limit(strategy: str) -> float:
    return _ROLLBACK_LIMIT_SECONDS.get(strategy, _GENERAL_ROLLBACK_LIMIT_SECONDS)


def below(name: str, measured: float | None, limit: float, unit: str = "s") -> Criterion:
    """Passed if measured and lower than the limit."""
    rounded = None if measured is None else round(measured, 6)
    return Criterion(name, f"< {limit:g} {unit}".rstrip(), rounded, measured is not None and measured < limit)


def none_of(name: str, measured: int | None) -> Criterion:
    """Passed if counted and zero."""
    return Criterion(name, "= 0", measured, measured == 0)


def _worst(values: Sequence[float | None]) -> float | None:
    """The highest, or None if one is missing: a switch without a time can't be said to have kept its limit."""
    known = [value for value in values if value is not None]
    return max(known) if known and len(known) == len(values) else None


def outcomes(seen: Observations) -> Criterion:
    switched = sum(switch.switched for switch in seen.switches)
    measured: Measured = switched
    if wrong := [switch for switch in seen.switches if not switch.switched]:
        first = wrong[0]
        reason = first.last.reason if first.last else first.error or ""
        measured = f"{switched}, then {first.direction} {first.outcome}: {reason}".rstrip(": ")
    return Criterion("switches_switched", f"= {seen.switches_asked}", measured, switched == seen.switches_asked)


def switch_time(seen: Observations) -> Criterion:
    return below("switch_seconds_worst", _worst([s.switch_seconds for s in seen.switches]), switch_limit(seen.strategy))


def rollback_time(seen: Observations) -> Criterion:
    worst = _worst([switch.switch_seconds for switch in seen.rollbacks])
    return below("rollback_seconds_worst", worst, rollback_limit(seen.strategy))


def records(seen: Observations) -> list[Criterion]:
    """What the validator found.

    Invariant 5: without a crash nothing is processed twice, so duplicates are judged here too.
    """
    something = Criterion("acked_records", "> 0", seen.acked, bool(seen.acked))
    classes = (
        "lost",
        "duplicate",
        "dual_active",
        "zombie",
        "phantom",
        "mismatch",
        "producer_duplicate",
        "out_of_order",
    )
    return [something, *(none_of(name, seen.anomalies.get(name)) for name in classes)]


def validator_verdict(seen: Observations) -> Criterion:
    return Criterion("validator_verdict", "= pass", seen.verdict, seen.verdict == "pass")


def lag_recovery(seen: Observations) -> Criterion:
    name = f"lag_below_{lag_limit(seen.rate)}_after_switch"
    return below(name, seen.lag_recovery_seconds, LAG_RECOVERY_LIMIT_SECONDS)


def lag_after_rollback(seen: Observations) -> Criterion:
    return below("lag_after_rollback", seen.lag_after_rollback, lag_limit(seen.rate), "records")


def producer_rate(seen: Observations) -> Criterion:
    low, high = seen.rate * (1 - RATE_TOLERANCE), seen.rate * (1 + RATE_TOLERANCE)
    measured = None if seen.produced_rate is None else round(seen.produced_rate, 3)
    kept = seen.produced_rate is not None and low <= seen.produced_rate <= high
    return Criterion("producer_rate", f"{low:g} to {high:g} records/s", measured, kept)


def spells(seen: Observations) -> Criterion:
    return Criterion(
        "spells_with_records_on_all_partitions", f"= {seen.spells_asked}", seen.spells, seen.spells == seen.spells_asked
    )


def scale_down(seen: Observations) -> Criterion:
    return below("lag_during_scale_down", seen.scaled_down_lag, lag_limit(seen.rate), "records")


def _scenario_1(seen: Observations) -> list[Criterion]:
    return [
        outcomes(seen),
        switch_time(seen),
        *records(seen),
        validator_verdict(seen),
        lag_recovery(seen),
        spells(seen),
        scale_down(seen),
        producer_rate(seen),
    ]


def _scenario_2(seen: Observations) -> list[Criterion]:
    return [
        outcomes(seen),
        switch_time(seen),
        rollback_time(seen),
        *records(seen),
        validator_verdict(seen),
        lag_after_rollback(seen),
        spells(seen),
        producer_rate(seen),
    ]


_SCENARIOS: dict[str, Callable[[Observations], list[Criterion]]] = {"1": _scenario_1, "2": _scenario_2}


def judge(scenario: str, seen: Observations) -> list[Criterion]:
    """The criteria of a scenario, judged. Raises KeyError for a scenario without criteria."""
    return _SCENARIOS[scenario](seen)


def passed(criteria: Sequence[Criterion]) -> bool:
    """A run without a single criterion has not passed."""
    return bool(criteria) and all(criterion.passed for criterion in criteria)


__all__ = ["LAG_LIMIT", "SWITCHED", "Observations", "judge", "lag_limit", "passed"]
