"""A member that is away in the middle of a switch, where whoever rests owns partitions: what is done, and what it has
to show to be a measurement.
"""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from experiments.criteria import passed
from experiments.measurements import SwitchRecord
from experiments.scenarios import rebalance_shared
from experiments.scenarios.rebalance_shared import judge
from tests.experiments import test_shared_group
from tests.experiments.test_criteria import GOOD
from tests.experiments.test_shared_group import BOTH


class World(test_shared_group.World):
    def __init__(self) -> None:
        super().__init__()
        self.settings = SimpleNamespace(replicas=1, own={"membership": "shared", "group_protocol": "classic"}.get)
        live = SimpleNamespace(
            groups=dict.fromkeys(("blue", "green"), "g"),
            raw={"spec": {"standby": "Outside"}, "status": {"members": BOTH}},
        )
        self.cluster.switch = lambda _: live
        self.disturbance.wait_phase = lambda phase: self.did.append(f"it is {phase}")
        self.disturbance.held = self._held

    @contextlib.contextmanager
    def _held(self, phase: str, source: str, target: str) -> Iterator[None]:
        self.did.append(f"{source} to {target} is held in {phase}")
        yield
        self.did.append("it goes on")

    def switch(self, *, during: Any = None, reshapes: bool = False, **changes: object) -> SwitchRecord:
        record = super().switch(during=during, reshapes=reshapes, **changes)
        self.active = "blue"  # nothing goes through in one group
        return record


@pytest.fixture(autouse=True)
def no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)


def test_each_phase_and_each_side_has_a_member_away_beyond_its_session() -> None:
    world = World()
    lab: Any = world
    rebalance_shared.perform(lab, 6)
    done = [what for what in world.did if what.startswith(("scale", "it ", "blue to", "consumer", "{'m"))]
    blue, green = (
        ["scale " + color + " 0", *more, f"consumer-{color}-0 is going", f"scale {color} 1"]
        for color, more in (("blue", ()), ("green", ()))
    )
    away = {"blue": ["scale blue 0", "it goes on", *blue[1:]], "green": ["scale green 0", "it goes on", *green[1:]]}
    assert done == [
        "{'membership': 'shared'}",
        *("it is WaitingForLag", *blue, "it is WaitingForLag", *green),
        *("blue to green is held in Pausing", *away["blue"], "blue to green is held in Pausing", *away["green"]),
        *("blue to green is held in Resuming", *away["blue"], "blue to green is held in Resuming", *away["green"]),
        "{'membership': 'takeover', 'attempt': 8}",
    ]
    rows = world.notes.tables["restarts_in_a_switch"]
    assert [row["departure_expected"] for row in rows] == [1] * 6
    assert not any(row["wrong"] for row in rows)
    assert (world.notes.measured["entered"], world.notes.measured["left"]) == ("Switched", "Switched")


def test_a_pod_is_brought_back_whatever_happens() -> None:
    world = World()

    def never(_: str) -> None:
        raise TimeoutError("never")

    world.disturbance.wait_going = never
    lab: Any = world
    with pytest.raises(TimeoutError):
        rebalance_shared.perform(lab, 6)
    assert world.did[-1] == "scale blue 1"


def test_what_it_has_to_show_to_be_a_measurement() -> None:
    good: dict[str, Any] = {
        "entered": "Switched",
        "left": "Switched",
        "switches_with_a_restart": 6,
        "switch_wrong": None,
        "turns_with_the_departure": 6,
        "revoked_while_resting": 4,
        "handled_while_resting": 0,
    }
    seen = replace(GOOD, switches_asked=6, measured=good)
    assert passed(judge(seen))
    for name, value in (
        ("entered", "Refused"),
        ("left", "RolledBack"),
        ("switches_with_a_restart", 5),
        ("turns_with_the_departure", 5),
        ("revoked_while_resting", 0),
        ("handled_while_resting", 1),
        ("handled_while_resting", None),
    ):
        assert not passed(judge(replace(seen, measured=good | {name: value}))), name
