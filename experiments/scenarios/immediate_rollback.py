"""Scenario 2 of the plan: a switch, and the way back as soon as the new colour is active; as many pairs as asked for.

"As soon as" is said by two moments, in turn, pair by pair; the result says of each switch how it was commanded:

- when the update that switched has returned: the way back is commanded as a user commands it (`up`);
- when the new colour is ACTIVE on all partitions and that update still runs: the way back is commanded by hand on the
  live object (`patch`), because Pulumi's lock lets no second update in.

The new colour may have handled few records by then, so only the spell after the way back is looked at.
"""

from experiments import criteria, switching
from experiments.criteria import Observations
from experiments.lab import Lab
from experiments.measurements import SwitchRecord
from experiments.results import Criterion
from experiments.scenarios.base import Scenario


def perform(lab: Lab, switches: int) -> None:
    lab.spell()
    for number in range(1, switches, 2):
        at_active = number % 4 == 3
        forward, back = switching.with_the_way_back_at_active(lab) if at_active else _after_the_update(lab)
        lab.report(number, switches, forward)
        if back is None:
            return
        lab.report(number + 1, switches, back)
        if not back.switched:
            return
        lab.spell()


def _after_the_update(lab: Lab) -> tuple[SwitchRecord, SwitchRecord | None]:
    forward = lab.switch()
    return forward, lab.switch(rollback=True) if forward.switched else None


def judge(seen: Observations) -> list[Criterion]:
    return [
        criteria.outcomes(seen),
        criteria.switch_time(seen),
        criteria.rollback_time(seen),
        criteria.lag_after_rollback(seen),
        criteria.spells(seen),
        *criteria.sound(seen),
    ]


SCENARIO = Scenario("2", "immediate rollback", default_switches=4, step=2, perform=perform, judge=judge, moment="back")
