"""Scenario 4 where it is hardest: a member is away beyond its session in the middle of a switch, and whoever rests owns
partitions (`membership: shared`, the original design by its letter). A measurement.

Both colours are members of one group all the time, and who is not active is paused in it. Their places are their own,
so a pod that is back within its session rebalances nothing. Here a colour is one pod smaller until that pod's session
has ended: the group is rebalanced without it, and again when it is back, and each time members that rest are given
partitions anew. A client reads what it is given: each has to be paused again by its own hand, and none may handle a
record meanwhile.

WaitingForLag, Pausing and Resuming, each with a pod of the old and of the new colour. No switch goes through in one
group, for partitions of whoever rests stand still (see `shared_group`): the lag never ends, so the first is refused,
and the others are taken back. RollingBack, which is over in a moment, is not held.

The pair begins and ends with `membership: takeover`.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from components.names import Color
from experiments import criteria, fitness
from experiments.criteria import Observations, none_of
from experiments.disturbance import PAUSING, RESUMING, WAITING_FOR_LAG, Disturbance
from experiments.guard import SWITCH
from experiments.lab import Lab
from experiments.measurements import other
from experiments.results import Criterion
from experiments.scenarios import rebalance, shared_group
from experiments.scenarios.base import Scenario

_TURNS = [(phase, side) for phase in (WAITING_FOR_LAG, PAUSING, RESUMING) for side in rebalance.SIDES]
_ENDS = frozenset({"Refused", "RolledBack", "Failed"})
_SESSION_SECONDS = 6
_MARGIN_SECONDS = 3.0
#: A phase lasts until a pod is away, and back.
_TIMEOUT_SECONDS = 40


def perform(lab: Lab, switches: int) -> None:
    lab.spell()
    entered = shared_group.enter(lab)
    if not entered.switched:
        return
    lab.notes.measured["waiting_members_own_partitions"] = 1
    for number in range(switches):
        shared_group.wait_all_have_partitions(lab)
        phase, side = _TURNS[number % len(_TURNS)]
        row = rebalance.turn(lab, phase, side, _away, _ENDS, number=lab.settings.replicas - 1, attempt=number + 2)
        # An instance id spares the group a restart, and not this.
        row["departure_expected"] = 1
        rebalance.rows_of(lab.notes).append(row)
        lab.report(number + 1, switches, lab.notes.switches[-1])
        if row["wrong"]:
            lab.progress.say(f"  {row['wrong']}")
            break
        lab.wait_pods(lab.whole)
    shared_group.leave(lab, switches + 2)


@contextmanager
def _away(lab: Lab, phase: str, pod: str, begins: Callable[[], None]) -> Iterator[Callable[[Disturbance], None]]:
    source, target = lab.active, other(lab.active)
    color: Color = source if pod == lab.pod(source, lab.settings.replicas - 1) else target

    def during(disturbance: Disturbance) -> None:
        if phase == WAITING_FOR_LAG:
            disturbance.wait_phase(WAITING_FOR_LAG)
            begins()
            _one_less(lab, color)
        else:
            with disturbance.held(phase, source, target):
                begins()
                _one_less(lab, color)
        try:
            disturbance.wait_going(pod)
            # What is waited for is time itself: nothing tells that a session has ended but the broker's log.
            time.sleep(_SESSION_SECONDS + _MARGIN_SECONDS)
        finally:
            lab.resize(color, lab.settings.replicas)
        lab.guard.check({lab.sized(color): 2, SWITCH: 1})

    yield during


def _one_less(lab: Lab, color: Color) -> None:
    lab.resize(color, lab.settings.replicas - 1)


def judge(seen: Observations) -> list[Criterion]:
    """That each turn took a member out of the group, members that rested were rebalanced in it, and none handled a
    record. What became of the switches is there to be shown.
    """
    told, asked = seen.measured, seen.switches_asked
    right, wrong, had, taken, rested, left = (
        told.get(name)
        for name in (
            *("switches_with_a_restart", "switch_wrong", "turns_with_the_departure"),
            *("revoked_while_resting", "handled_while_resting", "left"),
        )
    )
    return [
        Criterion("entered_one_group", "= Switched", told.get("entered"), told.get("entered") == "Switched"),
        Criterion("switches_with_a_restart", f"= {asked}", wrong or right, right == asked),
        Criterion("turns_with_the_departure", f"= {asked}", had, had == asked),
        Criterion("revoked_while_resting", "> 0", taken, isinstance(taken, int) and taken > 0),
        none_of("handled_while_resting", rested if isinstance(rested, int) else None),
        Criterion("left_it_again", "= Switched", left, left == "Switched"),
        criteria.spells(seen),
        *criteria.sound(seen),
    ]


_CONFIGURATION: dict[str, Any] = {
    "sessionTimeoutSeconds": _SESSION_SECONDS,
    **{f"{what}TimeoutSeconds": _TIMEOUT_SECONDS for what in ("lag", "resume")},
}
SCENARIO = Scenario(
    "4-shared",
    "a member is away in the middle of a switch, where whoever rests owns partitions",
    default_switches=len(_TURNS),
    step=len(_TURNS),
    perform=perform,
    judge=judge,
    needs=fitness.one_group,
    # In one group nobody knows a position of what stands still: whoever waits for lag is refused.
    configuration={"lagPolicy": "immediate", **_CONFIGURATION},
    kind="measurement",
    observe=rebalance.observe,
    reshapes=True,
    shows=("turns_with_the_departure", "revoked_while_resting", "assigned_while_resting", "handled_while_resting"),
)
