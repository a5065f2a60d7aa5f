"""Switches under lag: what is done in which case, and what is wrong with how it ended."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from components.strategies.consumers import PARTS
from experiments.criteria import passed
from experiments.measurements import LastSwitch, SwitchRecord
from experiments.scenarios import switch_under_lag
from experiments.scenarios.switch_under_lag import CASES, judge, observe
from experiments.stacks import Update
from tests.experiments.test_criteria import GOOD
from tests.support.noted import NotedLab
from tests.support.samples import LAST, SWITCH

REFUSED = replace(
    SWITCH,
    last=replace(LAST, outcome="Refused", reason="LagTimeout: 600 behind after 5 s", active_at=None),
    error="blue is active, not green",
)


class World(NotedLab):
    """Each switch ends as the next of `records` says."""

    def __init__(self, *records: SwitchRecord) -> None:
        super().__init__(PARTS, rate=100)
        self.records = list(records)
        self.epoch = 7
        self.lag: Any = SimpleNamespace(
            end_offsets=self._ends, wait_caught_up=lambda *_: self.did.append("caught up"), sample=None
        )
        self.produced = 0
        self.cluster.switch = lambda _: SimpleNamespace(active=self.active, epoch=self.epoch)
        self.cluster.pods = lambda *_: [SimpleNamespace(name="consumer-blue-0", uid="u")]
        self.disturbance.wait_phase = lambda phase: self.did.append(f"it is {phase}")

    def _ends(self) -> dict[int, int]:
        self.produced += 60
        return {0: self.produced}

    def switch(self, *, during: Any = None, **changes: object) -> SwitchRecord:
        self.did.append(f"switch {changes['lagPolicy']}")
        if during is not None:
            during(self.disturbance)
        record = self.records.pop(0)
        self.note(record)
        return record

    def stay(self) -> Update:
        self.did.append("stay")
        return Update(0.0, 1.0, None)


@pytest.fixture(autouse=True)
def slowed(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.contextmanager
    def behind(lab: Any, records: int) -> Iterator[Any]:
        lab.did.append(f"slow, more than {records}")
        quick = [lambda: lab.did.append("quick")]
        yield lambda: quick and quick.pop()()
        if quick:
            quick.pop()()

    monkeypatch.setattr(switch_under_lag, "behind", behind)
    monkeypatch.setattr(switch_under_lag, "lag", lambda _: 640)


def performed(*records: SwitchRecord) -> World:
    world = World(*records)
    lab: Any = world
    switch_under_lag.perform(lab, len(CASES))
    return world


def test_each_case_in_turn() -> None:
    world = performed(SWITCH, REFUSED, SWITCH, SWITCH)
    assert world.did == [
        "spell",
        *("slow, more than 500", "switch wait", "it is WaitingForLag", "quick", "caught up", "spell"),
        *("slow, more than 500", "switch wait", "quick", "stay", "caught up", "spell"),
        *("slow, more than 500", "switch immediate", "quick", "caught up", "spell"),
        *("slow, more than 500", "switch wait", "quick", "caught up", "spell"),
    ]
    measured = observe(world.notes.tables["cases"])
    assert measured["cases_as_they_should"] == 4
    assert measured["lag_when_commanded_min"] == 640
    assert measured["waiting_seconds_wait_released"] == pytest.approx(101.5 - 0.04 - 100.2)


def wrong(record: SwitchRecord, number: int, **world: Any) -> str:
    made = World(record)
    for name, value in world.items():
        setattr(made, name, value)
    lab: Any = made
    return str(switch_under_lag._carry_out(lab, CASES[number])["wrong"])


def test_a_case_that_ends_otherwise_ends_the_run() -> None:
    world = performed(SWITCH, SWITCH)
    assert len(world.notes.switches) == 2
    assert observe(world.notes.tables["cases"])["case_wrong"] == "wait_stays: Switched in place of Refused: "


def test_refused_for_another_reason_or_without_an_error_is_wrong() -> None:
    last: LastSwitch = replace(LAST, outcome="Refused", reason="NotReady: consumer-green-0", active_at=None)
    assert "another reason: NotReady" in wrong(replace(REFUSED, last=last), 1)
    assert "without an error" in wrong(replace(REFUSED, error=None), 1)


def test_refused_and_yet_touched_is_wrong() -> None:
    epochs = iter([7, 8])
    cluster = SimpleNamespace(
        switch=lambda _: SimpleNamespace(active="blue", epoch=next(epochs)),
        pods=lambda *_: [SimpleNamespace(name="consumer-blue-0", uid="u")],
    )
    assert wrong(REFUSED, 1, cluster=cluster) == "touched although refused: epoch 7 -> 8"


def test_the_criteria() -> None:
    good = replace(
        GOOD,
        switches_asked=4,
        measured={
            "cases_as_they_should": 4,
            "case_wrong": None,
            "lag_when_commanded_min": 501,
            "switch_seconds_immediate": 1.0,
            "switch_seconds_threshold": 1.0,
            "caught_up_seconds_immediate": 3.0,
        },
    )
    assert passed(judge(good))
    for name, value in (
        ("cases_as_they_should", 3),
        ("lag_when_commanded_min", 500),
        ("switch_seconds_immediate", 5.1),
        ("switch_seconds_threshold", None),
        ("caught_up_seconds_immediate", 121.0),
    ):
        assert not passed(judge(replace(good, measured={**good.measured, name: value}))), name
