"""A pair that lives: under flow it gets a new image, other numbers of pods, more partitions and, each with a switch,
other ways into its group; and a plain switch after each of them.

What is looked at is what each change costs: whether `pulumi up` returns well, what is lost and handled twice, and the
longest time that a partition had nobody at work on it. The last is judged where pods or partitions are added or taken
away and nobody is restarted (design §4, *Shape*). Where a colour's number is in what its pods are configured with, as
in strategies B and E, another one comes with a switch, and what it costs is a switch's.

Where members have the work done by others, as a connector's agent has, their events do not tell who is at work on a
partition: there it is the longest time in which one had no record handled, which may last as long as a switch.

A change that failed ends the run's changes: what comes after it would measure something else.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from components.settings import StrategySettings
from experiments import criteria, ownership
from experiments.criteria import Observations, below
from experiments.lab import Lab, Notes
from experiments.ownership import Window
from experiments.records import CONSUMED, EVENTS, PRODUCED, objects
from experiments.results import Criterion, Measured
from experiments.scenarios.base import Scenario
from experiments.scenarios.normal_switch import new_version
from experiments.standstill import Records, longest_silence

_TABLE = "changes"
_UNOWNED_LIMIT_SECONDS = 0.5
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is done to the pair. values: the keys that it sets. switches: the other colour is to be active,
    too. resizes: it adds pods or partitions, or takes pods away.
    """

    name: str
    values: Mapping[str, Any] = field(default_factory=dict)
    switches: bool = False
    resizes: bool = False


_SWITCH = Change("switch", switches=True)


def changes(settings: StrategySettings, version: Mapping[str, Any]) -> Iterator[Change]:
    """What is done to a pair of these settings, in order.

    version: the keys of a colour's new version.
    """
    replicas, partitions = settings.replicas, settings.partitions
    yield Change("new version of green", {"green": version})
    yield _SWITCH
    # The most at the end: the logs of those that were taken away are on their volumes, and come back with them.
    for before, after in ((replicas, replicas + 2), (replicas + 2, replicas - 1), (replicas - 1, replicas + 2)):
        name, values = f"replicas {before} to {after}", {"replicas": after}
        if settings.numbers_may_differ:
            yield Change(name, values, resizes=True)
        else:
            yield Change(f"{name}, with a switch", values, switches=True)
        yield _SWITCH
    yield Change(f"partitions {partitions} to {2 * partitions}", {"partitions": 2 * partitions}, resizes=True)
    yield _SWITCH
    for attribute, key, other in (
        ("group_protocol", "groupProtocol", "consumer"),
        ("membership", "membership", "leave-join"),
    ):
        if (own := settings.own(attribute)) and own != other:
            for here, there in ((own, other), (other, own)):
                yield Change(f"{key} {here} to {there}, with a switch", {key: there}, switches=True)
                yield _SWITCH


def perform(lab: Lab, switches: int) -> None:
    planned = list(changes(lab.settings, new_version(lab)))
    lab.notes.measured |= {"changes_planned": len(planned), "members_at_work": int(lab.parts.workers is None)}
    lab.spell()
    for number, change in enumerate(planned, 1):
        row = _carry_out(lab, change)
        lab.progress.say(
            f"{number}/{len(planned)} {change.name}: {row['error'] or 'done'}, up {row['up_seconds']:.2f} s"
        )
        lab.notes.tables.setdefault(_TABLE, []).append(row)
        if row["error"] is not None or len(lab.notes.switches) == switches:
            return
        lab.spell()


def _carry_out(lab: Lab, change: Change) -> dict[str, Any]:
    """A row about a change: what it was, when it began by the cluster's clock, and how it ended."""
    offset = lab.clock_offset
    begun = time.time() + offset
    if change.switches:
        record = lab.switch(reshapes=bool(change.values), **change.values)
        error, seconds = None if record.switched else record.error or record.outcome, record.up_seconds
    else:
        update = lab.reshape(**change.values)
        error, seconds = update.error, update.seconds
    return {
        "change": change.name,
        "resizes": change.resizes,
        "begun_ns": int(begun * _NS),
        "up_seconds": round(seconds, 3),
        "error": error,
    }


def observe(notes: Notes, logs: Path) -> Mapping[str, Measured]:
    """What each change cost, by the record logs; it is in the table, too."""
    rows: list[dict[str, Any]] = notes.tables.get(_TABLE, [])
    produced, consumed, windows = list(objects(logs, PRODUCED)), list(objects(logs, CONSUMED)), _windows(rows)
    records, told = Records(produced, consumed), bool(notes.measured.get("members_at_work", 1))
    found = ownership.costs(windows, objects(logs, EVENTS), produced, consumed)
    for row, window, cost in zip(rows, windows, found, strict=True):
        row.update(asdict(cost), silent_seconds=longest_silence(records.within(window)) or 0.0)
        if not told:
            row.update(unowned_seconds=None, partition=None)
    resizing = [row for row in rows if row["resizes"]]
    return {
        "changes_made": sum(row["error"] is None for row in rows),
        "unowned_seconds_max": _longest(rows, "unowned_seconds"),
        "unowned_seconds_max_resizing": _longest(resizing, "unowned_seconds"),
        "silent_seconds_max": _longest(rows, "silent_seconds"),
        "silent_seconds_max_resizing": _longest(resizing, "silent_seconds"),
        "change_up_seconds_max": max((row["up_seconds"] for row in rows), default=None),
    }


def _windows(rows: Sequence[Mapping[str, Any]]) -> list[Window]:
    """Each from its change to the next one."""
    begins = [row["begun_ns"] for row in rows]
    return [Window(begun, ends) for begun, ends in zip(begins, [*begins[1:], time.time_ns()], strict=False)]


def _longest(rows: Sequence[Mapping[str, Any]], name: str) -> float | None:
    return max((round(row[name], 6) for row in rows if row[name] is not None), default=None)


def judge(seen: Observations) -> list[Criterion]:
    planned, made = seen.measured.get("changes_planned"), seen.measured.get("changes_made")
    name, limit = "unowned_seconds_max_resizing", _UNOWNED_LIMIT_SECONDS
    if seen.measured.get("members_at_work") == 0:
        name, limit = "silent_seconds_max_resizing", seen.limits.switch_seconds
    longest = seen.measured.get(name)
    return [
        Criterion("changes_made", f"= {planned}", made, made is not None and made == planned),
        below(name, longest if isinstance(longest, float) else None, limit),
        criteria.spells(seen),
        *criteria.sound(seen),
    ]


SCENARIO = Scenario(
    "shape",
    "a pair that lives: new version, other sizes, other ways into the group",
    default_switches=13,
    step=1,
    perform=perform,
    judge=judge,
    observe=observe,
    reshapes=True,
    configuration={"blue": {"version": "1"}, "green": {"version": "1"}},
)
