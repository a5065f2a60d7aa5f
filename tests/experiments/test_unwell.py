"""A green that dies, hangs or is killed: what is done to it, what a round has to show, and what is judged."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.names import COLOR_LABEL
from components.strategies.consumers import PARTS
from experiments import rollbacks
from experiments.criteria import passed
from experiments.measurements import SwitchRecord
from experiments.records import CONSUMED, EVENTS, write_compressed
from experiments.scenarios import replayed_switch, unwell
from experiments.scenarios.unwell import CAUSES, REASONS, TABLE
from experiments.stacks import Update
from tests.experiments.test_criteria import GOOD
from tests.experiments.test_failures import event, line
from tests.support.noted import NotedLab
from tests.support.samples import LAST, SWITCH


def back(reason: str) -> SwitchRecord:
    last = replace(LAST, outcome="RolledBack", reason=reason)
    return replace(SWITCH, last=last, error="blue is active, not green")


BACK = [back("AnalysisFailed: restarts of g"), back("ResumeTimeout: after 5 s"), back("ResumeTimeout: after 5 s")]


class World(NotedLab):
    """Green's pod restarts, or is not Ready, as a test says; each switch ends as the next of `records` says."""

    def __init__(self, *records: SwitchRecord) -> None:
        super().__init__(PARTS, rate=100)
        self.records = list(records)
        self.ready, self.restarts = False, 0
        self.members = ["first", "first", "second", ""]  # which process is at work, look by look
        self.disturbance.wait_phase = lambda phase: self.did.append(f"in {phase}")
        self.disturbance.wait_holder = lambda holder, _: self.did.append(f"holder {holder!r}")
        self.disturbance.processes = SimpleNamespace(send=self._send, frozen=self._frozen)
        self.cluster.wait, self.cluster.wait_switch = self._wait, self._wait_switch
        self.cluster.pod = lambda _, name: SimpleNamespace(restarts=self.restarts)

    def wait_assigned(self, color: str) -> None:
        self.did.append(f"{color} assigned")

    def stay(self) -> Update:
        return Update(0.0, 1.0, None)

    def switch(self, *, during: Callable[[Any], None] | None = None) -> SwitchRecord:
        self.did.append("switch")
        if during is not None:
            during(self.disturbance)
        record = self.records.pop(0)
        self.notes.switches.append(record)
        return record

    def _send(self, pod: str, *_: object) -> list[int]:
        self.did.append(f"kill {pod}")
        return [7]

    @contextlib.contextmanager
    def _frozen(self, pod: str, _: object) -> Iterator[None]:
        self.did.append(f"freeze {pod}")
        yield
        self.did.append(f"thaw {pod}")

    def _wait(self, _path: str, query: list[tuple[str, str]], missing: Callable[[Any], str | None], *_: object) -> None:
        name = query[0][1].partition("=")[2]
        for ready, restarts in ((True, 0), (self.ready, 0), (self.ready, 1)):
            if missing({name: pod(name, ready, restarts)}) is None:
                return
        raise AssertionError(f"{name} is what it was")

    def _wait_switch(self, _: str, missing: Callable[[Any], str | None], what: str, _seconds: float) -> None:
        for process in self.members:
            state = "ACTIVE" if process else "Unreachable"
            members = [{"pod": f"consumer-green-{n}", "bootId": process, "state": state} for n in range(3)]
            settled = SimpleNamespace(status=str(not process), reason="RolledBack")
            active = "green" if process else "blue"
            said = {"raw": {"status": {"members": members}}, "settled": settled, "active": active}
            if missing(SimpleNamespace(**said, describe=lambda: "so")) is None:
                return
        raise AssertionError(what)


def pod(name: str, ready: bool, restarts: int) -> dict[str, Any]:
    status = {
        "conditions": [{"type": "Ready", "status": str(ready)}],
        "containerStatuses": [{"name": "consumer", "restartCount": restarts, "image": "x"}],
    }
    return {"metadata": {"name": name, "uid": "u", "labels": {COLOR_LABEL: "green"}}, "status": status}


@pytest.fixture(autouse=True)
def nothing_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollbacks, "tried_again", lambda _: "")
    monkeypatch.setattr(rollbacks, "unclear", lambda *_: "")


def performed(world: World, rounds: int = 3) -> World:
    lab: Any = world
    unwell.perform(lab, rounds)
    return world


def test_each_cause_in_turn_and_then_a_green_that_is_well() -> None:
    world = performed(World(*BACK, SWITCH))
    rows = world.notes.tables[TABLE]
    assert [(row["cause"], row["ended"], row["unready"], row["wrong"]) for row in rows] == [
        ("crash", 2, False, ""),  # each process that is at work, once
        ("hang", 0, True, ""),
        ("liveness", 1, True, ""),
    ]
    assert all(row["harmed_at"] is not None for row in rows)
    assert [one for one in world.did if one.split()[0] in {"kill", "freeze", "thaw", "holder", "delete"}] == [
        "kill consumer-green-0",
        "kill consumer-green-0",
        "delete consumer-green-0",
        "freeze consumer-green-0",
        "holder ''",
        "thaw consumer-green-0",
        "freeze consumer-green-0",
        "thaw consumer-green-0",
        "delete consumer-green-0",
    ]
    assert world.notes.measured["mended"] == "Switched"


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ([SWITCH], "Switched in place of RolledBack by AnalysisFailed: restarts of"),
        ([back("AnalysisFailed: 5 of 9 records failed")], "AnalysisFailed: 5 of 9 records failed"),
        ([replace(BACK[0], error=None)], "without an error although"),
        ([BACK[0], back("AnalysisInconclusive: …")], "RolledBack by ResumeTimeout: AnalysisInconclusive"),
    ],
)
def test_what_ends_otherwise_ends_the_run(records: list[SwitchRecord], said: str) -> None:
    world = performed(World(*records))
    assert said in world.notes.tables[TABLE][-1]["wrong"]
    assert len(world.notes.tables[TABLE]) == len(records)


