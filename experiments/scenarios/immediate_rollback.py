"""Scenario 2 of the plan: a switch, and the way back as soon as the new colour is active; as many pairs as asked for.

"As soon as" is when the update that switched has returned: a rollback is commanded as a user commands it. The new
colour may have handled few records by then, so only the spell after the way back is looked at.
"""

from experiments import criteria
from experiments.criteria import Observations
from experiments.lab import Lab
from experiments.results import Criterion
from experiments.scenarios.base import Scenario


def perform(lab: Lab, switches: int) -> None:
    lab.spell()
    for number in range(1, switches, 2):
        forward = lab.switch()
        back = lab.switch(rollback=True) if forward.switched else None
        lab.report(number, switches, forward)
        if back is None:
            return
        lab.report(number + 1, switches, back)
        if not back.switched:
            return
        lab.spell()


def judge(seen: Observations) -> list[Criterion]:
    return [
        criteria.outcomes(seen),
        criteria.switch_time(seen),
        criteria.rollback_time(seen),
        criteria.lag_after_rollback(seen),
        criteria.spells(seen),
        *criteria.sound(seen),
    ]


SCENARIO = Scenario("2", "immediate rollback", default_switches=2, step=2, perform=perform, judge=judge)
