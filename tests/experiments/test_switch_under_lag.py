"""Switches under lag: what is done in which case, and what is wrong with how it ended."""

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.strategies.consumers import PARTS
from experiments.criteria import passed
from experiments.measurements import LagSample, LastSwitch, SwitchRecord
from experiments.records import write_compressed
from experiments.scenarios import switch_under_lag
from experiments.scenarios.switch_under_lag import CASES, judge, observe
from experiments.stacks import Update
from tests.experiments.test_criteria import GOOD
from tests.support.noted import NotedLab
from tests.support.samples import LAST, SWITCH

NS = 1_000_000_000
WAITED_SECONDS = 5.0
REFUSED = replace(
    SWITCH,
    last=replace(LAST, outcome="Refused", reason="LagTimeout: 600 behind after 5 s", active_at=None, ended_at=105.2),
    error="blue is active, not green",
)


class World(NotedLab):
    """Each switch ends as the next of `records` says."""

    def __init__(self, *records: SwitchRecord) -> None:
        super().__init__(PARTS, rate=100, partitions=12)
        self.thresholds: list[object] = []
        self.records = list(records)
        self.epoch = 7
        self.lag: Any = SimpleNamespace(
            end_offsets=self._ends, wait_caught_up=self._caught_up, samples=[LagSample(0.0, 5000, 0)]
        )
        self.produced = 0
        self.cluster.switch = lambda _: SimpleNamespace(active=self.active, epoch=self.epoch)
        self.cluster.pods = lambda *_: [SimpleNamespace(name="consumer-blue-0", uid="u")]
        self.disturbance.wait_phase = lambda phase: self.did.append(f"it is {phase}")

    def _ends(self) -> dict[int, int]:
        self.produced += 60
        return {0: self.produced}

    def _caught_up(self, *_: object) -> None:
        self.did.append("caught up")
        self.lag.samples.append(LagSample(time.time(), 900, 0))

    def switch(self, *, during: Any = None, **changes: object) -> SwitchRecord:
        self.did.append(f"switch {changes['lagPolicy']}")
        self.thresholds.append(changes.get("lagThreshold"))
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


def observed(world: World, folder: Path) -> Mapping[str, Any]:
    """Each of the cases from 1000 s on, a hundred seconds after the one before; its colour is made quick after 10 s.

    A record comes in before that, and is handled twice; another one after it; so does the new colour, from 20 s on.
    """
    produced, consumed = [], []
    for number, row in enumerate(world.notes.tables["cases"]):
        at, epoch = 1000 + 100 * number, 2 * number
        active = None if row["epoch"] is None else at + 20.0
        row |= {"begun": float(at), "ended": at + 90.0, "released_at": at + 10.0, "active_at": active}
        row["epoch"] = None if active is None else epoch + 1
        for offset, came, handled in ((0, 1, [2, 4]), (1, 9, [13]), (2, 15, [23])):
            key = {"topic": "t", "partition": 0, "offset": 10 * number + offset, "pod": "blue-0"}
            produced.append({**key, "status": "acked", "t": (at + came) * NS})
            grant = epoch + (offset == 2 and active is not None)
            consumed += [{**key, "epoch": grant, "t": (at + moment) * NS} for moment in handled]
    for kind, lines in (("events", []), ("produced", produced), ("consumed", consumed)):
        (folder / kind).mkdir()
        text = "".join(f"{json.dumps(line)}\n" for line in lines)
        write_compressed(folder / kind / "blue-0.a.jsonl.zst", text.encode())
    return observe(world.notes, folder)


def test_each_case_in_turn(tmp_path: Path) -> None:
    world = performed(SWITCH, REFUSED, SWITCH, SWITCH)
    assert world.did == [
        "spell",
        *("slow, more than 500", "switch wait", "it is WaitingForLag", "quick", "caught up", "spell"),
        *("slow, more than 500", "switch wait", "quick", "stay", "caught up", "spell"),
        *("slow, more than 500", "switch immediate", "quick", "caught up", "spell"),
        *("slow, more than 500", "switch wait", "it is WaitingForLag", "quick", "caught up", "spell"),
    ]
    measured = observed(world, tmp_path)
    assert measured["cases_as_they_should"] == 4
    assert measured["lag_when_commanded_min"] == 640
    assert measured["waiting_seconds_wait_released"] == pytest.approx(101.5 - 0.04 - 100.2)


def wrong(record: SwitchRecord, number: int, **world: Any) -> str:
    made = World(record)
    for name, value in world.items():
        setattr(made, name, value)
    lab: Any = made
    return str(switch_under_lag._carry_out(lab, CASES[number])["wrong"])


def test_what_each_case_did_is_told_of_each_by_itself(tmp_path: Path) -> None:
    measured = observed(performed(SWITCH, REFUSED, SWITCH, SWITCH), tmp_path)
    for case in ("wait_released", "wait_stays", "immediate", "threshold"):
        assert (measured[f"duplicates_{case}"], measured[f"max_lag_{case}"]) == (1, 900)
        assert measured[f"lag_0_after_release_seconds_{case}"] == 3.0
    assert measured["gap_seconds_threshold"] == 10.0
    assert measured["lag_0_after_active_seconds_immediate"] == 3.0
    # Nobody else was ever active there; what it waited for was its refusal.
    assert not {"gap_seconds_wait_stays", "lag_0_after_active_seconds_wait_stays"} & measured.keys()
    assert measured["waiting_seconds_wait_stays"] == pytest.approx(WAITED_SECONDS)


def test_the_threshold_is_one_that_the_backlog_crosses() -> None:
    """It is of each partition, and was 1,000,000: more than any backlog."""
    case = next(one for one in CASES if one.threshold)
    assert (case.name, case.released, case.values["lagPolicy"]) == ("threshold", "while it waits", "wait")
    for partitions in (1, 12, 24):
        assert 0 < switch_under_lag.threshold(partitions) * partitions < switch_under_lag.LAG
    assert performed(SWITCH, REFUSED, SWITCH, SWITCH).thresholds == [0, 0, None, 20]


def test_a_case_that_ends_otherwise_ends_the_run(tmp_path: Path) -> None:
    world = performed(SWITCH, SWITCH)
    assert len(world.notes.switches) == 2
    assert observed(world, tmp_path)["case_wrong"] == "wait_stays: Switched in place of Refused: "


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
            "lag_threshold": 20,
            "waiting_seconds_threshold": 1.0,
            "caught_up_seconds_immediate": 3.0,
        },
    )
    assert passed(judge(good))
    for name, value in (
        ("cases_as_they_should", 3),
        ("lag_when_commanded_min", 500),
        ("switch_seconds_immediate", 5.1),
        ("waiting_seconds_threshold", None),
        ("waiting_seconds_threshold", 0.0),
        ("caught_up_seconds_immediate", 121.0),
    ):
        assert not passed(judge(replace(good, measured={**good.measured, name: value}))), name


def test_runs_whose_threshold_was_above_any_lag_are_judged_as_they_were() -> None:
    told = {"cases_as_they_should": 4, "lag_when_commanded_min": 501, "switch_seconds_immediate": 1.0}
    names = {criterion.name for criterion in judge(replace(GOOD, measured=told | {"switch_seconds_threshold": 6.0}))}
    assert "waiting_seconds_threshold" not in names
    judged = judge(replace(GOOD, measured=told | {"switch_seconds_threshold": 6.0}))
    assert not next(one.passed for one in judged if one.name == "switch_seconds_worst_not_waiting")
