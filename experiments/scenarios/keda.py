"""One number of pods that KEDA gives the pair, by the lag of its group, while what comes in changes: three pods, six,
three again, and six; with a switch at six, and one while the number is on its way.

Each record takes its time, so at the high rate three pods handle less than half of what comes in, and six less than all
of it, so that they stay six; at the low one three are enough. What is looked at is what each change costs: what is lost
and handled twice, and the longest time that a partition had nobody at work on it. Each `pulumi up` of a switch finds
the number otherwise than it is configured, and has to leave it.

The run ends with the most pods, for the logs of those that are taken away are on their volumes; so the scaler is paused
in the end, as a user pauses it.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from components import names
from components.keda.crds import GROUP_VERSION
from components.keda.scaler import NAME, PAUSED
from experiments import by_hand, criteria, fitness, ownership
from experiments.cluster import ClusterError, LiveSwitch
from experiments.criteria import Observations, below
from experiments.errors import DeadlineError
from experiments.lab import Lab, Notes
from experiments.ownership import Window
from experiments.records import CONSUMED, EVENTS, PRODUCED, objects
from experiments.results import Criterion, Measured
from experiments.scenarios.base import Scenario

_TABLE = "changes"
_LEAST, _MOST = 3, 6
_DELAY_MS = 20
#: Of records/s: three pods handle 150, six 300.
_HIGH, _LOW = 320, 40
#: The autoscaler looks every 15 s, and so does its window; a pod comes in some more.
_SCALED_SECONDS = 180.0
_UNOWNED_LIMIT_SECONDS = 0.5
_NS = 1_000_000_000
_HPA = "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers/" + NAME
_SCALED_OBJECT = f"scaledobjects.{GROUP_VERSION.partition('/')[0]}/{NAME}"


def perform(lab: Lab, switches: int) -> None:
    """Four changes, and two switches; a third of these and more are made at six pods."""
    steps: list[tuple[str, Callable[[], str]]] = [
        ("3 to 6", lambda: _flow(lab, _HIGH, _MOST)),
        *[(f"switch at 6, {number}", lambda: _switch(lab)) for number in range(1, switches)],
        ("6 to 3", lambda: _flow(lab, _LOW, _LEAST)),
        ("3 to 6, with a switch on the way", lambda: _switch_on_the_way(lab)),
    ]
    lab.notes.measured["changes_planned"] = len(steps)
    lab.spell()
    for name, step in steps:
        begun = time.time() + lab.clock_offset
        error = step()
        row = {"change": name, "begun_ns": int(begun * _NS), "seconds": round(time.time() - begun, 3), "error": error}
        row["pods"] = _pods(lab.cluster.switch(lab.namespace))
        lab.notes.tables.setdefault(_TABLE, []).append(row)
        lab.progress.say(f"{name}: {error or 'done'}, {row['seconds']:.1f} s, {row['pods']} pods at work")
        if error:
            break
        lab.spell()
    _pause(lab)
    lab.producer.set_rate(lab.settings.rate)


def _flow(lab: Lab, rate: int, pods: int) -> str:
    """Another rate, and the number of pods that follows from it; what went wrong, empty for nothing."""
    lab.producer.set_rate(rate)
    return _wait(lab, lambda live: _pods(live) == pods and live.steady, f"{pods} pods at work")


def _switch(lab: Lab) -> str:
    record = lab.switch()
    lab.report(len(lab.notes.switches), len(lab.notes.switches), record)
    return "" if record.switched else record.error or record.outcome


def _switch_on_the_way(lab: Lab) -> str:
    """A switch is asked for when a number is written, and its pods are not there yet."""
    lab.producer.set_rate(_HIGH)
    missing = _wait(lab, lambda live: int(live.raw["spec"]["replicas"]) > _LEAST, "a number on its way")
    if missing:
        return missing
    lab.notes.measured["pods_when_switched"] = _pods(lab.cluster.switch(lab.namespace))
    return _switch(lab) or _wait(lab, lambda live: _pods(live) == _MOST and live.steady, f"{_MOST} pods at work")


def _wait(lab: Lab, holds: Callable[[LiveSwitch], bool], what: str) -> str:
    def missing(live: LiveSwitch) -> str | None:
        asked = live.raw["spec"].get("replicas")
        return None if holds(live) else f"{_pods(live)} pods at work of {asked} asked for; {live.describe()}"

    try:
        lab.cluster.wait_switch(lab.namespace, missing, what, _SCALED_SECONDS)
    except DeadlineError as error:
        return str(error)
    return ""


def _pods(live: LiveSwitch) -> int:
    """How many pods the grant is for."""
    shape = str(live.raw.get("status", {}).get("shape") or "0x0")
    return int(shape.partition("x")[0])


def _pause(lab: Lab) -> None:
    """Nobody scales any more: KEDA has taken its autoscaler away. Raises ByHandError, DeadlineError."""
    by_hand.touch(lab.namespace, _SCALED_OBJECT, PAUSED, "true")
    until = time.monotonic() + _SCALED_SECONDS
    while time.monotonic() < until:
        try:
            lab.cluster.get(_HPA.format(lab.namespace))
        except ClusterError as error:
            if error.not_found:
                return
            raise
        time.sleep(0.5)
    raise DeadlineError("KEDA to pause", _SCALED_SECONDS, "its autoscaler is still there")


def observe(notes: Notes, logs: Path) -> Mapping[str, Measured]:
    """What each change cost, by the record logs; it is in the table, too."""
    rows: list[dict[str, Any]] = notes.tables.get(_TABLE, [])
    begins = [row["begun_ns"] for row in rows]
    windows = [Window(begun, ends) for begun, ends in zip(begins, [*begins[1:], time.time_ns()], strict=False)]
    found = ownership.costs(windows, objects(logs, EVENTS), objects(logs, PRODUCED), objects(logs, CONSUMED))
    for row, cost in zip(rows, found, strict=True):
        row.update(asdict(cost))
    unowned = max((round(row["unowned_seconds"], 6) for row in rows), default=None)
    return {
        "changes_made": sum(not row["error"] for row in rows),
        "unowned_seconds_max": unowned,
        "pods_most": max((row["pods"] for row in rows), default=None),
        "pods_least": min((row["pods"] for row in rows), default=None),
    }


def judge(seen: Observations) -> list[Criterion]:
    planned, made = seen.measured.get("changes_planned"), seen.measured.get("changes_made")
    unowned = seen.measured.get("unowned_seconds_max")
    least, most = seen.measured.get("pods_least"), seen.measured.get("pods_most")
    return [
        Criterion("changes_made", f"= {planned}", made, made is not None and made == planned),
        Criterion("pods_least", f"= {_LEAST}", least, least == _LEAST),
        Criterion("pods_most", f"= {_MOST}", most, most == _MOST),
        below("unowned_seconds_max", unowned if isinstance(unowned, float) else None, _UNOWNED_LIMIT_SECONDS),
        criteria.spells(seen),
        criteria.outcomes(seen),
        # But for the rate, which changes on purpose.
        *criteria.records(seen),
        criteria.failures(seen),
        *criteria.everything_judged(seen),
        *criteria.times(seen),
    ]


SCENARIO = Scenario(
    "keda",
    "one number of pods that a scaler gives: three, six, three and six, and switches meanwhile",
    default_switches=2,
    step=1,
    perform=perform,
    judge=judge,
    needs=fitness.one_group,
    observe=observe,
    faults=True,
    reshapes=True,
    configuration={
        "scaler": {"min": _LEAST, "max": _MOST, "lagPerPod": 150, "scaleInSeconds": 20},
        # A colour that falls behind on purpose is switched from all the same.
        "lagPolicy": "immediate",
        **{color: {"faults": {"processing_delay_ms": _DELAY_MS}} for color in names.COLORS},
    },
    platform={"keda": True},
)
