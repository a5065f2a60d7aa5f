"""Scenario 1 of the plan: a normal switch, there and back as often as asked for; then the colour that is not active is
scaled down, and brought back.

Green has no pods at work when it begins: they are deployed in it, as another version, while blue works. With our
consumers that is an image of its own: the stack's `green.image`, or the sandbox's second version.

A failed switch ends the switching: what comes after it would measure something else. The old colour stays up then, for
whoever looks into it.
"""

import os

from components.images import ImageError, second_version
from components.strategies.base import strategy
from experiments import criteria
from experiments.criteria import Observations
from experiments.errors import PreconditionError
from experiments.lab import Lab
from experiments.results import Criterion
from experiments.scenarios.base import Scenario

_OLD_VERSION, _NEW_VERSION = "1", "2"


#: Which colours are there when it begins.
_CONFIGURATION = {"blue": {"version": _OLD_VERSION}, "green": {"replicas": 0, "version": _OLD_VERSION}}


def perform(lab: Lab, switches: int) -> None:
    new = new_version(lab)
    lab.spell()
    with lab.progress.step(f"deploying green as version {_NEW_VERSION}"):
        lab.notes.measured["deploy_seconds"] = round(lab.deploy("green", **new), 3)
    lab.spell()
    for number in range(1, switches + 1):
        record = lab.switch()
        lab.report(number, switches, record)
        if not record.switched:
            return
        lab.spell()
    lab.scale_down_and_back()


def new_version(lab: Lab) -> dict[str, str]:
    """A colour's keys by which it becomes another version. Raises PreconditionError where that is not made yet."""
    return {"version": _NEW_VERSION, **_image(lab)}


def _image(lab: Lab) -> dict[str, str]:
    """The image of the new version, where there is one. Raises PreconditionError for one that is not made yet."""
    settings = lab.settings
    try:
        found = settings.color("green").image or second_version(
            strategy(settings.strategy).second, settings.images, os.environ
        )
    except ImageError as error:
        raise PreconditionError(str(error)) from None
    return {"image": found} if found else {}


def judge(seen: Observations) -> list[Criterion]:
    return [
        criteria.outcomes(seen),
        criteria.switch_time(seen),
        criteria.lag_recovery(seen),
        criteria.spells(seen),
        criteria.scale_down(seen),
        criteria.stays_away(seen),
        *criteria.silent(seen),
        *criteria.sound(seen),
    ]


SCENARIO = Scenario(
    "1", "normal switch", default_switches=2, step=1, perform=perform, judge=judge, configuration=_CONFIGURATION
)
