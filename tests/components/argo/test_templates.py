"""The AnalysisTemplates of a strategy's stack, and the definitions that the platform has for them."""

import json
import re
from typing import Any

import pytest

from components.argo import crds
from components.argo.templates import NAMES, specs
from components.observability.names import METRICS

SPECS = specs("http://vm:8428")
#: What the switch's controller says to templates that declare it.
SAID = {"namespace", "strategy", "topic", "color", "group", "other-color", "other-group", "since"}


def test_there_is_one_for_each_of_what_is_judged() -> None:
    assert tuple(SPECS) == NAMES == ("error-rate", "throughput", "lag")


@pytest.mark.parametrize("name", NAMES)
def test_every_argument_that_is_used_is_declared_and_has_a_value(name: str) -> None:
    used = set(re.findall(r"\{\{args\.([-a-z]+)\}\}", json.dumps(SPECS[name]["metrics"])))
    declared = {arg["name"]: "value" in arg for arg in SPECS[name]["args"]}
    assert set(declared) == used
    assert {arg for arg, has in declared.items() if not has} <= SAID


@pytest.mark.parametrize("name", NAMES)
def test_it_asks_for_metrics_that_there_are_in_the_stacks_namespace_alone(name: str) -> None:
    query = SPECS[name]["metrics"][0]["provider"]["prometheus"]["query"]
    asked = re.findall(r"([a-z_]+)\{([^}]*\}\}[^}]*)", query)
    assert asked
    assert {metric for metric, _ in asked} <= set(METRICS)
    assert all('namespace="{{args.namespace}}' in labels for _, labels in asked)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_found_and_no_number_are_neither_success_nor_failure(name: str) -> None:
    """Both conditions want a result that is there and compare it; no comparison holds for NaN."""
    (metric,) = SPECS[name]["metrics"]
    for condition in (metric["successCondition"], metric["failureCondition"]):
        assert re.fullmatch(r"len\(result\) > 0 && result\[0\] (<=|>=|<|>) \{\{args\.[-a-z]+\}\}", condition)
    assert metric["failureLimit"] == 0
    assert metric["count"] > 1, "an end of its own, and not by one look"
    assert metric["inconclusiveLimit"] < metric["count"] / 2, "most of what was looked for has to be there"


def test_the_rate_is_compared_with_the_old_colours_before_the_switch() -> None:
    query = SPECS["throughput"]["metrics"][0]["provider"]["prometheus"]["query"]
    old = query.partition(" / ")[2]
    assert 'color="{{args.other-color}}"' in old
    assert old.endswith("@ {{args.since}})) > 0)"), "up to the grant, and one that handled nothing is no measure"
    assert {"name": "min-throughput", "value": "0.9"} in SPECS["throughput"]["args"]
    # Nothing from before the grant is in the window of the first look.
    window = {arg["name"]: arg.get("value") for arg in SPECS["throughput"]["args"]}["window"]
    assert int(SPECS["throughput"]["metrics"][0]["initialDelay"][:-1]) > int(str(window)[:-1])


def test_the_definitions_are_those_of_the_release_with_the_provider_job_left_open() -> None:
    kinds: dict[str, Any] = {made["spec"]["names"]["kind"]: made for made in crds.definitions()}
    assert set(kinds) == {"AnalysisRun", "AnalysisTemplate", "ClusterAnalysisTemplate"}
    plurals = {made["spec"]["names"]["plural"] for made in kinds.values()}
    assert set(crds.ANALYSIS[crds.GROUP_VERSION]) < plurals
    for made in kinds.values():
        assert crds.reduced(made) == made
        (version,) = made["spec"]["versions"]
        assert f"{made['spec']['group']}/{version['name']}" == crds.GROUP_VERSION


def test_a_definition_of_another_form_is_not_taken_for_one() -> None:
    with pytest.raises(KeyError):
        crds.reduced({"spec": {"versions": [{"schema": {"openAPIV3Schema": {"properties": {}}}}]}})
