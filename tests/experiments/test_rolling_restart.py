"""A rolling restart: what is done, when it is through, and when it was none."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.strategies.consumers import PARTS
from experiments import by_hand
from experiments.criteria import passed
from experiments.records import write_compressed
from experiments.scenarios import rolling_restart
from experiments.scenarios.rolling_restart import judge
from tests.experiments.test_criteria import GOOD
from tests.support.noted import NotedLab

NAME = "consumer-blue"


def rolled(**status: object) -> dict[str, Any]:
    through = {"observedGeneration": 2, "readyReplicas": 3, "updatedReplicas": 3, "updateRevision": "b"}
    return {
        "metadata": {"generation": 2},
        "spec": {"replicas": 3},
        "status": {**through, "currentRevision": "b", **status},
    }


class World(NotedLab):
    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, replaces: bool = True) -> None:
        super().__init__(PARTS, own=lambda name: {"membership": "takeover"}.get(name, ""))
        self.times = 0
        self.replaces = replaces
        self.lag: Any = SimpleNamespace(wait_flow=lambda _, color: self.did.append(f"flow of {color}"))
        self.cluster.switch = lambda _: SimpleNamespace(groups={"blue": "g"})
        self.cluster.pods = lambda *_: [
            SimpleNamespace(name=f"consumer-{color}-{n}", uid=f"{color}-{n}-{self.times}", color=color)
            for color in ("blue", "green")
            for n in range(3)
        ]
        self.cluster.wait = lambda path, query, missing, *_: self.did.append(f"rolled: {missing({NAME: rolled()})}")
        monkeypatch.setattr(by_hand, "restart", self._restart)

    def _restart(self, namespace: str, what: str) -> None:
        self.did.append(f"restart {namespace} {what}")
        self.times += self.replaces


def test_the_pods_at_work_are_restarted_by_their_set(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    lab: Any = world
    rolling_restart.perform(lab, 2)
    once = ["restart strategy-x statefulsets.apps/consumer-blue", "rolled: None", "pods {'blue': 3, 'green': 3}"]
    assert world.did == ["spell", *([*once, "flow of blue", "spell"] * 2)]
    assert [row["replaced"] for row in world.notes.tables["rolling_restarts"]] == [3, 3]
    assert {("StatefulSet", NAME): 1} in world.own
    assert (world.notes.measured["static"], world.notes.measured["restarts_asked"]) == (1, 2)


@pytest.mark.parametrize(
    ("raw", "missing"),
    [
        ({}, f"there is no {NAME}"),
        ({NAME: rolled(observedGeneration=1)}, "it was not seen yet"),
        ({NAME: rolled(updatedReplicas=2)}, "2 of 3 updated, 3 Ready"),
        ({NAME: rolled(readyReplicas=2)}, "3 of 3 updated, 2 Ready"),
        ({NAME: rolled(currentRevision="a")}, "another revision is current"),
        ({NAME: rolled()}, None),
    ],
)
def test_it_is_through_when_every_pod_is_of_the_new_revision(raw: dict[str, Any], missing: str | None) -> None:
    assert rolling_restart._unrolled(raw, NAME) == missing


def test_a_set_that_replaced_nobody_was_not_restarted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    world = World(monkeypatch, replaces=False)
    lab: Any = world
    rolling_restart.perform(lab, 1)
    write_compressed(tmp_path / "kafka.log.zst", b"")
    (tmp_path / "logs").mkdir()
    measured = rolling_restart.observe(world.notes, tmp_path / "logs")
    assert measured["pods_replaced_min"] == 0
    told = {**measured, "restarts_asked": 1, "pods_at_work": 3}
    assert [one.name for one in judge(replace(GOOD, measured=told)) if not one.passed] == ["pods_replaced_min"]


def test_what_was_not_measured_is_told_by_name() -> None:
    good = {"restarts_asked": 3, "restarts_made": 3, "pods_at_work": 3, "pods_replaced_min": 3}
    assert passed(judge(replace(GOOD, measured=good)))
    for name, value in (
        ("restarts_made", 2),
        ("restarts_made", None),
        ("pods_replaced_min", None),
        ("pods_replaced_min", 2),
    ):
        failing = [one.name for one in judge(replace(GOOD, measured=good | {name: value})) if not one.passed]
        assert failing == [name]