def test_a_round_in_which_nothing_happened_shows_nothing() -> None:
    world = World(BACK[0])
    world.members = [""]
    assert "no process of consumer-green-0 ended" in performed(world).notes.tables[TABLE][0]["wrong"]


def test_every_cause_has_its_reasons() -> None:
    assert set(REASONS) == set(CAUSES)


def logs(folder: Path, consumed: list[dict[str, Any]], events: list[dict[str, Any]]) -> Path:
    for kind, lines in ((CONSUMED, [*consumed, {"end": len(consumed)}]), (EVENTS, events)):
        (folder / kind).mkdir()
        text = "".join(f"{str(one).replace(chr(39), chr(34))}\n" for one in lines)
        write_compressed(folder / kind / "x.jsonl.zst", text.encode())
    return folder


def test_when_blue_was_back(tmp_path: Path) -> None:
    world = performed(World(*BACK, SWITCH))
    for row, at in zip(world.notes.tables[TABLE], (10.0, 20.0, 30.0), strict=True):
        row["harmed_at"] = at
    measured = unwell.observe(
        world.notes,
        logs(
            tmp_path,
            [line("blue", 10, 6, 13.0)],
            [event("blue", "ACTIVE", 10, 12.0), event("blue", "ACTIVE", 14, 29.5)],
        ),
    )
    assert (measured["back_seconds_crash_worst"], measured["back_seconds_hang_median"]) == (2.0, 9.5)
    assert measured["back_seconds_liveness_worst"] is None, "not back after the third"
    assert (measured["rounds_as_they_should"], measured["rounds_crash"]) == (3, 1)


def test_the_criteria() -> None:
    told = {
        "rounds_as_they_should": 3,
        "round_wrong": None,
        "mended": "Switched",
        **{f"back_seconds_{cause}_worst": 3.5 for cause in CAUSES},
    }
    twice = {**GOOD.anomalies, "duplicate": 40}
    tolerant = replace(GOOD, limits=unwell.SCENARIO.limits("c"))
    good = replace(tolerant, switches_asked=3, measured=told, anomalies=twice, verdict="fail", failing=("duplicate",))
    assert passed(unwell.judge(good))
    for name, value in (
        ("rounds_as_they_should", 2),
        ("mended", "RolledBack"),
        ("back_seconds_crash_worst", 20.1),
        ("back_seconds_hang_worst", None),
        ("back_seconds_liveness_worst", 90.0),
    ):
        assert not passed(unwell.judge(replace(good, measured={**told, name: value}))), name
    assert not passed(unwell.judge(replace(good, anomalies={**twice, "lost": 1})))
    assert not passed(unwell.judge(replace(good, anomalies={**twice, "duplicate": 600})))


def test_what_green_handled_until_it_was_taken_back() -> None:
    consumed = [
        line("blue", 2, 1, 1.0),
        line("green", 4, 2, 2.0),
        line("green", 4, 3, 2.1, "no"),
        line("blue", 6, 2, 3.0),
        line("blue", 6, 3, 3.1),
        line("green", 8, 4, 4.0),  # the one that was mended: nobody took it back
    ]
    assert replayed_switch.taken_back(consumed) == 1
    assert replayed_switch.taken_back([]) == 0


def test_the_criteria_of_a_replay() -> None:
    told = {
        "analysis_seconds": 10,
        "rounds_as_they_should": 4,
        "round_wrong": None,
        "rounds_with_errors": 2,
        "epochs_with_failed_records": 2,
        "back_seconds_worst": 10.5,
        "failed_and_not_handled_again": 0,
        "failed_by_blue": 0,
        "failed_by_green": 100,
        "handled_by_green_taken_back": 300,
        "rounds_replayed": 4,
        "mended": "Switched",
    }
    twice = {**GOOD.anomalies, "duplicate": 300}
    tolerant = replace(GOOD, limits=replayed_switch.SCENARIO.limits("c"))
    good = replace(
        tolerant, switches_asked=4, failed=100, measured=told, anomalies=twice, verdict="fail", failing=("duplicate",)
    )
    assert passed(replayed_switch.judge(good))
    for name, value in (
        ("rounds_replayed", 3),
        ("failed_and_not_handled_again", 1),
        ("failed_and_not_handled_again", None),
        ("handled_by_green_taken_back", 299),
        ("rounds_as_they_should", 3),
    ):
        assert not passed(replayed_switch.judge(replace(good, measured={**told, name: value}))), name
    assert not passed(replayed_switch.judge(replace(good, anomalies={**twice, "lost": 1})))


def test_the_controller_says_that_it_replayed_as_it_is_looked_for() -> None:
    from workloads.controller.replay import REPLAYED

    assert f"; {REPLAYED}" == replayed_switch._REPLAYED
