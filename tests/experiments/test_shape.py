"""A pair that lives: what is done to it in which order, what each change is judged by, and when a pair of its own is
needed for it.
"""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.settings import strategy_settings
from components.strategies.consumers import PARTS
from experiments.clocks import Clocks
from experiments.errors import PreflightError
from experiments.lab import Lab, Notes
from experiments.measurements import SwitchRecord
from experiments.options import Options, shape_attributes
from experiments.own_pair import own_pair
from experiments.progress import Progress
from experiments.records import CONSUMED, EVENTS, PRODUCED, write_compressed
from experiments.run import REPOSITORY
from experiments.scenarios import SCENARIOS, shape
from experiments.stacks import Update
from tests.experiments.test_criteria import GOOD

SECOND = 1_000_000_000


def of(letter: str, **values: str) -> list[shape.Change]:
    settings = strategy_settings({"strategy": letter, **values}, f"strategy-{letter}")
    return list(shape.changes(settings, {"version": "2"}))


def test_strategy_c_goes_through_everything_with_a_plain_switch_after_each() -> None:
    done = of("c")
    assert [change.name for change in done if change.values] == [
        "new version of green",
        "replicas 3 to 5",
        "replicas 5 to 2",
        "replicas 2 to 5",
        "partitions 12 to 24",
        "groupProtocol classic to consumer, with a switch",
        "groupProtocol consumer to classic, with a switch",
        "membership takeover to leave-join, with a switch",
        "membership leave-join to takeover, with a switch",
    ]
    assert all(not after.values and after.switches for after in done[1::2])
    assert sum(change.switches for change in done) == SCENARIOS["shape"].default_switches
    assert {change.name for change in done if change.resizes} == {c.name for c in done if not c.switches} - {
        "new version of green"
    }


@pytest.mark.parametrize("letter", ["b", "e"])
def test_where_pods_are_configured_with_their_number_another_one_comes_with_a_switch(letter: str) -> None:
    numbers = [change for change in of(letter) if "replicas" in change.values]
    assert [change.name for change in numbers] == [
        "replicas 3 to 5, with a switch",
        "replicas 5 to 2, with a switch",
        "replicas 2 to 5, with a switch",
    ]
    assert all(change.switches and not change.resizes for change in numbers)


def test_ways_that_a_strategy_does_not_have_are_left_out() -> None:
    assert not [change for change in of("b") if "membership" in change.values]
    assert not [
        change for change in of("c", groupProtocol="consumer") if change.values == {"groupProtocol": "consumer"}
    ]


class Pair(Lab):
    """Carries out nothing; `fails` at the change of that number."""

    def __init__(self, fails: int | None = None) -> None:
        self.parts = PARTS
        self.settings = strategy_settings({"strategy": "c", "images": '{"workloads": "app:1"}'}, "strategy-c")
        self.notes = Notes()
        self.progress = Progress()
        self.clocks = Clocks(offset=5.0, error=0.0, between_nodes=0.0, nodes=1)
        self.done: list[tuple[str, dict[str, object]]] = []
        self.fails = fails

    def spell(self) -> bool:
        return True

    def switch(self, *, reshapes: bool = False, **changes: Any) -> SwitchRecord:
        self.done.append(("switch", changes))
        wrong = "why" if len(self.done) == self.fails else None
        record: Any = SimpleNamespace(switched=wrong is None, error=wrong, outcome="Failed", up_seconds=1.0)
        self.notes.switches.append(record)
        assert reshapes == bool(changes)
        made: SwitchRecord = record
        return made

    def reshape(self, **changes: object) -> Update:
        self.done.append(("reshape", changes))
        return Update(0.0, 1.0, "why" if len(self.done) == self.fails else None)


@pytest.fixture(autouse=True)
def _second_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shape, "new_version", lambda _: {"version": "2"})


def test_it_is_carried_out_in_order_and_noted() -> None:
    lab = Pair()
    shape.perform(lab, 13)
    assert lab.done[0] == ("reshape", {"green": {"version": "2"}})
    assert lab.done[10] == ("switch", {"groupProtocol": "consumer"})
    rows = lab.notes.tables["changes"]
    assert len(rows) == lab.notes.measured["changes_planned"] == 18
    assert [row["begun_ns"] for row in rows] == sorted(row["begun_ns"] for row in rows)


@pytest.mark.parametrize(("fails", "switches", "done"), [(3, 13, 3), (4, 13, 4), (None, 2, 4)])
def test_it_ends_with_a_change_that_failed_or_with_the_switches_asked_for(
    fails: int | None, switches: int, done: int
) -> None:
    lab = Pair(fails)
    shape.perform(lab, switches)
    assert len(lab.done) == len(lab.notes.tables["changes"]) == done
    assert lab.notes.tables["changes"][-1]["error"] == ("why" if fails else None)


