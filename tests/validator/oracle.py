"""The specification once more, slowly and obviously: plain loops over lists of lines.

Nothing of the validator is in it.
"""

import json
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from tests.validator.generate import Line, Logs

Span = tuple[tuple[str, int], int, int]
"""A place, and its offsets from the first to the last (exclusive)."""


def expected(logs: Logs, producers: frozenset[str], clock_error: int) -> dict[str, Any]:
    """``anomalies``, ``notes``, ``unjudged`` (whether), ``produced``, ``acked``, ``consumed``, ``handled``, and
    ``partitions``; ``refused``: whether the logs are not the whole.
    """

    def ours(line: Line) -> bool:
        return not producers or line["producer"] in producers

    lines = [line for log in logs.produced.values() for line in log]
    ends = defaultdict(set)
    for line in lines:
        if "end" in line and ours(line):
            ends[line["producer"]].add(line["end"])
    records = [line for line in lines if "end" not in line]
    produced = [line for line in records if ours(line)]
    all_handled = {name: [line for line in log if "end" not in line] for name, log in logs.consumed.items()}
    files = {name: [line for line in log if ours(line)] for name, log in all_handled.items()}
    handled = [line for log in files.values() for line in log]
    foreign = len(records) - len(produced) + sum(map(len, all_handled.values())) - len(handled)
    steps = sum(_steps([line["t"] for line in log], clock_error) for log in files.values())
    steps += sum(
        _steps([line["t"] for line in log if "end" not in line and ours(line)], clock_error)
        for log in logs.produced.values()
    )
    steps += sum(_steps([line["t"] for line in log], clock_error) for log in logs.events.values())
    acked = [line for line in produced if _acked(line)]
    seen = set(map(_key, handled))
    gone = [line for line in acked if _key(line) not in seen]
    absent, ignored = _uncovered(logs, acked)
    by_key, by_position = _grouped(produced, _key), _grouped(acked, _position)
    wrote = {line["producer"] for line in lines}
    phantoms = [_unwarranted(line, by_key[_key(line)], wrote, ends) for line in handled]
    anomalies = {
        "lost": len(set(map(_key, gone)))
        + sum(
            not any(_place(line) == place and low <= line["offset"] < high for line in gone)
            for place, low, high in ignored
            if {line["producer"] for line in lines} - ends.keys()
            or any(_place(line) == place and low <= line["offset"] < high for line in acked)
        ),
        "phantom": phantoms.count("phantom"),
        "mismatch": sum(any(_key(p) != _key(line) for p in by_position[_position(line)]) for line in handled),
        "duplicate": _duplicates(by_key, handled),
        "producer_duplicate": sum(len(set(map(_position, mine))) - 1 for mine in _grouped(acked, _key).values()),
        "out_of_order": sum(_out_of_order(log) for log in files.values()),
        "zombie": 0 if steps else _late(handled, clock_error, same=False),
        "dual_active": _dual_active(handled, 10**30 if steps else clock_error),
    }
    cut = _incomplete(produced, ends)
    if cut:
        anomalies = dict.fromkeys(anomalies, 0)
    notes = {
        "unlogged": phantoms.count("unlogged"),
        "unknown": sum(line["status"] == "unknown" for line in produced),
        "foreign": foreign,
        "stale_epoch": 0 if steps else _late(handled, clock_error, same=True),
        "torn": 0,
        "clock_steps": steps,
    }
    return {
        "anomalies": anomalies,
        "notes": notes,
        "unjudged": bool(steps) or _contradictory(produced) or cut,
        "produced": len(produced),
        "acked": len(acked),
        "consumed": len(handled),
        "handled": _by_version(handled),
        "partitions": _handoffs(handled),
        "refused": bool(absent)
        or _twice(logs.produced)
        or _twice(logs.consumed)
        or any(
            line["end"] != len(all_handled[name])
            for name, log in logs.consumed.items()
            for line in log
            if "end" in line
        ),
    }


def _acked(line: Line) -> bool:
    return bool(line["status"] == "acked")


def _key(line: Line) -> tuple[str, int]:
    return line["producer"], line["seq"]


def _place(line: Line) -> tuple[str, int]:
    return line["topic"], line["partition"]


def _position(line: Line) -> tuple[str, int, int]:
    return line["topic"], line["partition"], line["offset"]


def _grouped(lines: list[Line], what: Callable[[Line], Any]) -> dict[Any, list[Line]]:
    """The lines by what is the same of them, in their order; of what no line has, none."""
    found: dict[Any, list[Line]] = defaultdict(list)
    for line in lines:
        found[what(line)].append(line)
    return found


def _steps(times: list[int], error: int) -> int:
    steps, highest = 0, -1
    for t in times:
        if highest - t > error:
            steps += 1
            highest = t
        highest = max(highest, t)
    return steps


def _unwarranted(line: Line, produced: list[Line], wrote: set[str], ends: dict[str, set[int]]) -> str:
    """produced: the lines of the same producer and sequence. wrote: every producer of any line."""
    fates = [p["status"] for p in produced]
    if "acked" in fates or "unknown" in fates:
        return ""
    if fates or line["producer"] not in wrote or line["producer"] in ends:
        return "phantom"
    return "unlogged"


def _duplicates(produced: dict[Any, list[Line]], handled: list[Line]) -> int:
    total = 0
    for key, mine in _grouped([line for line in handled if "error" not in line], _key).items():
        acked_at = {_position(line) for line in produced[key] if _acked(line)}
        total += len(mine) - max(1, len({_position(line) for line in mine} & acked_at))
    return total


