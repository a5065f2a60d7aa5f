"""A restart in the middle of a switch: in which phase, of whom, and what it is judged by."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from components.strategies.consumers import PARTS
from experiments.criteria import passed
from experiments.measurements import SwitchRecord
from experiments.records import CONSUMED, EVENTS, write_compressed
from experiments.scenarios import rebalance
from experiments.scenarios.rebalance import judge
from experiments.stacks import Update
from tests.experiments.test_criteria import GOOD
from tests.experiments.test_pauses import event
from tests.support.noted import NotedLab
from tests.support.samples import FAILED, SWITCH


class World(NotedLab):
    def __init__(self, record: SwitchRecord = SWITCH) -> None:
        super().__init__(PARTS)
        self.record = record
        self.policies: list[object] = []
        self.cluster.switch = lambda _: SimpleNamespace(groups={"blue": "g", "green": "g"})
        self.disturbance.held = self._held

    @contextlib.contextmanager
    def _held(self, phase: str, source: str, target: str) -> Iterator[None]:
        self.did.append(f"{source} to {target} is held in {phase}")
        yield
        self.did.append("it goes on")

    def switch(self, *, during: Any = None, **changes: object) -> SwitchRecord:
        self.policies.append(changes.pop("lagPolicy"))
        assert not changes
        return super().switch(during=during)

    def stay(self) -> Update:
        self.did.append("stay")
        return Update(0.0, 1.0, None)


def test_each_phase_and_each_side_in_turn() -> None:
    world = World()
    lab: Any = world
    rebalance.perform(lab, 4)
    done = [what for what in world.did if what.startswith(("delete", "blue", "green"))]
    phases = ("Pausing", "Resuming")
    assert done == [
        line
        for phase in phases
        for line in (
            *(f"blue to green is held in {phase}", "delete consumer-blue-1"),
            *(f"green to blue is held in {phase}", "delete consumer-blue-1"),
        )
    ]
    # It would wait for the lag only where it is held in that: beyond it, a frozen consumer never catches up.
    assert world.policies == ["immediate"] * 4
    assert [(row["phase"], row["side"]) for row in world.notes.tables["restarts_in_a_switch"]] == [
        (phase, side) for phase in phases for side in ("old", "new")
    ]


def test_a_switch_that_is_taken_back_counts_and_its_configuration_follows() -> None:
    world = World(replace(FAILED, error="blue is active, not green"))
    lab: Any = world
    rebalance.perform(lab, 4)
    assert world.did.count("stay") == 4


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
