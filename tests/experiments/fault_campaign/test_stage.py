"""What a campaign's pair is made of: its strategy's own stack, with shorter timeouts, and faults where it has any."""

import json

import pytest
import yaml

from components.settings import registry, strategy_settings
from components.settings.declare import NAMESPACE
from experiments import faults
from experiments.fault_campaign.stage import REPLICAS, name_of, settings_of
from experiments.run import REPOSITORY


def standing(letter: str) -> dict[str, str]:
    """The configuration of the stack that it is made like, as Pulumi hands it to a program."""
    file = REPOSITORY / "stacks" / f"Pulumi.strategy-{letter}.yaml"
    found = yaml.safe_load(file.read_text())["config"]
    return {key.removeprefix(f"{NAMESPACE}:"): _told(value) for key, value in found.items()}


def _told(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@pytest.mark.parametrize("letter", sorted(registry.models()))
def test_its_settings_are_allowed_for_every_strategy(letter: str) -> None:
    own = {key: _told(value) for key, value in settings_of(letter).items()}
    before, made = (strategy_settings(raw, name_of(letter)) for raw in (standing(letter), standing(letter) | own))
    assert (made.strategy, made.replicas, made.replicas_of("green")) == (letter, REPLICAS, REPLICAS)
    assert made.lag_timeout_seconds < before.lag_timeout_seconds
    enabled = [getattr(made.color(color), "faults", None) is not None for color in ("blue", "green")]
    assert enabled == [bool(faults.enabled(letter))] * 2
    # A drain and a resume last as long as what the strategy's stack says, where a client's session does not bound them.
    shorter = "session_timeout_seconds" in registry.models()[letter].model_fields
    assert (made.drain_timeout_seconds < before.drain_timeout_seconds) == shorter
