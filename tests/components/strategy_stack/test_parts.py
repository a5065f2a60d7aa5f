"""What a run looks for is what the stack deploys: for every strategy, the sets, numbers, labels and containers of which
its `parts` tell.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from components.names import COLORS, Color
from components.settings import StackName, registry, strategy_settings
from components.strategies.base import strategy
from components.strategies.parts import Part, Parts, numbers
from tests.components.strategy_stack.deployed import up
from tests.support.recorder import Recorder

pytestmark = pytest.mark.usefixtures("checks")


def told(letter: str, **values: Any) -> tuple[Recorder, Parts, dict[Color, int]]:
    """The deployed stack, what its parts are, and how many pods at work each colour is configured to have."""
    stack = StackName(f"strategy-{letter}")
    settings = strategy_settings({"strategy": letter, **values}, stack.name)
    return up(strategy=letter, **values), strategy(letter).parts(settings, stack), numbers(settings)


def objects(recorder: Recorder, part: Part) -> dict[str, Mapping[str, Any]]:
    """What says how many of a kind of pods there are, by its name."""
    found = [one.inputs for one in recorder.order if one.type.rpartition(":")[2] == part.kind.kind]
    return {inputs["metadata"]["name"]: inputs for inputs in found}


@pytest.mark.parametrize("letter", sorted(registry.models()))
@pytest.mark.parametrize("values", [{}, {"green": '{"replicas": 0}'}])
def test_every_part_is_deployed_in_its_number(letter: str, values: dict[str, str]) -> None:
    recorder, parts, wanted = told(letter, **values)
    for part in parts.all:
        there = objects(recorder, part)
        names = {color: part.object(color) for color in COLORS}
        expected = {names[color]: part.wanted(wanted)[part.sets[color]] for color in COLORS}
        assert {name: there[name]["spec"]["replicas"] for name in expected} == expected


@pytest.mark.parametrize("letter", sorted(registry.models()))
def test_pods_of_our_own_have_the_label_and_the_container_that_a_part_tells(letter: str) -> None:
    recorder, parts, _ = told(letter)
    for part in parts.all:
        if part.kind.kind != "StatefulSet":
            continue
        for color in COLORS:
            template = objects(recorder, part)[part.object(color)]["spec"]["template"]
            key, _, value = part.selector.partition("=")
            assert template["metadata"]["labels"][key] == value == part.app
            containers = {one["name"]: one for one in template["spec"]["containers"]}
            assert part.program.command in containers[part.program.container]["command"]


@pytest.mark.parametrize("letter", sorted(registry.models()))
def test_pods_whose_logs_are_kept_are_deployed(letter: str) -> None:
    recorder, parts, _ = told(letter)
    labels = [
        resource.inputs["spec"]["template"]["metadata"]["labels"]
        for kind in ("StatefulSet", "Deployment")
        for resource in recorder.of(kind).values()
    ]
    there = {one["app.kubernetes.io/name"] for one in labels}
    # Workers' pods are their operator's to make.
    assert set(parts.logged) - {parts.at_work.app} <= there
    assert set(parts.logged) >= {part.app for part in parts.all} or not parts.logged


@pytest.mark.parametrize("letter", sorted(registry.models()))
def test_the_groups_that_are_asked_are_the_switchs(letter: str) -> None:
    recorder, _, _ = told(letter)
    spec = recorder.of("KafkaConsumerSwitch")["switch"].inputs["spec"]
    assert strategy(letter).groups(StackName(f"strategy-{letter}")) == {color: spec[color]["group"] for color in COLORS}


@pytest.mark.parametrize("letter", sorted(registry.models()))
def test_connectors_that_are_moved_by_their_resources_have_some(letter: str) -> None:
    recorder, parts, _ = told(letter)
    if parts.connectors is None:
        assert parts.recorder is None
        return
    kind = parts.connectors.resources.kind
    there = {one.inputs["metadata"]["name"] for one in recorder.order if one.type.rpartition(":")[2] == kind}
    assert there == (set(parts.connectors.names.values()) if parts.connectors.by_resource else set())
