"""Strategy A of the plan, which it does not build: one consumer group, the new colour's members join it, the old one's
leave. A measurement, to be shown beside the strategies that are built.

Nothing of this project is in it: plain members (`experiments/in_pod/plain_consumer.py`), one in each of the pair's
pods, in a group of their own on the pair's topic. With the group protocol `classic` their assignor is
cooperative-sticky; by KIP-848 the broker assigns, for which it is run with `--kafka-config
group.consumer.assignment.interval.ms=0`, and with 1000, its default. The pair itself goes on meanwhile, as it is.

A switch: all members of the new colour are told to join; when every partition has one owner, and each of them has some,
all of the old one's are told to leave. The members are connected before, as a pod is that is Ready. What it takes is
told by the members' own lines (`experiments/one_group.py`).
"""

import json
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from components.names import Color
from components.strategies.parts import Part
from experiments import criteria, fitness, one_group
from experiments.criteria import Observations, none_of
from experiments.lab import Lab, Notes
from experiments.measurements import other
from experiments.plain_group import Line, Member, PlainGroup, command, plain_group
from experiments.records import PRODUCED, objects, write_compressed
from experiments.results import Criterion, Measured
from experiments.scenarios.base import Scenario

_TABLE = "one_group"
_LINES = "plain_lines"
_GROUP = "plain"
_READY_SECONDS = 60.0
_OWNED_SECONDS = 90.0
_AFTER_SECONDS = 3.0
_NS = 1_000_000_000


def perform(lab: Lab, switches: int) -> None:
    lab.spell()
    with plain_group() as group:
        lines: list[Line] = []
        color: Color = "blue"
        old = _begin(lab, group, color, 0)
        _join(old)
        _wait_whole(group, old, lab.settings.partitions)
        _flow(group, old, lab.settings.partitions)
        for number in range(1, switches + 1):
            new = _begin(lab, group, other(color), number)
            row = _switch(lab, group, old, new)
            lines += [line for member in old for line in member.lines]
            lab.notes.tables.setdefault(_TABLE, []).append({"to": other(color), **row})
            seconds = row["switch_seconds"]
            lab.progress.say(f"switch {number}/{switches}: {color} -> {other(color)} in {seconds} s")
            old, color = new, other(color)
    lines += [line for member in old for line in member.lines]
    lab.notes.tables[_LINES] = lines
    lab.spell()


def _begin(lab: Lab, group: PlainGroup, color: Color, number: int) -> list[Member]:
    """The members of a colour, connected and not in the group."""
    part: Part = lab.parts.members
    protocol = lab.settings.own("group_protocol")
    topic = lab.settings.topic
    members = []
    for index in range(lab.settings.replicas):
        pod = part.pod(color, index)
        arguments = [topic, f"{topic}-{_GROUP}", f"{pod}-{number}", protocol]
        members.append(group.begin(command(lab.namespace, pod, part.program.container, arguments), pod))
    group.wait(
        lambda: _lacking(one.pod for one in members if not one.has_said("READY")),
        f"the plain members of {color} to be connected",
        _READY_SECONDS,
    )
    return members


def _join(members: Sequence[Member]) -> None:
    for member in members:
        member.tell("join")


def _switch(lab: Lab, group: PlainGroup, old: Sequence[Member], new: Sequence[Member]) -> dict[str, Any]:
    """One switch, watched until a while after its end."""
    partitions = lab.settings.partitions
    told_at = time.time() + lab.clock_offset
    _join(new)
    _wait_whole(group, [*old, *new], partitions, new)
    joined = time.time() + lab.clock_offset
    for member in old:
        member.tell("leave")
    _wait_whole(group, new, partitions)
    owned = time.time() + lab.clock_offset
    _flow(group, new, partitions)
    ends = int((time.time() + lab.clock_offset) * _NS)
    lines = [[line for member in side for line in member.lines] for side in (old, new)]
    found = one_group.cost(int(told_at * _NS), ends, lines[0], lines[1], partitions)
    costs = asdict(found) if found else {"switch_seconds": None}
    return {
        "joined_seconds": round(joined - told_at, 3),
        "left_seconds": round(owned - joined, 3),
        **costs,
    }


