"""The way back at ACTIVE, by a second writer, while the update still runs."""

import threading
from typing import Any

import pytest

from components.settings import strategy_settings
from experiments import by_hand, switching
from experiments.errors import DeadlineError
from experiments.guard import ForeignChangeError
from experiments.lab import Lab
from experiments.stacks import Update
from tests.experiments.test_lab import COMMANDED, NAMESPACE, SWITCH, World
from tests.experiments.test_lab import lab as _lab
from tests.support.fake_api import FakeApi

lab = _lab
KIND = SWITCH.rpartition("/")[0]


class Overtaken(World):
    """A stack whose first update goes on until the switch is patched, and then fails or not as a test says."""

    def __init__(self, api: FakeApi) -> None:
        super().__init__(api)
        self.said: list[str] = []
        self.patched = threading.Event()
        self.error: str | None = "it asks for blue: it was changed outside of Pulumi"
        self.outcome = "Switched"
        self.level_error: str | None = None
        self.settled = False
        self.configuration.set = lambda **values: self.said.append(f"configuration {values}")
        self.up = self.first_update
        self.wanted = self.active
        api.answers["GET", KIND] = lambda _: (200, self.listed())

    def listed(self) -> dict[str, Any]:
        raw = self.object()
        raw["metadata"]["resourceVersion"] = "1"
        return {"metadata": {"resourceVersion": "1"}, "items": [raw]}

    def object(self) -> dict[str, Any]:
        raw = super().object()
        raw["spec"]["active"] = self.wanted
        if self.settled:
            condition = {"type": "Settled", "status": "True", "observedGeneration": self.generation}
            raw["status"]["conditions"] = [condition]
        return raw

    def change(self, target: str, started: str = "2025-11-24T16:00:01Z") -> None:
        super().change(target, started)
        assert self.last is not None
        self.last["outcome"], self.wanted = self.outcome, target
        self.tell()

    def tell(self) -> None:
        """What the watch shows: the object as it is."""
        raw = self.object()
        raw["metadata"]["resourceVersion"] = "2"
        self.api.events.put({"type": "MODIFIED", "object": raw})

    def first_update(self) -> Update:
        self.said.append("up begins")
        self.change("green")
        assert self.patched.wait(30)
        self.said.append("up ends")
        self.up = self.level_update
        return Update(COMMANDED, 4.0, self.error)

    def level_update(self) -> Update:
        self.said.append("up again")
        return Update(COMMANDED + 10, 2.0, self.level_error)

    def patch(self, _namespace: str, color: str) -> None:
        self.said.append(f"patch {color}")
        self.settled = True
        self.change(color, started="2100-01-01T00:00:00Z")
        self.patched.set()


@pytest.fixture
def world(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> Overtaken:
    made = Overtaken(api)
    monkeypatch.setattr(by_hand, "activate", made.patch)
    return made


def test_the_way_back_is_commanded_while_the_update_runs(lab: Lab, world: Overtaken) -> None:
    forward, back = switching.with_the_way_back_at_active(lab)
    assert world.said == [
        "configuration {'active': 'green'}",
        "up begins",
        "patch blue",
        "up ends",
        "configuration {'active': 'blue'}",
        "up again",
    ]
    assert back is not None
    assert (forward.direction, forward.outcome, forward.switched, forward.commanded) == (
        "blue-green",
        "Switched",
        True,
        "up",
    )
    assert (forward.overtaken, forward.error) == (True, world.error)
    assert (back.direction, back.outcome, back.switched, back.commanded) == ("green-blue", "Switched", True, "patch")
    assert back.last is not None
    assert back.last.generation == 6
    assert (lab.active, lab.notes.switches, lab.notes.rollbacks) == ("blue", [forward, back], [back])
    lab.guard.check()  # everything that was changed is accounted for


def test_an_update_whose_check_came_before_the_patch_may_end_well(lab: Lab, world: Overtaken) -> None:
    world.error = None
    forward, back = switching.with_the_way_back_at_active(lab)
    assert back is not None
    assert forward.switched
    assert back.switched


def test_pulumi_that_does_not_come_level_is_no_good_way_back(lab: Lab, world: Overtaken) -> None:
    world.level_error = "conflict with kubectl-patch"
    _, back = switching.with_the_way_back_at_active(lab)
    assert back is not None
    assert not back.switched
    assert "does not come level with what was written by hand:\nconflict" in str(back.error)


def test_a_switch_that_failed_has_no_way_back(lab: Lab, world: Overtaken) -> None:
    world.outcome, world.settled = "Failed", True
    world.patched.set()
    world.error = "DrainTimeout: consumer-blue-1"
    forward, back = switching.with_the_way_back_at_active(lab)
    assert back is None
    assert "patch blue" not in world.said
    assert (forward.outcome, forward.switched, forward.overtaken) == ("Failed", False, False)
    assert lab.notes.switches == [forward]


def test_an_update_that_writes_nothing_ends_the_wait(
    lab: Lab, world: Overtaken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switching, "_SLICE_SECONDS", 0.1)
    world.up = lambda: Update(COMMANDED, 1.0, "the program failed")
    for _ in range(3):  # each slice's watch ends
        world.api.events.put(None)
    forward, back = switching.with_the_way_back_at_active(lab)
    assert (back, forward.outcome, forward.error) == (None, "NotSeen", "the program failed")


def test_somebody_elses_change_meanwhile_is_found(lab: Lab, world: Overtaken) -> None:
    def twice() -> Update:
        world.change("green")
        world.change("blue")
        return Update(COMMANDED, 1.0, None)

    world.up = twice
    with pytest.raises(ForeignChangeError, match="generation 5 -> 6"):
        switching.with_the_way_back_at_active(lab)


def test_a_switch_that_is_analysed_goes_back_in_the_middle(
    lab: Lab, world: Overtaken, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an analysis a switch has no outcome while its colour is ACTIVE; the way back makes it Superseded."""
    lab.settings = strategy_settings({"strategy": "c", "analysis": '{"seconds": 60, "maxErrorRate": 0.1}'}, NAMESPACE)
    world.outcome = ""

    def patch(namespace: str, color: str) -> None:
        world.outcome = "Switched"
        world.patch(namespace, color)

    monkeypatch.setattr(by_hand, "activate", patch)
    forward, back = switching.with_the_way_back_at_active(lab)
    assert back is not None
    assert (forward.outcome, forward.switched) == ("Superseded", True)
    assert forward.switch_seconds is not None
    assert back.switched


def test_a_controller_that_decides_nothing_is_a_deadline(
    lab: Lab, world: Overtaken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switching, "_ACTIVE_SECONDS", 0.2)
    monkeypatch.setattr(switching, "_SLICE_SECONDS", 0.1)
    go = threading.Event()

    def nothing() -> Update:
        go.wait(30)
        return Update(COMMANDED, 1.0, None)

    def impatient() -> None:
        with pytest.raises(DeadlineError, match="green to be ACTIVE on all partitions; last seen: generation 4"):
            switching.with_the_way_back_at_active(lab)

    world.up = nothing
    for _ in range(5):
        world.api.events.put(None)
    # The update is waited for, too, before anybody is told.
    threading.Timer(1.0, go.set).start()
    impatient()


def test_a_switch_by_hand_alone(lab: Lab, world: Overtaken) -> None:
    record = switching.by_patch(lab)
    assert (record.direction, record.commanded, record.switched) == ("blue-green", "patch", True)
    assert (lab.notes.switches, lab.active) == ([], "blue")
    world.up = world.level_update
    assert switching.level(lab, record) == record
    assert world.said == ["patch green", "configuration {'active': 'green'}", "up again"]
