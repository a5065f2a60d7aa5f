"""The plan's normal switch: green arrives in it, as another version."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.images import SECOND_VERSION, VARIABLE
from components.settings import registry
from components.strategies.base import strategy
from components.strategies.consumers import PARTS
from experiments.errors import PreconditionError
from experiments.measurements import SwitchRecord
from experiments.scenarios import normal_switch
from tests.support.noted import NotedLab
from tests.support.samples import FAILED, SWITCH

GIVEN = {"workloads": "registry/workloads:1"}


def noted(
    letter: str = "c", image: str | None = None, record: SwitchRecord = SWITCH, images: object = None
) -> NotedLab:
    lab = NotedLab(PARTS, strategy=letter, color=lambda _: SimpleNamespace(image=image), images=images)
    lab.record = record
    return lab


@pytest.fixture
def second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox has a second version."""
    file = tmp_path / "images.json"
    file.write_text(json.dumps({SECOND_VERSION: "localhost/consumer-v2:2"}))
    monkeypatch.setenv(VARIABLE, str(file))


@pytest.mark.usefixtures("second")
@pytest.mark.parametrize("letter", ["b", "c"])
def test_the_new_colour_is_deployed_in_it_as_another_version(letter: str) -> None:
    world: Any = noted(letter)
    normal_switch.perform(world, 1)
    assert world.did == [
        "spell",
        "deploy green {'version': '2', 'image': 'localhost/consumer-v2:2'}",
        "spell",
        "switch from blue",
        "spell",
        "scale down and back",
    ]
    assert world.notes.measured == {"deploy_seconds": 12.346}


@pytest.mark.usefixtures("second")
@pytest.mark.parametrize(
    ("world", "deployed"),
    [
        (noted(image="registry/app:7"), "{'version': '2', 'image': 'registry/app:7'}"),  # the stack's own
        (noted(images=GIVEN), "{'version': '2'}"),  # a cluster that is not the sandbox
        (noted("e"), "{'version': '2'}"),  # there is no second image of the workers
    ],
)
def test_where_the_second_version_comes_from(world: Any, deployed: str) -> None:
    normal_switch.perform(world, 1)
    assert world.did[1] == f"deploy green {deployed}"


def test_a_second_version_that_is_not_made_yet_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "images.json"
    file.write_text("{}")
    monkeypatch.setenv(VARIABLE, str(file))
    world: Any = noted()
    with pytest.raises(PreconditionError, match=r"run: python -m tools\.sandbox images"):
        normal_switch.perform(world, 1)
    assert world.did == []


@pytest.mark.usefixtures("second")
def test_a_switch_that_failed_ends_it() -> None:
    world: Any = noted(record=FAILED)
    normal_switch.perform(world, 2)
    assert world.did[2:] == ["spell", "switch from blue"]


@pytest.mark.parametrize("letter", sorted(registry.models()))
def test_it_begins_without_green_whatever_the_strategy(letter: str) -> None:
    settings = strategy(letter).settings.model_validate({"strategy": letter, **normal_switch.SCENARIO.configuration})
    assert (settings.replicas_of("blue"), settings.replicas_of("green")) == (3, 0)
