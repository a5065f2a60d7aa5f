"""Scenario 5 with an AnalysisRun as the judge: what a round's run has to be, and what its table says."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from experiments import metrics
from experiments.criteria import passed
from experiments.errors import DeadlineError
from experiments.measurements import SwitchRecord
from experiments.scenarios import SCENARIOS, failed_switch, failed_switch_argo
from experiments.scenarios.failed_switch_argo import judge, observe, run_of
from tests.experiments.test_criteria import GOOD
from tests.experiments.test_failed_switch import BACK, World, told  # noqa: F401 - a fixture
from tests.support.samples import LAST, SWITCH

NAME = "consumer-7-0a1b2c3d4e"
TAKEN_BACK = replace(
    BACK, last=replace(LAST, epoch=9, outcome="RolledBack", reason=f"AnalysisFailed: AnalysisRun {NAME} is Failed")
)
MENDED = replace(SWITCH, last=replace(LAST, epoch=7))


def run(name: str = NAME, phase: str = "Failed") -> dict[str, Any]:
    results = [{"name": "error-rate", "phase": phase}, {"name": "lag", "phase": "Successful"}]
    return {"metadata": {"name": name}, "status": {"phase": phase, "message": "m", "metricResults": results}}


def lab(*runs: dict[str, Any]) -> Any:
    return SimpleNamespace(namespace="strategy-c", cluster=SimpleNamespace(get=lambda _: {"items": list(runs)}))


def test_a_round_tells_the_run_that_judged_it() -> None:
    found = run_of(lab(run(), run("consumer-4-ffffffffff", "Successful")), TAKEN_BACK)
    assert found == {"analysis_run": NAME, "phase": "Failed", "failed_metric": "error-rate"}
    assert run_of(lab(run(phase="Successful")), MENDED) == {
        "analysis_run": NAME,
        "phase": "Successful",
        "failed_metric": None,
    }


@pytest.mark.parametrize(
    ("record", "runs", "said"),
    [
        (TAKEN_BACK, [], "0 AnalysisRuns are called consumer-7-…"),
        (TAKEN_BACK, [run(), run("consumer-7-ffffffffff")], "2 AnalysisRuns"),
        (TAKEN_BACK, [run("consumer-77-0a1b2c3d4e")], "0 AnalysisRuns"),
        (TAKEN_BACK, [run(phase="Running")], "is Running, in place of Failed"),
        (MENDED, [run()], "is Failed, in place of Successful"),
        (
            replace(TAKEN_BACK, last=replace(LAST, epoch=9, outcome="RolledBack", reason="AnalysisFailed: 5 of 9")),
            [run()],
            "ended by another reason than AnalysisRun",
        ),
    ],
)
def test_a_run_that_is_not_as_it_should_be_ends_the_rounds(
    record: SwitchRecord, runs: list[dict[str, Any]], said: str
) -> None:
    assert said in run_of(lab(*runs), record)["wrong"]


@pytest.fixture
def scraped(monkeypatch: pytest.MonkeyPatch) -> list[float | None]:
    """How many pods the metrics store has seen, at each look; the last one stays."""
    seen: list[float | None] = [99.0]
    monkeypatch.setattr(metrics, "value", lambda *_: seen.pop(0) if len(seen) > 1 else seen[0])
    monkeypatch.setattr(failed_switch_argo, "_LOOK_SECONDS", 0.0)
    return seen


@pytest.mark.usefixtures("scraped")
def test_a_wrong_run_is_a_wrong_round() -> None:
    world = World(TAKEN_BACK)
    world.cluster.get = lambda _: {"items": []}
    SCENARIOS["5-argo"].perform(world, 2)  # type: ignore[arg-type]
    assert "0 AnalysisRuns" in world.notes.tables[failed_switch.TABLE][0]["wrong"]
    assert world.did[-1] == "switch"


@pytest.mark.usefixtures("scraped")
def test_what_is_done_is_scenario_5s_and_the_mended_colour_has_a_run_too() -> None:
    world = World(TAKEN_BACK, TAKEN_BACK, MENDED)
    phases = iter(["Failed", "Failed", "Inconclusive"])
    world.cluster.get = lambda _: {"items": [run(phase=next(phases))]}
    SCENARIOS["5-argo"].perform(world, 2)  # type: ignore[arg-type]
    assert [row["wrong"] for row in world.notes.tables[failed_switch.TABLE]] == ["", ""]
    assert "in place of Successful" in str(world.notes.measured["mended"])


def test_the_runs_that_failed_are_counted_one_by_one(tmp_path: Path) -> None:
    world = World()
    row = {"cause": "slow", "green_active_at": None, "wrong": "", "phase": "Failed", "failed_metric": "throughput, lag"}
    world.notes.tables[failed_switch.TABLE] = [{**row, "analysis_run": name} for name in ("a", "a", "b")]
    measured = observe(world.notes, tmp_path)
    assert measured["analysis_runs_failed"] == 2
    assert measured["rounds_failed_by_throughput"] == 3
    assert measured["rounds_failed_by_error-rate"] == 0


def test_the_criteria_are_scenario_5s_and_one_run_for_each_round() -> None:
    measured = {
        "analysis_seconds": 20,
        "rounds_as_they_should": 5,
        "round_wrong": None,
        "rounds_with_errors": 5,
        "epochs_with_failed_records": 5,
        "back_seconds_worst": 14.9,
        "failed_and_not_handled_again": 400,
        "failed_by_blue": 0,
        "failed_by_green": 400,
        "mended": "Switched",
        "analysis_runs_failed": 5,
    }
    good = replace(GOOD, switches_asked=5, failed=400, measured=measured)
    assert passed(judge(good))
    for name, value in (("analysis_runs_failed", 4), ("mended", "RolledBack"), ("back_seconds_worst", 25.0)):
        assert not passed(judge(replace(good, measured={**measured, name: value}))), name


def test_it_needs_argo_on_the_platform_for_the_time_of_a_run() -> None:
    scenario = SCENARIOS["5-argo"]
    assert scenario.platform == {"argo": True}
    assert scenario.configuration["analysis"]["templates"] == ["error-rate", "throughput", "lag"]


def test_nobody_is_judged_before_the_store_has_seen_every_pod(
    scraped: list[float | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(TAKEN_BACK)
    world.cluster.get = lambda _: {"items": []}
    scraped[:] = [None, 1.0, 2.0 * world.settings.replicas]
    SCENARIOS["5-argo"].perform(world, 1)  # type: ignore[arg-type]
    assert len(scraped) == 1
    assert world.did[-1] == "switch"
    scraped[:] = [2.0 * world.settings.replicas - 1]
    monkeypatch.setattr(failed_switch_argo, "_SCRAPED_SECONDS", 0.0)
    with pytest.raises(DeadlineError, match="pods in the metrics store"):
        SCENARIOS["5-argo"].perform(world, 1)  # type: ignore[arg-type]
