"""Scenario 1 of the plan: a normal switch, there and back as often as asked for; then the colour that is not active is
scaled down.

A failed switch ends the switching: what comes after it would measure something else. The old colour stays up then, for
whoever looks into it.
"""

from experiments import criteria
from experiments.criteria import Observations
from experiments.lab import Lab
from experiments.results import Criterion
from experiments.scenarios.base import Scenario


def perform(lab: Lab, switches: int) -> None:
    lab.spell()
    for number in range(1, switches + 1):
        record = lab.switch()
        lab.report(number, switches, record)
        if not record.switched:
            return
        lab.spell()
    lab.scale_down_and_back()


def judge(seen: Observations) -> list[Criterion]:
    return [
        criteria.outcomes(seen),
        criteria.switch_time(seen),
        criteria.lag_recovery(seen),
        criteria.spells(seen),
        criteria.scale_down(seen),
        *criteria.sound(seen),
    ]


SCENARIO = Scenario("1", "normal switch", default_switches=2, step=1, perform=perform, judge=judge)
