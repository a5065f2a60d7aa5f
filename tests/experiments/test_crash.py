"""Who is killed when, with everybody else replaced."""

import signal
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from components.strategies.consumers import PARTS
from experiments.lab import Notes
from experiments.measurements import SwitchRecord, other
from experiments.scenarios import crash
from tests.support.samples import FAILED, SWITCH


class World:
    def __init__(self, record: SwitchRecord = SWITCH) -> None:
        self.did: list[str] = []
        self.notes = Notes()
        self.active: Any = "blue"
        self.record = record
        self.settings = SimpleNamespace(replicas=3)
        self.parts = PARTS
        self.whole = {"blue": 3, "green": 3}
        self.progress = SimpleNamespace(say=lambda _: None)
        self.disturbance = SimpleNamespace(
            wait_holder=lambda color: self.did.append(f"{color} is granted"),
            processes=SimpleNamespace(
                send=lambda pod, module, number: self.did.append(
                    f"{signal.Signals(number).name} {module.container} of {pod}"
                )
            ),
        )

    def switch(self, *, during: Callable[[Any], None]) -> SwitchRecord:
        self.did.append(f"switch from {self.active}")
        during(self.disturbance)
        self.active = other(self.active)
        return self.record

    def pod(self, color: str, number: int) -> str:
        return f"consumer-{color}-{number}"

    def spell(self) -> None:
        self.did.append("spell")

    def wait_pods(self, replicas: dict[str, int]) -> None:
        self.did.append(f"pods {sorted(replicas.values())}")

    def report(self, *_: object) -> None:
        pass


def test_the_old_side_crashes_at_the_command_and_the_new_one_at_its_grant() -> None:
    world = World()
    lab: Any = world
    crash.perform(lab, 2)
    assert world.did == [
        "spell",
        "switch from blue",
        "SIGKILL consumer of consumer-blue-0",
        "pods [3, 3]",
        "spell",
        "switch from green",
        "blue is granted",
        "SIGKILL consumer of consumer-blue-0",
        "pods [3, 3]",
        "spell",
    ]
    assert [one["side"] for one in world.notes.tables["crashes"]] == ["old", "new"]
    assert world.notes.measured == {"crashes_old": 1, "crashes_new": 1}


def test_a_switch_that_failed_ends_it() -> None:
    world = World(FAILED)
    lab: Any = world
    crash.perform(lab, 4)
    assert world.did[-1] == "pods [3, 3]"
