"""Sequences in files: those that are kept as tests are read, and what is none is refused."""

import json
from pathlib import Path

import pytest

from components.settings import registry
from experiments.errors import ExperimentError
from experiments.fault_campaign.kinds import Role
from experiments.fault_campaign.plan import Planner, planned
from experiments.fault_campaign.sequences import kept
from experiments.run import REPOSITORY
from tests.e2e import test_campaign as short

STEPS = planned(2, 2, frozenset(Role))
KEPT = sorted((REPOSITORY / "tests" / "e2e" / "sequences").glob("*.json"))


@pytest.mark.parametrize("file", KEPT, ids=lambda file: file.stem)
def test_what_is_kept_can_be_carried_out(file: Path) -> None:
    letter = file.stem.partition("-")[0]
    assert letter in registry.models()
    assert kept(file, letter)
    assert json.loads(file.read_text()).keys() >= {"strategy", "from", "found", "steps"}


def test_there_are_some() -> None:
    assert [file.stem for file in KEPT] == ["c-cut-broker"]


def test_a_list_of_steps_is_a_sequence_of_any_strategy(tmp_path: Path) -> None:
    file = tmp_path / "steps.json"
    file.write_text(json.dumps([step.as_json() for step in STEPS]))
    assert kept(file, "c") == kept(file, "b") == tuple(STEPS)


@pytest.mark.parametrize("content", ["", "[]", '{"steps": [{}]}', "{}", "7"])
def test_what_has_no_steps_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "none.json"
    file.write_text(content)
    with pytest.raises(ExperimentError, match=r"none\.json has no steps"):
        kept(file, "c")


def test_the_short_campaign_plans_each_of_its_faults() -> None:
    planner = Planner(short.SEED, short.ROLES, short.FAULTS, reshapes=False)
    steps = [planner.step(number) for number in range(1, short.SWITCHES + 1)]
    for step in steps:
        planner.count(step, [(one.way, step.phase) for one in step.injections])
    ways = {one.way for step in steps for one in step.injections}
    assert ways == set(short.FAULTS)
