"""Where the time of a run's hand-offs goes: `python -m experiments handoff RUN`.

From what the run keeps: the controller's log has the moments of the Lease and of the new colour's activation; the
members' event logs, and where a member has the work done by others also its own log, have those in between. On one node
that is one clock.
"""

import contextlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple

import zstandard

from components.names import COLORS, CONTROLLER
from experiments.errors import ExperimentError
from experiments.measurements import Distribution
from experiments.records import EVENTS
from experiments.tables import table

_LEASE = "Lease"


class Step(NamedTuple):
    """What ends with a moment, the moment's name where it was written down, and by whom: by the controller, or by the
    last member of a colour, of the old one under the withdrawal's epoch, of the new one under the grant's.
    """

    what: str
    moment: str
    by: Literal["controller", "old", "new"]


Way = tuple[Step, ...]

_WITHDRAWN = Step("the controller withdraws the grant", "withdrawnAt", "controller")
_GRANTED = Step("the controller has heard it and grants", "grantedAt", "controller")
_HEARD = Step("the controller has heard it", "activeAt", "controller")

#: Members that do the work themselves, by what they wrote down.
THEMSELVES: Way = (
    _WITHDRAWN,
    Step("the old colour's last member is told to pause", "DRAINING", "old"),
    Step("its last member has committed and is PAUSED", "PAUSED", "old"),
    _GRANTED,
    Step("the new colour's last member is ACTIVE", "ACTIVE", "new"),
    _HEARD,
)
#: Members that have the work done by connectors, by what they wrote down and by their own logs.
BY_CONNECTORS: Way = (
    _WITHDRAWN,
    Step("the old colour's agent has seen it", _LEASE, "old"),
    Step("its connector's stop is accepted", "Stop", "old"),
    Step("nothing of it runs any more, and its offsets are read", "PAUSED", "old"),
    _GRANTED,
    Step("the new colour's agent has seen it", _LEASE, "new"),
    Step("its connector has the offsets", "ASSIGNED", "new"),
    Step("its connector bears the epoch", "Bear", "new"),
    Step("its connector's start is accepted", "Start", "new"),
    Step("its tasks run and own every partition", "ACTIVE", "new"),
    _HEARD,
)
#: The same, without their logs.
BY_EVENTS: Way = (
    _WITHDRAWN,
    Step("the old colour stands", "PAUSED", "old"),
    _GRANTED,
    Step("the new colour knows where it begins", "ASSIGNED", "new"),
    Step("the new colour is ACTIVE", "ACTIVE", "new"),
    _HEARD,
)
#: In which order they are tried: a hand-off is told by the first one of which every moment is there.
WAYS = (THEMSELVES, BY_CONNECTORS, BY_EVENTS)


def steps(run: Path, logs: Path | None = None) -> dict[Way, list[list[float]]]:
    """The seconds of each step, for each switch of which the controller saw the beginning, by how it can be told.

    logs: the folder of its record logs, where that is not the run's `logs`. Raises ExperimentError when the folder
    does not have the controller's.
    """
    log = run / f"{CONTROLLER}.log.zst"
    if not log.is_file():
        raise ExperimentError(
            f"{run} has no {log.name}: it is not the folder of a run whose switches a controller made"
        )
    told = _of_members(run, log, logs or run / "logs")
    found: dict[Way, list[list[float]]] = {}
    for line in objects_of(log):
        if (
            line.get("message") != "switch ended"
            or line.get("outcome") != "Switched"
            or not line.get("handoff_seconds")
        ):
            continue
        for way in WAYS:
            if (moments := _moments(line, told, way)) is not None:
                found.setdefault(way, []).append([after - before for before, after in pairwise(moments)])
                break  # if none fits, its members do not say what they did
    return found


def _of_members(run: Path, log: Path, logs: Path) -> dict[tuple[str, str, int], float]:
    """The latest moment of each name, colour and epoch that members wrote down."""
    latest: dict[tuple[str, str, int], float] = {}

    def at(name: str, color: str, epoch: int, seconds: float) -> None:
        latest[name, color, epoch] = max(seconds, latest.get((name, color, epoch), 0.0))

    for file in sorted((logs / EVENTS).glob("*.jsonl.zst")):
        for event in objects_of(file):
            at(event["event"], event["color"], event["epoch"], event["t"] / 1e9)
    for file in sorted(run.glob("*.log.zst")):
        for line in () if file == log else objects_of(file):
            match line:
                case {"message": "step", "color": color, "epoch": epoch, "step": name, "time": time}:
                    at(name, color, epoch, _seconds(time))
                case {"message": "Lease changed", "color": color, "epoch": epoch, "time": time}:
                    at(_LEASE, color, epoch, _seconds(time))
    return latest


def _moments(line: Mapping[str, Any], told: Mapping[tuple[str, str, int], float], way: Way) -> list[float] | None:
    """The beginning of a hand-off and the end of each step; None when one of them is not known."""
    epoch, active = line["epoch"], _seconds(line["activeAt"])
    new, old = (color for _, color in sorted((-told.get(("ACTIVE", c, epoch), 0), c) for c in COLORS))
    found: list[float | None] = [active - line["handoff_seconds"]]
    for step in way:
        match step.by:
            case "controller":
                found.append(_seconds(line[step.moment]))
            case "old":
                found.append(told.get((step.moment, old, epoch - 1)))
            case "new":
                found.append(told.get((step.moment, new, epoch)))
    known = [moment for moment in found if moment is not None]
    return known if len(known) == len(found) else None


def found_in(run: Path, logs: Path | None = None) -> dict[Way, list[list[float]]]:
    """As `steps`. Raises ExperimentError when there is nothing to tell, too."""
    found = steps(run, logs)
    if not found:
        raise ExperimentError(
            f"{run} has no switch that its controller saw from the beginning, and its members step by step"
        )
    return found


def told(found: Mapping[Way, Sequence[Sequence[float]]]) -> list[dict[str, Any]]:
    """For programs: name and milliseconds of each step, and of all of them together."""
    return [
        {"step": name, "of_ms": [1000 * value for value in values]}
        for way, rows in found.items()
        for name, values in zip(
            [*(step.what for step in way), "together"],
            [*zip(*rows, strict=True), [sum(row) for row in rows]],
            strict=True,
        )
    ]


def breakdown(run: Path, logs: Path | None = None) -> str:
    """A table of the steps in milliseconds; several if the switches are told in several ways. logs: as of `steps`.
    Raises ExperimentError when there is nothing to tell.
    """
    found = found_in(run, logs)
    return "\n\n".join(f"{run.name}: {len(of)} switches\n\n{_table(way, of)}" for way, of in found.items())


def _table(way: Way, found: Sequence[Sequence[float]]) -> str:
    names = [*(step.what for step in way), "together"]
    rows: list[list[object]] = []
    for name, values in zip(names, [*zip(*found, strict=True), [sum(s) for s in found]], strict=True):
        spread = Distribution.of([1000 * value for value in values])
        if spread:
            rows.append([name, *(f"{value:.1f}" for value in (spread.median, spread.p95, spread.worst))])
    return table(["step (ms)", "median", "p95", "worst"], rows)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def objects_of(file: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects of a log; what stands before an object in its line, as kubectl's time, is left out."""
    with file.open("rb") as packed:
        reader = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(packed), "utf-8", errors="replace")
        for line in reader:
            if (start := line.find("{")) >= 0:
                with contextlib.suppress(json.JSONDecodeError):
                    if isinstance(found := json.loads(line[start:]), dict):
                        yield found
