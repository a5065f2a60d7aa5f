"""What is measured, as values.

One switch, the hand-offs in the record logs, lag over time, distributions. No I/O, no clock.
"""

import math
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from components.names import Color
from experiments.results import Commanded, Direction, SwitchResult

SWITCHED, SUPERSEDED = "Switched", "Superseded"

DIRECTIONS: dict[tuple[str, str], Direction] = {("blue", "green"): "blue-green", ("green", "blue"): "green-blue"}


def other(color: Color) -> Color:
    return "green" if color == "blue" else "blue"


def seconds_since_epoch(text: str) -> float:
    """RFC 3339 with a zone, as Kubernetes and the controller write it, to seconds.

    Raises ValueError for anything else.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"time without a zone: {text!r}")
    return moment.timestamp()


@dataclass(frozen=True, slots=True)
class LastSwitch:
    """`status.lastSwitch` of the KafkaConsumerSwitch. Times in seconds since 1970, None for a phase not reached."""

    source: str
    target: str
    epoch: int
    outcome: str
    reason: str
    generation: int
    started_at: float | None
    active_at: float | None
    ended_at: float | None
    handoff_seconds: float | None

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> "LastSwitch | None":
        """From the object's `status`.

        None if there has not been a switch. Raises ValueError for what is not of the contract.
        """
        raw = status.get("lastSwitch")
        return cls.of(raw) if raw else None

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> "LastSwitch":
        """From `lastSwitch` itself, or from an entry of `status.history`. Raises ValueError as above."""
        try:
            return cls(
                source=str(raw.get("from") or ""),
                target=str(raw.get("to") or ""),
                epoch=int(raw["epoch"]),
                outcome=str(raw["outcome"]),
                reason=str(raw.get("reason", "")),
                generation=int(raw["generation"]),
                started_at=_time(raw, "startedAt"),
                active_at=_time(raw, "activeAt"),
                ended_at=_time(raw, "endedAt"),
                handoff_seconds=None if raw.get("handoffSeconds") is None else float(raw["handoffSeconds"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"a switch in the status is not of the contract ({error!r}): {dict(raw)!r}") from error


def _time(raw: Mapping[str, Any], key: str) -> float | None:
    return seconds_since_epoch(raw[key]) if raw.get(key) else None


@dataclass(frozen=True, slots=True)
class SwitchRecord:
    """One switch as the runner saw it.

    `commanded_at` and `returned_at` are wall clock seconds, because they are compared with times that the controller
    wrote; `up_seconds` was taken on the monotonic clock. `last` is None when the update ended without the controller
    having taken note of it.

    overtaken: the next switch was commanded when this one's colour was ACTIVE and its update still ran. Then the update
    may fail, because the object asks for something else by now, and the controller may call the switch Superseded.
    """

    source: Color
    target: Color
    commanded_at: float
    up_seconds: float
    last: LastSwitch | None
    error: str | None = None
    commanded: Commanded = "up"
    overtaken: bool = False

    @property
    def direction(self) -> Direction:
        return DIRECTIONS[self.source, self.target]

    @property
    def outcome(self) -> str:
        return self.last.outcome if self.last else "NotSeen"

    @property
    def reason(self) -> str:
        """Why it ended so, by the controller; by Pulumi where the controller took no note of it. Empty: nobody said."""
        return self.last.reason if self.last else self.error or ""

    @property
    def switched(self) -> bool:
        if self.overtaken:
            return self._came_to_it
        return self.outcome == SWITCHED and self.error is None

    @property
    def switch_seconds(self) -> float | None:
        """From the command to the new colour ACTIVE on all partitions; None unless it came to that."""
        if self.last is None or self.last.active_at is None or not self._came_to_it:
            return None
        return self.last.active_at - self.commanded_at

    @property
    def _came_to_it(self) -> bool:
        """Whether the new colour was ACTIVE, and was not taken back by the controller."""
        if self.last is None or self.last.active_at is None:
            return False
        return self.outcome in ((SWITCHED, SUPERSEDED) if self.overtaken else (SWITCHED,))


@dataclass(frozen=True, slots=True)
class Handoff:
    """One change of colour in the record logs.

    The worst partition's gap and the worst partition's mean spacing, in seconds.
    """

    epoch: int
    partitions: int
    gap_seconds: float
    spacing_seconds: float | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The validator's JSON, as far as a run's result is made of it."""

    verdict: str
    produced: int
    acked: int
    consumed: int
    anomalies: Mapping[str, int]
    failing: Sequence[str]
    """The classes for which it is no pass."""
    unjudged: Sequence[str]
    """What could not be judged, in words: no pass, whatever was found. Empty where the report does not say."""
    failed: int | None
    """Records that were handled with an error. None where the report does not say."""
    handoffs: Mapping[int, Handoff]
    """By the epoch of the new grant."""

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> "Verdict":
        return cls(
            verdict=str(raw["verdict"]),
            produced=int(raw["produced"]),
            acked=int(raw["acked"]),
            consumed=int(raw["consumed"]),
            anomalies={str(name): int(count) for name, count in raw["anomalies"].items()},
            failing=tuple(str(name) for name in raw.get("failing", ())),
            unjudged=tuple(str(why) for why in raw.get("unjudged", ())),
            failed=None if raw.get("failed") is None else int(raw["failed"]),
            handoffs=handoffs(raw["partitions"]),
        )


