"""Scenario 4 of the plan, its first part: a consumer is restarted in the middle of a switch.

A phase of the switch is held (`experiments/disturbance.py`), a pod of the pausing or of the resuming colour is deleted
in it, and what was held goes on: each phase and each colour in turn, from the wait for the lag to the way back. Whether
the switch goes through or is taken back, only the colour that holds the grant may be at work, and a member that rests
goes on resting whatever its group does.

- WaitingForLag: the old colour is told to take longer over each record, until the pod's next process is there and the
  switch is seen to wait still;
- Pausing, Resuming: a consumer that is waited for stands still;
- RollingBack: so does one of the new colour, which therefore never becomes active; it has to be taken back.

A switch counts only if the coordinator's log shows a rebalance between its command and its end. With membership
`takeover` there need be none, for members take each other's places over: that is what it is for. It is run with
`leave-join`, and with `--group-protocol consumer`, too.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from experiments import broker_log, criteria, fitness, pauses
from experiments.backlog import Release, behind
from experiments.collection import kept_broker_log
from experiments.criteria import Observations, none_of
from experiments.disturbance import PHASES, ROLLING_BACK, WAITING_FOR_LAG, Disturbance
from experiments.lab import Lab, Notes
from experiments.measurements import other
from experiments.records import CONSUMED, EVENTS, by_process
from experiments.results import Criterion, Measured
from experiments.scenarios.base import Scenario

OLD, NEW = SIDES = ("old", "new")
#: Held are the pods of the lowest number; another one is disturbed.
NUMBER = 1
_TABLE = "restarts_in_a_switch"
_TURNS = [(phase, side) for phase in PHASES for side in SIDES]
_ENDED = frozenset({"Switched", "RolledBack", "Failed", "Refused"})
#: How a switch has to end that got to these phases, and was not harmed by what was done in them.
_ENDS = {WAITING_FOR_LAG: frozenset({"Switched"}), ROLLING_BACK: frozenset({"RolledBack"})}
_LAG = 500
_BACK_SECONDS = 120.0

#: What is done to a pod in a phase, of which it is told, while the switch goes on; the block is about the whole switch,
#: from before it is commanded.
Disturbing = Callable[[Lab, str, str], AbstractContextManager[Callable[[Disturbance], None]]]


def perform(lab: Lab, switches: int) -> None:
    in_turn(lab, switches, _TURNS, _restart)


def in_turn(lab: Lab, switches: int, turns: Sequence[tuple[str, str]], disturbing: Disturbing) -> None:
    """So many switches, in each of which a pod is disturbed in a phase. turns: phases, and whose pod it is, one of
    `SIDES`; they are taken in turn. What is noted of them, `observe` completes.
    """
    lab.spell()
    for number in range(1, switches + 1):
        phase, side = turns[(number - 1) % len(turns)]
        row = _switch(lab, phase, side, disturbing)
        lab.notes.tables.setdefault(_TABLE, []).append(row)
        lab.report(number, switches, lab.notes.switches[-1])
        lab.wait_pods(lab.whole)
        if row["wrong"]:
            lab.progress.say(f"  {row['wrong']}")
            return
        lab.spell()


def _switch(lab: Lab, phase: str, side: str, disturbing: Disturbing) -> dict[str, Any]:
    offset = lab.clock_offset
    source = lab.active
    pod = lab.pod(source if side == OLD else other(source), NUMBER)
    group = lab.cluster.switch(lab.namespace).groups[other(source)]
    begun = time.time() + offset
    policy = "wait" if phase == WAITING_FOR_LAG else "immediate"
    with disturbing(lab, phase, pod) as during:
        record = lab.switch(during=during, lagPolicy=policy)
    right = record.outcome in _ENDS.get(phase, _ENDED)
    wrong = "" if right else f"the switch ended as {record.outcome}: {record.error or record.reason}"
    if not wrong and record.error is not None and (error := lab.stay().error) is not None:
        wrong = f"pulumi up with {lab.active} active again: {error}"
    return {
        "phase": phase,
        "side": side,
        "pod": pod,
        "group": group,
        "outcome": record.outcome,
        "reason": record.reason,
        "begun": begun,
        "ended": time.time() + offset,
        "wrong": wrong,
    }


@contextmanager
def _restart(lab: Lab, phase: str, pod: str) -> Iterator[Callable[[Disturbance], None]]:
    source, target = lab.active, other(lab.active)

    def during(disturbance: Disturbance) -> None:
        with disturbance.held(phase, source, target):
            _delete(lab, disturbance, pod)
        if phase == ROLLING_BACK:  # until a pod that is going is gone the way back may be blocked by it
            disturbance.wait_holder(source, _BACK_SECONDS)

    if phase == WAITING_FOR_LAG:
        with behind(lab, _LAG) as release:
            yield lambda disturbance: _while_it_waits(lab, disturbance, pod, release)
    else:
        yield during


def _while_it_waits(lab: Lab, disturbance: Disturbance, pod: str, release: Release) -> None:
    disturbance.wait_phase(WAITING_FOR_LAG)
    _delete(lab, disturbance, pod)
    lab.wait_pods(lab.whole)  # one that is not there yet cannot be told to be quick again
    disturbance.wait_phase(WAITING_FOR_LAG)
    release()


def _delete(lab: Lab, disturbance: Disturbance, pod: str) -> None:
    lab.cluster.delete_pod(lab.namespace, pod)
    disturbance.wait_going(pod)


def rows_of(notes: Notes) -> list[dict[str, Any]]:
    """One for each switch: phase, side, pod, and from when to when."""
    found: list[dict[str, Any]] = notes.tables.get(_TABLE, [])
    return found


def observe(notes: Notes, logs: Path) -> Mapping[str, Measured]:
    """Whether each switch had its rebalance, and what members did that rested."""
    rows = rows_of(notes)
    lines = kept_broker_log(logs.parent).splitlines()
    for row in rows:
        row.update(asdict(broker_log.count(broker_log.within(lines, row["begun"], row["ended"]), row["group"])))
    events, consumed = list(by_process(logs, EVENTS)), list(by_process(logs, CONSUMED))
    changes = pauses.assignments(events, consumed)
    notes.tables["assignments"] = [asdict(change) for change in changes]
    return {
        "switches_with_a_restart": sum(not row["wrong"] for row in rows),
        "switch_wrong": next((row["wrong"] for row in rows if row["wrong"]), None),
        "switches_with_a_rebalance": sum(row["rebalances"] > 0 for row in rows),
        "switches_gone_through": sum(row["outcome"] == "Switched" for row in rows),
        "assigned_while_resting": sum(one.event == "ASSIGNED" and one.state == pauses.RESTING for one in changes),
        "handled_while_resting": pauses.read_while_resting(events, consumed),
    }


def judge(seen: Observations) -> list[Criterion]:
    told, asked = seen.measured, seen.switches_asked
    right, wrong, rested = (
        told.get(name) for name in ("switches_with_a_restart", "switch_wrong", "handled_while_resting")
    )
    rebalanced = told.get("switches_with_a_rebalance")
    return [
        Criterion("switches_with_a_restart", f"= {asked}", wrong or right, right == asked),
        Criterion("switches_with_a_rebalance", f"= {asked}", rebalanced, rebalanced == asked),
        none_of("handled_while_resting", rested if isinstance(rested, int) else None),
        criteria.spells(seen),
        *criteria.sound(seen),
    ]


SCENARIO = Scenario(
    "4",
    "a consumer is restarted in the middle of a switch",
    default_switches=len(_TURNS),
    step=len(_TURNS),
    perform=perform,
    judge=judge,
    needs=fitness.members_at_work,
    observe=observe,
    faults=True,
)
