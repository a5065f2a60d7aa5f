"""Logs for tests: a clean one, and for every class one that has exactly that anomaly.

Also by hand: ``python -m tests.validator.generate CLASS FOLDER`` (or ``clean``, or a note), to look at one.
"""

import copy
import gzip
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zstandard

Line = dict[str, Any]

PARTITIONS = 3
RECORDS = 60  # of each producer
TENURES = ((1, "blue"), (3, "green"), (5, "green"), (7, "blue"))
START = 1_760_000_000_000_000_000
STEP = 10_000_000  # 10 ms between records
_UNKNOWN_HANDLED, _UNKNOWN_GONE, _FAILED = 7, 11, 13  # seqs of p0 with another fate


@dataclass
class Logs:
    """Lines by file name, in their order. ``tails`` are bytes after the last line of a file."""

    produced: dict[str, list[Line]] = field(default_factory=dict)
    consumed: dict[str, list[Line]] = field(default_factory=dict)
    events: dict[str, list[Line]] = field(default_factory=dict)
    tails: dict[str, bytes] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write them below ``folder``: ``produced/``, ``consumed/``, ``events/``."""
        for side in ("produced", "consumed", "events"):
            shutil.rmtree(folder / side, ignore_errors=True)
            (folder / side).mkdir(parents=True)
            for name, lines in getattr(self, side).items():
                text = "".join(json.dumps(line) + "\n" for line in lines).encode() + self.tails.get(name, b"")
                (folder / side / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / side / name).write_bytes(compressed(name, text))

    def handled(self, producer: str, seq: int) -> tuple[str, int]:
        """The file and the index of the line of a record that was handled once."""
        found = [
            (name, index)
            for name, lines in self.consumed.items()
            for index, line in enumerate(lines)
            if (line["producer"], line["seq"]) == (producer, seq)
        ]
        assert len(found) == 1
        return found[0]

    def line(self, producer: str, seq: int) -> Line:
        """The line of a record that was handled once."""
        name, index = self.handled(producer, seq)
        return self.consumed[name][index]


def compressed(name: str, content: bytes) -> bytes:
    """As the name's suffix says."""
    if name.endswith(".gz"):
        return gzip.compress(content)
    if name.endswith(".zst"):
        return zstandard.ZstdCompressor().compress(content)
    return content