def test_what_each_change_cost_is_told_and_judged(tmp_path: Path) -> None:
    notes = Notes()
    rows = [("a switch", False, 10), ("more pods", True, 20), ("a switch", False, 30)]
    notes.tables["changes"] = [
        {"change": name, "resizes": resizes, "begun_ns": at * SECOND, "up_seconds": 1.5, "error": None}
        for name, resizes, at in rows
    ]
    events = [("ACTIVE", 1.0), ("DRAINING", 11.0), ("ACTIVE", 12.0), ("DRAINING", 21.0), ("ACTIVE", 21.2)]
    record = {"topic": "t", "partition": 0, "offset": 0, "pod": "p"}
    written: dict[str, list[dict[str, Any]]] = {
        EVENTS: [{"event": n, "pod": "p", "t": int(at * SECOND), "partitions": [["t", 0]]} for n, at in events],
        PRODUCED: [{**record, "status": "acked", "t": 2 * SECOND}],
        CONSUMED: [{**record, "t": 3 * SECOND}],
    }
    for kind, objects in written.items():
        (tmp_path / kind).mkdir()
        text = "".join(f"{json.dumps(line)}\n" for line in objects)
        write_compressed(tmp_path / kind / "p.b.jsonl.zst", text.encode())
    found = shape.observe(notes, tmp_path)
    assert (found["unowned_seconds_max"], found["unowned_seconds_max_resizing"]) == (1.0, 0.2)
    assert (found["changes_made"], found["change_up_seconds_max"]) == (3, 1.5)
    assert [row["unowned_seconds"] for row in notes.tables["changes"]] == [1.0, 0.2, 0.0]


@pytest.mark.parametrize(
    ("measured", "failing"),
    [
        ({"changes_planned": 3, "changes_made": 3, "unowned_seconds_max_resizing": 0.2}, set()),
        ({"changes_planned": 3, "changes_made": 2, "unowned_seconds_max_resizing": 0.2}, {"changes_made"}),
        (
            {"changes_planned": 3, "changes_made": 3, "unowned_seconds_max_resizing": 0.5},
            {"unowned_seconds_max_resizing"},
        ),
        ({}, {"changes_made", "unowned_seconds_max_resizing"}),
    ],
)
def test_what_was_not_measured_is_not_passed(measured: dict[str, Any], failing: set[str]) -> None:
    seen = replace(GOOD, measured=measured)
    assert {criterion.name for criterion in shape.judge(seen) if not criterion.passed} == failing


# -- a pair of its own -----------------------------------------------------------------------------------


def options(scenario: str = "1", **overrides: Any) -> Options:
    return Options("c", SCENARIOS[scenario], 2, Path(), "command", 0.0, overrides)


def test_a_pair_of_its_own_is_for_runs_that_make_it_of_something_else() -> None:
    of_one_strategy = {"membership", "group_protocol", "fencing", "control", "connect"}
    assert shape_attributes() == {"partitions", "replicas", *of_one_strategy}
    for asked in (options(), options(rate=2000), options(replicas=3, membership="takeover"), options("2")):
        assert own_pair(asked, REPOSITORY) == ""
    for asked in (options(partitions=24), options(replicas=2), options(groupProtocol="consumer"), options("shape")):
        assert own_pair(asked, REPOSITORY).startswith("run-2")
    assert options().stack == "strategy-c"


def test_what_is_refused_is_refused_before() -> None:
    with pytest.raises(PreflightError, match="replicas: 13 contradicts partitions: 12"):
        own_pair(options(replicas=13), REPOSITORY)


def test_where_events_do_not_tell_who_is_at_work_silence_is_judged_by_a_switchs_limit() -> None:
    """An agent has the work done: the pods that handle records are none of those that the events are about."""
    good = {**GOOD.measured, "members_at_work": 0, "unowned_seconds_max_resizing": None}
    for seconds, kept in ((4.9, True), (5.0, False), (None, False)):
        judged = shape.judge(replace(GOOD, measured={**good, "silent_seconds_max_resizing": seconds}))
        assert {one.name: one.passed for one in judged}["silent_seconds_max_resizing"] is kept


def test_of_connectors_nothing_is_said_of_owners(tmp_path: Path) -> None:
    notes = Notes(measured={"members_at_work": 0})
    row = {"change": "partitions", "resizes": True, "begun_ns": 10 * SECOND, "up_seconds": 1.5, "error": None}
    notes.tables["changes"] = [row]
    lines = {
        EVENTS: [],
        PRODUCED: [{"topic": "t", "partition": 0, "offset": 0, "status": "acked", "t": 11 * SECOND}],
        CONSUMED: [{"topic": "t", "partition": 0, "offset": 0, "pod": "connect-0", "t": 14 * SECOND}],
    }
    for kind, own in lines.items():
        (tmp_path / kind).mkdir()
        text = "".join(f"{json.dumps(line)}\n" for line in own)
        write_compressed(tmp_path / kind / "x.jsonl.zst", text.encode())
    measured = shape.observe(notes, tmp_path)
    assert measured["unowned_seconds_max_resizing"] is None
    assert row["unowned_seconds"] is None
    assert measured["silent_seconds_max_resizing"] is not None
