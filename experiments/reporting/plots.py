"""The plots of a run: its lag, its hand-offs, its gaps by partition, and one hand-off as a timeline."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from components.names import COLORS
from experiments.errors import ExperimentError
from experiments.evidence import columns
from experiments.handoff import objects_of
from experiments.measurements import seconds_since_epoch
from experiments.records import CONSUMED, EVENTS, by_process, compressed_text, objects
from experiments.reporting.drawing import BLUE, GREEN, GREY, INK, Drawing
from experiments.results import RunResult

_OF: dict[str, str] = dict(zip(COLORS, (BLUE, GREEN), strict=True))
_FEW = 4
_MARGIN = 0.08


def of_run(folder: Path, result: RunResult) -> dict[str, str]:
    """The plots of a run, SVG by kind; only those that what is kept of it has the values for."""
    switches = json.loads((folder / "switches.json").read_text())
    found = {"lag": _lag(folder, switches)}
    handoffs = [one.handoff_seconds for one in result.switches]
    if sum(value is not None for value in handoffs) >= _FEW:
        found["handoffs"] = _handoffs(result)
    gaps = json.loads((folder / "validator.json").read_text())["partitions"]
    if any(gaps.values()):
        found["gaps"] = _gaps(gaps)
    if timeline := _timeline(folder, switches):
        found["timeline"] = timeline
    return {kind: svg for kind, svg in found.items() if svg}


def _lag(folder: Path, switches: Sequence[Mapping[str, Any]]) -> str:
    samples = json.loads(compressed_text(folder / "lag.json.zst"))
    if not samples:
        return ""
    start = samples[0]["at"]
    last, most = samples[-1]["at"] - start, max(sample["total"] for sample in samples)
    drawing = Drawing("Lag", x=(0, last), y=(0, max(most, 10) * 1.1))
    drawing.axes("s since the first sample", "records")
    for switch in switches:
        if switch["last"] and switch["last"]["active_at"]:
            drawing.upright(switch["last"]["active_at"] - start, _OF[switch["target"]])
    drawing.line([(sample["at"] - start, sample["total"]) for sample in samples], INK)
    return drawing.svg()


def _handoffs(result: RunResult) -> str:
    told = sorted(
        (1000 * one.handoff_seconds, one.direction.split("-")[1])
        for one in result.switches
        if one.handoff_seconds is not None
    )
    drawing = Drawing("Hand-offs, the shortest first", x=(0, len(told) + 1), y=(0, told[-1][0] * 1.1))
    drawing.axes("switches", "ms")
    for color in COLORS:
        drawing.dots([(number, value) for number, (value, to) in enumerate(told, 1) if to == color], _OF[color])
    return drawing.svg()


def _gaps(partitions: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    names = sorted(partitions, key=lambda name: int(name.rpartition("-")[2]))
    told = [
        (number, 1000 * entry["gap_seconds"], entry["to"])
        for number, name in enumerate(names)
        for entry in partitions[name]
    ]
    values = [value for _, value, _ in told]
    drawing = Drawing(
        "Gap of each hand-off, by partition", x=(-1, len(names)), y=(min(0, *values), max(1, *values) * 1.1)
    )
    drawing.axes("partition", "ms")
    for color in COLORS:
        drawing.dots([(number, value) for number, value, to in told if to == color], _OF[color])
    return drawing.svg()


def _timeline(folder: Path, switches: Sequence[Mapping[str, Any]]) -> str:
    """The switch whose hand-off is the median one; nothing where the members' events are not kept."""
    done = sorted(
        (one["last"]["handoff_seconds"], one["last"]["epoch"], one["source"], one["target"])
        for one in switches
        if one["last"] and one["last"]["outcome"] == "Switched" and one["last"]["handoff_seconds"]
    )
    if not done:
        return ""
    _, epoch, source, target = done[len(done) // 2]
    log = folder / "controller.log.zst"
    told = next(
        (one for one in objects_of(log) if one.get("message") == "switch ended" and one.get("epoch") == epoch), None
    )
    if told is None:
        return ""
    try:
        with columns.events_of(folder) as logs:
            events = [line for line in objects(logs, EVENTS) if line["epoch"] in (epoch - 1, epoch)]
    except ExperimentError:
        return ""
    moments = {name: seconds_since_epoch(told[name]) for name in ("withdrawnAt", "grantedAt", "activeAt")}
    begun = moments["activeAt"] - told["handoff_seconds"]
    rows = _rows_of_pods(events, epoch, source, target)
    rows += _rows_of_partitions(folder, epoch, source, target)
    if not rows:
        return ""
    edges = [1000 * (edge - begun) for _, bars in rows for bar in bars for edge in bar[:2] if edge is not None]
    low, high = min(0.0, *edges), max(1000 * told["handoff_seconds"], *edges)
    low, high = low - _MARGIN * (high - low), high + _MARGIN * (high - low)
    drawing = Drawing(
        f"A hand-off, {source} to {target}: by pod and by partition",
        x=(low, high),
        y=(len(rows) - 0.3, -0.9),
        height=70 + 16 * len(rows),
        left=120,
    )
    drawing.axes("ms since the controller saw what was asked for", "", names=[name for name, _ in rows])
    for row, (_, bars) in enumerate(rows):
        for first, last, color, faint in bars:
            drawing.bar(
                low if first is None else max(low, 1000 * (first - begun)),
                high if last is None else min(high, 1000 * (last - begun)),
                row,
                color,
                faint=faint,
            )
    for level, (name, moment) in enumerate(moments.items()):
        drawing.upright(1000 * (moment - begun), INK, name.removesuffix("At"), level=level)
    return drawing.svg()


#: A row of a timeline: its name, and its bars: from, to (None: from before, to after), colour, faint.
_Bar = tuple[float | None, float | None, str, bool]
_Row = tuple[str, list[_Bar]]


def _rows_of_pods(events: Sequence[Mapping[str, Any]], epoch: int, source: str, target: str) -> list[_Row]:
    rows: list[_Row] = []
    moments: dict[str, dict[str, float]] = {}
    for event in events:
        moments.setdefault(event["pod"], {})[f"{event['event']} {event['epoch']}"] = event["t"] / 1e9
    for pod in sorted(pod for pod, told in moments.items() if f"PAUSED {epoch - 1}" in told and source in pod):
        told = moments[pod]
        paused = told[f"PAUSED {epoch - 1}"]
        draining = told.get(f"DRAINING {epoch - 1}", paused)
        rows.append((pod, [(None, draining, _OF[source], False), (draining, paused, _OF[source], True)]))
    for pod in sorted(pod for pod, told in moments.items() if f"ACTIVE {epoch}" in told and target in pod):
        told = moments[pod]
        active = told[f"ACTIVE {epoch}"]
        assigned = told.get(f"ASSIGNED {epoch}", active)
        rows.append((pod, [(assigned, active, _OF[target], True), (active, None, _OF[target], False)]))
    return rows


def _rows_of_partitions(folder: Path, epoch: int, source: str, target: str) -> list[_Row]:
    """From the old colour's last record to the new one's first; only where what was handled is kept."""
    if not columns.kept(folder):
        return []
    last: dict[int, float] = {}
    first: dict[int, float] = {}
    with columns.logs_of(folder) as logs:
        for _, line in by_process(logs, CONSUMED):
            if "offset" not in line:
                continue
            partition, moment = line["partition"], line["t"] / 1e9
            if line["color"] == source and line["epoch"] < epoch:
                last[partition] = max(moment, last.get(partition, moment))
            elif line["color"] == target and line["epoch"] == epoch:
                first[partition] = min(moment, first.get(partition, moment))
    return [
        (
            f"partition {partition}",
            [
                (None, last[partition], _OF[source], True),
                (last[partition], first[partition], GREY, False),
                (first[partition], None, _OF[target], True),
            ],
        )
        for partition in sorted(last.keys() & first.keys())
    ]