def _out_of_order(log: list[Line]) -> int:
    total = 0
    for mine in _grouped(log, _place).values():
        offsets = [line["offset"] for line in mine]
        for index, offset in enumerate(offsets):
            before = offsets[:index]
            total += bool(before) and offset < max(before) and offset not in before
    return total


def _late(handled: list[Line], error: int, *, same: bool) -> int:
    return sum(
        any(
            other["epoch"] > line["epoch"]
            and (other["color"] == line["color"]) == same
            and line["t"] > other["t"] + error
            for other in mine
        )
        for mine in _grouped(handled, _place).values()
        for line in mine
    )


def _dual_active(handled: list[Line], error: int) -> int:
    """Epochs with a record that came after one of a newer epoch of the other colour, and epochs with two colours."""
    return len(
        {
            line["epoch"]
            for line in handled
            for other in handled
            if other["color"] != line["color"]
            and (other["epoch"] == line["epoch"] or (other["epoch"] > line["epoch"] and line["t"] > other["t"] + error))
        }
    )


def _process(name: str) -> str:
    return name.partition(".jsonl")[0]


def _twice(files: dict[str, list[Line]]) -> bool:
    """The same process (no name here has parts, or is in a folder), or the same content with a record in it."""
    processes = list(map(_process, files))
    contents = [json.dumps(log) for log in files.values() if any("end" not in line for line in log)]
    return len(set(processes)) < len(processes) or len(set(contents)) < len(contents)


def _uncovered(logs: Logs, acked: list[Line]) -> tuple[list[Span], list[Span]]:
    """What was committed beyond lines, starts and ends, where it is about acked offsets: of cut logs, of whole logs."""
    absent: list[Span] = []
    ignored: list[Span] = []
    for name, events in logs.events.items():
        log = next((log for other, log in logs.consumed.items() if _process(other) == _process(name)), [])
        each = [
            (kind["event"], at, (t, p), o[0] if o else None)
            for at, kind in enumerate(events)
            for t, p, *o in kind["partitions"]
        ]
        for place in {place for _, _, place, _ in each}:
            mine = [(kind, at, offset) for kind, at, found, offset in each if found == place]
            mine += [("LOST", at, None) for at, kind in enumerate(events) if kind["event"] in {"LOST", "FENCED"}]
            passed = [line["offset"] + 1 for line in log if "end" not in line and _place(line) == place]
            passed += [offset for kind, _, offset in mine if kind == "END" and offset is not None]
            beyond = []
            for kind, at, offset in mine:
                if kind != "COMMITTED" or offset is None:
                    continue
                turns = [(other, kind) for kind, other, _ in mine if other < at and kind not in {"COMMITTED", "END"}]
                holds = bool(turns) and max(turns)[1] == "ASSIGNED"
                starts = [
                    o for kind, other, o in mine if kind == "ASSIGNED" and o is not None and (other < at or not holds)
                ]
                covered = max([0, *passed, *starts])
                if offset > covered:
                    beyond.append((covered, offset))
            if beyond:
                low, high = min(low for low, _ in beyond), max(high for _, high in beyond)
                offsets = [line["offset"] for line in acked if _place(line) == place]
                if offsets and low <= max(offsets) and high > min(offsets):
                    whole = any("end" in line for line in log)
                    (ignored if whole else absent).append((place, low, high))
    return absent, ignored


def _by_version(handled: list[Line]) -> dict[str, dict[str, dict[str, int]]]:
    found: dict[str, dict[str, dict[str, int]]] = {}
    for line in handled:
        counts = found.setdefault(line["color"], {}).setdefault(line.get("version", ""), {"handled": 0, "failed": 0})
        counts["handled"] += 1
        counts["failed"] += "error" in line
    return found


def _contradictory(produced: list[Line]) -> bool:
    for mine in _grouped(produced, _key).values():
        if len(mine) > 1 and len({_position(line) for line in mine if _acked(line)}) < len(mine):
            return True
    return False


def _incomplete(produced: list[Line], ends: dict[str, set[int]]) -> bool:
    return any(
        {line["seq"] for line in produced if line["producer"] == producer} != set(range(next(iter(found))))
        or len(found) > 1
        for producer, found in ends.items()
    )


def _handoffs(handled: list[Line]) -> dict[str, list[dict[str, Any]]]:
    """Only for logs in which every epoch has one colour; others are left out of the comparison."""
    tenures: list[tuple[str, list[int]]] = []
    for epoch in sorted({line["epoch"] for line in handled}):
        color = next(line["color"] for line in handled if line["epoch"] == epoch)
        if tenures and tenures[-1][0] == color:
            tenures[-1][1].append(epoch)
        else:
            tenures.append((color, [epoch]))
    found: dict[str, list[dict[str, Any]]] = {}
    for (old, before), (new, after) in pairwise(tenures):
        for place in sorted({_place(line) for line in handled}):
            a = [line["t"] for line in handled if _place(line) == place and line["epoch"] in before]
            b = [line["t"] for line in handled if _place(line) == place and line["epoch"] in after]
            if not a or not b:
                continue
            steps = len(a) + len(b) - 2
            found.setdefault(f"{place[0]}-{place[1]}", []).append(
                {
                    "from_epoch": before[-1],
                    "to_epoch": after[0],
                    "from": old,
                    "to": new,
                    "gap_seconds": (min(b) - max(a)) / 1e9,
                    "spacing_seconds": (max(a) - min(a) + max(b) - min(b)) / steps / 1e9 if steps else None,
                }
            )
    return found
