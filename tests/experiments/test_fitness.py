"""For which strategies a scenario is: asked before anything is deployed, and told by the table of the commands."""

import re
from pathlib import Path
from typing import Any

import pytest

from components.settings import SettingsError, registry, strategy_settings
from experiments import fitness
from experiments.cluster import Cluster
from experiments.errors import PreflightError
from experiments.options import Options
from experiments.platform import Platform
from experiments.progress import Progress
from experiments.run import REPOSITORY
from experiments.scenarios import SCENARIOS
from experiments.session import Session

COMMANDS = REPOSITORY / "docs" / "commands.md"


def why(scenario: str, letter: str, **keys: str) -> str:
    """Why a scenario is none for a strategy, or the configuration that it needs is refused; empty where it is."""
    needed = SCENARIOS[scenario]
    given = {key: value for key, value in needed.configured(letter).items() if isinstance(value, str)}
    unknown = set(needed.configured(letter)) - set(registry.models()[letter].model_json_schema()["properties"])
    if unknown:
        return f"no such key: {', '.join(sorted(unknown))}"
    try:
        settings = strategy_settings({"strategy": letter, **given, **keys}, f"strategy-{letter}")
    except SettingsError as error:
        return str(error)
    return needed.needs(fitness.Pair.of(settings, f"strategy-{letter}"))


def table() -> dict[str, list[str]]:
    """For which strategies each scenario is, as the table of the commands has it."""
    found: dict[str, list[str]] = {}
    for line in COMMANDS.read_text().splitlines():
        if row := re.fullmatch(r"\| (`[^|]*`) \| ([a-z](?:, [a-z])*) \| .*", line):
            found |= dict.fromkeys(re.findall(r"`([^`]+)`", row[1]), row[2].split(", "))
    return found


def test_the_commands_tell_for_which_strategies_each_scenario_is() -> None:
    assert table() == {
        name: [letter for letter in sorted(registry.models()) if not why(name, letter)] for name in SCENARIOS
    }


@pytest.mark.parametrize(
    ("scenario", "letter", "keys", "said"),
    [
        ("b-runbook", "c", {}, "both of its colours have one consumer group"),
        ("b-runbook", "e", {}, "its members do not handle records themselves"),
        ("zombie", "e", {}, "its members do not handle records themselves"),
        ("5-unwell", "e", {}, "its members do not handle records themselves"),
        ("4-static", "b", {}, "each of its colours has a consumer group of its own"),
        ("e-crash", "c", {}, "its colours are no connectors"),
        ("e-zombie", "e", {"connect": "shared"}, "both colours have the same workers"),
        ("e-zombie", "e", {}, ""),
    ],
)
def test_what_it_lacks_is_said(scenario: str, letter: str, keys: dict[str, str], said: str) -> None:
    assert why(scenario, letter, **keys).startswith(said) if said else not why(scenario, letter, **keys)


@pytest.mark.parametrize(("letter", "scenario"), [("c", "b-runbook"), ("c", "e-crash"), ("e", "zombie")])
def test_it_is_refused_before_anything_is_deployed(
    letter: str, scenario: str, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_BLUEGREEN_IMAGES", str(tmp_path))
    deployed: list[Any] = []
    monkeypatch.setattr(Platform, "prepare", lambda *_: deployed.append("platform"))
    options, interrupts = Options(letter, SCENARIOS[scenario], 2, tmp_path, "command", 0.0), Any
    with pytest.raises(PreflightError, match=f"scenario {scenario} is none for strategy {letter}"):
        Session(options, cluster, tmp_path, repository=REPOSITORY, interrupts=interrupts, progress=Progress())  # type: ignore[arg-type]
    assert not deployed
