"""Pulumi.yaml and the stacks' files say the same as components/settings.py."""

import json
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel

from components.settings import (
    NAMESPACE,
    PlatformSettings,
    StrategySettings,
    platform_settings,
    schema_defaults,
    strategy_settings,
)

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))
OURS = {key: entry for key, entry in PROJECT["config"].items() if ":" not in key}


def handed_over(value: object) -> str:
    """A value of a configuration file as Pulumi gives it to a program."""
    return value if isinstance(value, str) else json.dumps(value)


def declared_type(model: type[BaseModel], key: str) -> str | None:
    for name, field in model.model_fields.items():
        if (field.alias or name) == key:
            kinds = {field.annotation, *get_args(field.annotation)}
            if any(isinstance(kind, type) and issubclass(kind, BaseModel) for kind in kinds):
                return "object"
            return "integer" if int in kinds and get_origin(field.annotation) is None else "string"
    return None


def test_the_schema_has_the_keys_and_defaults_of_the_settings() -> None:
    assert {key: handed_over(entry["default"]) for key, entry in OURS.items()} == schema_defaults()


def test_the_schema_has_the_types_of_the_settings() -> None:
    for key, entry in OURS.items():
        types = {declared_type(PlatformSettings, key), declared_type(StrategySettings, key)} - {None}
        assert types == {entry["type"]}, key


def test_every_key_is_described() -> None:
    assert [key for key, entry in OURS.items() if not entry.get("description")] == []


def test_the_program_runs_as_the_contract_says() -> None:
    assert PROJECT["name"] == NAMESPACE
    assert PROJECT["stackConfigDir"] == "stacks"
    assert PROJECT["runtime"] == {"name": "python", "options": {"toolchain": "pip", "virtualenv": ".venv"}}
    assert PROJECT["config"]["kubernetes:enableConfigMapMutable"] == {"value": "true"}


@pytest.mark.parametrize("path", sorted((ROOT / "stacks").glob("Pulumi.*.yaml")), ids=lambda path: path.name)
def test_every_stack_file_is_accepted(path: Path) -> None:
    stack = path.name.split(".")[1]
    configuration = yaml.safe_load(path.read_text(encoding="utf-8"))["config"]
    raw = {
        **schema_defaults(),
        **{key.removeprefix(f"{NAMESPACE}:"): handed_over(value) for key, value in configuration.items()},
    }
    if stack == "platform":
        assert platform_settings(raw, stack).platform == "sandbox"
    else:
        assert strategy_settings(raw, stack).strategy == stack.removeprefix("strategy-")
