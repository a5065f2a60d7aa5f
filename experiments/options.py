"""What a run can be asked for. The keys of the stack's configuration are options by their declaration, one place for
both: a key that is added there can be given here.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from components.settings import StrategySettings
from experiments.scenarios import Scenario

# The scenario has these in its hand.
_NOT_ASKED_FOR = frozenset({"strategy", "active", "attempt"})
# A run without a flow has nothing to judge, although a stack may be without one.
_LEAST = {"rate": 1}


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for. `overrides`: configuration keys and their values; a key that is not in it is as the scenario
    or the stack's configuration has it.
    """

    strategy: str
    scenario: Scenario
    switches: int
    out: Path
    command: str
    spell_seconds: float
    overrides: Mapping[str, Any] = field(default_factory=dict)

    @property
    def stack(self) -> str:
        return f"strategy-{self.strategy}"


@dataclass(frozen=True, slots=True)
class KeyOption:
    """A configuration key as an option. choices: None for a whole number from `least` to `most`."""

    key: str
    choices: tuple[str, ...] | None
    least: int
    most: int | None

    @property
    def flag(self) -> str:
        return "--" + "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in self.key)

    @property
    def attribute(self) -> str:
        return self.flag.removeprefix("--").replace("-", "_")


def key_options() -> list[KeyOption]:
    """The keys that a run may be asked to change: those with one of a few words or with a whole number."""
    found = []
    for name, declared in StrategySettings.model_fields.items():
        key = declared.alias or name
        if key in _NOT_ASKED_FOR:
            continue
        bounds = {kind: getattr(item, kind) for item in declared.metadata for kind in ("ge", "le") if hasattr(item, kind)}
        if declared.annotation is int:
            least = max(int(bounds.get("ge", 0)), _LEAST.get(key, 0))
            found.append(KeyOption(key, None, least, bounds.get("le")))
        elif get_origin(declared.annotation) is Literal:
            found.append(KeyOption(key, tuple(str(choice) for choice in get_args(declared.annotation)), 0, None))
    return found


def add_key_options(parser: argparse.ArgumentParser) -> None:
    """Let a command take each of the keys."""
    for option in key_options():
        if option.choices is not None:
            parser.add_argument(option.flag, choices=option.choices, help=f"kafka-bluegreen:{option.key}")
        else:
            kind = whole_number(option.least, option.most)
            parser.add_argument(option.flag, type=kind, metavar="N", help=f"kafka-bluegreen:{option.key}")


def overrides(parsed: argparse.Namespace) -> dict[str, Any]:
    """What was asked for of the configuration, by key."""
    given = {option.key: getattr(parsed, option.attribute) for option in key_options()}
    return {key: value for key, value in given.items() if value is not None}


def whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """A type for argparse, whose refusal says what is allowed."""
    allowed = f"a whole number of at least {least}" if most is None else f"a whole number from {least} to {most}"

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not {allowed}") from None
        if value < least or (most is not None and value > most):
            raise argparse.ArgumentTypeError(f"{text!r} is not {allowed}")
        return value

    return read


def seconds(text: str) -> float:
    """A type for argparse: seconds, 0 or more, finite."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds of at least 0")
    return value