def _wait_whole(group: PlainGroup, members: Sequence[Member], partitions: int, each: Sequence[Member] = ()) -> None:
    """Wait until every partition has one owner among these. each: until these have one at least, besides."""

    def missing() -> str | None:
        owned = sorted(partition for member in members for partition in member.owned)
        if owned != list(range(partitions)):
            return f"owned: {owned}"
        return _lacking(member.pod for member in each if not member.owned)

    group.wait(missing, f"{partitions} partitions to have one plain owner each", _OWNED_SECONDS)


def _lacking(pods: Any) -> str | None:
    return ", ".join(pods) or None


def _flow(group: PlainGroup, members: Sequence[Member], partitions: int) -> None:
    """A while of records on every partition by these. What comes in is part of what is measured: there is nothing else
    to watch for.
    """
    begun = {id(member): len(member.lines) for member in members}

    def missing() -> str | None:
        seen = {
            line["partition"] for member in members for line in member.lines[begun[id(member)] :] if "offset" in line
        }
        none = sorted(set(range(partitions)) - seen)
        return f"none on partitions {none}" if none else None

    group.wait(missing, "a record on every partition by the plain members", _OWNED_SECONDS)
    time.sleep(_AFTER_SECONDS)


def observe(notes: Notes, logs: Path) -> Mapping[str, Measured]:
    """The figures of the switches; what was handled twice, or by nobody. The members' lines are kept with the logs."""
    rows: list[dict[str, Any]] = notes.tables.get(_TABLE, [])
    lines: list[Line] = notes.tables.pop(_LINES, [])
    (logs / _GROUP).mkdir(parents=True, exist_ok=True)
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    write_compressed(logs / _GROUP / "members.jsonl.zst", text.encode())
    seen = [row for row in rows if row["switch_seconds"] is not None]
    found: dict[str, Measured] = {
        "one_group_switches": len(seen),
        "one_group_overlapping": sum(row["both_at_work_seconds"] > 0 for row in seen),
        "one_group_records": sum("offset" in line for line in lines),
        "one_group_duplicates": one_group.duplicates(lines),
        "one_group_unhandled": one_group.unhandled(objects(logs, PRODUCED), lines),
        "one_group_errors": sum("error" in line for line in lines),
    }
    for name in ("switch_seconds", "both_at_work_seconds", "gap_seconds", "silent_seconds"):
        values = [row[name] for row in seen]
        found[f"one_group_{name}_median"] = statistics.median(values) if values else None
        found[f"one_group_{name}_max"] = max(values, default=None)
    return found


def judge(seen: Observations) -> list[Criterion]:
    """That the plain members did switch as often as asked for, and handled everything; how is there to be shown."""
    told, asked = seen.measured, seen.switches_asked
    made, records, unhandled = (told.get(f"one_group_{n}") for n in ("switches", "records", "unhandled"))
    return [
        Criterion("one_group_switches", f"= {asked}", made, made == asked),
        Criterion("one_group_records", "> 0", records, isinstance(records, int) and records > 0),
        none_of("one_group_unhandled", unhandled if isinstance(unhandled, int) else None),
        criteria.spells(seen),
        *criteria.sound(seen),
    ]


SCENARIO = Scenario(
    "one-group",
    "strategy A: the new colour's members join the group, the old one's leave it",
    default_switches=6,
    step=1,
    perform=perform,
    judge=judge,
    needs=fitness.one_group,
    kind="measurement",
    observe=observe,
    reshapes=True,
    shows=(
        "one_group_switch_seconds_median",
        "one_group_switch_seconds_max",
        "one_group_both_at_work_seconds_median",
        "one_group_gap_seconds_max",
        "one_group_silent_seconds_max",
        "one_group_duplicates",
    ),
)
