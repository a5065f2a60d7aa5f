"""The original design by its letter: what is done to measure it, what is concluded, and when it was not measured."""

import json
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.strategies.consumers import PARTS
from experiments.criteria import passed
from experiments.errors import DeadlineError
from experiments.measurements import SwitchRecord
from experiments.records import CONSUMED, PRODUCED, write_compressed
from experiments.scenarios import shared_group
from experiments.scenarios.shared_group import judge
from tests.experiments.test_criteria import GOOD
from tests.experiments.test_ownership import acked, handled
from tests.support.noted import NotedLab
from tests.support.samples import FAILED, SWITCH

BACK = replace(FAILED, error="blue is active, not green")


def member(color: str, number: int, state: str, *partitions: int) -> dict[str, Any]:
    return {"pod": f"consumer-{color}-{number}", "color": color, "state": state, "partitions": list(partitions)}


BOTH = [member("blue", 0, "ACTIVE", 0), member("green", 0, "PAUSED", 1)]


class World(NotedLab):
    """Into the group and out of it every switch goes through; within it every one is taken back."""

    def __init__(self, members: list[dict[str, Any]] = BOTH) -> None:
        super().__init__(PARTS, replicas=1)
        live = SimpleNamespace(raw={"status": {"members": members}})
        self.cluster.switch = lambda _: live
        self.cluster.wait_switch = lambda _, missing, what, seconds: self._wait(missing(live), what, seconds)
        self.disturbance.wait_holder = lambda color: self.did.append(f"{color} holds it")
        self.entered = SWITCH

    @staticmethod
    def _wait(missing: str | None, what: str, seconds: float) -> None:
        if missing:
            raise DeadlineError(what, seconds, missing)

    def switch(self, *, during: Any = None, reshapes: bool = False, **changes: object) -> SwitchRecord:
        assert reshapes == ("membership" in changes)
        self.did.append(f"{changes}")
        self.record = (self.entered if changes["membership"] == "shared" else SWITCH) if reshapes else BACK
        return super().switch(during=during)


@pytest.fixture(autouse=True)
def no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)


def test_into_the_group_back_and_forth_and_out_of_it_again() -> None:
    world = World()
    lab: Any = world
    shared_group.perform(lab, 2)
    assert world.did == [
        "spell",
        *("{'membership': 'shared'}", "switch from blue", "pods {'blue': 1, 'green': 1}"),
        *("{'attempt': 2}", "switch from green", "blue holds it"),
        *("{'attempt': 3}", "switch from green", "blue holds it"),
        *("{'membership': 'takeover', 'attempt': 4}", "switch from green", "pods {'blue': 1, 'green': 1}"),
        "spell",
    ]
    rows = world.notes.tables["windows"]
    assert [row["when"] for row in rows] == ["before", "after", "before", "after"]
    assert rows[0]["members"] == BOTH
    assert (world.notes.measured["entered"], world.notes.measured["left"]) == ("Switched", "Switched")


def test_who_does_not_get_into_the_group_measures_nothing() -> None:
    world = World()
    world.entered = FAILED
    lab: Any = world
    shared_group.perform(lab, 2)
    assert world.notes.measured["entered"] == "Failed"
    assert "windows" not in world.notes.tables


def test_members_without_partitions_are_told_and_not_waited_for_for_ever() -> None:
    world = World([member("blue", 0, "ACTIVE", 0, 1), member("green", 0, "PAUSED")])
    said: list[str] = []
    world.progress.say = said.append
    lab: Any = world
    shared_group.perform(lab, 1)
    assert any("without partitions: consumer-green-0" in line for line in said)
    assert shared_group.observe(world.notes, Path("/nowhere"))["windows_with_both_colours_in_the_group"] == 0


def test_what_stood_still_is_read_from_the_logs(tmp_path: Path) -> None:
    """Ten seconds before and ten after: partition 1 has nobody before, and partition 0 has nobody after."""
    world = World()
    world.notes.tables["windows"] = [
        {"when": "before", "begun": 100.0, "ended": 110.0, "members": BOTH},
        {"when": "after", "begun": 110.0, "ended": 120.0, "members": BOTH},
    ]
    produced = [acked(p, n, 100 + n) for p in (0, 1) for n in range(20)]
    consumed = [handled(0, n, 100.5 + n) for n in range(10)] + [handled(1, n, 110.1 + n / 10) for n in range(10)]
    for kind, lines in ((PRODUCED, produced), (CONSUMED, consumed)):
        (tmp_path / kind).mkdir()
        text = "".join(f"{json.dumps(line)}\n" for line in lines)
        write_compressed(tmp_path / kind / "p.jsonl.zst", text.encode())
    measured = shared_group.observe(world.notes, tmp_path)
    assert measured["partitions_still_before_min"] == measured["partitions_still_before_max"] == 1
    assert measured["partitions_still_after_max"] == 1
    assert measured["unread_share_before"] == 0.5
    assert measured["unread_share_after"] == 0.5
    assert measured["still_produced_per_second_before"] == measured["still_lag_growth_per_second_before"] == 1.0
    assert (measured["still_partitions"], measured["lag_at_the_end"]) == (0, 20)
    assert [row["still"] for row in world.notes.tables["partitions_by_window"]] == [False, True, True, False]


def test_what_was_not_measured_is_told_by_name() -> None:
    good: dict[str, Any] = {
        "entered": "Switched",
        "windows_before": 2,
        "windows_after": 2,
        "windows_with_both_colours_in_the_group": 4,
        "left": "Switched",
    }
    seen = replace(GOOD, measured=good)
    assert passed(judge(seen))
    for name, value, missed in (
        ("entered", "Failed", "entered_one_group"),
        ("windows_before", 1, "windows_watched"),
        ("windows_after", None, "windows_watched"),
        ("windows_with_both_colours_in_the_group", 3, None),
        ("left", "timed out", "left_it_again"),
    ):
        failing = [one.name for one in judge(replace(seen, measured=good | {name: value})) if not one.passed]
        assert failing == [missed or name]
    assert not passed(judge(replace(seen, anomalies={**seen.anomalies, "lost": 1})))
