"""PAUSED or STOPPED as the way of a switch: what each of them takes, and what it leaves. A measurement.

The plan says pause; the protocol stops. Each way is gone on the colour that works, while its agent is away, by the
stack's own control: until Connect tells the state of the connector and of all of its tasks, what was still written
after that, who is still in its consumer group, whether Connect lets the offsets be altered then (they are given the
values that they have), and until it runs and writes again. Then it is switched, by the way of the protocol.
"""

import time
from collections.abc import Mapping
from typing import Any

from components.names import Color
from experiments import connector_lab, criteria, fitness
from experiments.connect import PAUSED, RUNNING, STOPPED, Connect
from experiments.connector_lab import STATE_SECONDS
from experiments.lab import Lab
from experiments.measurements import Distribution
from experiments.results import Measured
from experiments.scenarios.base import Scenario

_TABLE = "ways"
_WAYS = (PAUSED, STOPPED)
_HANDLING_SECONDS = 60.0


def perform(lab: Lab, switches: int) -> None:
    connect = connector_lab.connect_of(lab)
    lab.spell()
    for number in range(1, switches + 1):
        with connector_lab.agent_away(lab, connect, lab.active):
            for way in _WAYS:
                _note(lab, _there_and_back(lab, connect, lab.active, way))
        lab.spell()
        record = lab.switch()
        lab.report(number, switches, record)
        if not record.switched:
            return
        lab.spell()


def _there_and_back(lab: Lab, connect: Connect, color: Color, way: str) -> dict[str, Any]:
    by_resource, begun = connect.by_resource, time.monotonic()
    taken = connect.ask(color, way, by_resource=by_resource)
    connect.wait(color, way, STATE_SECONDS)
    seen, told = time.monotonic() - begun, lab.lag.handled(color)
    quiet = connector_lab.wait_quiet(lab, color)
    group = lab.lag.groups()[color]
    altered = connect.alter_offsets(color, lab.settings.topic, group.committed)
    begun_again = time.monotonic()
    connect.ask(color, RUNNING, by_resource=by_resource)
    connect.wait(color, RUNNING, STATE_SECONDS)
    running = time.monotonic() - begun_again
    handling = running + connector_lab.wait_handling(lab, color, quiet, _HANDLING_SECONDS)
    return {
        "way": way,
        "control": connect.control,
        "color": color,
        "taken_seconds": round(taken, 4),
        "seen_seconds": round(seen, 4),
        "written_after_seen": quiet - told,
        "group_members": group.members,
        "alter_status": altered,
        "running_seconds": round(running, 4),
        "handling_seconds": round(handling, 4),
    }


def _note(lab: Lab, row: dict[str, Any]) -> None:
    rows = lab.notes.tables.setdefault(_TABLE, [])
    rows.append(row)
    lab.notes.measured.update(measurements(rows))
    lab.progress.say(
        f"  {row['color']} {row['way']} in {row['seen_seconds'] * 1000:.0f} ms, running again in "
        f"{row['running_seconds'] * 1000:.0f} ms; {row['group_members']} members left in its group, "
        f"offsets altered: {row['alter_status']}"
    )


def measurements(rows: list[dict[str, Any]]) -> Mapping[str, Measured]:
    """What the result says of it, by way."""
    found: dict[str, Measured] = {}
    for name, way in (("pause", PAUSED), ("stop", STOPPED)):
        own = [row for row in rows if row["way"] == way]
        for figure in ("seen_seconds", "running_seconds", "handling_seconds"):
            spread = Distribution.of([row[figure] for row in own])
            found |= {
                f"{name}_{figure}_median": spread.median if spread else None,
                f"{name}_{figure}_worst": spread.worst if spread else None,
            }
        found |= {
            f"{name}_tried": len(own),
            f"{name}_written_after_seen": sum(row["written_after_seen"] for row in own),
            f"{name}_group_members_max": max((row["group_members"] for row in own), default=None),
            f"{name}_alter_status": ", ".join(sorted({str(row["alter_status"]) for row in own})) or None,
        }
    return found


SCENARIO = Scenario(
    "e-pause-or-stop",
    "PAUSED and STOPPED as the way of a switch",
    default_switches=4,
    step=1,
    perform=perform,
    judge=criteria.measured,
    needs=fitness.connectors,
    kind="measurement",
    shows=(
        "pause_seen_seconds_median",
        "pause_running_seconds_median",
        "pause_group_members_max",
        "pause_alter_status",
        "stop_seen_seconds_median",
        "stop_running_seconds_median",
        "stop_group_members_max",
        "stop_alter_status",
    ),
)
