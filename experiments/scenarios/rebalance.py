"""Scenario 4 of the plan, its first part: a consumer is restarted in the middle of a switch.

A phase of the switch is held (`experiments/disturbance.py`), a pod of the pausing or of the resuming colour is deleted
in it, and what was held goes on: each phase and each colour in turn, from the wait for the lag to the way back. Whether
the switch goes through or is taken back, only the colour that holds the grant may be at work, and a member that rests
goes on resting whatever its group does.

- WaitingForLag: the old colour is told to take longer over each record, until the pod's next process is there and the
  switch is seen to wait still;
- Pausing, Resuming: a consumer that is waited for stands still;
- RollingBack: so does one of the new colour, which therefore never becomes active; it has to be taken back.

A restart rebalances a group if the pod is a member of it just then, and has no place there that its next process takes
over. Whether it did is told by the coordinator's log: that the pod's member left after it was restarted. What the
switch does by itself is none of it: with `leave-join` everybody of the old colour leaves while the grant is with
nobody.

- `leave-join`: the pod is a member where its colour is at work: the old one's in WaitingForLag, the new one's in
  Resuming. In these turns it has to be told, in the others there can be none;
- strategy B by KIP-848, where both colours are members of their groups all the time: in every turn, and who waits
  has its partitions taken and given anew while it rests;
- with an instance id (`takeover`; strategy B by the classic protocol) in none: the run has to have none.

Rebalances are counted from the command to the withdrawal, from there to the grant, and after it.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

from experiments import broker_log, criteria, fitness, grants, membership, pauses
from experiments.backlog import Release, behind
from experiments.broker_log import Departure
from experiments.collection import kept_broker_log
from experiments.criteria import Observations, none_of
from experiments.disturbance import PHASES, RESUMING, ROLLING_BACK, WAITING_FOR_LAG, Disturbance
from experiments.lab import Lab, Notes
from experiments.measurements import other
from experiments.ownership import Window
from experiments.records import CONSUMED, EVENTS, by_process
from experiments.results import Criterion, Measured
from experiments.scenarios.base import Scenario

OLD, NEW = SIDES = ("old", "new")
#: Held are the pods of the lowest number; another one is disturbed.
NUMBER = 1
_TABLE = "restarts_in_a_switch"
_TURNS = [(phase, side) for phase in PHASES for side in SIDES]
ENDED = frozenset({"Switched", "RolledBack", "Failed", "Refused"})
#: How a switch has to end that got to these phases, and was not harmed by what was done in them.
_ENDS = {WAITING_FOR_LAG: frozenset({"Switched"}), ROLLING_BACK: frozenset({"RolledBack"})}
_LAG = 500
_BACK_SECONDS = 120.0

#: With `leave-join` the turns in which the pod is a member.
_AT_WORK = frozenset({(WAITING_FOR_LAG, OLD), (RESUMING, NEW)})

#: What is done to a pod in a phase, of which it is told, while the switch goes on; the block is about the whole switch,
#: from before it is commanded. The last argument is called when it is about to be done.
Disturbing = Callable[[Lab, str, str, Callable[[], None]], AbstractContextManager[Callable[[Disturbance], None]]]


def perform(lab: Lab, switches: int) -> None:
    in_turn(lab, switches, _TURNS, _restart)


def in_turn(lab: Lab, switches: int, turns: Sequence[tuple[str, str]], disturbing: Disturbing) -> None:
    """So many switches, in each of which a pod is disturbed in a phase. turns: phases, and whose pod it is, one of
    `SIDES`; they are taken in turn. What is noted of them, `observe` completes.
    """
    lab.spell()
    lab.notes.measured |= {
        "static": int(membership.static(lab.settings)),
        "waiting_members_own_partitions": int(_inside(lab)),
        "own_rebalances": int(membership.by_kip_848(lab.settings) or not membership.static(lab.settings)),
    }
    for number in range(1, switches + 1):
        phase, side = turns[(number - 1) % len(turns)]
        row = turn(lab, phase, side, disturbing, _ENDS.get(phase, ENDED))
        rows_of(lab.notes).append(row)
        lab.report(number, switches, lab.notes.switches[-1])
        lab.wait_pods(lab.whole)
        if row["wrong"]:
            lab.progress.say(f"  {row['wrong']}")
            return
        lab.spell()


def turn(
    lab: Lab,
    phase: str,
    side: str,
    disturbing: Disturbing,
    ends: frozenset[str],
    *,
    number: int = NUMBER,
    attempt: int | None = None,
) -> dict[str, Any]:
    """One switch, in which a pod is disturbed in a phase, and a row about it. side: whose pod, one of `SIDES`. ends:
    how it may end. number: the pod's. attempt: by which it is asked for, where the configuration is left as it is after
    a switch that failed; None: it follows who is active.
    """
    offset = lab.clock_offset
    source = lab.active
    color = source if side == OLD else other(source)
    pod, group = lab.pod(color, number), lab.cluster.switch(lab.namespace).groups[color]
    spared, inside = membership.static(lab.settings), _inside(lab)
    begun, disturbed = time.time() + offset, list[float]()
    asked: dict[str, Any] = {"lagPolicy": "wait" if phase == WAITING_FOR_LAG else "immediate"}
    if attempt is not None:
        asked["attempt"] = attempt
    with disturbing(lab, phase, pod, lambda: disturbed.append(time.time() + offset)) as during:
        record = lab.switch(during=during, **asked)
    right = record.outcome in ends
    wrong = "" if right else f"the switch ended as {record.outcome}: {record.error or record.reason}"
    follows = attempt is None and not wrong and record.error is not None
    if follows and (error := lab.stay().error) is not None:
        wrong = f"pulumi up with {lab.active} active again: {error}"
    return {
        "phase": phase,
        "side": side,
        "pod": pod,
        "group": group,
        "outcome": record.outcome,
        "reason": record.reason,
        "begun": begun,
        "disturbed_at": disturbed[0] if disturbed else None,
        "ended": time.time() + offset,
        "departure_expected": int(not spared and (inside or (phase, side) in _AT_WORK)),
        "names": None if membership.by_kip_848(lab.settings) else [pod, f"{group}-{number}", f"{group}-{pod}"],
        "stays_a_member": int(inside),
        "wrong": wrong,
    }


def _inside(lab: Lab) -> bool:
    """Whether who waits is a member of a group all the time, with the partitions that it will read."""
    live = lab.cluster.switch(lab.namespace)
    return live.raw["spec"].get("standby") == "Assigned" or lab.settings.own("membership") == membership.SHARED


@contextmanager
def _restart(lab: Lab, phase: str, pod: str, begins: Callable[[], None]) -> Iterator[Callable[[Disturbance], None]]:
    source, target = lab.active, other(lab.active)

    def during(disturbance: Disturbance) -> None:
        with disturbance.held(phase, source, target):
            begins()
            _delete(lab, disturbance, pod)
        if phase == ROLLING_BACK:  # until a pod that is going is gone the way back may be blocked by it
            disturbance.wait_holder(source, _BACK_SECONDS)

    if phase == WAITING_FOR_LAG:
        with behind(lab, _LAG) as release:
            yield lambda disturbance: _while_it_waits(lab, disturbance, pod, begins, release)
    else:
        yield during


def _while_it_waits(lab: Lab, disturbance: Disturbance, pod: str, begins: Callable[[], None], release: Release) -> None:
    disturbance.wait_phase(WAITING_FOR_LAG)
    begins()
    _delete(lab, disturbance, pod)
    lab.wait_pods(lab.whole)  # one that is not there yet cannot be told to be quick again
    disturbance.wait_phase(WAITING_FOR_LAG)
    release()


def _delete(lab: Lab, disturbance: Disturbance, pod: str) -> None:
    lab.cluster.delete_pod(lab.namespace, pod)
    disturbance.wait_going(pod)


def rows_of(notes: Notes) -> list[dict[str, Any]]:
    """One for each switch: phase, side, pod, and from when to when."""
    found: list[dict[str, Any]] = notes.tables.setdefault(_TABLE, [])
    return found


def observe(notes: Notes, logs: Path) -> Mapping[str, Measured]:
    """Whether each switch had its rebalance, and what members did that rested."""
    rows = rows_of(notes)
    lines = kept_broker_log(logs.parent).splitlines()
    withdrawals = grants.kept(logs.parent)
    for row in rows:
        row.update(asdict(broker_log.count(broker_log.within(lines, row["begun"], row["ended"]), row["group"])))
        row.update(_rebalances(row, lines, withdrawals), left_by_the_pod=_left(row, lines, withdrawals))
    events, consumed = list(by_process(logs, EVENTS)), list(by_process(logs, CONSUMED))
    changes = pauses.assignments(events, consumed)
    notes.tables["assignments"] = [asdict(change) for change in changes]
    return {
        "switches_with_a_restart": sum(not row["wrong"] for row in rows),
        "switch_wrong": next((row["wrong"] for row in rows if row["wrong"]), None),
        "switches_with_a_rebalance": sum(row["rebalances"] > 0 for row in rows),
        "rebalances_in_turns": sum(row["rebalances"] for row in rows),
        "turns_expecting_a_departure": sum(row["departure_expected"] for row in rows),
        "turns_with_the_departure": sum(row["departure_expected"] and row["left_by_the_pod"] > 0 for row in rows),
        "left_by_the_pods": sum(row["left_by_the_pod"] for row in rows),
        "switches_gone_through": sum(row["outcome"] == "Switched" for row in rows),
        "revoked_while_resting": _revoked(rows, changes),
        "assigned_while_resting": sum(one.event == "ASSIGNED" and one.state == pauses.RESTING for one in changes),
        "handled_while_resting": pauses.read_while_resting(events, consumed),
    }


def _rebalances(
    row: Mapping[str, Any], lines: Sequence[str], withdrawals: Sequence[grants.Withdrawal]
) -> dict[str, int]:
    """How many rebalances the group had before the grant was withdrawn, until the grant, and after it; of a switch that
    goes back, of both withdrawals and after both grants.
    """
    own = grants.within(withdrawals, row["begun"], row["ended"])
    found = dict.fromkeys(("rebalances_before", "rebalances_withdrawn", "rebalances_after"), 0)
    ends = [row["begun"], *(at for one in own for at in (one.released, one.granted or row["ended"])), row["ended"]]
    for number, (since, until) in enumerate(pairwise(ends)):
        name = "withdrawn" if number % 2 else "after" if number else "before"
        count = broker_log.count(broker_log.within(lines, since, until), row["group"]).rebalances
        found[f"rebalances_{name}"] += count
    return found


def _revoked(rows: Sequence[Mapping[str, Any]], changes: Sequence[pauses.Assignment]) -> int:
    """How often a rebalance by a restart took partitions from a member that rested, and that was not restarted: it was
    paused in the middle of it. A pod may be back, and take what it had from them, only after its switch's end.
    """
    ends = [*(row["begun"] for row in rows[1:]), *(row["ended"] + _BACK_SECONDS for row in rows[-1:])]
    return sum(
        change.event == "REVOKED"
        and change.state == pauses.RESTING
        and row["disturbed_at"] is not None
        and Window.of(row["disturbed_at"], until).holds(change.t)
        and change.process.rpartition(".")[0] != row["pod"]
        for row, until in zip(rows, ends, strict=True)
        for change in changes
    )


def departures(row: Mapping[str, Any], lines: Sequence[str], until: float) -> list[Departure]:
    """Who left the disturbed pod's group from the disturbance until a moment: its own member, where the id tells whose
    it is; by KIP-848, where it does not, all of them.
    """
    if row["disturbed_at"] is None:
        return []
    found = broker_log.departures(broker_log.within(lines, row["disturbed_at"], until), row["group"])
    return found if row["names"] is None else [one for one in found if one.name in row["names"]]


def _left(row: Mapping[str, Any], lines: Sequence[str], withdrawals: Sequence[grants.Withdrawal]) -> int:
    """How often the restarted pod's member left its group by the restart. What members do by the switch itself, where
    they enter and leave with it, is while the grant is with nobody.
    """
    found = departures(row, lines, row["ended"])
    return sum(bool(row["stays_a_member"]) or not any(span.holds(one.at) for span in withdrawals) for one in found)


def _by_the_restarts(seen: Observations) -> list[Criterion]:
    """That the restarts rebalanced the group where they can, and where members have places, none did; and that members
    which rested had partitions to lose in it, where they have any.
    """
    told, asked = seen.measured, seen.switches_asked
    if "turns_expecting_a_departure" not in told:  # until 29 November 2026 any rebalance of the switch's counted
        rebalanced = told.get("switches_with_a_rebalance")
        return [Criterion("switches_with_a_rebalance", f"= {asked}", rebalanced, rebalanced == asked)]
    expected, had, left = (
        told.get(name) for name in ("turns_expecting_a_departure", "turns_with_the_departure", "left_by_the_pods")
    )
    found = []
    if told.get("static"):
        found.append(none_of("left_by_the_pods", left if isinstance(left, int) else None))
        if not told.get("own_rebalances"):
            every = told.get("rebalances_in_turns")
            found.append(none_of("rebalances_in_turns", every if isinstance(every, int) else None))
    else:
        limit = f"= {expected}, the turns of {asked} in which the pod is a member"
        found.append(Criterion("turns_with_the_departure", limit, had, bool(expected) and had == expected))
        if told.get("waiting_members_own_partitions"):
            taken = told.get("revoked_while_resting")
            found.append(Criterion("revoked_while_resting", "> 0", taken, isinstance(taken, int) and taken > 0))
    return found


def judge(seen: Observations) -> list[Criterion]:
    """By what the restarts did to the group, and by what became of the switches."""
    made, *rest = switches(seen)
    return [made, *_by_the_restarts(seen), *rest]


def switches(seen: Observations) -> list[Criterion]:
    """By what became of the switches, whatever was done to a pod in them."""
    told, asked = seen.measured, seen.switches_asked
    right, wrong, rested = (
        told.get(name) for name in ("switches_with_a_restart", "switch_wrong", "handled_while_resting")
    )
    return [
        Criterion("switches_with_a_restart", f"= {asked}", wrong or right, right == asked),
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
