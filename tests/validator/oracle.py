"""The specification once more, slowly and obviously: plain loops over lists of lines.

Nothing of the validator is in it.
"""

from collections import defaultdict
from itertools import pairwise
from typing import Any

from tests.validator.generate import Line, Logs


def expected(logs: Logs, producers: frozenset[str], clock_error: int) -> dict[str, Any]:
    """``anomalies``, ``notes``, ``unjudged`` (whether), ``produced``, ``acked``, ``consumed``, ``partitions``."""

    def ours(line: Line) -> bool:
        return not producers or line["producer"] in producers

    lines = [line for log in logs.produced.values() for line in log]
    ends = defaultdict(set)
    for line in lines:
        if "end" in line and ours(line):
            ends[line["producer"]].add(line["end"])
    records = [line for line in lines if "end" not in line]
    produced = [line for line in records if ours(line)]
    files = {name: [line for line in log if ours(line)] for name, log in logs.consumed.items()}
    handled = [line for log in files.values() for line in log]
    foreign = len(records) - len(produced) + sum(map(len, logs.consumed.values())) - len(handled)
    steps = sum(_steps([line["t"] for line in log], clock_error) for log in files.values())
    steps += sum(
        _steps([line["t"] for line in log if "end" not in line and ours(line)], clock_error)
        for log in logs.produced.values()
    )
    phantoms = [_unwarranted(line, produced, lines, ends) for line in handled]
    anomalies = {
        "lost": len({_key(line) for line in produced if _acked(line)} - {_key(line) for line in handled}),
        "phantom": phantoms.count("phantom"),
        "mismatch": sum(
            any(_acked(p) and _position(p) == _position(line) and _key(p) != _key(line) for p in produced)
            for line in handled
        ),
        "duplicate": _duplicates(produced, handled),
        "producer_duplicate": sum(
            len({_position(line) for line in produced if _acked(line) and _key(line) == key}) - 1
            for key in {_key(line) for line in produced if _acked(line)}
        ),
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
        "acked": sum(map(_acked, produced)),
        "consumed": len(handled),
        "partitions": _handoffs(handled),
    }


def _acked(line: Line) -> bool:
    return bool(line["status"] == "acked")


def _key(line: Line) -> tuple[str, int]:
    return line["producer"], line["seq"]


def _place(line: Line) -> tuple[str, int]:
    return line["topic"], line["partition"]


def _position(line: Line) -> tuple[str, int, int]:
    return line["topic"], line["partition"], line["offset"]


def _steps(times: list[int], error: int) -> int:
    steps, highest = 0, -1
    for t in times:
        if highest - t > error:
            steps += 1
            highest = t
        highest = max(highest, t)
    return steps


def _unwarranted(line: Line, produced: list[Line], lines: list[Line], ends: dict[str, set[int]]) -> str:
    fates = [p["status"] for p in produced if _key(p) == _key(line)]
    if "acked" in fates or "unknown" in fates:
        return ""
    wrote = any(other["producer"] == line["producer"] for other in lines)
    if fates or not wrote or line["producer"] in ends:
        return "phantom"
    return "unlogged"


def _duplicates(produced: list[Line], handled: list[Line]) -> int:
    total = 0
    processed = [line for line in handled if "error" not in line]
    for key in {_key(line) for line in processed}:
        mine = [line for line in processed if _key(line) == key]
        acked_at = {_position(line) for line in produced if _acked(line) and _key(line) == key}
        total += len(mine) - max(1, len({_position(line) for line in mine} & acked_at))
    return total


def _out_of_order(log: list[Line]) -> int:
    total = 0
    for index, line in enumerate(log):
        before = [other["offset"] for other in log[:index] if _place(other) == _place(line)]
        total += bool(before) and line["offset"] < max(before) and line["offset"] not in before
    return total


def _late(handled: list[Line], error: int, *, same: bool) -> int:
    return sum(
        any(
            _place(other) == _place(line)
            and other["epoch"] > line["epoch"]
            and (other["color"] == line["color"]) == same
            and line["t"] > other["t"] + error
            for other in handled
        )
        for line in handled
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


def _contradictory(produced: list[Line]) -> bool:
    for key in {_key(line) for line in produced}:
        mine = [line for line in produced if _key(line) == key]
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
