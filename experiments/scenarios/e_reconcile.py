"""Who wins, a pause by Connect's REST API or the operator's next reconcile; and whether any reconcile undoes a switch.
A measurement.

- The colour that works is paused by REST, while its agent is away. Where connectors are moved by their resources, the
  operator takes it back: at the next event of the resource (here an annotation that nobody reads), and without one at
  its next periodic reconcile; both are timed. Where they are moved by REST, nobody may take it back, which is watched
  for as long.
- After a switch both connectors are looked at over five periodic reconciles, as the operator counts them, or for five
  of its periods where it has no count: the colour switched to has to run with all its tasks, the other has to stand.
"""

import time
from collections.abc import Mapping
from typing import Any

from components.names import Color
from experiments import by_hand, connector_lab, criteria, fitness
from experiments.cluster import ClusterError
from experiments.connect import PAUSED, RUNNING, STOPPED, Connect, required
from experiments.connector_lab import STATE_SECONDS
from experiments.errors import DeadlineError
from experiments.lab import Lab
from experiments.measurements import other
from experiments.reconciles import periodical
from experiments.results import Measured
from experiments.scenarios.base import Scenario

_TABLE, _WATCHED = "reverts", "reconciles"
_EVENT = "kafka-bluegreen.io/event"
# Strimzi's default (STRIMZI_FULL_RECONCILIATION_INTERVAL_MS), and the stand-in's.
_PERIOD_SECONDS = 120.0
_BY_TIMER_SECONDS = 2 * _PERIOD_SECONDS
_RECONCILES = 5
_POLL_SECONDS = 1.0
# One more period, because the first one may just have begun.
_WATCHED_SECONDS = (_RECONCILES + 1) * _PERIOD_SECONDS


def perform(lab: Lab, switches: int) -> None:
    connect = connector_lab.connect_of(lab)
    lab.spell()
    for number in range(1, switches + 1):
        with connector_lab.agent_away(lab, connect, lab.active):
            # The timer first: an event is followed by others for a while, each with a reconcile of its own.
            for by in ("timer", "event") if connect.by_resource else ("timer",):
                _note(lab, _TABLE, _paused_by_rest(lab, connect, lab.active, by))
        lab.spell()
        record = lab.switch()
        lab.report(number, switches, record)
        if not record.switched:
            return
        with lab.progress.step(f"{_RECONCILES} periodic reconciles"):
            _note(lab, _WATCHED, _watched(lab, connect, lab.active))
        lab.spell()


def _paused_by_rest(lab: Lab, connect: Connect, color: Color, by: str) -> dict[str, Any]:
    """A pause by REST, and how long it lasts; the connector runs again afterwards in any case."""
    connect.ask(color, PAUSED, by_resource=False)
    connect.wait(color, PAUSED, STATE_SECONDS)
    begun = time.monotonic()
    if by == "event":
        by_hand.touch(lab.namespace, connect.resource(color), _EVENT, str(time.time_ns()))
    reverted: float | None
    try:
        connect.wait_until(color, lambda found: found.connector == RUNNING, "to run again", _BY_TIMER_SECONDS)
        reverted = round(time.monotonic() - begun, 3)
    except DeadlineError:
        reverted = None
        connect.ask(color, RUNNING, by_resource=False)
    connect.wait(color, RUNNING, STATE_SECONDS)
    return {
        "color": color,
        "control": connect.control,
        "by": by,
        "reverted": reverted is not None,
        "reverted_seconds": reverted,
        "watched_seconds": _BY_TIMER_SECONDS if reverted is None else reverted,
    }


def _watched(lab: Lab, connect: Connect, active: Color) -> dict[str, Any]:
    """Both connectors over some periodic reconciles: whatever was not as it was switched."""
    wanted: Mapping[Color, str] = {active: RUNNING, other(active): STOPPED}
    first, counted, undone = _periodical(lab), 0, set[str]()
    begun, looks = time.monotonic(), 0
    while time.monotonic() - begun < _WATCHED_SECONDS and counted < _RECONCILES:
        for color, state in wanted.items():
            try:
                found = connect.state(color)
            except ClusterError:
                continue
            looks += 1
            if not found.is_all(state):
                undone.add(f"{connect.name(color)} {found.told()}")
        now = _periodical(lab)
        counted = now - first if now is not None and first is not None and now >= first else counted
        time.sleep(_POLL_SECONDS)
    return {
        "active": active,
        "control": connect.control,
        "reconciles": counted if first is not None else None,
        "watched_seconds": round(time.monotonic() - begun, 1),
        "looks": looks,
        "undone": sorted(undone),
    }


def _periodical(lab: Lab) -> int | None:
    """The operator's own count; None where there is no stand-in to be asked."""
    connectors, _, _ = required(lab.parts)
    selector, port, path = connectors.operator
    for pod in lab.cluster.pods(lab.namespace, selector):
        try:
            return periodical(lab.cluster.through_pod(lab.namespace, pod.name, port, path).decode())
        except ClusterError:
            continue
    return None


def _note(lab: Lab, table: str, row: dict[str, Any]) -> None:
    lab.notes.tables.setdefault(table, []).append(row)
    lab.notes.measured.update(measurements(lab.notes.tables.get(_TABLE, []), lab.notes.tables.get(_WATCHED, [])))
    if table == _TABLE:
        told = f"after {row['reverted_seconds']:.1f} s" if row["reverted"] else "not at all"
        lab.progress.say(f"  {row['color']} paused by REST: taken back by {row['by']} {told}")
    else:
        lab.progress.say(f"  {row['looks']} looks, undone: {', '.join(row['undone']) or 'nothing'}")


def measurements(reverts: list[dict[str, Any]], watched: list[dict[str, Any]]) -> Mapping[str, Measured]:
    """What the result says of it."""
    found: dict[str, Measured] = {}
    for by in ("event", "timer"):
        own = [row for row in reverts if row["by"] == by]
        seconds = [row["reverted_seconds"] for row in own if row["reverted"]]
        found |= {
            f"rest_pauses_left_to_the_{by}": len(own),
            f"rest_pauses_reverted_by_the_{by}": len(seconds),
            f"reverted_by_the_{by}_seconds_worst": max(seconds, default=None),
        }
    counted = [row["reconciles"] for row in watched if row["reconciles"] is not None]
    return found | {
        "reconciles_watched": sum(counted) if counted else None,
        "reconciles_watched_seconds": sum(row["watched_seconds"] for row in watched),
        "reconciles_looks": sum(row["looks"] for row in watched),
        "switches_undone_by_a_reconcile": sum(bool(row["undone"]) for row in watched),
    }


SCENARIO = Scenario(
    "e-reconcile",
    "a pause by REST and the operator's reconciles",
    default_switches=1,
    step=1,
    perform=perform,
    judge=criteria.measured,
    needs=fitness.connectors,
    kind="measurement",
    shows=(
        "rest_pauses_reverted_by_the_event",
        "reverted_by_the_event_seconds_worst",
        "rest_pauses_reverted_by_the_timer",
        "reverted_by_the_timer_seconds_worst",
        "reconciles_watched",
        "switches_undone_by_a_reconcile",
    ),
)
