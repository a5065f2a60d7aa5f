"""Does a pause outlive its workers? Connect keeps what was asked for in its config topic. A measurement.

Each time, of both states that a connector can be asked for:

- the colour that waits is STOPPED, as the protocol leaves it;
- the colour that works is PAUSED, by the stack's own control, while its agent is away.

Then every worker of that colour is deleted at once, and when all of them are back it is looked at for a while whether
anything of the connector runs, and whether anything was written. Then it is switched.
"""

import time
from collections.abc import Mapping
from typing import Any

from components.names import Color
from experiments import connector_lab, criteria, fitness
from experiments.cluster import ClusterError
from experiments.connect import PAUSED, RUNNING, STOPPED, Connect
from experiments.connector_lab import STATE_SECONDS
from experiments.lab import Lab
from experiments.measurements import other
from experiments.results import Measured
from experiments.scenarios.base import Scenario

_TABLE = "pauses"
_WATCHED_SECONDS = 10.0
_POLL_SECONDS = 0.2


def perform(lab: Lab, switches: int) -> None:
    connect = connector_lab.connect_of(lab)
    lab.spell()
    for number in range(1, switches + 1):
        _note(lab, _restarted(lab, connect, other(lab.active), STOPPED))
        with connector_lab.agent_away(lab, connect, lab.active):
            connect.ask(lab.active, PAUSED, by_resource=connect.by_resource)
            connect.wait(lab.active, PAUSED, STATE_SECONDS)
            _note(lab, _restarted(lab, connect, lab.active, PAUSED))
            connect.ask(lab.active, RUNNING, by_resource=connect.by_resource)
            connect.wait(lab.active, RUNNING, STATE_SECONDS)
        lab.spell()
        record = lab.switch()
        lab.report(number, switches, record)
        if not record.switched:
            return
        lab.spell()


def _restarted(lab: Lab, connect: Connect, color: Color, state: str) -> dict[str, Any]:
    """Every worker of a colour deleted and back; what became of its connector."""
    before, begun = connector_lab.wait_quiet(lab, color), time.monotonic()
    gone = connect.workers(color)
    for pod in gone:
        lab.cluster.delete_pod(lab.namespace, pod.name)
    lab.wait_pods({color: lab.settings.replicas}, [lab.parts.at_work])
    back = time.monotonic() - begun
    seen: set[str] = set()
    deadline = time.monotonic() + _WATCHED_SECONDS
    while time.monotonic() < deadline:
        try:
            found = connect.state(color)
        except ClusterError as error:
            seen.add(f"no answer ({error.status})")
        else:
            seen.add("" if found.is_all(state) else found.told())
        time.sleep(_POLL_SECONDS)
    return {
        "color": color,
        "control": connect.control,
        "state": state,
        "workers": len(gone),
        "back_seconds": round(back, 3),
        "watched_seconds": _WATCHED_SECONDS,
        "other_states": sorted(seen - {""}),
        "survived": connect.state(color).is_all(state),
        "handled": connector_lab.wait_quiet(lab, color) - before,
    }


def _note(lab: Lab, row: dict[str, Any]) -> None:
    rows = lab.notes.tables.setdefault(_TABLE, [])
    rows.append(row)
    lab.notes.measured.update(measurements(rows))
    kept = "survived" if row["survived"] else "is gone"
    lab.progress.say(f"  {row['color']} {row['state']}: {kept} after {row['workers']} workers were restarted")


def measurements(rows: list[dict[str, Any]]) -> Mapping[str, Measured]:
    """What the result says of it, by state."""
    found: dict[str, Measured] = {}
    for name, state in (("pause", PAUSED), ("stop", STOPPED)):
        own = [row for row in rows if row["state"] == state]
        found |= {
            f"{name}s_tried": len(own),
            f"{name}s_survived": sum(row["survived"] for row in own),
            f"{name}_handled_meanwhile": sum(row["handled"] for row in own),
        }
    return found


SCENARIO = Scenario(
    "e-pause-survives",
    "a pause outlives the restart of every worker",
    default_switches=2,
    step=1,
    perform=perform,
    judge=criteria.measured,
    needs=fitness.connectors,
    kind="measurement",
    shows=(
        "pauses_tried",
        "pauses_survived",
        "pause_handled_meanwhile",
        "stops_tried",
        "stops_survived",
        "stop_handled_meanwhile",
    ),
)
