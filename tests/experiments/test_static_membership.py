"""Restarts within and beyond the session: what is done, and what each cell has to show."""

import json
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from components.strategies.consumers import PARTS
from experiments import broker_settings, counters
from experiments.criteria import passed
from experiments.lab import Notes
from experiments.lag import Lag
from experiments.records import write_compressed
from experiments.scenarios import static_membership
from experiments.scenarios.static_membership import judge
from tests.experiments.test_criteria import GOOD
from tests.support.noted import NotedLab


class World(NotedLab):
    def __init__(self, **own: str) -> None:
        super().__init__(PARTS, own=lambda name: own.get(name, "12" if name == "session_timeout_seconds" else ""))
        self.lag: Any = SimpleNamespace(end_offsets=lambda: {0: 5}, wait_reached=lambda *_: self.did.append("flow"))
        self.lag.wait_flow = partial(cast("Any", Lag.wait_flow), self.lag)
        self.cluster.switch = lambda _: SimpleNamespace(groups={"blue": "g"})


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was waited for, in seconds; the brokers' session is 10 s."""
    found: list[float] = []
    monkeypatch.setattr(time, "sleep", found.append)
    monkeypatch.setattr(broker_settings, "value_of", lambda _, name: {broker_settings.CONSUMER_SESSION: "10000"}[name])
    return found


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


@pytest.mark.parametrize(
    ("membership", "protocol", "static", "session"),
    [
        ("takeover", "classic", 1, 12.0),
        ("leave-join", "classic", 0, 10.0),  # of one without an instance id, at most
        ("takeover", "consumer", 1, 10.0),
        ("leave-join", "consumer", 0, 10.0),
    ],
)
def test_the_session_is_that_of_the_protocol_in_use(
    membership: str, protocol: str, static: int, session: float, slept: list[float]
) -> None:
    world = World(membership=membership, group_protocol=protocol)
    lab: Any = world
    static_membership.perform(lab, 1)
    assert (world.notes.measured["static"], world.notes.measured["session_seconds"]) == (static, session)
    assert slept == [counters.LATE_SECONDS, counters.LATE_SECONDS, session + 3.0]


def test_what_a_restart_cost_is_counted_by_lines_by_requests_and_by_members(tmp_path: Path) -> None:
    notes = Notes(
        tables={"restarts": [{**ROW, "cell": "within"}, {**ROW, "cell": "beyond", "begun": 120.0, "ended": 130.0}]}
    )
    for kind in ("events", "produced", "consumed"):
        (tmp_path / "logs" / kind).mkdir(parents=True)
    requests = {"JoinGroup": [(99, 7), (103, 7), (110, 9), (136, 12)], "SyncGroup": [(108, 2), (136, 3)]}
    members = {"blue-0": [(99, 1), (106, 2)], "blue-1": [(99, 1), (106, 2)], "blue-2": [(99, 4), (106, 1)]}
    (tmp_path / "metrics").mkdir()
    for name, label, series in (("group_requests", "request", requests), ("rebalances_by_member", "pod", members)):
        result = [
            {"metric": {label: key}, "values": [[at, str(count)] for at, count in values]}
            for key, values in series.items()
        ]
        kept = json.dumps({"answer": {"data": {"result": result}}})
        write_compressed(tmp_path / "metrics" / f"{name}.json.zst", kept.encode())
    measured = static_membership.observe(notes, tmp_path / "logs")
    names = ("join_group_requests", "sync_group_requests", "leave_group_requests", "member_rebalances", "entry_lines")
    assert [measured[f"{name}_within"] for name in names] == [2, 2, 0, 2, 0]
    assert [measured[f"{name}_beyond"] for name in names] == [3, 1, 0, 0, 0]


def test_what_nobody_counted_is_not_0(tmp_path: Path) -> None:
    for kind in ("events", "produced", "consumed"):
        (tmp_path / "logs" / kind).mkdir(parents=True)
    notes = Notes(tables={"restarts": [{**ROW, "cell": "within"}]})
    measured = static_membership.observe(notes, tmp_path / "logs")
    assert (measured["join_group_requests_within"], measured["member_rebalances_within"]) == (None, None)


ROW = {"pod": "blue-2", "group": "g", "begun": 100.0, "ended": 105.0, "away_seconds": 3.0}
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
