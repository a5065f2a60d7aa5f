"""Scenario 1 of the plan: a normal switch, there and back as often as asked for; then the colour that is not active is
scaled down, and brought back.

Where the strategy says that the new colour arrives during the run, green has no pods at work when it begins: they are
deployed in it, as another version, while blue works.

A failed switch ends the switching: what comes after it would measure something else. The old colour stays up then, for
whoever looks into it.
"""

from collections.abc import Mapping
from typing import Any

from components.strategies.base import Strategy
from experiments import criteria
from experiments.criteria import Observations
from experiments.lab import Lab
from experiments.results import Criterion
from experiments.scenarios.base import Scenario

_OLD_VERSION, _NEW_VERSION = "1", "2"


def configuration(strategy: Strategy) -> Mapping[str, Any]:
    """Which colours are there when it begins."""
    if strategy.arrival == "Before":
        return {}
    return {"blue": {"version": _OLD_VERSION}, "green": {"replicas": 0, "version": _OLD_VERSION}}


def perform(lab: Lab, switches: int) -> None:
    lab.spell()
    if lab.settings.replicas_of("green") == 0:
        with lab.progress.step(f"deploying green as version {_NEW_VERSION}"):
            lab.notes.measured["deploy_seconds"] = round(lab.deploy("green", version=_NEW_VERSION), 3)
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
        criteria.stays_away(seen),
        *criteria.sound(seen),
    ]


SCENARIO = Scenario(
    "1", "normal switch", default_switches=2, step=1, perform=perform, judge=judge, adapted=configuration
)
