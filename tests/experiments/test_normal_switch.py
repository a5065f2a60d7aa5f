"""The plan's normal switch, where the new colour is there before it and where it arrives in it."""

from types import SimpleNamespace
from typing import Any

import pytest

from components.strategies.consumers import PARTS
from experiments.measurements import SwitchRecord
from experiments.scenarios import normal_switch
from tests.support.noted import NotedLab
from tests.support.samples import FAILED, SWITCH


def noted(green: int, record: SwitchRecord = SWITCH) -> NotedLab:
    lab = NotedLab(PARTS, replicas_of={"blue": 3, "green": green}.__getitem__)
    lab.record = record
    return lab


def test_both_colours_are_there_before_it() -> None:
    world: Any = noted(green=3)
    normal_switch.perform(world, 1)
    assert world.did == ["spell", "switch from blue", "spell", "scale down and back"]


def test_the_new_colour_is_deployed_in_it_as_another_version() -> None:
    world: Any = noted(green=0)
    normal_switch.perform(world, 1)
    assert world.did == [
        "spell",
        "deploy green {'version': '2'}",
        "spell",
        "switch from blue",
        "spell",
        "scale down and back",
    ]
    assert world.notes.measured == {"deploy_seconds": 12.346}


def test_a_switch_that_failed_ends_it() -> None:
    world: Any = noted(green=3, record=FAILED)
    normal_switch.perform(world, 2)
    assert world.did == ["spell", "switch from blue"]


@pytest.mark.parametrize(("arrival", "green"), [("Before", None), ("During", 0)])
def test_how_it_begins_is_said_by_the_strategy(arrival: str, green: int | None) -> None:
    strategy: Any = SimpleNamespace(arrival=arrival)
    found = normal_switch.SCENARIO.adapted(strategy)
    assert found.get("green", {}).get("replicas") == green
    assert normal_switch.SCENARIO.configuration == {}
