"""The plan's verification criteria as pure functions: what was observed in, judgements out. A scenario chooses.

Every input that decides is in `Observations`. What was not measured is not passed. The plan states its limits at 100
records/s, where 100 records of lag are one second of flow; at a higher rate the limit is one second of that flow, or a
healthy flow would miss it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from components.strategies.base import Criteria as Limits
from experiments.measurements import Apart, ProducerSeen, SwitchRecord
from experiments.results import Criterion, Measured, SwitchResult

LAG_LIMIT = 100
LAG_RECOVERY_LIMIT_SECONDS = 120.0
RATE_TOLERANCE = 0.05
# A tenth of the shortest time that a strategy promises: a switch is timed with two clocks.
CLOCK_LIMIT_SECONDS = 0.5
#: The measurement of what was alerted, where the platform has alerts.
ALERTS_FIRED = "alerts_fired"
#: The measurement of how often both colours were alerted to be at work, where the platform has alerts.
DUAL_ACTIVE_ALERTS = "dual_active_alerts"
CLASSES = (
    "lost",
    "duplicate",
    "dual_active",
    "zombie",
    "phantom",
    "mismatch",
    "producer_duplicate",
    "out_of_order",
)


@dataclass(frozen=True, slots=True)
class Observations:
    """Everything that the judgements rest on, and so it has many attributes: one for each thing that was observed.
    None: not measured.

    More than a dozen attributes: each judgement rests on another of them.
    """

    limits: Limits
    rate: int
    switches_asked: int
    switches: Sequence[SwitchRecord]
    rollbacks: Sequence[SwitchRecord] = ()
    """Those of `switches` that were a way back."""
    results: Sequence[SwitchResult] = ()
    """The times of each of `switches`, those from the record logs too."""
    anomalies: Mapping[str, int] = field(default_factory=dict)
    acked: int | None = None
    """Acknowledged records that were judged."""
    failed: int | None = None
    """Records that were handled with an error."""
    verdict: str | None = None
    failing: Sequence[str] = ()
    """The classes for which the validator's verdict is no pass."""
    unjudged: Sequence[str] = ()
    """What it could not judge, in words."""
    producer: ProducerSeen | None = None
    clocks: Apart | None = None
    lag_recovery_seconds: float | None = None
    lag_after_rollback: int | None = None
    """The highest lag seen after a rollback's colour was active again."""
    produced_rate: float | None = None
    spells: int | None = None
    """Spells between switches in which the colour in charge was seen to handle records on every partition."""
    spells_asked: int = 0
    scaled_down_lag: int | None = None
    """The highest lag while the old colour was being scaled down and was away."""
    came_back_handled: int | None = None
    """Records that it handled after it was back, without having been granted anything."""
    lines_of_unknown_time: int | None = None
    """Recorded lines of which nobody knows how late they were seen; None where nothing is recorded by others."""
    measured: Mapping[str, Measured] = field(default_factory=dict)
    """What was measured besides, by the scenario itself, too."""


def lag_limit(rate: int) -> int:
    return max(LAG_LIMIT, rate)


def below(name: str, measured: float | None, limit: float, unit: str = "s") -> Criterion:
    """Passed if measured and lower than the limit."""
    rounded = None if measured is None else round(measured, 6)
    return Criterion(name, f"< {limit:g} {unit}".rstrip(), rounded, measured is not None and measured < limit)


def none_of(name: str, measured: int | None) -> Criterion:
    """Passed if counted and zero."""
    return Criterion(name, "= 0", measured, measured == 0)


def nobody(name: str, who: Sequence[str] | None) -> Criterion:
    """Passed if looked for and nobody was found; else how many and who."""
    measured: Measured = None if who is None else f"{len(who)}: {', '.join(who)}" if who else 0
    return Criterion(name, "= 0", measured, measured == 0)


def worst(values: Sequence[float | None]) -> float | None:
    """The highest, or None if one is missing: a switch without a time can't be said to have kept its limit."""
    known = [value for value in values if value is not None]
    return max(known) if known and len(known) == len(values) else None


# What a switch is judged by


def outcomes(seen: Observations) -> Criterion:
    switched = sum(switch.switched for switch in seen.switches)
    measured: Measured = switched
    if wrong := [switch for switch in seen.switches if not switch.switched]:
        first = wrong[0]
        measured = f"{switched}, then {first.direction} {first.outcome}: {first.reason}".rstrip(": ")
    return Criterion("switches_switched", f"= {seen.switches_asked}", measured, switched == seen.switches_asked)


def switch_time(seen: Observations) -> Criterion:
    slowest = worst([switch.switch_seconds for switch in seen.switches])
    return below("switch_seconds_worst", slowest, seen.limits.switch_seconds)


def rollback_time(seen: Observations) -> Criterion:
    slowest = worst([switch.switch_seconds for switch in seen.rollbacks])
    return below("rollback_seconds_worst", slowest, seen.limits.rollback_seconds)


def lag_recovery(seen: Observations) -> Criterion:
    name = f"lag_below_{lag_limit(seen.rate)}_after_switch"
    return below(name, seen.lag_recovery_seconds, LAG_RECOVERY_LIMIT_SECONDS)


def lag_after_rollback(seen: Observations) -> Criterion:
    return below("lag_after_rollback", seen.lag_after_rollback, lag_limit(seen.rate), "records")


