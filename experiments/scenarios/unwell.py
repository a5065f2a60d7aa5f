"""Scenario 5 of the plan, a green that is not well: its processes die, hang, or are killed while it is analysed.

Green handles what it handles without an error. What tells is how it is, by turns:

- crash: the process of one of its pods is killed whenever it is at work, as one that dies of what it handles;
- hang: one stands still; its pod is not Ready any more, and its partitions are nobody's. It goes on when the grant has
  been taken from it;
- liveness: one stands still until its liveness probe has it killed. Until then it cannot confirm that it is paused, so
  the rollback is blocked by it (invariant 3), and goes on by itself when the process is another one.

Afterwards as in scenario 5: the next `up` is clean, nothing is tried again by itself, and at the end the same command
switches to green. A process that is killed has handled what it has not committed: that is handled again, and counted.

It needs the node's processes on this machine, and root.
"""

import signal
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments import criteria, failures, rollbacks
from experiments.cluster import LiveSwitch, Objects, Pod
from experiments.criteria import Observations, below
from experiments.disturbance import Disturbance
from experiments.errors import PreconditionError
from experiments.lab import Lab, Notes
from experiments.measurements import SWITCHED, SwitchRecord
from experiments.records import EVENTS, objects
from experiments.results import Criterion, Measured
from experiments.scenarios.base import Scenario

TABLE = "rollbacks"
CRASH, HANG, LIVENESS = CAUSES = ("crash", "hang", "liveness")
#: Why it is taken back, as the switch says it.
REASONS = {
    CRASH: ("AnalysisFailed: restarts of",),
    HANG: ("ResumeTimeout",),
    LIVENESS: ("ResumeTimeout", "AnalysisFailed: restarts of"),
}
_ANALYSIS = {"seconds": 20, "maxErrorRate": 0.05, "minRecords": 50, "minThroughput": 0.9}
_TIMEOUT_SECONDS = 5
#: How long each may take until blue is granted again: a container that is started anew; two timeouts of the switch; a
#: probe's patience (see `pods.liveness_failures`), the grace until SIGKILL, and a container that is started anew.
_LONGEST = {CRASH: 15.0, HANG: 2.0 * _TIMEOUT_SECONDS + 5.0, LIVENESS: 75.0}
_VERIFYING = "Verifying"
_BACK_SECONDS = 120.0
_COMMIT_SECONDS = 2.0


