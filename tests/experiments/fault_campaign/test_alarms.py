"""What was alerted is looked at after each switch, told once, and not evaluated is not the same as nothing."""

import time
from typing import Any

import pytest

from experiments.alerts import Evaluator, Raised
from experiments.cluster import ClusterError
from experiments.fault_campaign.alarms import Alarms, findings


class World:
    """vmalert, with how often it has evaluated its rules, and what it raised; the clock."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.count: int | None = 50
        self.there: list[Raised] = []
        self.fails = False

    def evaluations(self) -> tuple[int, str]:
        if self.fails:
            raise ClusterError("503", 503)
        return self.count or 0, "v1"

    def raised(self, _namespace: str, since: float, until: float) -> list[Raised]:
        return [one for one in self.there if one.until >= since and one.since <= until]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr(Evaluator, "found", lambda _: None if made.count is None else made)
    monkeypatch.setattr(time, "time", lambda: made.now)
    return made


def begun(world: World) -> Alarms:
    cluster: Any = None
    made = Alarms(cluster, "ns")
    made.look()
    return made


def after(world: World, seconds: float, evaluations: int) -> None:
    world.now += seconds
    world.count = (world.count or 0) + evaluations


def test_an_alert_is_told_once_however_long_it_fires(world: World) -> None:
    own = begun(world)
    after(world, 20, 4)
    world.there = [Raised("DualActiveConsumers", "critical", 1005.0, 1019.0)]
    looked = own.look()
    assert (looked.raised, looked.why) == (world.there, "")
    assert findings(looked.raised) == ["invariant 1: alert DualActiveConsumers fired from 1005 to 1019"]
    after(world, 20, 4)
    world.there = [Raised("DualActiveConsumers", "critical", 1015.0, 1039.0)]
    assert own.look().raised == []
    after(world, 60, 12)
    world.there = [Raised("DualActiveConsumers", "critical", 1080.0, 1085.0)]
    assert own.look().raised == world.there, "another one"


def test_others_are_counted_and_are_no_findings(world: World) -> None:
    own = begun(world)
    after(world, 20, 4)
    world.there = [Raised("ConsumerLag", "warning", 1005.0, 1019.0)]
    assert own.look().raised == world.there
    assert findings(world.there) == []


def test_rules_that_nobody_evaluated_are_told(world: World) -> None:
    own = begun(world)
    after(world, 60, 2)
    assert own.look().why == "the rules were evaluated 2 times in 60 s"
    after(world, 20, 4)
    assert own.look().why == ""
    world.fails = True
    assert own.look().why == "503"
    world.fails = False
    assert own.look().why == "it is not known how often the rules were evaluated before"
    after(world, 20, 4)
    assert own.look().why == ""
    world.count = None
    assert own.look().why == "the platform has no alerts"
