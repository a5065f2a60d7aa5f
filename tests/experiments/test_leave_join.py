"""Ordinary members that leave and join: what is done, and what shows that they did."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from components.strategies.consumers import PARTS
from experiments.criteria import passed
from experiments.records import write_compressed
from experiments.scenarios import leave_join
from experiments.scenarios.leave_join import judge
from tests.experiments.test_criteria import GOOD
from tests.support.noted import NotedLab
from tests.support.samples import FAILED


class World(NotedLab):
    def __init__(self, membership: str = "leave-join") -> None:
        super().__init__(PARTS, own=lambda name: {"membership": membership}[name])
        self.cluster.switch = lambda _: SimpleNamespace(groups={"blue": "g", "green": "g"})

    def spell(self) -> bool:  # type: ignore[override]
        super().spell()
        return True


def test_there_and_back() -> None:
    world = World()
    lab: Any = world
    leave_join.perform(lab, 2)
    assert world.did == ["spell", "switch from blue", "spell", "switch from green", "spell"]


def test_a_switch_that_failed_ends_it() -> None:
    world = World()
    world.record = FAILED
    lab: Any = world
    leave_join.perform(lab, 2)
    assert len(world.notes.switches) == 1


def test_whether_there_was_a_rebalance_is_the_coordinators_to_say(tmp_path: Path) -> None:
    world = World()
    lab: Any = world
    leave_join.perform(lab, 2)
    first, second = world.notes.tables["leaving_and_joining"]
    first["begun"], first["ended"], second["begun"], second["ended"] = 100.0, 110.0, 110.0, 120.0
    stamp = datetime.fromtimestamp(105.5, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    line = f"{stamp} [..] INFO Preparing to rebalance group g in state Stable (reason: leaving)\n"
    write_compressed(tmp_path / "kafka.log.zst", line.encode())
    (tmp_path / "logs").mkdir()
    measured = leave_join.observe(world.notes, tmp_path / "logs")
    assert measured["switches_with_a_rebalance"] == 1
    assert [row["rebalances"] for row in (first, second)] == [1, 0]


def test_what_was_not_measured_is_told_by_name() -> None:
    good: dict[str, Any] = {"membership_measured": "leave-join", "switches_with_a_rebalance": 2}
    assert passed(judge(replace(GOOD, measured=good)))
    for name, value in (("membership_measured", "takeover"), ("switches_with_a_rebalance", 1)):
        failing = [one.name for one in judge(replace(GOOD, measured=good | {name: value})) if not one.passed]
        assert failing == [name]
