"""A switch that is taken back by itself: what is looked at, and what is wrong with how it ended."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from components.settings import StackName, strategy_settings
from components.strategies.base import strategy
from components.strategies.consumers import PARTS
from experiments import dead_letters, faults
from experiments.criteria import passed
from experiments.errors import PreconditionError
from experiments.lag import Lag
from experiments.measurements import SwitchRecord
from experiments.records import CONSUMED, EVENTS, write_compressed
from experiments.scenarios import failed_switch
from experiments.scenarios.failed_switch import ANALYSIS, judge, observe
from experiments.stacks import Update
from tests.experiments.test_criteria import GOOD
from tests.experiments.test_failures import event, line
from tests.support.noted import NotedLab
from tests.support.samples import LAST, SWITCH

BACK = replace(
    SWITCH,
    last=replace(LAST, outcome="RolledBack", reason="AnalysisFailed: 51 of 100 records failed"),
    error="blue is active, not green. RolledBack",
)


class World(NotedLab):
    """Each switch ends as the next of `records` says; green never holds the grant afterwards."""

    def __init__(self, *records: SwitchRecord) -> None:
        super().__init__(PARTS, rate=100)
        self.records = list(records)
        self.epochs = [9] * 99
        self.ready = {"type": "Ready", "status": "False", "reason": "RolledBack", "message": "AnalysisFailed: …"}
        self.lag: Any = SimpleNamespace(
            end_offsets=lambda: {0: 5}, wait_reached=lambda ends, _, color: self.did.append(f"{color} reads {ends}")
        )
        self.lag.wait_flow = partial(cast("Any", Lag.wait_flow), self.lag)
        self.cluster.switch = lambda _: SimpleNamespace(
            wanted="green", active="blue", epoch=self.epochs.pop(), raw={"status": {"conditions": [self.ready]}}
        )

    def switch(self, **_: object) -> SwitchRecord:
        self.did.append("switch")
        record = self.records.pop(0)
        self.notes.switches.append(record)
        return record

    def stay(self) -> Update:
        self.did.append("stay")
        return Update(0.0, 1.0, None)


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    found: list[Any] = []
    monkeypatch.setattr(faults, "put", lambda *asked: found.append(asked[-1]))
    return found


def performed(world: World, rounds: int = 2) -> World:
    lab: Any = world
    failed_switch.perform(lab, rounds)
    return world


def test_each_round_is_taken_back_and_the_mended_colour_is_not(told: list[Any]) -> None:
    world = performed(World(BACK, BACK, SWITCH))
    round_ = ["switch", "blue reads {0: 6}", "stay", "spell"]
    assert world.did == ["spell", *round_, *round_, "switch", "spell"]
    assert told == [
        {"failure_rate": 0.5, "processing_delay_ms": 0.0},
        {"failure_rate": 0.0, "processing_delay_ms": 120.0},
        {"failure_rate": 0.0, "processing_delay_ms": 0.0},
    ]
    assert world.notes.measured["mended"] == "Switched"
    assert [row["wrong"] for row in world.notes.tables["rollbacks"]] == ["", ""]


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (SWITCH, "Switched in place of RolledBack"),
        (replace(BACK, error=None), "without an error although"),
        (replace(BACK, last=replace(LAST, outcome="RolledBack", reason="ResumeTimeout: …")), "ResumeTimeout"),
    ],
)
def test_what_ends_otherwise_ends_the_run(record: SwitchRecord, said: str) -> None:
    world = performed(World(record))
    assert said in world.notes.tables["rollbacks"][0]["wrong"]
    assert world.did[-1] == "switch"


def test_something_that_is_tried_again_by_itself_is_wrong() -> None:
    world = World(BACK)
    world.epochs = [9, 11, 9]
    assert "epoch 9 became 11 by itself" in performed(world).notes.tables["rollbacks"][0]["wrong"]


def test_an_object_that_does_not_say_why_is_wrong() -> None:
    world = World(BACK)
    world.ready["message"] = "blue is active"
    assert "the condition Ready says" in performed(world).notes.tables["rollbacks"][0]["wrong"]


def test_what_green_failed_and_when_blue_was_back(tmp_path: Path) -> None:
    world = performed(World(BACK, SWITCH), 1)
    for kind, lines in (
        (
            CONSUMED,
            [line("green", 8, 5, 10.0, "no"), line("green", 8, 6, 10.5, "no"), line("blue", 10, 6, 13.0), {"end": 1}],
        ),
        (EVENTS, [event("green", "ACTIVE", 8, 9.0), event("blue", "ACTIVE", 10, 12.0)]),
    ):
        (tmp_path / kind).mkdir()
        text = "".join(f"{str(one).replace(chr(39), chr(34))}\n" for one in lines)
        write_compressed(tmp_path / kind / "x.jsonl.zst", text.encode())
    measured = observe(world.notes, tmp_path)
    assert measured["back_seconds_worst"] == 2.0
    assert measured["failed_and_not_handled_again"] == 1
    assert measured["epochs_with_failed_records"] == 1
    assert measured["failed_by_blue"] == 0


class ConnectorWorld(World):
    """The same of colours that are connectors."""

    def __init__(self, *records: SwitchRecord, error: str | None = None) -> None:
        super().__init__(*records)
        self.parts = strategy("e").parts(strategy_settings({"strategy": "e"}, "strategy-e"), StackName("strategy-e"))
        self.error = error
        self.configured: list[Any] = []
        put_back = lambda key: self.did.append(f"{key} as checked in")  # noqa: E731
        self.stack: Any = SimpleNamespace(configuration=SimpleNamespace(put_back=put_back))
        self.producer: Any = SimpleNamespace(set_plain_keys=lambda share: self.did.append(f"plain keys {share}"))

    def switch(self, **_: object) -> SwitchRecord:
        record = super().switch()
        self.active = "green" if record.switched and self.active == "blue" else "blue"
        return record

    def reshape(self, **changes: Any) -> Update:
        self.did.append("configure")
        self.configured += [changes["green"]["config"]] if changes else []
        return Update(0.0, 1.0, self.error)


def test_a_connector_is_refused_records_by_its_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    monkeypatch.setattr(dead_letters, "make", made.append)
    world = performed(ConnectorWorld(BACK, BACK, SWITCH, SWITCH))
    round_ = ["configure", "switch", "blue reads {0: 6}", "stay", "spell"]
    at_the_end = ["switch", "green as checked in", "configure"]
    assert world.did == ["plain keys 0.5", "spell", *round_, *round_, "configure", "switch", "spell", *at_the_end]
    assert made == ["strategy-x"]
    said = [
        (c["key.converter"].rpartition(".")[2], c["errors.tolerance"], c["errors.deadletterqueue.topic.name"])
        for c in cast("Any", world).configured
    ]
    assert said == [
        ("JsonConverter", "all", "strategy-x-dead-letters"),
        ("JsonConverter", "none", ""),
        ("StringConverter", "all", "strategy-x-dead-letters"),
    ]
    assert [row["cause"] for row in world.notes.tables["rollbacks"]] == ["errors", "tasks"]
    assert world.notes.measured["mended"] == "Switched"


def test_a_connector_that_cannot_be_configured_is_no_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letters, "make", lambda _: None)
    with pytest.raises(PreconditionError, match="no such key"):
        performed(ConnectorWorld(BACK, error="no such key"))


def test_a_green_that_was_never_active_counts_from_where_it_began(tmp_path: Path) -> None:
    world = World()
    row = {"cause": "tasks", "green_active_at": None, "begun_at": 8.5, "wrong": ""}
    world.notes.tables["rollbacks"] = [row]
    (tmp_path / CONSUMED).mkdir()
    (tmp_path / EVENTS).mkdir()
    events = [
        event("green", "ASSIGNED", 4, 3.0),
        event("green", "ASSIGNED", 8, 9.0),
        event("blue", "ACTIVE", 10, 12.0),
    ]
    text = "".join(f"{json.dumps(one)}\n" for one in events)
    write_compressed(tmp_path / EVENTS / "x.jsonl.zst", text.encode())
    measured = observe(world.notes, tmp_path)
    assert measured["back_seconds_worst"] == measured["back_seconds_tasks_median"] == 3.0
    assert measured["rounds_with_errors"] == measured["epochs_with_failed_records"] == 0


def test_the_criteria() -> None:
    good = replace(
        GOOD,
        switches_asked=5,
        failed=400,
        measured={
            "analysis_seconds": 10,
            "rounds_as_they_should": 5,
            "round_wrong": None,
            "rounds_with_errors": 5,
            "epochs_with_failed_records": 5,
            "back_seconds_worst": 14.9,
            "failed_and_not_handled_again": 400,
            "failed_by_blue": 0,
            "failed_by_green": 400,
            "mended": "Switched",
        },
    )
    assert passed(judge(good))
    for name, value in (
        ("rounds_as_they_should", 4),
        ("epochs_with_failed_records", 4),
        ("back_seconds_worst", 15.0),
        ("back_seconds_worst", None),
        ("failed_and_not_handled_again", 1875),
        ("failed_by_blue", 1),
        ("failed_by_green", 399),
        ("mended", "RolledBack"),
    ):
        assert not passed(judge(replace(good, measured={**good.measured, name: value}))), name


@pytest.mark.parametrize("letter", ["b", "c"])
def test_an_analysis_that_goes_on_to_its_end_leaves_too_much_behind(letter: str) -> None:
    """Whatever the strategy's own limit for a way back: half of what comes in, for the analysis's ten seconds."""
    failed = 5 * round(0.5 * 100 * ANALYSIS["seconds"])
    told = {**GOOD.measured, "rounds_with_errors": 5, "failed_and_not_handled_again": failed}
    seen = replace(GOOD, limits=strategy(letter).criteria, switches_asked=10, measured=told)
    found = {criterion.name: criterion.passed for criterion in judge(seen)}
    assert not found["failed_and_not_handled_again"]
