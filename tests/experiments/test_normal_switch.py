"""The plan's normal switch, where the new colour is there before it and where it arrives in it."""

import contextlib
from types import SimpleNamespace
from typing import Any

import pytest

from experiments.lab import Notes
from experiments.measurements import SwitchRecord
from experiments.scenarios import normal_switch
from tests.support.samples import FAILED, SWITCH


class World:
    def __init__(self, green: int, record: SwitchRecord = SWITCH) -> None:
        self.did: list[str] = []
        self.notes = Notes()
        self.record = record
        self.settings = SimpleNamespace(replicas=3, replicas_of={"blue": 3, "green": green}.__getitem__)
        self.progress = SimpleNamespace(step=lambda _: contextlib.nullcontext())

    def spell(self) -> None:
        self.did.append("spell")

    def deploy(self, color: str, **changes: object) -> float:
        self.did.append(f"deploy {color} {changes}")
        return 12.3456

    def switch(self) -> SwitchRecord:
        self.did.append("switch")
        return self.record

    def report(self, *_: object) -> None:
        pass

    def scale_down_and_back(self) -> None:
        self.did.append("scale down and back")


def test_both_colours_are_there_before_it() -> None:
    world: Any = World(green=3)
    normal_switch.perform(world, 1)
    assert world.did == ["spell", "switch", "spell", "scale down and back"]


def test_the_new_colour_is_deployed_in_it_as_another_version() -> None:
    world: Any = World(green=0)
    normal_switch.perform(world, 1)
    assert world.did == [
        "spell",
        "deploy green {'version': '2'}",
        "spell",
        "switch",
        "spell",
        "scale down and back",
    ]
    assert world.notes.measured == {"deploy_seconds": 12.346}


def test_a_switch_that_failed_ends_it() -> None:
    world: Any = World(green=3, record=FAILED)
    normal_switch.perform(world, 2)
    assert world.did == ["spell", "switch"]


@pytest.mark.parametrize(("arrival", "green"), [("Before", None), ("During", 0)])
def test_how_it_begins_is_said_by_the_strategy(arrival: str, green: int | None) -> None:
    strategy: Any = SimpleNamespace(arrival=arrival)
    found = normal_switch.SCENARIO.adapted(strategy)
    assert found.get("green", {}).get("replicas") == green
    assert normal_switch.SCENARIO.configuration == {}
