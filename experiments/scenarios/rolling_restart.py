"""What everybody does today: the pods at work are restarted by their set's own rolling update (`kubectl rollout
restart`), one after the other, and no other colour is there to take over. A measurement, to be shown beside the
switches.

The members are static as the run has it: with `--membership takeover` each has a `group.instance.id`, so that a pod
which is back within `session.timeout.ms` gets its partitions again without a rebalance (KIP-345); with `leave-join` it
has none. What is looked at is how long the restart takes, the longest time that a partition had no record handled, and
what was handled twice.
"""

import statistics
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from experiments import broker_log, by_hand, criteria, fitness, membership, ownership
from experiments.cluster import Objects
from experiments.collection import kept_broker_log
from experiments.criteria import Observations
from experiments.lab import Lab, Notes
from experiments.ownership import Window
from experiments.records import CONSUMED, EVENTS, PRODUCED, objects
from experiments.results import Criterion, Measured
from experiments.scenarios.base import Scenario
from experiments.standstill import Records, longest_silence

_TABLE = "rolling_restarts"
_ROLLED_SECONDS = 300.0
_FLOW_SECONDS = 90.0


def perform(lab: Lab, switches: int) -> None:
    lab.notes.measured |= {
        "restarts_asked": switches,
        "pods_at_work": lab.settings.replicas,
        "static": int(membership.static(lab.settings)),
    }
    lab.spell()
    for number in range(1, switches + 1):
        row = _restart(lab)
        lab.notes.tables.setdefault(_TABLE, []).append(row)
        lab.progress.say(
            f"restart {number}/{switches}: {row['replaced']} pods of {lab.active} replaced "
            f"in {row['restart_seconds']:.1f} s"
        )
        lab.spell()


def _restart(lab: Lab) -> dict[str, Any]:
    """One restart of all pods at work, from the command until every partition has had records again."""
    part, color, offset = lab.parts.at_work, lab.active, lab.clock_offset
    name = part.object(color)
    lab.guard.check()
    before = _uids(lab)
    begun = time.time()
    by_hand.restart(lab.namespace, part.kind.named(name))
    lab.guard.check({lab.sized(color): 1})
    _wait_rolled(lab, name)
    lab.wait_pods(lab.whole)
    rolled = time.time()
    lab.lag.wait_flow(_FLOW_SECONDS, color)
    after = _uids(lab)
    return {
        "color": color,
        "group": lab.cluster.switch(lab.namespace).groups[color],
        "begun": begun + offset,
        "ended": time.time() + offset,
        "restart_seconds": round(rolled - begun, 3),
        "replaced": sum(before.get(pod) not in (None, uid) for pod, uid in after.items()),
    }


def _uids(lab: Lab) -> dict[str, str]:
    pods = lab.cluster.pods(lab.namespace, lab.parts.at_work.selector)
    return {pod.name: pod.uid for pod in pods if pod.color == lab.active}


def _wait_rolled(lab: Lab, name: str) -> None:
    """Until the set says that its update is through. Raises DeadlineError."""
    path = lab.parts.at_work.kind.path(lab.namespace)
    query = [("fieldSelector", f"metadata.name={name}")]
    what = f"the rolling update of {name} to be through"
    lab.cluster.wait(path, query, lambda objects: _unrolled(objects, name), what, _ROLLED_SECONDS)


def _unrolled(objects: Objects, name: str) -> str | None:
    """What is missing of a StatefulSet's rolling update: the same that `kubectl rollout status` looks at."""
    if name not in objects:
        return f"there is no {name}"
    raw = objects[name]
    status, wanted = raw.get("status", {}), raw["spec"]["replicas"]
    if status.get("observedGeneration", 0) < raw["metadata"]["generation"]:
        return "it was not seen yet"
    if status.get("readyReplicas", 0) < wanted or status.get("updatedReplicas", 0) < wanted:
        return f"{status.get('updatedReplicas', 0)} of {wanted} updated, {status.get('readyReplicas', 0)} Ready"
    return None if status.get("updateRevision") == status.get("currentRevision") else "another revision is current"


def observe(notes: Notes, logs: Path) -> Mapping[str, Measured]:
    """What each restart cost; it is in the table, too."""
    rows: list[dict[str, Any]] = notes.tables.get(_TABLE, [])
    lines = kept_broker_log(logs.parent).splitlines()
    windows = [Window.of(row["begun"], row["ended"]) for row in rows]
    produced, consumed = list(objects(logs, PRODUCED)), list(objects(logs, CONSUMED))
    costs = ownership.costs(windows, objects(logs, EVENTS), produced, consumed)
    records = Records(produced, consumed)
    for row, window, cost in zip(rows, windows, costs, strict=True):
        row.update(asdict(broker_log.count(broker_log.within(lines, row["begun"], row["ended"]), row["group"])))
        row["unowned_seconds"] = round(cost.unowned_seconds, 6)
        row["duplicates"] = cost.duplicates
        row["silent_seconds"] = longest_silence(records.within(window))
    return {
        "restarts_made": len(rows),
        "pods_replaced_min": min((row["replaced"] for row in rows), default=None),
        "restart_seconds_median": statistics.median(row["restart_seconds"] for row in rows) if rows else None,
        "restart_seconds_max": max((row["restart_seconds"] for row in rows), default=None),
        "silent_seconds_max": max((row["silent_seconds"] or 0.0 for row in rows), default=None),
        "unowned_seconds_max": max((row["unowned_seconds"] for row in rows), default=None),
        "duplicates_in_restarts": sum(row["duplicates"] for row in rows),
        "rebalances_in_restarts": sum(row["rebalances"] for row in rows),
    }


def judge(seen: Observations) -> list[Criterion]:
    """That every pod at work was replaced each time, and nothing is lost by it; what it costs is there to be shown."""
    told = seen.measured
    asked, made, replaced = (told.get(name) for name in ("restarts_asked", "restarts_made", "pods_replaced_min"))
    whole = told.get("pods_at_work")
    return [
        Criterion("restarts_made", f"= {asked}", made, made is not None and made == asked),
        Criterion("pods_replaced_min", f"= {whole}", replaced, replaced is not None and replaced == whole),
        criteria.spells(seen),
        *criteria.sound(seen),
    ]


SCENARIO = Scenario(
    "rolling-restart",
    "what everybody does today: a rolling restart of the pods at work",
    default_switches=3,
    step=1,
    perform=perform,
    judge=judge,
    needs=fitness.one_group,
    kind="measurement",
    observe=observe,
    reshapes=True,
    shows=(
        "restart_seconds_median",
        "silent_seconds_max",
        "unowned_seconds_max",
        "duplicates_in_restarts",
        "rebalances_in_restarts",
    ),
)
