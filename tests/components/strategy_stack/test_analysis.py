"""A stack whose switch is judged by an AnalysisRun: its templates, its rights, and what the update waits for."""

import pytest

from components.live_switch import Expectation
from components.settings import strategy_settings
from components.strategies.base import strategy
from tests.components.strategy_stack.deployed import all_dependencies, up
from tests.support.recorder import Recorder

ANALYSIS = {"templates": ["error-rate", "mine"], "args": {"max-error-rate": "0.1"}, "timeoutSeconds": 60}


@pytest.fixture
def judged(checks: list[Expectation]) -> Recorder:
    return up(analysis=ANALYSIS)


def test_the_templates_are_there_before_the_switch(judged: Recorder) -> None:
    made = judged.of("AnalysisTemplate")
    assert {each.inputs["metadata"]["name"] for each in made.values()} == {"error-rate", "throughput", "lag"}
    assert {each.inputs["metadata"]["namespace"] for each in made.values()} == {"strategy-c"}
    assert {f"AnalysisTemplate/{name}" for name in made} <= all_dependencies(judged, "KafkaConsumerSwitch/switch")


def test_the_switch_says_by_what_it_is_judged_and_the_update_waits_for_it(
    judged: Recorder, checks: list[Expectation]
) -> None:
    switch = judged.of("KafkaConsumerSwitch")["switch"].inputs
    assert switch["spec"]["analysis"] == {
        **ANALYSIS,
        "minRecords": 1,
        "minThroughput": 0.0,
        "maxRestarts": 0,
        "onInconclusive": "RollBack",
    }
    # 220 without, 60 until there is a verdict, 5 for the controller to see it
    assert [expected.timeout_seconds for expected in checks] == [285]


def test_the_controller_may_make_runs_and_read_the_templates_that_are_named(judged: Recorder) -> None:
    rules = judged.of("Role")["controller"].inputs["rules"]
    by_argo = {tuple(rule["resources"]): rule for rule in rules if rule["apiGroups"] == ["argoproj.io"]}
    templates, runs = by_argo["analysistemplates",], by_argo["analysisruns",]
    assert (templates["resourceNames"], templates["verbs"]) == (["error-rate", "mine"], ["get"])
    assert runs["verbs"] == ["create", "get", "list", "watch", "patch"]
    assert len(by_argo) == 2


def test_a_stack_without_templates_knows_nothing_of_argo(checks: list[Expectation]) -> None:
    recorder = up(analysis={"seconds": 5, "maxErrorRate": 0.1})
    assert not recorder.of("AnalysisTemplate")
    rules = recorder.of("Role")["controller"].inputs["rules"]
    assert all("argoproj.io" not in rule["apiGroups"] for rule in rules)


@pytest.mark.parametrize("letter", ["b", "c"])
def test_the_kinds_that_it_needs_are_looked_for(letter: str) -> None:
    asked = strategy_settings(
        {"strategy": letter, "analysis": '{"templates": ["lag"], "timeoutSeconds": 9}'}, f"strategy-{letter}"
    )
    plain = strategy_settings({"strategy": letter}, f"strategy-{letter}")
    chosen = strategy(letter)
    assert chosen.definitions_of(asked) == {"argoproj.io/v1alpha1": ("analysistemplates", "analysisruns")}
    assert chosen.definitions_of(plain) == {}
