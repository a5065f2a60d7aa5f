"""A key is declared in one place: here, a made-up one, and everything that is derived has it."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from components.settings import keys, values
from components.settings.declare import Goes, Section, StrategyOf
from components.settings.models import StrategySettings
from components.settings.reading import schema_defaults
from components.settings.render import pulumi_config, table_of_keys
from components.settings.schema import spec_schema


class Made(StrategySettings):
    """The settings of a strategy that has one key of its own."""

    strategy: StrategyOf[Literal["x"]]
    made_up: Annotated[int, Goes(spec=True, consumer="made_up", producer="made_up", option=True)] = Field(
        default=7, ge=1, le=9, description="what it means"
    )


DECLARED = keys.declared({"x": Made})


def test_a_made_up_key_is_in_pulumi_yaml() -> None:
    entry = {"type": "integer", "default": 7, "description": "strategy x: what it means"}
    assert pulumi_config(DECLARED)["madeUp"] == entry


def test_a_made_up_key_is_in_the_switchs_schema_and_in_its_spec() -> None:
    schema = spec_schema(DECLARED)
    described = {"type": "integer", "format": "int32", "minimum": 1, "maximum": 9, "default": 7}
    assert schema["properties"]["madeUp"] == {**described, "description": "What it means."}
    assert "madeUp" not in schema["required"]
    assert values.switch_spec(Made(strategy="x"))["madeUp"] == 7


@pytest.mark.parametrize(("name", "default"), [("absence", "Gone"), ("positions", "Members"), ("standby", "Outside")])
def test_what_a_strategy_says_of_itself_is_not_asked_of_an_older_object(name: str, default: str) -> None:
    """It stays writable without it, and is read as it was meant when it was written."""
    schema = spec_schema()
    assert name not in schema["required"]
    assert schema["properties"][name]["default"] == default
    assert default in schema["properties"][name]["enum"]


def test_a_made_up_key_is_in_the_settings_files() -> None:
    settings = Made(strategy="x", madeUp=8)  # type: ignore[call-arg]
    assert values.consumer_settings(settings, "blue")["made_up"] == 8
    assert values.producer_settings(settings)["made_up"] == 8


def test_a_made_up_key_is_in_the_table_and_an_option_of_the_experiments() -> None:
    assert "| `madeUp` | strategy-x | 1-9 = 7 | what it means |" in table_of_keys(DECLARED)
    (option,) = (option for option in keys.options(DECLARED) if option.key == "madeUp")
    assert (option.name, option.attribute, option.type, option.choices) == ("--made-up", "made_up", int, ())
    assert (option.minimum, option.maximum, option.default, option.help) == (1, 9, 7, "what it means")


def test_a_made_up_key_of_an_object_is_told_wherever_the_object_is() -> None:
    class Inside(Section):
        depth: Annotated[int, Goes(spec=True, required=True)] = Field(ge=1, le=9, description="how deep it is")

    class Outside(Made):
        strategy: StrategyOf[Literal["y"]]  # type: ignore[assignment]
        made_of: Annotated[Inside | None, Goes(spec=True)] = Field(default=None, description="what it is made of")

    (key,) = (key for key in keys.declared({"y": Outside}) if key.name == "madeOf")
    assert pulumi_config([key])["madeOf"] == {
        "type": "object",
        "default": {},
        "description": "strategy y: what it is made of: depth (how deep it is)",
    }
    assert "| what it is made of: `depth` (how deep it is) |" in table_of_keys([key])
    inside = spec_schema([key])["properties"]["madeOf"]
    assert inside["required"] == ["depth"]
    assert inside["properties"]["depth"]["maximum"] == 9
    settings = Outside.model_validate({"strategy": "y", "madeOf": {"depth": 3}})
    assert values.switch_spec(settings)["madeOf"] == {"depth": 3}


def test_strategies_that_do_not_agree_about_a_key_are_refused() -> None:
    class Other(StrategySettings):
        strategy: StrategyOf[Literal["y"]]
        made_up: int = Field(default=8, description="what it means")

    with pytest.raises(ValueError, match="key madeUp: x and y do not agree about it"):
        keys.declared({"x": Made, "y": Other})


def test_a_key_of_several_strategies_is_one_key() -> None:
    class Other(Made):
        strategy: StrategyOf[Literal["y"]]  # type: ignore[assignment]

    (key,) = (key for key in keys.declared({"x": Made, "y": Other}) if key.name == "madeUp")
    assert key.stacks == ("x", "y")
    assert "| `madeUp` | strategy-x, strategy-y | 1-9 = 7 |" in table_of_keys([key])


def test_the_options_are_those_that_the_experiments_have_had() -> None:
    options = {option.name: option for option in keys.options()}
    assert set(options) >= {
        "--strategy",
        "--rate",
        "--message-bytes",
        "--partitions",
        "--replicas",
        "--membership",
        "--fencing",
        "--group-protocol",
        "--lag-policy",
    }
    assert options["--membership"].choices == ("takeover", "leave-join", "shared")
    assert options["--fencing"].choices == ("transactions", "none")
    assert options["--control"].choices == ("strimzi", "rest")
    assert options["--connect"].choices == ("clusters", "shared")
    assert options["--strategy"].choices == ("b", "c", "e")


@pytest.mark.parametrize("key", keys.declared(), ids=lambda key: key.name)
def test_every_key_is_described_and_has_a_default(key: keys.Key) -> None:
    assert key.description
    assert key.name in schema_defaults()
    if key.kind == "integer":
        assert key.minimum is not None
        assert key.maximum is not None


def test_an_analysis_is_as_the_switch_has_it() -> None:
    analysis: dict[str, Any] = {"seconds": 5, "maxErrorRate": 0.1, "onInconclusive": "accept"}
    settings = Made.model_validate({"strategy": "x", "analysis": analysis})
    assert values.switch_spec(settings)["analysis"] == {
        "seconds": 5,
        "maxErrorRate": 0.1,
        "minRecords": 1,
        "minThroughput": 0.0,
        "maxRestarts": 0,
        "onInconclusive": "Accept",
    }
    assert "analysis" not in values.switch_spec(Made(strategy="x"))


def test_an_analysis_by_templates_is_as_the_switch_has_it_and_the_api_server_holds_to_one_form() -> None:
    analysis: dict[str, Any] = {"templates": ["lag"], "args": {"max-lag": "9"}, "timeoutSeconds": 30}
    settings = Made.model_validate({"strategy": "x", "analysis": analysis})
    told = values.switch_spec(settings)["analysis"]
    assert told == {
        **analysis,
        "minRecords": 1,
        "minThroughput": 0.0,
        "maxRestarts": 0,
        "onInconclusive": "RollBack",
    }
    schema = spec_schema()["properties"]["analysis"]
    assert "required" not in schema
    assert schema["properties"]["templates"]["items"]["type"] == "string"
    assert schema["properties"]["args"]["additionalProperties"] == {"type": "string", "maxLength": 1000}
    assert schema["properties"]["maxErrorRate"]["type"] == "number"
    assert len(schema["x-kubernetes-validations"]) == 2
