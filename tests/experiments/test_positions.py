"""Where colours are that are connectors: by what was committed, and by what was recorded."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.strategies.consumers import PARTS
from experiments.cluster import Cluster
from experiments.errors import ExperimentError
from experiments.lag import Lag
from experiments.positions import Group, Groups, OfGroups, OfMembers, Progressed, reached
from tests.experiments.test_recorders import ONE, SAID, serve
from tests.support.connectors import parts
from tests.support.fake_api import FakeApi

STANDS = Group(committed={0: 10, 1: 10}, assigned=(), members=0)
WORKS = Group(committed={0: 10, 1: 10}, assigned=(0, 1), members=2)


def of_blue(**changes: Any) -> Progressed:
    return reached({"blue": WORKS, "green": STANDS}, [replace(ONE, **changes)])[0]


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        ({0: 12, 1: 14}, {0: 12, 1: 14}),  # written, and not committed yet
        ({0: 8}, {0: 10, 1: 10}),  # committed by whoever had it before
        ({}, {0: 10, 1: 10}),
    ],
)
def test_the_farther_of_committed_and_recorded_counts(recorded: dict[int, int], expected: dict[int, int]) -> None:
    assert of_blue(next=recorded).positions == expected


def test_a_colour_that_stands_owns_nothing() -> None:
    blue, green, *_ = reached({"blue": STANDS, "green": WORKS}, [ONE])
    assert (blue.color, blue.positions) == ("blue", {})
    # What blue has recorded says nothing of green.
    assert green.positions == {0: 10, 1: 10}


def test_a_partition_of_which_nothing_is_known_has_no_position() -> None:
    found = reached({"blue": Group({}, (0, 1, 2), 1)}, [replace(ONE, next={0: 3})])
    assert found[0].positions == {0: 3}


def test_each_log_is_a_process_of_its_own() -> None:
    logs = {"blue-connect-0.aa": 5, "blue-connect-1.bb": 7}
    found = reached({"blue": WORKS}, [replace(ONE, logs=logs)])
    assert {(one.process, one.handled) for one in found if one.process} == set(logs.items())
    assert all(not one.positions for one in found if one.process)


PROBE = """#!/usr/bin/env python3
import sys
for line in sys.stdin:
    print({answer!r}, flush=True)
"""


def groups(folder: Path, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]) -> Groups:
    program = folder / "kubectl"
    program.write_text(PROBE.format(answer=json.dumps(answer)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return Groups(
        "ns",
        "producer-0",
        "producer",
        bootstrap="kafka:9092",
        topic="t",
        partitions=2,
        groups={"blue": "g-blue", "green": "g-green"},
    )


ANSWER = {
    "t": 1.0,
    "groups": {
        "g-blue": {"committed": {"0": 10, "1": 10}, "assigned": [0, 1], "members": 2},
        "g-green": {"committed": {}, "assigned": [], "members": 0},
    },
}


def test_lag_is_told_by_groups_and_recorders(
    api: FakeApi, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = groups(tmp_path, monkeypatch, ANSWER)
    serve(api, ("recorder-blue-0", "blue", {**SAID, "next": {"0": 12}}), ("recorder-green-0", "green", None))
    part, ends = parts().recorder, {0: 12, 1: 14}
    assert part is not None
    source = OfGroups(cluster, "strategy-c", part, asked)
    lag = Lag(source, type("Ends", (), {"read": lambda _: ends, "close": lambda _: None})(), 2, clock=lambda: 0.0)
    assert lag.owners() == {"blue"}
    assert lag.behind(ends) == {1: 4}
    assert lag.behind(ends, "green") == {0: None, 1: None}
    # The recorder that does not answer cannot be the one of whoever owns everything.
    assert lag.sample().total == 4
    assert lag.handled("blue") == 30
    assert lag.groups()["blue"].members == 2
    lag.close()


def test_brokers_that_do_not_answer_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = groups(tmp_path, monkeypatch, {"t": 1.0, "error": "no broker"})
    with pytest.raises(ExperimentError, match="consumer groups: no broker"):
        asked.read()
    asked.close()


def test_members_that_tell_their_positions_have_no_groups_to_ask(cluster: Cluster) -> None:
    with pytest.raises(ExperimentError, match="its groups are not asked"):
        OfMembers(cluster, "strategy-c", PARTS.members).groups()
    with pytest.raises(ExperimentError, match="pods agent have no port"):
        OfMembers(cluster, "strategy-c", parts().members).read()