def clean() -> Logs:
    """Two producers, three partitions, one pod a colour, four epochs, a hand-off at 1 -> 3 and at 5 -> 7.

    Fates other than acked, a record whose processing failed, and a producer that was killed: nothing of that is wrong.
    """
    logs = Logs(consumed={"consumer-blue-0.a.jsonl": [], "consumer-green-0.b.jsonl": []})
    offsets = [0] * PARTITIONS
    for number in range(2 * RECORDS):
        producer, seq = f"p{number % 2}", number // 2
        partition = number % PARTITIONS
        t = START + number * STEP
        status = "acked"
        if producer == "p0" and seq in {_UNKNOWN_HANDLED, _UNKNOWN_GONE, _FAILED}:
            status = "failed" if seq == _FAILED else "unknown"
        reached = status == "acked" or (producer, seq) == ("p0", _UNKNOWN_HANDLED)
        offset = offsets[partition]
        acked = status == "acked"
        logs.produced.setdefault(f"{producer}.jsonl", []).append(
            {
                "producer": producer,
                "seq": seq,
                "topic": "bluegreen",
                "partition": partition if acked else None,
                "offset": offset if acked else None,
                "status": status,
                "t": t,
            }
        )
        if not reached:
            continue
        offsets[partition] += 1
        epoch, color = TENURES[number * len(TENURES) // (2 * RECORDS)]
        name = "consumer-blue-0.a.jsonl" if color == "blue" else "consumer-green-0.b.jsonl"
        line = {
            "color": color,
            "pod": name.partition(".")[0],
            "epoch": epoch,
            "producer": producer,
            "seq": seq,
            "topic": "bluegreen",
            "partition": partition,
            "offset": offset,
            "t": t + STEP // 2,
        }
        if number == 50:
            line["error"] = "asked to fail"
        logs.consumed[name].append(line)
    logs.produced["p0.jsonl"].append({"producer": "p0", "end": RECORDS})
    return logs


VERSIONS = {"blue": "1.0", "green": "2"}


def told(logs: Logs) -> Logs:
    """With all that our consumers write besides: versions, lifecycle events with what was committed, end lines."""
    for name, lines in logs.consumed.items():
        for line in lines:
            line["version"] = VERSIONS[line["color"]]
        logs.events[name] = events_of(name, lines)
        lines.append({"pod": name.partition(".")[0], "end": len(lines)})
    return logs


def events_of(name: str, lines: list[Line]) -> list[Line]:
    """The events of the process that wrote these lines: for each epoch the starts, then each record's commit."""
    events: list[Line] = []
    epoch = -1

    def add(event: str, places: list[list[Any]], line: Line) -> None:
        who = {"color": line["color"], "pod": name.partition(".")[0], "version": VERSIONS[line["color"]]}
        events.append({**who, "epoch": line["epoch"], "event": event, "partitions": places, "t": line["t"]})

    for index, line in enumerate(lines):
        if line["epoch"] != epoch:
            if epoch >= 0:
                add("PAUSED", [["bluegreen", partition] for partition in range(PARTITIONS)], lines[index - 1])
            epoch = line["epoch"]
            starts: dict[int, int] = {}
            for other in lines[index:]:
                if other["epoch"] == epoch:
                    starts.setdefault(other["partition"], other["offset"])
            add("ASSIGNED", [["bluegreen", partition] for partition in range(PARTITIONS)], line)
            add("ASSIGNED", [["bluegreen", partition, offset] for partition, offset in starts.items()], line)
        add("COMMITTED", [["bluegreen", line["partition"], line["offset"] + 1]], line)
    return events


# What changes the clean log into one with exactly one anomaly, by class; several ways where a class has several.
# A record of the killed producer p1 is lost like any other; only what it did not write down is a note.


def _lost(logs: Logs) -> None:
    name, index = logs.handled("p1", 20)
    del logs.consumed[name][index]


def _phantom_failed(logs: Logs) -> None:
    _handle_more(logs, "p0", _FAILED)


def _phantom_beyond_the_end(logs: Logs) -> None:
    _handle_more(logs, "p0", RECORDS)


def _phantom_of_nobody(logs: Logs) -> None:
    _handle_more(logs, "nobody", 0)


def _mismatch(logs: Logs) -> None:
    """A record that was acked twice (which is counted as well) cannot show it alone: two change places, so two."""
    one, other = logs.line("p0", 15), logs.line("p0", 18)
    assert one["partition"] == other["partition"]
    one["seq"], other["seq"] = other["seq"], one["seq"]


def _duplicate(logs: Logs) -> None:
    again = copy.deepcopy(logs.line("p0", 55))
    lines = logs.consumed["consumer-blue-0.a.jsonl"]
    lines.append({**again, "t": lines[-1]["t"] + STEP})


def _duplicate_across_colors(logs: Logs) -> None:
    """Handled by green as its last, and by blue once more as its first."""
    last = logs.consumed["consumer-green-0.b.jsonl"][-1]
    lines = logs.consumed["consumer-blue-0.a.jsonl"]
    first = next(index for index, line in enumerate(lines) if line["epoch"] == 7)
    lines.insert(first, {**last, "color": "blue", "pod": "consumer-blue-0", "epoch": 7, "t": lines[first]["t"] - 1})


def _producer_duplicate(logs: Logs) -> None:
    line = next(line for line in logs.produced["p0.jsonl"] if line["seq"] == RECORDS - 1)
    again = {**line, "offset": 1000, "t": line["t"] + 1}
    logs.produced["p0.jsonl"].insert(-1, again)
    handled = logs.consumed["consumer-blue-0.a.jsonl"]
    at = {key: again[key] for key in ("producer", "seq", "topic", "partition", "offset")}
    handled.append({**handled[-1], **at, "t": handled[-1]["t"] + STEP})


def _out_of_order(logs: Logs) -> None:
    name, index = logs.handled("p0", 21)
    lines = logs.consumed[name]
    other = index + PARTITIONS
    assert lines[index]["partition"] == lines[other]["partition"]
    for key in ("producer", "seq", "offset"):
        lines[index][key], lines[other][key] = lines[other][key], lines[index][key]


def _zombie(logs: Logs) -> None:
    """Green's under 3, after blue's 7 had begun on that partition: two colours at a time, too."""
    last = [line for line in logs.consumed["consumer-green-0.b.jsonl"] if line["epoch"] == 3][-1]
    last["t"] = max(line["t"] for lines in logs.consumed.values() for line in lines) + STEP
    _own_file(logs, last)


def _dual_active(logs: Logs) -> None:
    """The last record of blue a moment after the first of green, on another partition."""
    blue = [line for line in logs.consumed["consumer-blue-0.a.jsonl"] if line["epoch"] == 1][-1]
    green = logs.consumed["consumer-green-0.b.jsonl"][0]
    assert blue["partition"] != green["partition"]
    blue["t"] = green["t"] + 1


def _dual_active_beyond_the_next_epoch(logs: Logs) -> None:
    """Green's last under 3 a moment after blue's first under 7, elsewhere; 5 lies between."""
    after = [line for line in logs.consumed["consumer-blue-0.a.jsonl"] if line["epoch"] == 7]
    late = [line for line in logs.consumed["consumer-green-0.b.jsonl"] if line["epoch"] == 3]
    last = [line for line in late if line["partition"] == after[PARTITIONS - 1]["partition"]][-1]
    last["t"] = after[0]["t"] + 1
    _own_file(logs, last)


def _dual_active_in_one_epoch(logs: Logs) -> None:
    """Blue's last record of its first tenure bears green's epoch."""
    blue = [line for line in logs.consumed["consumer-blue-0.a.jsonl"] if line["epoch"] == 1][-1]
    blue["epoch"] = 3


def _unlogged(logs: Logs) -> None:
    _handle_more(logs, "p1", RECORDS)


def _foreign(logs: Logs) -> None:
    _handle_more(logs, "an older run", 5)


def _stale_epoch(logs: Logs) -> None:
    last = [line for line in logs.consumed["consumer-green-0.b.jsonl"] if line["epoch"] == 3][-1]
    last["t"] += 2 * PARTITIONS * STEP
    _own_file(logs, last)


def _torn(logs: Logs) -> None:
    logs.tails["consumer-green-0.b.jsonl"] = b'{"color": "green", "pod": "consumer-gr'


def _clock_steps(logs: Logs) -> None:
    logs.consumed["consumer-blue-0.a.jsonl"][10]["t"] += 5 * STEP


def _handle_more(logs: Logs, producer: str, seq: int) -> None:
    """A handled line at the end of the log that the produced logs know nothing of."""
    lines = logs.consumed["consumer-blue-0.a.jsonl"]
    highest = max(line["offset"] for every in logs.consumed.values() for line in every)
    lines.append({**lines[-1], "producer": producer, "seq": seq, "offset": highest + 1, "t": lines[-1]["t"] + STEP})


def _own_file(logs: Logs, line: Line) -> None:
    """To a pod of its own, so that in no file time goes back."""
    for lines in logs.consumed.values():
        if line in lines:
            lines.remove(line)
    logs.consumed["consumer-green-1.c.jsonl"] = [{**line, "pod": "consumer-green-1"}]


Change = Callable[[Logs], None]
ANOMALIES: dict[str, tuple[tuple[Change, int], ...]] = {
    "lost": ((_lost, 1),),
    "phantom": ((_phantom_failed, 1), (_phantom_beyond_the_end, 1), (_phantom_of_nobody, 1)),
    "mismatch": ((_mismatch, 2),),
    "duplicate": ((_duplicate, 1), (_duplicate_across_colors, 1)),
    "producer_duplicate": ((_producer_duplicate, 1),),
    "out_of_order": ((_out_of_order, 1),),
    "zombie": ((_zombie, 1),),
    "dual_active": ((_dual_active, 1), (_dual_active_in_one_epoch, 1), (_dual_active_beyond_the_next_epoch, 1)),
}
NOTES: dict[str, Change] = {
    "unlogged": _unlogged,
    "foreign": _foreign,
    "stale_epoch": _stale_epoch,
    "torn": _torn,
    "clock_steps": _clock_steps,
}


def with_anomaly(change: Change) -> Logs:
    """The clean log, changed."""
    logs = clean()
    change(logs)
    return logs


def main(arguments: list[str]) -> None:
    name, folder = arguments
    logs = clean()
    if name in ANOMALIES:
        ANOMALIES[name][0][0](logs)
    elif name != "clean":
        NOTES[name](logs)
    logs.write(Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
