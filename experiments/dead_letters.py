"""What connectors skipped, by their dead-letter queue, as lines of the consumed logs: a record that was handled with an
error.

The sink never saw such a record, so no recorder has a line for it, and without these it would count as lost. The queue
says which connector skipped it, and where it came from; not under which epoch. That follows from the offsets: an agent
writes down where each grant begins (event ASSIGNED), grants begin one behind the other, so a record belongs to the
newest grant of its colour that begins at or below it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from components.names import SETTINGS_DIRECTORY, SETTINGS_FILE, Color
from experiments.errors import CollectionError
from experiments.kubectl import output_of
from experiments.producer import CONTAINER, POD
from experiments.records import CONSUMED, EVENTS, objects, write_compressed

_PROGRAM = Path(__file__).parent / "in_pod" / "dead_letters.py"
_MAKE_SECONDS, _READ_SECONDS = 60.0, 120.0
_MS = 1_000_000

Begins = Mapping[tuple[str, int], Sequence[tuple[int, int]]]
"""(topic, partition) -> (first offset, epoch) of each grant of a colour."""


def queue(stack: str) -> str:
    """The topic that a stack's connectors skip to; it goes with the stack's others."""
    return f"{stack}-dead-letters"


def make(stack: str) -> None:
    """Have the queue there, if it is not, and have it say when a record came. Raises CollectionError."""
    _run(stack, ["make", _settings(), queue(stack)], _MAKE_SECONDS)


def keep(stack: str, connectors: Mapping[Color, str], *, producers: Sequence[str], since_ns: int, logs: Path) -> int:
    """Add to a run's record logs what its connectors have skipped of these producers since a moment; how much it was.

    Raises CollectionError for a queue that was not read whole, and for a record of which nobody knows the grant.
    """
    lines = _lines(_run(stack, ["read", _settings(), queue(stack), str(since_ns // _MS)], _READ_SECONDS))
    own = [line for line in lines if line["producer"] in set(producers)]
    events = list(objects(logs, EVENTS)) if own else []
    count = 0
    for color, connector in connectors.items():
        found = [line for line in own if line["connector"] == connector]
        if found:
            text = "".join(f"{json.dumps(line)}\n" for line in as_handled(found, color, begins(events, color)))
            write_compressed(logs / CONSUMED / f"dead-letters-{color}.queue.jsonl.zst", text.encode())
            count += len(found)
    return count


def begins(events: Iterable[Mapping[str, Any]], color: Color) -> Begins:
    """Where each grant of a colour begins, by its agent's events; one without an offset begins at the beginning."""
    found: dict[tuple[str, int], list[tuple[int, int]]] = {}
    for event in events:
        if event["event"] == "ASSIGNED" and event["color"] == color:
            for topic, partition, *offset in event["partitions"]:
                found.setdefault((topic, partition), []).append((offset[0] if offset else 0, int(event["epoch"])))
    return found


def as_handled(letters: Iterable[Mapping[str, Any]], color: Color, grants: Begins) -> list[dict[str, Any]]:
    """Lines of a consumed log, with the one that ends it. Raises CollectionError."""
    made: list[dict[str, Any]] = []
    for letter in letters:
        place = letter["topic"], letter["partition"]
        epochs = [epoch for first, epoch in grants.get(place, ()) if first <= letter["offset"]]
        if not epochs:
            raise CollectionError(
                f"{letter['connector']} skipped {place[0]}-{place[1]} at {letter['offset']}, and no event says under "
                f"which grant: is the log of {color}'s agent there?"
            )
        made.append(
            {
                "color": color,
                "pod": f"{letter['connector']}-{letter['task']}",
                "epoch": max(epochs),
                "producer": letter["producer"],
                "seq": letter["seq"],
                "topic": place[0],
                "partition": place[1],
                "offset": letter["offset"],
                "t": letter["t"] * _MS,
                "error": letter["error"],
            }
        )
    return [*made, {"pod": f"dead-letters-{color}", "end": len(made)}]


def _lines(output: bytes) -> list[dict[str, Any]]:
    try:
        *lines, last = map(json.loads, output.splitlines())
        whole = last.get("end") == len(lines)
    except (ValueError, AttributeError) as error:
        raise CollectionError(f"what was read of the dead-letter queue is cut short: {error!r}") from error
    if not whole:
        raise CollectionError(f"the dead-letter queue was not read whole: {len(lines)} lines, and then {last}")
    return lines


def _run(stack: str, arguments: Sequence[str], seconds: float) -> bytes:
    return output_of(stack, POD, CONTAINER, ["python3", "-c", _PROGRAM.read_text(), *arguments], seconds=seconds)


def _settings() -> str:
    return f"{SETTINGS_DIRECTORY}/{SETTINGS_FILE}"
