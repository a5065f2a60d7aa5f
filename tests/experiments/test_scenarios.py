"""Scenarios register by being in the package."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments import scenarios

MADE_UP = """
from experiments.scenarios.base import Scenario

SCENARIO = Scenario(
    "{name}", "made up", 0, 1, perform=lambda lab, switches: None, judge=lambda seen: [],
    configuration={{"green": {{"faults": {{"failure_rate": 0.1}}}}}}, kind="measurement",
)
"""


@pytest.fixture
def add(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(scenarios, "__path__", [*scenarios.__path__, str(tmp_path)])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("experiments.scenarios."):
            del sys.modules[name]


def test_the_plans_scenarios_are_found() -> None:
    assert {name: scenario.title for name, scenario in scenarios.SCENARIOS.items()} == {
        "1": "normal switch",
        "2": "immediate rollback",
        "3": "switch under lag",
        "4": "a consumer is restarted in the middle of a switch",
        "4-overrun": "a consumer drops out of its group in the middle of a switch",
        "4-shared": "a member is away in the middle of a switch, where whoever rests owns partitions",
        "4-static": "static membership: restarts within and beyond the session",
        "5": "failed switch, and the way back by itself",
        "5-replay": "failed switch, and what green has handled is handled again",
        "5-unwell": "failed switch: a green that dies, hangs or is killed, and the way back by itself",
        "5-argo": "failed switch, and the way back by an Argo Rollouts AnalysisRun",
        "b-runbook": "the runbook: scale down, copy offsets by command, scale up",
        "crash": "a consumer of the old, and of the new colour crashes",
        "e-crash": "a worker is killed between its write and its commit",
        "e-pause-or-stop": "PAUSED and STOPPED as the way of a switch",
        "e-pause-survives": "a pause outlives the restart of every worker",
        "e-reconcile": "a pause by REST and the operator's reconciles",
        "e-zombie": "a worker that was given up and goes on",
        "impaired": "a switch under a slow commit, and under a max.poll overrun",
        "keda": "one number of pods that a scaler gives: three, six, three and six, and switches meanwhile",
        "leave-join": "the old colour's members leave the group, the new one's join it",
        "one-group": "strategy A: the new colour's members join the group, the old one's leave it",
        "rolling-restart": "what everybody does today: a rolling restart of the pods at work",
        "shape": "a pair that lives: new version, other sizes, other ways into the group",
        "shared": "the original design by its letter: both colours in one group, who rests keeps its partitions",
        "zombie": "a member that was given up and goes on",
    }


def test_what_is_no_test_of_the_plan_is_a_measurement() -> None:
    assert {name for name, scenario in scenarios.SCENARIOS.items() if scenario.kind == "measurement"} == {
        "4-shared",
        "b-runbook",
        "crash",
        "e-crash",
        "e-pause-or-stop",
        "e-pause-survives",
        "e-reconcile",
        "e-zombie",
        "impaired",
        "leave-join",
        "one-group",
        "rolling-restart",
        "shared",
        "zombie",
    }


def test_a_module_in_the_package_is_a_scenario(add: Path) -> None:
    (add / "made_up.py").write_text(MADE_UP.format(name="9-made-up"))
    importlib.invalidate_caches()
    found = scenarios._found()
    assert set(found) == {*scenarios.SCENARIOS, "9-made-up"}
    assert found["9-made-up"].kind == "measurement"


def test_two_scenarios_of_one_name_are_refused(add: Path) -> None:
    (add / "made_up.py").write_text(MADE_UP.format(name="1"))
    importlib.invalidate_caches()
    with pytest.raises(ValueError, match="two scenarios are called '1'"):
        scenarios._found()
