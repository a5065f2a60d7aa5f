"""Where the time of a run's hand-offs goes: `python -m experiments handoff RUN`.

From what the run keeps: the controller's log has the moments of the Lease and of the new colour's activation, the
members' event logs have those in between. On one node that is one clock.
"""

import io
import json
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import zstandard

from components.names import CONTROLLER
from experiments.errors import ExperimentError
from experiments.measurements import Distribution
from experiments.records import EVENTS
from experiments.tables import table

STEPS = (
    "the controller withdraws the grant",
    "the old colour's last member is told to pause",
    "its last member has committed and is PAUSED",
    "the controller has heard it and grants",
    "the new colour's last member is ACTIVE",
    "the controller has heard it",
)


def steps(run: Path) -> list[list[float]]:
    """The seconds of each of `STEPS`, for each switch of which the controller saw the beginning.

    Raises ExperimentError when the folder does not have the logs.
    """
    log = run / f"{CONTROLLER}.log.zst"
    if not log.is_file():
        raise ExperimentError(
            f"{run} has no {log.name}: it is not the folder of a run whose switches a controller made"
        )
    latest: dict[tuple[str, str, int], float] = {}
    for file in sorted((run / "logs" / EVENTS).glob("*.jsonl.zst")):
        for event in _objects(file):
            key = (event["event"], event["color"], event["epoch"])
            latest[key] = max(event["t"] / 1e9, latest.get(key, 0.0))
    found = []
    for line in _objects(log):
        if (
            line.get("message") != "switch ended"
            or line.get("outcome") != "Switched"
            or not line.get("handoff_seconds")
        ):
            continue
        epoch, active = line["epoch"], _seconds(line["activeAt"])
        new, old = (color for _, color in sorted((-latest.get(("ACTIVE", c, epoch), 0), c) for c in ("blue", "green")))
        needed = (("DRAINING", old, epoch - 1), ("PAUSED", old, epoch - 1), ("ACTIVE", new, epoch))
        if not all(key in latest for key in needed):
            continue  # members that do not say when they were told to pause
        moments = [
            active - line["handoff_seconds"],
            _seconds(line["withdrawnAt"]),
            latest[("DRAINING", old, epoch - 1)],
            latest[("PAUSED", old, epoch - 1)],
            _seconds(line["grantedAt"]),
            latest[("ACTIVE", new, epoch)],
            active,
        ]
        found.append([after - before for before, after in pairwise(moments)])
    return found


def breakdown(run: Path) -> str:
    """A table of the steps in milliseconds. Raises ExperimentError when there is nothing to tell."""
    found = steps(run)
    if not found:
        raise ExperimentError(
            f"{run} has no switch that its controller saw from the beginning, and its members step by step"
        )
    rows: list[list[object]] = []
    for name, values in zip((*STEPS, "together"), [*zip(*found, strict=True), [sum(s) for s in found]], strict=True):
        spread = Distribution.of([1000 * value for value in values])
        if spread:
            rows.append([name, *(f"{value:.1f}" for value in (spread.median, spread.p95, spread.worst))])
    return f"{run.name}: {len(found)} switches\n\n" + table(["step (ms)", "median", "p95", "worst"], rows)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _objects(file: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects of a log; what stands before an object in its line, as kubectl's time, is left out."""
    with file.open("rb") as packed:
        reader = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(packed), "utf-8", errors="replace")
        for line in reader:
            if (start := line.find("{")) >= 0:
                try:
                    yield json.loads(line[start:])
                except json.JSONDecodeError:
                    continue
