"""The runbook's steps, in order, with everybody else replaced."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.strategies.consumers import PARTS
from experiments import groups
from experiments.cluster import LiveSwitch
from experiments.errors import CollectionError, DeadlineError
from experiments.measurements import SwitchRecord
from experiments.scenarios import b_runbook
from tests.experiments.test_accuracy import event
from tests.support.noted import NotedLab, switched_by_hand
from tests.support.record_logs import log
from tests.support.samples import LAST

GROUPS = {"blue": "g-blue", "green": "g-green"}


def live(*members: dict[str, Any], standby: str = "Assigned") -> LiveSwitch:
    raw = {
        "metadata": {"name": "consumer", "generation": 4},
        "spec": {"active": "blue", "standby": standby, **{color: {"group": group} for color, group in GROUPS.items()}},
        "status": {"members": list(members)},
    }
    return LiveSwitch.of(raw)


def member(partitions: list[int], state: str = "PAUSED", color: str = "green") -> dict[str, Any]:
    return {"color": color, "state": state, "partitions": partitions}


class World(NotedLab):
    """The runbook's lab: two colours of two, and what the switch says of the one that waits."""

    def __init__(self) -> None:
        super().__init__(PARTS, 2, own={"session_timeout_seconds": "60"}.get, topic="t", partitions=4)
        self.groups = GROUPS
        self.standing_by = live(member([0, 1]), member([2, 3]))
        self.cluster = SimpleNamespace(
            switch=lambda _: SimpleNamespace(groups=self.groups), wait_switch=self.wait_switch
        )

    def wait_switch(
        self, _namespace: str, missing: Callable[[LiveSwitch], str | None], what: str, seconds: float
    ) -> None:
        if found := missing(self.standing_by):
            raise DeadlineError(what, seconds, found)

    def by_patch(self) -> SwitchRecord:
        self.did.append("grant")
        self.active = "green"
        return SwitchRecord("blue", "green", 1e12, 0.5, LAST, commanded="patch")

    def note(self, record: SwitchRecord) -> None:
        self.notes.switches.append(record)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()

    def copied(_namespace: str, source: str, target: str, topic: str, partitions: int) -> dict[int, int]:
        made.did.append(f"copy {topic} {source} {target} {partitions}")
        return {0: 9, 1: 9}

    monkeypatch.setattr(groups, "wait_empty", lambda _namespace, group, _seconds: made.did.append(f"empty {group}"))
    monkeypatch.setattr(groups, "copy_offsets", copied)
    switched_by_hand(monkeypatch)
    return made


def test_the_steps(world: World) -> None:
    lab: Any = world
    b_runbook.perform(lab, 1)
    assert world.did == [
        "scale green 0",
        "pods {'green': 0}",
        "spell",
        "empty g-green",
        "scale blue 0",
        "pods {'blue': 0}",
        "copy t g-blue g-green 4",
        "scale green 2",
        "pods {'green': 2}",
        "grant",
        "level",
        "spell",
        "scale blue 2",
        "scale green 2",
        "pods {'blue': 2, 'green': 2}",
    ]
    (record,) = world.notes.switches
    # From the first command of the runbook, not from the grant's.
    assert record.commanded_at < 1e12
    assert record.up_seconds >= 0.5
    (row,) = world.notes.tables["runbook"]
    assert (row["grant"], row["copied"], row["epoch"]) == (0.5, {0: 9, 1: 9}, 8)
    assert world.notes.measured["runbook_grant_seconds_max"] == 0.5


def test_what_goes_wrong_leaves_both_colours_there(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> dict[int, int]:
        raise CollectionError("the group has members")

    monkeypatch.setattr(groups, "copy_offsets", refused)
    lab: Any = world
    with pytest.raises(CollectionError, match="has members"):
        b_runbook.perform(lab, 1)
    assert world.did[-2:] == ["scale blue 2", "scale green 2"]


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([member([0, 1])], "1 of 2 green members are PAUSED"),
        ([member([0, 1]), member([2, 3], "Unreachable")], "1 of 2 green members are PAUSED"),
        ([member([0, 1]), member([2, 3], color="blue")], "1 of 2 green members are PAUSED"),
        ([member([0, 1]), member([2])], r"green owns partitions \[0, 1, 2\]"),
        ([member([]), member([])], r"green owns partitions \[\]"),
    ],
)
def test_the_grant_is_asked_for_when_it_would_not_be_refused(
    world: World, members: list[dict[str, Any]], said: str
) -> None:
    world.standing_by = live(*members)
    lab: Any = world
    with pytest.raises(DeadlineError, match=said):
        b_runbook.perform(lab, 1)
    assert "grant" not in world.did


def test_members_that_are_assigned_nothing_while_they_wait_may_be_granted_to(world: World) -> None:
    world.standing_by = live(member([]), member([]), standby="Outside")
    lab: Any = world
    b_runbook.perform(lab, 1)
    assert "grant" in world.did


def test_copies_are_compared_with_where_the_old_colour_left_off(world: World, tmp_path: Path) -> None:
    lab: Any = world
    b_runbook.perform(lab, 1)
    events = [
        event("blue", "ASSIGNED", 6, 10, (0, 1), (1, 1)),
        event("blue", "COMMITTED", 6, 20, (0, 9), (1, 11)),
        event("green", "ASSIGNED", 8, 30, (0, 9), (1, 11)),
    ]
    log(tmp_path / "events" / "x.jsonl.zst", map(json.dumps, events))
    assert b_runbook.observe(world.notes, tmp_path) == {"runbook_copies_off": 1}
