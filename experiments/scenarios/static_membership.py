"""Scenario 4 of the plan, its second part: does static membership (KIP-345) spare the group a rebalance?

The pod of the highest number of the active colour is away for a while, as often as asked for in each of two ways:

- `within`: it is deleted, and its set makes it again at once, well within `session.timeout.ms`;
- `beyond`: its set is one smaller until its session has ended, and then as large as before.

How a member enters the group is the run's: with `--membership takeover` it has a `group.instance.id`, with `leave-join`
it has none. So a table is two runs, or four with `--group-protocol consumer`, where the session is the brokers' own.

What each way costs is counted

- by the coordinator's log: rebalances, and lines about who entered and what was assigned (`experiments/broker_log.py`);
- by the brokers' request metrics: JoinGroup, SyncGroup and LeaveGroup, of all groups together (`*_requests_*`);
- by the members that stayed: their own metric of rebalances (`member_rebalances_*`), and changes of what they have;
- by how long a partition had nobody at work on it.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from experiments import broker_log, broker_settings, counters, criteria, fitness, membership, metrics, ownership
from experiments.collection import kept_broker_log
from experiments.criteria import Observations
from experiments.lab import Lab, Notes
from experiments.ownership import Window
from experiments.records import CONSUMED, EVENTS, PRODUCED, objects
from experiments.results import Criterion, Measured
from experiments.scenarios.base import Scenario

WITHIN, BEYOND = CELLS = ("within", "beyond")
_TABLE = "restarts"
_SESSION_SECONDS = 12
#: Requests of a member, by the name of the column that counts them.
_REQUESTS = {
    "JoinGroup": "join_group_requests",
    "SyncGroup": "sync_group_requests",
    "LeaveGroup": "leave_group_requests",
}
_MARGIN_SECONDS = 3.0
_FLOW_SECONDS = 90.0


def perform(lab: Lab, switches: int) -> None:
    of_brokers = broker_settings.consumer_session_seconds(lab.namespace)
    lab.notes.measured |= {
        "static": int(membership.static(lab.settings)),
        "session_seconds": membership.session_seconds(lab.settings, of_brokers),
        "restarts_by_cell": switches,
    }
    pod = lab.pod(lab.active, lab.settings.replicas - 1)
    lab.spell()
    for cell, away in ((WITHIN, _again), (BEYOND, _away)):
        # What was counted before is in the store by then: nothing tells when a broker was scraped.
        time.sleep(counters.LATE_SECONDS)
        for number in range(1, switches + 1):
            row = _restart(lab, pod, cell, away)
            lab.notes.tables.setdefault(_TABLE, []).append(row)
            lab.progress.say(f"{cell} {number}/{switches}: {pod} was away for {row['away_seconds']:.1f} s")
            lab.spell()


def _restart(lab: Lab, pod: str, cell: str, away: Callable[[Lab, str], None]) -> dict[str, Any]:
    """One restart, from the command until every partition has had records again."""
    offset = lab.clock_offset
    lab.guard.check()
    begun = time.time()
    away(lab, pod)
    lab.wait_pods(lab.whole)
    back = time.time()
    lab.lag.wait_flow(_FLOW_SECONDS, lab.active)
    return {
        "cell": cell,
        "pod": pod,
        "group": lab.cluster.switch(lab.namespace).groups[lab.active],
        "begun": begun + offset,
        "ended": time.time() + offset,
        "away_seconds": round(back - begun, 3),
    }


def _again(lab: Lab, pod: str) -> None:
    lab.cluster.delete_pod(lab.namespace, pod)
    lab.disturbance.wait_going(pod)


def _away(lab: Lab, pod: str) -> None:
    """Until its session is over, and what it owned has had records with others."""
    whole, color = lab.settings.replicas, lab.active
    lab.resize(color, whole - 1)
    try:
        lab.disturbance.wait_going(pod)
        # What is waited for is time itself: nothing tells that a session has ended but the broker's log.
        time.sleep(float(lab.notes.measured["session_seconds"] or 0) + _MARGIN_SECONDS)
        lab.lag.wait_flow(_FLOW_SECONDS, color)
    finally:
        lab.resize(color, whole)
    lab.guard.check({lab.sized(color): 2})


def observe(notes: Notes, logs: Path) -> Mapping[str, Measured]:
    """What each restart cost; it is in the table, too."""
    rows: list[dict[str, Any]] = notes.tables.get(_TABLE, [])
    lines, events = kept_broker_log(logs.parent).splitlines(), list(objects(logs, EVENTS))
    windows = [Window.of(row["begun"], row["ended"]) for row in rows]
    costs = ownership.costs(windows, events, objects(logs, PRODUCED), objects(logs, CONSUMED))
    for row, window, cost in zip(rows, windows, costs, strict=True):
        row.update(asdict(broker_log.count(broker_log.within(lines, row["begun"], row["ended"]), row["group"])))
        row["assigned_others"] = sum(
            event["event"] == "ASSIGNED" and event["pod"] != row["pod"] and window.holds(event["t"]) for event in events
        )
        row["unowned_seconds"] = round(cost.unowned_seconds, 6)
    found: dict[str, Measured] = {"broker_log_lines": len(lines)}
    for cell in CELLS:
        own = [row for row in rows if row["cell"] == cell]
        found[f"restarts_{cell}"] = len(own)
        for name in ("rebalances", "entry_lines", "leader_assignment_lines", "assigned_others", "expired_members"):
            found[f"{name}_{cell}"] = sum(row[name] for row in own)
        found.update({f"{name}_{cell}": count for name, count in _counted_by_others(logs.parent, own).items()})
        found[f"away_seconds_{cell}_max"] = max((row["away_seconds"] for row in own), default=None)
        found[f"unowned_seconds_{cell}_max"] = max((row["unowned_seconds"] for row in own), default=None)
    return found


def _counted_by_others(folder: Path, rows: Sequence[Mapping[str, Any]]) -> dict[str, int | None]:
    """Of a cell: how many requests of each kind the brokers took in it, of whatever group, and how many rebalances the
    members counted that stayed (`kafka_consumer_rebalance_count_total`). None where the store does not know.

    Of the cell and not of each restart: a broker is scraped less often than a pod is restarted.
    """
    begun, ended = min((row["begun"] for row in rows), default=0.0), max((row["ended"] for row in rows), default=0.0)
    requests = metrics.recorded(folder / "metrics", "group_requests")
    members = metrics.recorded(folder / "metrics", "rebalances_by_member")
    taken = counters.grown(requests, "request", begun, ended)
    counted = counters.grown(members, "pod", begun, ended)
    gone = {row["pod"] for row in rows}
    return {
        **{column: taken.get(request, 0) if requests else None for request, column in _REQUESTS.items()},
        "member_rebalances": sum(count for pod, count in counted.items() if pod not in gone) if members else None,
    }


def judge(seen: Observations) -> list[Criterion]:
    """With a `group.instance.id` nobody notices a restart within the session; all else rebalances the group."""
    told, asked = seen.measured, seen.measured.get("restarts_by_cell")
    made = [told.get(f"restarts_{cell}") for cell in CELLS]
    found = [Criterion("restarts_made", f"= {asked} each", f"{made[0]}, {made[1]}", made == [asked, asked])]
    static, session = told.get("static"), told.get("session_seconds")
    quick = told.get(f"away_seconds_{WITHIN}_max")
    timely = isinstance(quick, float) and isinstance(session, int | float) and quick < session
    found.append(Criterion(f"away_seconds_{WITHIN}_max", f"< {session} s", quick, timely))
    found += [
        _counted(f"{name}_{cell}", told.get(f"{name}_{cell}"), asked, spared=static == 1 and cell == WITHIN)
        for cell in CELLS
        for name in ("rebalances", "assigned_others")
    ]
    return [*found, criteria.spells(seen), *criteria.sound(seen)]


def _counted(name: str, measured: Measured, asked: Measured, *, spared: bool) -> Criterion:
    """None where the group is spared it, else one for each restart at least."""
    least = asked if isinstance(asked, int) else 1
    kept = isinstance(measured, int) and (measured == 0 if spared else measured >= least)
    return Criterion(name, "= 0" if spared else f">= {least}", measured, kept)


SCENARIO = Scenario(
    "4-static",
    "static membership: restarts within and beyond the session",
    default_switches=5,
    step=1,
    perform=perform,
    judge=judge,
    needs=fitness.one_group,
    observe=observe,
    reshapes=True,
    configuration={"sessionTimeoutSeconds": _SESSION_SECONDS},
    shows=("rebalances_within", "rebalances_beyond", "unowned_seconds_within_max", "unowned_seconds_beyond_max"),
)
