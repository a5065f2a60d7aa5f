"""Restarts within and beyond the session: what is done, and what each cell has to show."""

import time
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest

from components.strategies.consumers import PARTS
from experiments.criteria import passed
from experiments.lag import Lag
from experiments.scenarios import static_membership
from experiments.scenarios.static_membership import judge
from tests.experiments.test_criteria import GOOD
from tests.support.noted import NotedLab


class World(NotedLab):
    def __init__(self, **own: str) -> None:
        super().__init__(PARTS, own=lambda name: own.get(name, ""))
        self.lag: Any = SimpleNamespace(end_offsets=lambda: {0: 5}, wait_reached=lambda *_: self.did.append("flow"))
        self.lag.wait_flow = partial(cast("Any", Lag.wait_flow), self.lag)
        self.cluster.switch = lambda _: SimpleNamespace(groups={"blue": "g"})


@pytest.fixture(autouse=True)
def no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)


def test_as_often_within_as_beyond() -> None:
    world = World(membership="takeover", group_protocol="classic")
    lab: Any = world
    static_membership.perform(lab, 1)
    whole = "pods {'blue': 3, 'green': 3}"
    assert world.did == [
        "spell",
        *("delete consumer-blue-2", "consumer-blue-2 is going", whole, "flow", "spell"),
        *("scale blue 2", "consumer-blue-2 is going", "flow", "scale blue 3", whole, "flow", "spell"),
    ]
    assert [row["cell"] for row in world.notes.tables["restarts"]] == ["within", "beyond"]
    assert (world.notes.measured["static"], world.notes.measured["session_seconds"]) == (1, 12)


def test_the_session_of_the_new_protocol_is_the_brokers() -> None:
    world = World(membership="leave-join", group_protocol="consumer")
    lab: Any = world
    static_membership.perform(lab, 1)
    assert (world.notes.measured["static"], world.notes.measured["session_seconds"]) == (0, 45)


STATIC = dict(GOOD.measured)
DYNAMIC = STATIC | {"static": 0, "rebalances_within": 10, "assigned_others_within": 20}


@pytest.mark.parametrize("good", [STATIC, DYNAMIC])
def test_each_cell_has_to_show_what_it_is_about(good: dict[str, Any]) -> None:
    assert passed(judge(replace(GOOD, measured=good)))
    for name, value in (
        ("restarts_beyond", 4),
        ("away_seconds_within_max", 12.0),
        ("rebalances_within", 1),
        ("assigned_others_within", 1),
        ("rebalances_beyond", 4),
        ("rebalances_beyond", None),
        ("assigned_others_beyond", 0),
    ):
        assert not passed(judge(replace(GOOD, measured=good | {name: value}))), name