def perform(lab: Lab, switches: int) -> None:
    if lab.parts.connectors is not None:
        raise PreconditionError(
            "a connector's tasks are no processes of a member's; what becomes of tasks that fail is scenario 5's"
        )
    lab.spell()
    for number in range(1, switches + 1):
        cause = CAUSES[(number - 1) % len(CAUSES)]
        row = _round(lab, cause, lab.pod("green", (number - 1) // len(CAUSES) % lab.settings.replicas))
        lab.notes.tables.setdefault(TABLE, []).append(row)
        lab.report(number, switches, lab.notes.switches[-1])
        if row["wrong"]:
            lab.progress.say(f"  {row['wrong']}")
            return
        if row["ended"]:  # its next end is to be its first: the kubelet's back-off is not what is looked at
            lab.cluster.delete_pod(lab.namespace, row["pod"])
        lab.wait_pods(lab.whole)
        lab.wait_assigned("green")
        lab.spell()
    record = lab.switch()
    lab.report(switches + 1, switches + 1, record)
    lab.notes.measured["mended"] = record.outcome if record.error is None else record.error
    lab.spell()


def _round(lab: Lab, cause: str, pod: str) -> dict[str, Any]:
    """One switch to green that is to be taken back, and what is so afterwards."""
    row: dict[str, Any] = {"cause": cause, "pod": pod, "harmed_at": None, "unready": False, "ended": 0}
    harm = {CRASH: _crash, HANG: _hang, LIVENESS: _liveness}[cause]
    record: SwitchRecord = lab.switch(during=_during(lab, row, harm))
    row |= {"outcome": record.outcome, "reason": record.reason, "up_seconds": round(record.up_seconds, 3)}
    row["wrong"] = _did_not_happen(row) or rollbacks.taken_back(record, REASONS[cause])
    row["wrong"] = row["wrong"] or rollbacks.afterwards(lab, REASONS[cause])
    return row


def _did_not_happen(row: Mapping[str, Any]) -> str:
    """A round in which green was not what it is about shows nothing."""
    if row["cause"] == HANG:
        return "" if row["unready"] else f"{row['pod']} was Ready all the time"
    return "" if row["ended"] else f"no process of {row['pod']} ended"


Harm = Callable[[Lab, Disturbance, dict[str, Any]], None]


def _during(lab: Lab, row: dict[str, Any], harm: Harm) -> Callable[[Disturbance], None]:
    def during(disturbance: Disturbance) -> None:
        disturbance.wait_phase(_VERIFYING)
        harm(lab, disturbance, row)
        _wait_back(lab)

    return during


def _crash(lab: Lab, disturbance: Disturbance, row: dict[str, Any]) -> None:
    pod, killed = row["pod"], set[str]()

    def missing(switch: LiveSwitch) -> str | None:
        process = _at_work(switch, pod)
        if process and process not in killed:
            killed.add(process)
            row["harmed_at"] = row["harmed_at"] or _now(lab)
            row["ended"] += len(disturbance.processes.send(pod, lab.parts.at_work.program, signal.SIGKILL))
        return None if switch.active != "green" else switch.describe()

    lab.cluster.wait_switch(lab.namespace, missing, "the grant to be taken from green", _BACK_SECONDS)


def _hang(lab: Lab, disturbance: Disturbance, row: dict[str, Any]) -> None:
    with disturbance.processes.frozen(row["pod"], lab.parts.at_work.program):
        row["harmed_at"] = _now(lab)
        _wait_pod(lab, row["pod"], lambda pod: not pod.ready, "not to be Ready")
        row["unready"] = True
        disturbance.wait_holder("", _BACK_SECONDS)


def _liveness(lab: Lab, disturbance: Disturbance, row: dict[str, Any]) -> None:
    before = lab.cluster.pod(lab.namespace, row["pod"])
    restarts = before.restarts if before else 0
    with disturbance.processes.frozen(row["pod"], lab.parts.at_work.program):
        row["harmed_at"] = _now(lab)
        _wait_pod(lab, row["pod"], lambda pod: not pod.ready, "not to be Ready")
        row["unready"] = True
        _wait_pod(lab, row["pod"], lambda pod: pod.restarts > restarts, "to be killed by its liveness probe")
    row["ended"] = 1


def _at_work(switch: LiveSwitch, pod: str) -> str:
    """The process of this pod that the switch's status says to be ACTIVE; empty for none."""
    members = switch.raw.get("status", {}).get("members", [])
    return next((m["bootId"] for m in members if m["pod"] == pod and m["state"] == "ACTIVE"), "")


def _now(lab: Lab) -> float:
    """The cluster's time, in seconds since 1970."""
    return time.time() + lab.clock_offset


def _wait_pod(lab: Lab, name: str, holds: Callable[[Pod], bool], what: str) -> None:
    def missing(pods: Objects) -> str | None:
        pod = Pod.of(pods[name]) if name in pods else None
        return None if pod is not None and holds(pod) else f"{pod or 'no pod'}"

    path, query = f"/api/v1/namespaces/{lab.namespace}/pods", [("fieldSelector", f"metadata.name={name}")]
    lab.cluster.wait(path, query, missing, f"{name} {what}", _BACK_SECONDS)


def _wait_back(lab: Lab) -> None:
    """Until it has been taken back, or has settled otherwise for good: what is so then is the round's."""

    def missing(switch: LiveSwitch) -> str | None:
        ended = switch.settled is not None and switch.settled.status == "True"
        blocked = switch.settled is not None and switch.settled.reason == "RollbackBlocked"
        return None if ended and not blocked else switch.describe()

    lab.cluster.wait_switch(lab.namespace, missing, "green to be taken back", _BACK_SECONDS)


def observe(notes: Notes, logs: Path) -> Mapping[str, Measured]:
    """Of each round: from the harm to blue ACTIVE again on all its members."""
    rows: list[dict[str, Any]] = notes.tables.get(TABLE, [])
    events = list(objects(logs, EVENTS))
    for row in rows:
        since = row["harmed_at"]
        back = None if since is None else failures.active_after(events, "blue", since)
        row["back_seconds"] = None if back is None else round(back - since, 6)
    found: dict[str, Measured] = {
        "rounds_as_they_should": sum(not row["wrong"] for row in rows),
        "round_wrong": next((row["wrong"] for row in rows if row["wrong"]), None),
    }
    for cause in CAUSES:
        own = [row["back_seconds"] for row in rows if row["cause"] == cause]
        known = [seconds for seconds in own if seconds is not None]
        whole = bool(own) and len(known) == len(own)
        found[f"rounds_{cause}"] = len(own)
        found[f"back_seconds_{cause}_median"] = statistics.median(known) if whole else None
        found[f"back_seconds_{cause}_worst"] = max(known) if whole else None
    return found


def judge(seen: Observations) -> list[Criterion]:
    told, rounds = seen.measured, seen.switches_asked
    right, wrong = told.get("rounds_as_they_should"), told.get("round_wrong")
    tolerant = replace(seen, limits=replace(seen.limits, tolerated=seen.limits.tolerated | {"duplicate"}))
    return [
        Criterion("rounds_as_they_should", f"= {rounds}", wrong or right, right == rounds),
        *(_back(seen, cause) for cause in CAUSES),
        below("duplicates", seen.anomalies.get("duplicate"), seen.rate * _COMMIT_SECONDS * rounds, "records"),
        criteria.failures(seen),
        Criterion("mended", f"= {SWITCHED}", told.get("mended"), told.get("mended") == SWITCHED),
        criteria.spells(seen),
        *criteria.records(tolerant),
        *criteria.everything_judged(seen),
        *criteria.times(seen),
        criteria.producer_rate(seen),
    ]


def _back(seen: Observations, cause: str) -> Criterion:
    worst = seen.measured.get(f"back_seconds_{cause}_worst")
    limit = _LONGEST[cause] + seen.limits.rollback_seconds
    return below(f"back_seconds_{cause}_worst", worst if isinstance(worst, float) else None, limit)


SCENARIO = Scenario(
    "5-unwell",
    "failed switch: a green that dies, hangs or is killed, and the way back by itself",
    default_switches=15,
    step=len(CAUSES),
    perform=perform,
    judge=judge,
    observe=observe,
    reshapes=True,
    configuration={
        "analysis": _ANALYSIS,
        "drainTimeoutSeconds": _TIMEOUT_SECONDS,
        "resumeTimeoutSeconds": _TIMEOUT_SECONDS,
    },
    moment="taken back",
)
