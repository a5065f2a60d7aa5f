"""Switches with a fault: whose it is and when, what is concluded, and what shows that the fault was there."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.strategies.consumers import PARTS
from experiments import faults
from experiments.criteria import passed
from experiments.measurements import SwitchRecord
from experiments.records import CONSUMED, EVENTS, PRODUCED, write_compressed
from experiments.scenarios import impaired, rebalance_by_overrun
from experiments.scenarios.impaired import judge
from experiments.stacks import Update
from tests.experiments.test_criteria import GOOD
from tests.experiments.test_ownership import acked, event, handled
from tests.support.noted import NotedLab
from tests.support.samples import FAILED, SWITCH


class World(NotedLab):
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(PARTS)
        self.cluster.switch = lambda _: SimpleNamespace(groups={"blue": "g", "green": "g"})
        monkeypatch.setattr(faults, "put", self._put)
        monkeypatch.setattr(time, "sleep", lambda _: self.did.append("a while"))

    def _put(self, namespace: str, container: str, pods: list[str], wanted: Mapping[str, faults.Fault]) -> None:
        on = [name for name, value in wanted.items() if value]
        self.did.append(f"{', '.join(on) or 'nothing'} to {', '.join(pods)}")

    def stay(self) -> Update:
        self.did.append("stay")
        return Update(0.0, 1.0, None)


def test_each_fault_on_each_side_there_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    lab: Any = world
    impaired.perform(lab, 5)
    greens = [f"consumer-green-{n}" for n in range(3)]
    done = [what for what in world.did if " to " in what or what.startswith("switch")]
    assert done == [
        "switch from blue",
        f"commit_delay_ms to {', '.join(greens)}",
        "switch from green",
        f"nothing to {', '.join(greens)}",
        f"commit_delay_ms to {', '.join(greens)}",
        "switch from blue",
        f"nothing to {', '.join(greens)}",
        f"exceed_max_poll_interval to {greens[1]}",
        "switch from green",
        f"nothing to {greens[1]}",
        f"exceed_max_poll_interval to {greens[1]}",
        "switch from blue",
        f"nothing to {greens[1]}",
    ]
    assert [row["case"] for row in world.notes.tables["impaired_switches"]] == [case.name for case in impaired.CASES]


def test_a_fault_is_taken_away_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)

    def fails(**_: object) -> SwitchRecord:
        raise KeyboardInterrupt

    monkeypatch.setattr(world, "switch", fails)
    lab: Any = world
    with pytest.raises(KeyboardInterrupt):
        impaired._switch(lab, impaired.Case(impaired.OVERRUN, "old"))
    assert world.did[-1] == "nothing to consumer-blue-1"


def test_a_switch_that_failed_is_a_result_and_one_without_an_end_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    world.record = FAILED
    lab: Any = world
    impaired.perform(lab, 2)
    assert [row["outcome"] for row in world.notes.tables["impaired_switches"]] == ["Failed", "Failed"]
    assert world.did.count("stay") == 2
    world.record = replace(SWITCH, last=None, error="timed out")
    impaired.perform(lab, 2)
    assert world.notes.tables["impaired_switches"][-1]["wrong"] == "the switch ended as NotSeen: timed out"


def row(case: impaired.Case, begun: float, pods: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"case": case.name, "fault": case.fault, "pods": pods, "group": "g", "outcome": "Switched"}
    return found | {"switch_seconds": 1.5, "begun": begun, "ended": begun + 10, "wrong": ""}


def test_whether_a_fault_was_there_is_read_from_the_logs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    world = World(monkeypatch)
    none, slow, quick, overrun, idle = impaired.CASES
    world.notes.tables["impaired_switches"] = [
        row(none, 0, []),
        row(slow, 10, ["blue-0"]),
        row(quick, 20, ["blue-0"]),
        row(overrun, 30, ["blue-1"]),
        row(idle, 40, ["blue-1"]),
    ]
    write_compressed(tmp_path / "kafka.log.zst", b"")
    times = [n / 2 for n in range(100) if not 11 < n / 2 < 14]
    for kind, lines in (
        (PRODUCED, [acked(0, n, at) for n, at in enumerate(times)]),
        (CONSUMED, [handled(0, n, at + 0.1, "blue-0") for n, at in enumerate(times)] + [handled(0, 70, 39, "blue-0")]),
        (EVENTS, [event("LOST", "blue-1", 35.0, 0), event("LOST", "blue-0", 45.0, 0)]),
    ):
        (tmp_path / "logs" / kind).mkdir(parents=True)
        text = "".join(f"{json.dumps(line)}\n" for line in lines)
        write_compressed(tmp_path / "logs" / kind / "blue-0.a.jsonl.zst", text.encode())
    measured = impaired.observe(world.notes, tmp_path / "logs")
    assert measured["faults_not_seen"] == "slow_commit_new, overrun_new"
    assert measured["silent_seconds_slow_commit_old"] == pytest.approx(3.0)
    assert measured["duplicates_overrun_old"] == 1
    assert (measured["outcome_none"], measured["cases_made"]) == ("Switched", 5)


def test_what_was_not_measured_is_told_by_name() -> None:
    good = {"cases_made": 2, "case_wrong": None, "faults_not_seen": None}
    seen = replace(GOOD, limits=impaired.SCENARIO.limits("c"), measured=good)
    assert passed(judge(seen))
    for name, value, missed in (
        ("cases_made", 1, "cases_made"),
        ("faults_not_seen", "overrun_new", "faults_not_seen"),
    ):
        failing = [one.name for one in judge(replace(seen, measured=good | {name: value})) if not one.passed]
        assert failing == [missed]
    again = replace(seen, anomalies={**seen.anomalies, "duplicate": 3}, verdict="fail", failing=("duplicate",))
    assert passed(judge(again))
    assert not passed(judge(replace(seen, anomalies={**seen.anomalies, "lost": 1})))


def test_the_fault_outlasts_the_second_record_of_a_member_at_work() -> None:
    """Its client tells it that it has dropped out after that: 12 s were too short, and nothing was seen."""
    assert impaired._AFTER_SECONDS > 2 * rebalance_by_overrun._RECORD_SECONDS
