"""A secret of the configuration stays one, or is refused where it could not."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pulumi.runtime import config as runtime_config

from components.settings import ConsumerColorSettings, SettingsError, platform_settings, strategy_settings
from components.settings.values import consumer_secrets, consumer_settings
from components.stack_config import project_configuration, secret_keys

HUNTER = "hunter2-hunter2"


def raw(letter: str = "c", **values: Any) -> dict[str, str]:
    return {"strategy": letter, **{k: v if isinstance(v, str) else json.dumps(v) for k, v in values.items()}}


def problems(hidden: set[str], letter: str = "c", **values: Any) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as refused:
        strategy_settings(raw(letter, **values), f"strategy-{letter}", hidden)
    assert HUNTER not in str(refused.value)
    return refused.value.problems


@pytest.mark.parametrize("letter", ["b", "c"])
def test_a_colours_client_settings_are_a_secret_when_one_of_them_is(letter: str) -> None:
    config = {"sasl": {"password": HUNTER}, "fetch.min.bytes": 5, "socket.keepalive.enable": True}
    own = {"version": "2", "config": config}
    settings = strategy_settings(raw(letter, blue=own, green=own), f"strategy-{letter}", {"blue"})
    assert consumer_settings(settings, "blue")["client"] == {}
    assert consumer_secrets(settings, "blue") == {
        "secret_client": {"sasl.password": HUNTER, "fetch.min.bytes": "5", "socket.keepalive.enable": "true"}
    }
    assert consumer_settings(settings, "blue")["version"] == "2"
    assert isinstance(settings.blue, ConsumerColorSettings)
    assert settings.blue.client["sasl.password"] == HUNTER
    for told in (repr(settings.blue), str(settings.blue), json.dumps(settings.blue.model_dump(mode="json"))):
        assert HUNTER not in told
    # The other colour's are none.
    assert consumer_settings(settings, "green")["client"]["sasl.password"] == HUNTER
    assert consumer_secrets(settings, "green") == {}


@pytest.mark.parametrize(
    ("blue", "name"),
    [
        ({"config": {"isolation.level": HUNTER}}, "blue.config.isolation.level"),
        ({"config": {"partition.assignment.strategy": HUNTER}}, "blue.config.partition.assignment.strategy"),
        ({"config": {"a": HUNTER, "fetch.min.bytes": [HUNTER]}}, "blue.config.fetch.min.bytes"),
        ({"config": {"group.id": HUNTER}}, "blue.config.group.id"),
        ({"config": {"fetch.min.bytes": "1"}, "faults": {"failure_rate": HUNTER}}, "blue.faults.failure_rate"),
        ({"config": HUNTER}, "blue.config"),
        ({"config": {"max.poll.interval.ms": "100"}}, "blue.config.max.poll.interval.ms"),
    ],
)
def test_what_is_wrong_with_it_is_told_without_it(blue: dict[str, Any], name: str) -> None:
    (line,) = problems({"blue"}, blue=blue)
    assert line.startswith(f"kafka-bluegreen:{name}: ")
    assert "[secret]" in line


def test_text_that_is_no_object_is_not_told() -> None:
    told = problems({"blue"}, blue=f'{{"config": {HUNTER}')
    assert "kafka-bluegreen:blue: [secret] is refused; allowed: an object with" in told[-1]


@pytest.mark.parametrize(
    ("letter", "key", "value", "place", "why"),
    [
        ("c", "topic", HUNTER, "topic", "stands in labels"),
        ("c", "rate", "99", "rate", "stands in labels"),
        ("c", "strategy", HUNTER, "strategy", "stands in labels"),
        ("c", "blue", {"version": HUNTER}, "blue", "what is kept secret of it: blue.config"),
        ("c", "producer", {"partitions": [1]}, "producer", "stands in labels"),
        ("e", "green", {"version": HUNTER}, "green", "stands in labels"),
        ("e", "green", {"config": {"a.b": HUNTER}}, "green.config", "can be read by Connect's REST API"),
    ],
)
def test_one_that_would_not_stay_one_is_refused_by_name(
    letter: str, key: str, value: Any, place: str, why: str
) -> None:
    line = problems({key}, letter, **{key: value})[0]
    path = "--path " if place != key else ""
    assert line.startswith(f"kafka-bluegreen:{place}: is set as a secret, and would not stay one: ")
    assert why in line
    assert f"run: pulumi config rm {path}{place} -s strategy-{letter}, " in line


def test_the_platform_keeps_none() -> None:
    with pytest.raises(SettingsError, match="kafka-bluegreen:platform: is set as a secret") as refused:
        platform_settings({"platform": HUNTER}, hidden={"platform"})
    assert HUNTER not in str(refused.value)


@pytest.fixture
def configured() -> Iterator[None]:
    """A configuration as the language host hands it over: a key with a secret somewhere in it is named, no more."""
    before = runtime_config.CONFIG.get()
    runtime_config.set_all_config(
        {"kafka-bluegreen:blue": "{}", "kafka-bluegreen:green": "{}", "kubernetes:kubeconfig": "x"},
        ["kafka-bluegreen:blue", "kubernetes:kubeconfig"],
    )
    yield
    runtime_config.set_all_config(before, [])


def test_pulumi_says_which_keys_have_a_secret(configured: None) -> None:
    assert project_configuration() == {"blue": "{}", "green": "{}"}
    assert secret_keys() == {"blue"}
