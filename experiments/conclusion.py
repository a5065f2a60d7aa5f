"""From what was observed to a run's result: pure, values in, a value out.

Nothing here reads a cluster, a file or a clock, so a run's judgement can be made again from what it kept, and tried
with any observation that a test makes up.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from components.strategies.base import Criteria as Limits
from experiments import criteria
from experiments.criteria import Observations, lag_limit
from experiments.measurements import (
    Apart,
    LagSample,
    ProducerSeen,
    SwitchRecord,
    Verdict,
    between,
    highest_after,
    max_lag,
    results_of,
    worst_recovery,
)
from experiments.results import Criterion, Kind, Measured, RunResult, SwitchResult


@dataclass(frozen=True, slots=True)
class Subject:
    """What was run, when, and how it is to be judged: the attributes of a result that nothing was measured for."""

    run: str
    strategy: str
    scenario: str
    membership: str | None
    group_protocol: str | None
    started_at: str
    finished_at: str
    command: str
    kind: Kind
    limits: Limits
    rate: int
    switches_asked: int


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that was seen of a run, one attribute for each thing. Times in seconds since 1970.

    More than a dozen attributes: each judgement rests on another of them.
    """

    started: float
    finished: float
    switches: Sequence[SwitchRecord]
    rollbacks: Sequence[SwitchRecord]
    spells: int
    spells_asked: int
    scale_down_seconds: float | None
    scale_down_window: tuple[float, float] | None
    samples: Sequence[LagSample]
    judged: Verdict
    producer: ProducerSeen
    produced_rate: float | None
    clocks: Apart | None
    came_back_handled: int | None = None
    lines_of_unknown_time: int | None = None
    """Recorded lines of which nobody knows how late they were seen; None where members write down what they handle."""
    measured: Mapping[str, Measured] = field(default_factory=dict)
    """Measurements that nothing is concluded from, but what a scenario's own criteria are about."""
    environment: Mapping[str, Measured] = field(default_factory=dict)


def observations(subject: Subject, seen: Seen) -> tuple[Observations, list[SwitchResult]]:
    """What the criteria rest on, and the times of each switch."""
    results = results_of(seen.switches, seen.judged.handoffs)
    # What the scale down does to the lag is a criterion of its own, and not what a switch has to recover from.
    switching_ended = seen.scale_down_window[0] if seen.scale_down_window else seen.finished
    found = Observations(
        limits=subject.limits,
        rate=subject.rate,
        switches_asked=subject.switches_asked,
        switches=seen.switches,
        rollbacks=seen.rollbacks,
        results=results,
        anomalies=seen.judged.anomalies,
        acked=seen.judged.acked,
        failed=seen.judged.failed,
        verdict=seen.judged.verdict,
        failing=seen.judged.failing,
        unjudged=seen.judged.unjudged,
        producer=seen.producer,
        clocks=seen.clocks,
        lines_of_unknown_time=seen.lines_of_unknown_time,
        lag_recovery_seconds=worst_recovery(seen.switches, seen.samples, switching_ended, lag_limit(subject.rate)),
        lag_after_rollback=highest_after(seen.rollbacks, seen.switches, seen.samples, seen.finished),
        produced_rate=seen.produced_rate,
        spells=seen.spells,
        spells_asked=seen.spells_asked,
        scaled_down_lag=max_lag(between(seen.samples, *seen.scale_down_window)) if seen.scale_down_window else None,
        came_back_handled=seen.came_back_handled,
        measured=seen.measured,
    )
    return found, results


def conclude(subject: Subject, seen: Seen, judge: Callable[[Observations], list[Criterion]]) -> RunResult:
    """The result of a run. judge: its scenario's criteria."""
    found, results = observations(subject, seen)
    judgements = judge(found)
    judged = seen.judged
    measurements: dict[str, Measured] = {
        "lost": judged.anomalies["lost"],
        "duplicates": judged.anomalies["duplicate"],
        "dual_active": judged.anomalies["dual_active"],
        "zombies": judged.anomalies["zombie"],
        "failed": judged.failed,
        "max_lag": max_lag(seen.samples),
        "lag_recovery_seconds": found.lag_recovery_seconds,
        "lag_samples": len(seen.samples),
        "rollback_seconds": _slowest(seen.rollbacks),
        "rollback_seconds_after_up": _slowest([r for r in seen.rollbacks if r.commanded == "up"]),
        "rollback_seconds_at_active": _slowest([r for r in seen.rollbacks if r.commanded == "patch"]),
        "scale_down_seconds": seen.scale_down_seconds,
        "produced": judged.produced,
        "acked": judged.acked,
        "consumed": judged.consumed,
        "produced_rate": None if seen.produced_rate is None else round(seen.produced_rate, 3),
        "switches_asked": subject.switches_asked,
        "duration_seconds": round(seen.finished - seen.started, 3),
        **seen.measured,
    }
    return RunResult(
        run=subject.run,
        strategy=subject.strategy,
        scenario=subject.scenario,
        membership=subject.membership,
        group_protocol=subject.group_protocol,
        started_at=subject.started_at,
        finished_at=subject.finished_at,
        passed=criteria.passed(judgements) if subject.kind == "test" else None,
        criteria=judgements,
        switches=results,
        measurements=measurements,
        environment=dict(seen.environment),
        command=subject.command,
        kind=subject.kind,
    )


def _slowest(rollbacks: Sequence[SwitchRecord]) -> float | None:
    """None if one has no time, as where it is judged: what failed was not quick."""
    return criteria.worst([rollback.switch_seconds for rollback in rollbacks])
