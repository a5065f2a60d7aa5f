"""The steps of a campaign: what the file says, and which result stands for which."""

from dataclasses import replace
from pathlib import Path

import pytest

from components.settings import registry
from experiments.campaign.steps import load
from experiments.scenarios import SCENARIOS
from tests.support.samples import result


def test_every_strategy_and_every_scenario_has_its_place() -> None:
    steps, left_out = load()
    assert {step.strategy for step in steps} == set(registry.models())
    assert {step.scenario for step in steps} == set(SCENARIOS)
    assert all(SCENARIOS[step.scenario].kind == "test" for step in steps if step.plan)
    for letter in registry.models():
        told = {step.scenario for step in steps if step.plan and step.strategy == letter}
        told |= {one.scenario for one in left_out if one.strategy == letter}
        assert told >= {"1", "2", "3", "5"}, letter


def test_they_come_in_the_plans_order() -> None:
    order = list(dict.fromkeys(step.strategy for step in load()[0]))
    assert order == ["c", "b", "e"]
    for letter in order:
        plan = [step.scenario for step in load()[0] if step.plan and step.strategy == letter]
        assert plan == sorted(plan)


def test_a_result_stands_for_the_step_with_its_variant_and_its_number_of_switches(tmp_path: Path) -> None:
    file = tmp_path / "steps.toml"
    file.write_text(
        '[[step]]\nstrategy = "c"\nscenario = "1"\narguments = ["--switches", "4"]\nplan = true\n'
        '[[step]]\nstrategy = "c"\nscenario = "1"\narguments = ["--membership", "leave-join"]\n'
    )
    (default, dynamic), _ = load(file)
    assert default.command == ("run", "--strategy", "c", "--scenario", "1", "--switches", "4")
    assert (default.plan, dynamic.plan, dynamic.switches) == (True, False, None)
    four = result(measurements={"switches_asked": 4})
    assert default.stood_for_by(four)
    assert not default.stood_for_by(result())
    assert not default.stood_for_by(replace(four, membership="leave-join"))
    assert not default.stood_for_by(replace(four, environment={"rate": 2000}))
    assert dynamic.stood_for_by(result(membership="leave-join"))
    assert dynamic.stood_for_by(result(membership="leave-join", measurements={"switches_asked": 7}))
    older = replace(four, run="older", started_at="2026-11-22T00:00:00+00:00")
    assert default.newest([four, older]) is four
    assert dynamic.newest([four]) is None


def test_other_brokers_and_another_way_are_steps_of_their_own(tmp_path: Path) -> None:
    file = tmp_path / "steps.toml"
    begin = '[[step]]\nstrategy = "c"\nscenario = "1"\n'
    file.write_text(
        f'{begin}arguments = ["--switches", "2", "--kafka-config", "some.delay.ms=3000"]\n'
        f'{begin}arguments = ["--switches", "2"]\nvariant = {{ membership = "leave-join" }}\n'
    )
    (slow, dynamic), _ = load(file)
    on_slow = result(environment={"rate": 100, "some.delay.ms": 3000})
    assert slow.stood_for_by(on_slow)
    assert not slow.stood_for_by(result())
    assert dynamic.stood_for_by(result(membership="leave-join"))
    assert not dynamic.stood_for_by(result())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[step]]\nstrategy = "q"\nscenario = "1"', "strategy 'q' is none of b, c, e"),
        ('[[step]]\nstrategy = "c"\nscenario = "9"', "scenario '9' is none of 1, 2"),
        ('[[step]]\nstrategy = "c"\nscenario = "1"\nspeed = 3', "unknown: speed"),
        ('[[step]]\nstrategy = "c"\nscenario = "1"\narguments = ["--switches", "none"]', "step 1: "),
        ('[[step]]\nstrategy = "c"\nscenario = "1"\narguments = ["--fencing", "none"]', "no key by which"),
        ('[[steps]]\nstrategy = "c"', "unknown: steps"),
        ('[[step]]\nstrategy = "c"\nscenario = "1"\n' * 2, "there twice: C 1"),
    ],
)
def test_what_is_wrong_with_the_file_is_told_by_name(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "steps.toml"
    file.write_text(text)
    with pytest.raises(ValueError, match=said):
        load(file)
