"""What changes together with `active`: the comparison, and what of a state is compared."""

import json
from pathlib import Path
from typing import Any

import pytest

from tools.policy import old
from tools.policy.alone import together
from tools.policy.old import StateError, exported, of_export, stack_name

STACK = "urn:pulumi:strategy-c::kafka-bluegreen::kafka-bluegreen:component"
SWITCH = f"{STACK}:Switch$kubernetes:kafka-bluegreen.io/v1alpha1:KafkaConsumerSwitch::switch"
CONFIG = f"{STACK}:Producer$kubernetes:core/v1:ConfigMap::producer"


def stack(active: str = "blue", rate: int = 100, **more: Any) -> dict[str, Any]:
    return {SWITCH: {"spec": {"active": active, "attempt": 1, **more}}, CONFIG: {"data": {"rate": rate}}}


def test_active_alone_is_no_matter() -> None:
    assert together(stack(), stack("green")) == []


def test_what_changes_without_a_switch_is_no_matter() -> None:
    assert together(stack(), stack(rate=2000, attempt=2)) == []


def test_what_changes_with_it_is_told_with_its_paths() -> None:
    assert together(stack(), stack("green", 2000, attempt=2)) == [
        *("ConfigMap producer: data.rate", "KafkaConsumerSwitch switch: spec.attempt")
    ]


def test_what_comes_and_goes_with_it_is_told() -> None:
    before, after = stack(), stack("green")
    del after[CONFIG]
    page = f"{STACK}:Page$kubernetes:apps/v1:Deployment::page"
    assert together(before, {**after, page: {}}) == ["Deployment page comes", "ConfigMap producer goes"]


def test_the_first_update_of_a_stack_is_no_switch() -> None:
    assert together({}, stack("green")) == []


def test_many_paths_are_cut() -> None:
    (found,) = together(stack(), stack("green", **{f"key{n}": n for n in range(9)}))
    assert found.endswith("spec.key3, spec.key4 and more")


def test_secrets_empty_values_and_the_engines_own_are_not_compared_and_lists_are() -> None:
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:x"}
    before, after = stack(), stack("green")
    before[CONFIG] = {"data": {"password": secret}, "list": [1, {"a": 1}], "__defaults": []}
    after[CONFIG] = {"data": {"password": "plain"}, "list": [1, {"a": 1}], "labels": {}, "none": None}
    assert together(before, after) == []
    after[CONFIG]["list"] = [1, {"a": 2}]
    assert together(before, after) == ["ConfigMap producer: list[1].a"]


def test_of_a_state_the_custom_resources_are_compared_but_for_pulumis_own() -> None:
    resources = [
        {"urn": "u::p::pulumi:pulumi:Stack::s", "type": "pulumi:pulumi:Stack"},
        {"urn": "u::p::pulumi:providers:kubernetes::d", "type": "pulumi:providers:kubernetes", "custom": True},
        {"urn": "u::p::x:component:Switch::switch", "type": "x:component:Switch"},
        {
            "urn": "u::p::kubernetes:core/v1:ConfigMap::r",
            "type": "kubernetes:core/v1:ConfigMap",
            "custom": True,
            "external": True,
        },
        {"urn": CONFIG, "type": "kubernetes:core/v1:ConfigMap", "custom": True, "inputs": {"data": {}}},
    ]
    assert of_export(json.dumps({"deployment": {"resources": resources}})) == {CONFIG: {"data": {}}}
    assert of_export("{}") == {}


def test_the_stack_is_named_as_it_is_found_from_everywhere() -> None:
    told = {"PULUMI_ORGANIZATION": "organization", "PULUMI_PROJECT": "kafka-bluegreen", "PULUMI_STACK": "strategy-c"}
    assert stack_name(told) == "organization/kafka-bluegreen/strategy-c"
    with pytest.raises(StateError, match="which stack it is"):
        stack_name({})


def test_a_state_that_cannot_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pulumi = tmp_path / "pulumi"
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(StateError, match="pulumi stack export --stack strategy-c"):
        exported("strategy-c")
    pulumi.write_text("#!/bin/sh\necho passphrase must be set >&2\nexit 255\n")
    pulumi.chmod(0o755)
    with pytest.raises(StateError, match="exit code 255: passphrase must be set"):
        exported("strategy-c")
    pulumi.write_text("#!/bin/sh\necho '{\"deployment\": {}}'\n")
    assert exported("strategy-c") == {}
    assert old.is_compared("kubernetes:core/v1:ConfigMap")
