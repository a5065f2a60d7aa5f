"""A consumer that drops out of its group in the middle of a switch: when, of whom, and what shows that it did."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments import faults
from experiments.criteria import passed
from experiments.records import EVENTS, write_compressed
from experiments.scenarios import rebalance_by_overrun
from experiments.scenarios.rebalance_by_overrun import judge
from tests.experiments.test_criteria import GOOD
from tests.experiments.test_ownership import event
from tests.experiments.test_rebalance import World, kept, left


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()

    def put(_namespace: str, _container: str, pods: list[str], wanted: Mapping[str, faults.Fault]) -> None:
        made.did.append(f"{pods[0]} {'overruns' if wanted['exceed_max_poll_interval'] else 'is mended'}")

    monkeypatch.setattr(faults, "put", put)
    monkeypatch.setattr(time, "sleep", lambda _: made.did.append("a while"))
    made.disturbance.wait_holder = lambda color: made.did.append(f"{color or 'nobody'} holds it")
    return made


def test_of_the_old_colour_by_its_record_in_hand_and_of_the_new_one_by_its_first(world: World) -> None:
    lab: Any = world
    rebalance_by_overrun.perform(lab, 2)
    done = [what for what in world.did if what not in {"spell", "pods {'blue': 3, 'green': 3}"}]
    assert done == [
        # Before somebody is granted again: its next records are to be ordinary ones.
        *("switch from blue", "consumer-blue-1 overruns", "nobody holds it", "consumer-blue-1 is mended", "a while"),
        "consumer-blue-1 is mended",
        *("switch from green", "consumer-blue-1 overruns", "green to blue is held in Resuming", "a while"),
        *("it goes on", "consumer-blue-1 is mended"),
    ]


def test_it_is_mended_whatever_happens(world: World) -> None:
    def never(_: str) -> None:
        raise TimeoutError("never")

    world.disturbance.wait_holder = never
    lab: Any = world
    with pytest.raises(TimeoutError):
        rebalance_by_overrun.perform(lab, 2)
    assert world.did[-1] == "consumer-blue-1 is mended"


def test_that_it_dropped_out_is_read_from_its_own_log(world: World, tmp_path: Path) -> None:
    lab: Any = world
    rebalance_by_overrun.perform(lab, 2)
    first, second = world.notes.tables["restarts_in_a_switch"]
    for row, begun in ((first, 10.0), (second, 20.0)):
        row |= {"begun": begun, "disturbed_at": begun + 1.0, "ended": begun + 10.0}
    kept(tmp_path, 10.0, ["3.0 " + left("consumer-blue-1"), "12.0 " + left("consumer-blue-1")], [])
    (tmp_path / "logs" / EVENTS).mkdir(parents=True)
    lines = [event("LOST", "consumer-blue-1", 15.0, 0), event("LOST", "consumer-blue-0", 25.0, 0)]
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    write_compressed(tmp_path / "logs" / EVENTS / "consumer-blue-1.a.jsonl.zst", text.encode())
    measured = rebalance_by_overrun.observe(world.notes, tmp_path / "logs")
    assert measured["switches_with_an_overrun"] == 1
    assert measured["switches_with_a_rebalance"] == 0
    assert measured["switches_with_the_departure"] == 1  # of the second, the pod was never told that it is out
    assert (first["dropped_out"], second["dropped_out"]) == (1, 0)


@pytest.mark.parametrize("departure", ["switches_with_the_departure", "switches_with_a_rebalance"])
def test_the_criteria(departure: str) -> None:
    good = {
        "switches_with_an_overrun": 4,
        "switches_with_a_restart": 4,
        "switch_wrong": None,
        departure: 4,
        "handled_while_resting": 0,
    }
    seen = replace(GOOD, limits=rebalance_by_overrun.SCENARIO.limits("c"), switches_asked=4, measured=good)
    assert passed(judge(seen))
    for name in ("switches_with_an_overrun", departure):
        assert [one.name for one in judge(replace(seen, measured=good | {name: 3})) if not one.passed] == [name]
    again = replace(seen, anomalies={**seen.anomalies, "duplicate": 3}, verdict="fail", failing=("duplicate",))
    assert passed(judge(again))
    assert not passed(judge(replace(seen, anomalies={**seen.anomalies, "dual_active": 1})))