def handoffs(partitions: Mapping[str, Any]) -> dict[int, Handoff]:
    """The hand-offs of all partitions, joined by the new colour's first epoch.

    The worst gap and the worst mean spacing.
    """
    joined: dict[int, list[Mapping[str, Any]]] = {}
    for entries in partitions.values():
        for entry in entries:
            joined.setdefault(int(entry["to_epoch"]), []).append(entry)
    return {
        epoch: Handoff(
            epoch=epoch,
            partitions=len(entries),
            gap_seconds=max(float(entry["gap_seconds"]) for entry in entries),
            spacing_seconds=max(
                (float(e["spacing_seconds"]) for e in entries if e["spacing_seconds"] is not None), default=None
            ),
        )
        for epoch, entries in joined.items()
    }


def results_of(records: Sequence[SwitchRecord], handoffs: Mapping[int, Handoff]) -> list[SwitchResult]:
    """Join what Pulumi and the controller said with what the record logs show, by the epoch of the new grant."""
    results = []
    for record in records:
        seen = handoffs.get(record.last.epoch) if record.last and record.switched else None
        results.append(
            SwitchResult(
                direction=record.direction,
                switch_seconds=_rounded(record.switch_seconds),
                up_seconds=round(record.up_seconds, 6),
                handoff_seconds=_rounded(record.last.handoff_seconds) if record.last else None,
                gap_seconds=_rounded(seen.gap_seconds) if seen else None,
                spacing_seconds=_rounded(seen.spacing_seconds) if seen else None,
                outcome=record.outcome,
                commanded=record.commanded,
            )
        )
    return results


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)


@dataclass(frozen=True, slots=True)
class LagSample:
    """The group's lag at one moment (wall clock seconds).

    Records between the owners' positions and the ends, and its worst partition.
    """

    at: float
    total: int
    worst_partition: int


def max_lag(samples: Iterable[LagSample]) -> int | None:
    """The highest total; None if nothing was sampled."""
    return max((sample.total for sample in samples), default=None)


def recovery_seconds(samples: Sequence[LagSample], since: float, until: float, limit: int) -> float | None:
    """Seconds from `since` until the lag was below `limit` and stayed there until `until`. 0 if it never was at or
    above it.

    None if it was still at or above the limit in the last sample before `until`, or if there is no sample to say.
    """
    window = [sample for sample in samples if since <= sample.at <= until]
    if not window or window[-1].total >= limit:
        return None
    too_high = [index for index, sample in enumerate(window) if sample.total >= limit]
    return window[too_high[-1] + 1].at - since if too_high else 0.0


@dataclass(frozen=True, slots=True)
class Apart:
    """How far times may be apart that are compared, in seconds: this machine's and the cluster's; and those of two
    lines, which may be of two nodes, and of others who saw what they are about late.
    """

    workstation: float
    between_lines: float


@dataclass(frozen=True, slots=True)
class ProducerSeen:
    """The producer of a run, as it was watched.

    restarted: whoever else produced since the run began, or pods and containers of the producer that were started
    again. acked: what the one process counted itself; None if it is not there to ask. without_end: producers whose log
    has no end line.
    """

    restarted: Sequence[str]
    acked: int | None
    without_end: Sequence[str]


def between(samples: Sequence[LagSample], since: float, until: float) -> list[LagSample]:
    """The samples of a span, both ends included."""
    return [sample for sample in samples if since <= sample.at <= until]


def windows(
    records: Sequence[SwitchRecord], switches: Sequence[SwitchRecord], finished: float
) -> Iterator[tuple[float, float]]:
    """For each of `records`, from its new colour's being active until the next command among `switches` (or the end).
    One that did not come to that has none.
    """
    for record in records:
        if record.last and record.last.active_at is not None:
            later = [other.commanded_at for other in switches if other.commanded_at > record.commanded_at]
            yield record.last.active_at, min(later, default=finished)


def worst_recovery(
    switches: Sequence[SwitchRecord], samples: Sequence[LagSample], finished: float, limit: int
) -> float | None:
    """The longest time that the lag needed after a switch. None unless it is known of every one."""
    found = [recovery_seconds(samples, since, until, limit) for since, until in windows(switches, switches, finished)]
    known = [seconds for seconds in found if seconds is not None]
    return max(known) if known and len(known) == len(found) == len(switches) else None


def highest_after(
    rollbacks: Sequence[SwitchRecord], switches: Sequence[SwitchRecord], samples: Sequence[LagSample], finished: float
) -> int | None:
    """The highest lag after a rollback. None unless it is known of every one."""
    found = [max_lag(between(samples, since, until)) for since, until in windows(rollbacks, switches, finished)]
    known = [lag for lag in found if lag is not None]
    return max(known) if known and len(known) == len(found) == len(rollbacks) else None


@dataclass(frozen=True, slots=True)
class Distribution:
    """Median, 95th percentile (nearest rank: a value that occurred) and worst of `count` values."""

    count: int
    median: float
    p95: float
    worst: float

    @classmethod
    def of(cls, values: Iterable[float | None]) -> "Distribution | None":
        """None where no value was measured; a None among the values is one that was not."""
        known = sorted(value for value in values if value is not None)
        if not known:
            return None
        rank = max(1, math.ceil(0.95 * len(known)))
        return cls(len(known), statistics.median(known), known[rank - 1], known[-1])
