"""Runs the points, one after the other, each with an application, a topic and a group of its own."""

import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.conformance import (  # noqa: F401 - they register
    commands,
    ends,
    losses,
    offsets,
    probes,
    records,
    separate,
    start,
)
from experiments.conformance.application import Application, NoAnswerError
from experiments.conformance.bench import (
    DRAIN_SECONDS,
    RESUME_SECONDS,
    SESSION_SECONDS,
    STALL_SECONDS,
    Bench,
    Way,
)
from experiments.conformance.kafka import Kafka
from experiments.conformance.points import CLASSIC, LEAVABLE, POINTS, SEPARATE, FailedError, Point
from experiments.errors import PreflightError
from experiments.progress import Progress

PASS, FAIL, LEFT_OUT = "pass", "fail", "left out"

#: Makes the application, from the settings of the contract, in a folder of its own; and its way to the broker, open.
MakeApplication = Callable[[Mapping[str, Any], Path], tuple[Application, Way]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a point. seen: what was seen, or why it was left out."""

    point: Point
    outcome: str
    seen: str
    seconds: float


@dataclass(frozen=True)
class Suite:
    """servers: the broker as the kit reaches it; relayed: as the application does, by the way that is made with it."""

    make: MakeApplication
    servers: str
    relayed: str
    membership: str
    progress: Progress
    leaves_out: frozenset[str] = frozenset()
    protocol: str = CLASSIC

    def run(self, names: Collection[str] = ()) -> list[Outcome]:
        """All points, or those named. Raises `PreflightError` for a name that is none, `BrokerError`."""
        chosen = _chosen(names, self.membership, self.protocol)
        outcomes = []
        for number, one in enumerate(chosen, 1):
            outcome = self._one(one)
            outcomes.append(outcome)
            self.progress.say(
                f"{number}/{len(chosen)} {outcome.outcome:8s} {one.name:16s} {outcome.seen} ({outcome.seconds:.1f} s)"
            )
        return outcomes

    def _one(self, one: Point) -> Outcome:
        if lacking := sorted(one.needs & self.leaves_out):
            return Outcome(one, LEFT_OUT, "; ".join(LEAVABLE[name] for name in lacking), 0.0)
        began = time.monotonic()
        outcome, seen = self._tried(one)
        return Outcome(one, outcome, seen, round(time.monotonic() - began, 1))

    def _tried(self, one: Point) -> tuple[str, str]:
        folder = Path(tempfile.mkdtemp(prefix="conformance-"))
        kafka = Kafka(self.servers)
        group = f"{kafka.topic}-group"
        app: Application | None = None
        try:
            app, way = self.make(self._settings(kafka, group), folder)
            if one.before is not None:
                one.before(kafka, group, _other(group))
            app.start()
            return PASS, one.check(Bench(app, kafka, way, self.membership, group, self.protocol))
        except (FailedError, NoAnswerError, ValueError, KeyError, TypeError) as error:
            return FAIL, str(error) if isinstance(error, FailedError | NoAnswerError) else f"{error!r}"
        finally:
            if app is not None:
                app.close()
            kafka.close()
            shutil.rmtree(folder, ignore_errors=True)

    def _settings(self, kafka: Kafka, group: str) -> dict[str, Any]:
        settings: dict[str, Any] = {
            "bootstrap_servers": self.relayed,
            "topic": kafka.topic,
            "group_id": group,
            "membership": self.membership,
            "group_protocol": self.protocol,
            "version": "1",
            "strategy": "conformance",
            "session_timeout_seconds": SESSION_SECONDS,
            "drain_timeout_seconds": DRAIN_SECONDS,
            "resume_timeout_seconds": RESUME_SECONDS,
            "stall_seconds": STALL_SECONDS,
        }
        return settings | ({"other_group_id": _other(group)} if self.membership == SEPARATE else {})


def _other(group: str) -> str:
    """The other colour's group, where each has its own."""
    return f"{group}-other"


def _chosen(names: Collection[str], membership: str, protocol: str = CLASSIC) -> list[Point]:
    """Those of `names`, or all, that mean anything here. Raises `PreflightError` for a name that is none, and when none
    is left, which would pass without anything tried.
    """
    if unknown := sorted(set(names) - POINTS.keys()):
        raise PreflightError(f"no points: {', '.join(unknown)}; there are {', '.join(POINTS)}")
    asked = [one for one in POINTS.values() if not names or one.name in names]
    chosen = [one for one in asked if membership in one.memberships and protocol in one.protocols]
    if not chosen:
        raise PreflightError(
            f"no points are left: {', '.join(names)} mean nothing with membership {membership}, protocol {protocol}"
        )
    return chosen


def failed(outcomes: Iterable[Outcome]) -> list[str]:
    """The names of the points that do not hold."""
    return [one.point.name for one in outcomes if one.outcome == FAIL]
