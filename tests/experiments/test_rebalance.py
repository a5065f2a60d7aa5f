"""A restart in the middle of a switch: in which phase, of whom, and what it is judged by."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.strategies.consumers import PARTS
from experiments.criteria import passed
from experiments.disturbance import PHASES
from experiments.measurements import SwitchRecord
from experiments.records import CONSUMED, EVENTS, write_compressed
from experiments.scenarios import rebalance
from experiments.scenarios.rebalance import judge
from experiments.stacks import Update
from tests.experiments.test_criteria import GOOD
from tests.experiments.test_pauses import event
from tests.support.noted import NotedLab
from tests.support.samples import FAILED, LAST, SWITCH

ROLLED_BACK = replace(SWITCH, last=replace(LAST, outcome="RolledBack", reason="ResumeTimeout"), error="blue is active")


class World(NotedLab):
    """back: how a switch ends that is held on its way back; any other as `record`."""

    def __init__(self, record: SwitchRecord = SWITCH, back: SwitchRecord = ROLLED_BACK) -> None:
        super().__init__(PARTS)
        self.record, self._forward, self._back = record, record, back
        self.policies: list[object] = []
        self.cluster.switch = lambda _: SimpleNamespace(groups={"blue": "g", "green": "g"})
        self.disturbance.held = self._held
        self.disturbance.wait_phase = lambda phase: self.did.append(f"it is {phase}")
        self.disturbance.wait_holder = lambda color, _: self.did.append(f"{color} holds it again")

    @contextlib.contextmanager
    def _held(self, phase: str, source: str, target: str) -> Iterator[None]:
        self.did.append(f"{source} to {target} is held in {phase}")
        self.record = self._back if phase == "RollingBack" else self._forward
        yield
        self.did.append("it goes on")

    def switch(self, *, during: Any = None, **changes: object) -> SwitchRecord:
        self.policies.append(changes.pop("lagPolicy"))
        assert not changes
        return super().switch(during=during)

    def stay(self) -> Update:
        self.did.append("stay")
        return Update(0.0, 1.0, None)


@pytest.fixture(autouse=True)
def _slowed(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.contextmanager
    def behind(lab: Any, records: int) -> Iterator[Any]:
        lab.did.append(f"slow, more than {records}")
        yield lambda: lab.did.append("quick")

    monkeypatch.setattr(rebalance, "behind", behind)


def performed(world: World, switches: int = 8) -> World:
    lab: Any = world
    rebalance.perform(lab, switches)
    return world


def test_each_phase_and_each_side_in_turn() -> None:
    world = performed(World())
    done = [what for what in world.did if what.startswith(("delete", "blue", "green", "slow", "quick", "it "))]
    waiting = ["slow, more than 500", "it is WaitingForLag", "delete consumer-blue-1", "it is WaitingForLag", "quick"]
    assert done == [
        *waiting,
        *waiting,
        *("blue to green is held in Pausing", "delete consumer-blue-1", "it goes on"),
        *("green to blue is held in Pausing", "delete consumer-blue-1", "it goes on"),
        *("blue to green is held in Resuming", "delete consumer-blue-1", "it goes on"),
        *("green to blue is held in Resuming", "delete consumer-blue-1", "it goes on"),
        *("blue to green is held in RollingBack", "delete consumer-blue-1", "it goes on", "blue holds it again"),
        *("blue to green is held in RollingBack", "delete consumer-green-1", "it goes on", "blue holds it again"),
    ]
    # It waits for the lag only where that is what it is held in: beyond it, a frozen consumer never catches up.
    assert world.policies == ["wait"] * 2 + ["immediate"] * 6
    assert world.did.count("stay") == 2
    rows = world.notes.tables["restarts_in_a_switch"]
    assert [(row["phase"], row["side"]) for row in rows] == [
        (phase, side) for phase in PHASES for side in ("old", "new")
    ]
    assert not any(row["wrong"] for row in rows)


def test_what_is_slow_is_quick_again_once_the_pods_next_process_is_there() -> None:
    did = performed(World(), 1).did
    assert did[did.index("delete consumer-blue-1") :][:5] == [
        *("delete consumer-blue-1", "consumer-blue-1 is going", "pods {'blue': 3, 'green': 3}"),
        *("it is WaitingForLag", "quick"),
    ]


def test_a_switch_that_is_taken_back_counts_and_its_configuration_follows() -> None:
    world = World(replace(FAILED, error="blue is active, not green"))
    lab: Any = world
    rebalance.in_turn(lab, 4, [("Pausing", "old"), ("Resuming", "new")], rebalance._restart)
    assert world.did.count("stay") == 4


def test_a_way_back_that_was_none_ends_the_run() -> None:
    world = performed(World(back=SWITCH))
    assert len(world.notes.switches) == 7
    assert world.notes.tables["restarts_in_a_switch"][-1]["wrong"].startswith("the switch ended as Switched")


def test_a_wait_that_ended_otherwise_ends_the_run() -> None:
    world = performed(World(FAILED))
    assert len(world.notes.switches) == 1
    assert world.notes.tables["restarts_in_a_switch"][-1]["wrong"].startswith("the switch ended as")


def test_a_switch_without_an_outcome_ends_the_run() -> None:
    world = World(replace(SWITCH, last=None, error="timed out"))
    lab: Any = world
    rebalance.perform(lab, 4)
    assert len(world.notes.switches) == 1
    assert world.notes.tables["restarts_in_a_switch"][0]["wrong"] == "the switch ended as NotSeen: timed out"


def test_the_criteria() -> None:
    good = {
        "switches_with_a_restart": 4,
        "switch_wrong": None,
        "switches_with_a_rebalance": 4,
        "handled_while_resting": 0,
    }
    seen = replace(GOOD, switches_asked=4, measured=good)
    assert passed(judge(seen))
    for name, value in (
        ("switches_with_a_restart", 3),
        ("switches_with_a_rebalance", 3),
        ("handled_while_resting", 1),
        ("handled_while_resting", None),
    ):
        assert not passed(judge(replace(seen, measured=good | {name: value}))), name
    assert not passed(judge(replace(seen, anomalies={**seen.anomalies, "dual_active": 1})))


def test_what_members_did_is_read_from_the_logs(tmp_path: Path) -> None:
    world = World()
    lab: Any = world
    rebalance.perform(lab, 4)
    row = world.notes.tables["restarts_in_a_switch"][0]
    row["ended"] = row["begun"] + 1
    stamp = datetime.fromtimestamp(row["begun"] + 0.5, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    brokers = f"{stamp} [..] INFO Preparing to rebalance group g in state Stable (reason: Adding new member)\n"
    write_compressed(tmp_path / "kafka.log.zst", brokers.encode())
    for kind, lines in (
        (EVENTS, [event("blue-0.a", "PAUSED", 5)[1], event("blue-0.a", "ASSIGNED", 30)[1]]),
        (CONSUMED, [{"t": 31, "offset": 7}, {"end": 1}]),
    ):
        (tmp_path / "logs" / kind).mkdir(parents=True)
        text = "".join(f"{json.dumps(line)}\n" for line in lines)
        write_compressed(tmp_path / "logs" / kind / "blue-0.a.jsonl.zst", text.encode())
    measured = rebalance.observe(world.notes, tmp_path / "logs")
    assert measured["handled_while_resting"] == measured["assigned_while_resting"] == 1
    assert measured["switches_with_a_rebalance"] == 1
    assert world.notes.tables["assignments"][0]["handled_after"] == 1
