"""What a switch between two groups is without any of this: the runbook. A measurement, to be shown beside strategy B.

The old colour is scaled to 0, the committed offsets are copied to the new colour's group by command, and the new colour
is scaled up; there and back as often as asked for. Each step is begun when the one before is seen to be done, without a
person's pauses between them. All by hand (kubectl), on the pods, topic and groups of strategy B's stack.

The switch does not wait for lag: nobody of the old colour is there to tell a position.

Two things are not of the runbook, and the result says what they take:

- this application starts only when it is granted to: the switch object is asked for the new colour as soon as its pods
  are Ready (`runbook_grant_seconds`);
- it trusts the epoch in a commit more than who wrote last, and offsets that a command has copied bear none; so it finds
  the old colour's position for itself. `runbook_copies_off` counts the partitions where the copy is another position.
"""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from components.names import COLORS, Color
from experiments import criteria, fitness, groups, offsets, switching
from experiments.cluster import LiveSwitch
from experiments.errors import ExperimentError
from experiments.lab import Lab, Notes
from experiments.measurements import SwitchRecord, other
from experiments.results import Measured
from experiments.scenarios.base import Scenario

_TABLE = "runbook"
_ASSIGNED = "Assigned"
_STANDING_BY_SECONDS = 60.0
# A member that is gone without a word is out of its group so long after its session timeout at the latest.
_LEFT_SECONDS = 30.0
STEPS = ("scale_down", "copy", "scale_up", "grant")


def perform(lab: Lab, switches: int) -> None:
    names = lab.cluster.switch(lab.namespace).groups
    try:
        _take_away(lab, other(lab.active))
        _there_and_back(lab, switches, names)
    except BaseException:
        # The next run repairs what cannot be put back here.
        with suppress(ExperimentError):
            _put_back(lab)
        raise
    _put_back(lab)
    lab.wait_pods(lab.whole)


def _there_and_back(lab: Lab, switches: int, names: Mapping[str, str]) -> None:
    lab.spell()
    for number in range(1, switches + 1):
        waiting = names[other(lab.active)]
        # In a runbook the new colour's group was left long ago; waiting for that is none of its steps.
        with lab.progress.step(f"consumer group {waiting} without members"):
            longest = int(lab.settings.own("session_timeout_seconds")) + _LEFT_SECONDS
            groups.wait_empty(lab.namespace, waiting, longest)
        record = _switch(lab, names)
        lab.report(number, switches, record)
        if not record.switched:
            return
        lab.spell()


def _put_back(lab: Lab) -> None:
    for color in COLORS:
        lab.resize(color, lab.settings.replicas)
    lab.guard.check({lab.sized(color): 1 for color in COLORS})


def _take_away(lab: Lab, color: Color) -> None:
    lab.guard.check()
    lab.resize(color, 0)
    lab.guard.check({lab.sized(color): 1})
    lab.wait_pods({color: 0})


def _switch(lab: Lab, names: Mapping[str, str]) -> SwitchRecord:
    """The runbook once. The time of the switch counts from its first command."""
    source, target = lab.active, other(lab.active)
    begun_at, moments = time.time(), [time.monotonic()]
    _take_away(lab, source)
    moments.append(time.monotonic())
    copied = groups.copy_offsets(
        lab.namespace, names[source], names[target], lab.settings.topic, lab.settings.partitions
    )
    moments.append(time.monotonic())
    lab.resize(target, lab.settings.replicas)
    lab.guard.check({lab.sized(target): 1})
    lab.wait_pods({target: lab.settings.replicas})
    _wait_standing_by(lab, target)
    moments.append(time.monotonic())
    granted = switching.by_patch(lab)
    moments.append(moments[-1] + granted.up_seconds)
    record = replace(switching.level(lab, granted), commanded_at=begun_at, up_seconds=moments[-1] - moments[0])
    lab.note(record)
    seconds = {step: round(moments[n + 1] - moments[n], 3) for n, step in enumerate(STEPS)}
    lab.progress.say(f"  {', '.join(f'{step} {took:.1f} s' for step, took in seconds.items())}")
    row = {"direction": record.direction, "epoch": record.last.epoch if record.last else None, **seconds}
    lab.notes.tables.setdefault(_TABLE, []).append({**row, "copied": copied})
    for step, took in seconds.items():
        key = f"runbook_{step}_seconds_max"
        lab.notes.measured[key] = max(took, float(lab.notes.measured.get(key) or 0.0))
    return record


def _wait_standing_by(lab: Lab, color: Color) -> None:
    """Wait until the switch's status says of every member of a colour that it is there, PAUSED, and what its group has
    given it: it is Ready a moment before, and a switch asked for then would be refused.
    """

    def missing(live: LiveSwitch) -> str | None:
        own = [member for member in live.raw.get("status", {}).get("members", []) if member["color"] == color]
        paused = [member for member in own if member["state"] == "PAUSED"]
        owned = sorted(partition for member in paused for partition in member["partitions"])
        if len(own) != lab.settings.replicas or len(paused) != len(own):
            return f"{len(paused)} of {lab.settings.replicas} {color} members are PAUSED"
        # What stands by outside of its group owns nothing; what is a member of it owns everything between them.
        allowed = [list(range(lab.settings.partitions))] + (
            [] if live.raw["spec"].get("standby") == _ASSIGNED else [[]]
        )
        return None if owned in allowed else f"{color} owns partitions {owned}"

    lab.cluster.wait_switch(lab.namespace, missing, f"{color} to stand by", _STANDING_BY_SECONDS)


def observe(notes: Notes, logs: Path) -> Mapping[str, Measured]:
    """In how many partitions the copied offset was not where the old colour left off, by its own events."""
    left = {(one.epoch, one.partition): one.committed for one in offsets.of(logs)}
    copies = [(row["epoch"], row["copied"]) for row in notes.tables.get(_TABLE, [])]
    off = [
        partition
        for epoch, copied in copies
        for partition, offset in copied.items()
        if left.get((epoch, partition), offset) != offset
    ]
    return {"runbook_copies_off": len(off)}


SCENARIO = Scenario(
    "b-runbook",
    "the runbook: scale down, copy offsets by command, scale up",
    default_switches=2,
    step=1,
    perform=perform,
    judge=criteria.measured,
    needs=fitness.a_group_each,
    configuration={"lagPolicy": "immediate"},
    kind="measurement",
    observe=observe,
    shows=(
        "runbook_scale_down_seconds_max",
        "runbook_copy_seconds_max",
        "runbook_scale_up_seconds_max",
        "runbook_grant_seconds_max",
        "runbook_copies_off",
    ),
)