def spells(seen: Observations) -> Criterion:
    return Criterion(
        "spells_with_records_on_all_partitions", f"= {seen.spells_asked}", seen.spells, seen.spells == seen.spells_asked
    )


def scale_down(seen: Observations) -> Criterion:
    return below("lag_during_scale_down", seen.scaled_down_lag, lag_limit(seen.rate), "records")


def stays_away(seen: Observations) -> Criterion:
    """A colour that is brought back does not start by itself."""
    return none_of("records_by_the_colour_that_came_back", seen.came_back_handled)


def silent(seen: Observations) -> list[Criterion]:
    """That no alert was raised; nothing where the platform has none."""
    if ALERTS_FIRED not in seen.measured:
        return []
    fired = seen.measured[ALERTS_FIRED]
    return [Criterion(ALERTS_FIRED, "= 0", fired, fired == 0)]


# What every run is judged by


def never_both(seen: Observations) -> list[Criterion]:
    """That no alert said of both colours that they are at work, and that its rule was evaluated; nothing where the
    platform has no alerts. What else is alerted a run may be there to bring about.
    """
    if DUAL_ACTIVE_ALERTS not in seen.measured:
        return []
    raised = seen.measured[DUAL_ACTIVE_ALERTS]
    return [none_of(DUAL_ACTIVE_ALERTS, raised if isinstance(raised, int) else None)]


def records(seen: Observations) -> list[Criterion]:
    """What the validator found, and of both colours at once what was alerted, too.

    Invariant 5: without a crash nothing is processed twice, so duplicates are judged here too, unless they belong to
    the strategy.
    """
    something = Criterion("acked_records", "> 0", seen.acked, bool(seen.acked))
    judged = [name for name in CLASSES if name not in seen.limits.tolerated]
    excused = bool(seen.failing) and set(seen.failing) <= seen.limits.tolerated
    passed = not seen.unjudged and (seen.verdict == "pass" or excused)
    told = "; not judged: ".join(filter(None, [seen.verdict, "; ".join(seen.unjudged)])) or None
    return [
        something,
        *(none_of(name, seen.anomalies.get(name)) for name in judged),
        Criterion("validator_verdict", f"= pass{_but_for(seen.limits.tolerated)}", told, passed),
        *never_both(seen),
    ]


def _but_for(tolerated: Collection[str]) -> str:
    return f", or failed by {' and '.join(sorted(tolerated))} alone" if tolerated else ""


def failures(seen: Observations) -> Criterion:
    """Records that were handled with an error: they are committed past, and not processed."""
    return none_of("failed", seen.failed)


def everything_judged(seen: Observations) -> list[Criterion]:
    """That the verdict is about everything that was produced in the run: by one process, which counted as many records
    as were judged, and whose log goes to its end.
    """
    producer = seen.producer
    counted = producer.acked if producer else None
    limit = "= acked as the producer counted"
    return [
        nobody("producer_restarts", producer.restarted if producer else None),
        Criterion(
            "judged_acked",
            limit if counted is None else f"{limit}, {counted}",
            seen.acked,
            counted is not None and seen.acked == counted,
        ),
        nobody("producers_without_end", producer.without_end if producer else None),
    ]


def times(seen: Observations) -> list[Criterion]:
    """That the times can be believed: no time is negative, and the clocks that they were taken with agree.

    A gap is taken between two lines, and may be below 0 by as much as their times may be off; what is beyond that is an
    overlap.
    """
    between = seen.clocks.between_lines if seen.clocks else 0.0
    wrong = []
    for number, switch in enumerate(seen.results, 1):
        for name, allowed in (
            ("switch_seconds", 0.0),
            ("up_seconds", 0.0),
            ("handoff_seconds", 0.0),
            ("gap_seconds", between),
            ("spacing_seconds", 0.0),
        ):
            value = getattr(switch, name)
            if value is not None and value < -allowed:
                wrong.append(f"switch {number} {name} {value:g}")
    apart = seen.clocks.workstation if seen.clocks else None
    found = [nobody("times_not_negative", wrong), below("clocks_agree", apart, CLOCK_LIMIT_SECONDS)]
    if seen.lines_of_unknown_time is not None:
        found.append(none_of("lines_of_unknown_time", seen.lines_of_unknown_time))
    return found


def producer_rate(seen: Observations) -> Criterion:
    low, high = seen.rate * (1 - RATE_TOLERANCE), seen.rate * (1 + RATE_TOLERANCE)
    measured = None if seen.produced_rate is None else round(seen.produced_rate, 3)
    kept = seen.produced_rate is not None and low <= seen.produced_rate <= high
    return Criterion("producer_rate", f"{low:g} to {high:g} records/s", measured, kept)


def sound(seen: Observations) -> list[Criterion]:
    """What every run has to keep that is not about failures made on purpose."""
    return [*records(seen), failures(seen), *everything_judged(seen), *times(seen), producer_rate(seen)]


def measured(seen: Observations) -> list[Criterion]:
    """What a measurement has to keep to be one; it passes nothing, and its figures are what it is there for."""
    return [outcomes(seen), spells(seen), *sound(seen)]


def passed(criteria: Sequence[Criterion]) -> bool:
    """A run without a single criterion has not passed."""
    return bool(criteria) and all(criterion.passed for criterion in criteria)
