"""Where the values of a stack's configuration go: the switch's spec, and the settings files of the workloads.

What each key says of itself (`Goes`) decides; the strategy adds what is its own (groups, selectors, …).
"""

from typing import Any

from pydantic import BaseModel, SecretStr

from components.names import Color
from components.settings import keys
from components.settings.models import StrategySettings


def switch_spec(settings: StrategySettings) -> dict[str, Any]:
    """The part of a switch's `spec` (design §5.2) that the configuration decides, all of it: what a default of the CRD
    fills in would show as drift. Without the colours.
    """
    return _spec(settings)


def color_spec(settings: StrategySettings, color: Color, members: int) -> dict[str, Any]:
    """The part of `spec.<color>` that the configuration decides. members: how many report on the colour."""
    return {**_spec(settings.color(color)), "replicas": members}


def _spec(section: BaseModel) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in keys.of(type(section)):
        value = getattr(section, key.attribute)
        if key.goes.spec and value is not None:
            found[key.name] = _spec(value) if isinstance(value, BaseModel) else _worded(key, value)
    return found


def _worded(key: keys.Key, value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return key.goes.words.get(value, value) if isinstance(value, str) else value


def consumer_settings(settings: StrategySettings, color: Color) -> dict[str, Any]:
    """The settings file of a colour's consumers, as far as a key decides it, without secrets. Only what is the colour's
    own differs between the two.
    """
    return {**_file(settings, "consumer"), **_file(settings.color(color), "consumer")}


def consumer_secrets(settings: StrategySettings, color: Color) -> dict[str, dict[str, str]]:
    """The file of secrets of a colour's consumers: empty when there are none."""
    own = settings.color(color)
    found = {
        key.goes.keeps: {
            name: value.get_secret_value()
            for name, value in getattr(own, key.attribute).items()
            if isinstance(value, SecretStr)
        }
        for key in keys.of(type(own))
        if key.goes.keeps
    }
    return {name: secrets for name, secrets in found.items() if secrets}


def producer_settings(settings: StrategySettings) -> dict[str, Any]:
    """The producer's settings file, as far as the configuration decides it."""
    return {**_file(settings, "producer"), **_file(settings.producer, "producer")}


def _file(section: BaseModel, workload: str) -> dict[str, Any]:
    return {
        name: _plain(getattr(section, key.attribute))
        for key in keys.of(type(section))
        if (name := getattr(key.goes, workload))
    }


def _plain(value: object) -> object:
    """A value as YAML has it."""
    if value is None:
        return {}
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, dict):
        return {name: inner for name, inner in value.items() if not isinstance(inner, SecretStr)}
    return list(value) if isinstance(value, tuple) else value
