"""What a run can be asked for. The keys of the stack's configuration are options by their declaration, one place for
both: a key that is added there can be given here.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.settings import keys
from components.settings.keys import Option
from experiments.scenarios import Scenario

# The scenario has these in its hand.
_NOT_ASKED_FOR = frozenset({"strategy", "active", "attempt"})
#: What of the platform a run may be asked to have for its time; each needs its images.
EXTRAS = ("alerts", "logs")
# A run without a flow has nothing to judge, although a stack may be without one.
_LEAST = {"rate": 1}


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for. `overrides`: configuration keys and their values; a key that is not in it is as the scenario
    or the stack's configuration has it. own: names a pair of the run's own; empty for the strategy's standing one.
    kafka_config: settings of the broker for the time of the run. named: another standing stack than strategy-<letter>.
    screenshots: whether one is taken; None: where the stack has a page and this machine a browser. extras: keys of the
    platform that are on for the time of the run.
    """

    strategy: str
    scenario: Scenario
    switches: int
    out: Path
    command: str
    spell_seconds: float
    overrides: Mapping[str, Any] = field(default_factory=dict)
    own: str = ""
    kafka_config: Mapping[str, str] = field(default_factory=dict)
    named: str = ""
    screenshots: bool | None = None
    extras: tuple[str, ...] = ()

    @property
    def standing(self) -> str:
        """The strategy's stack, whose configuration is checked in."""
        return self.named or f"strategy-{self.strategy}"

    @property
    def stack(self) -> str:
        """The stack that is run on."""
        return f"{self.standing}-run" if self.own else self.standing


def key_options() -> list[Option]:
    """The keys that a run may be asked to change, but for those that the scenario has in its hand."""
    return [option for option in keys.options() if option.key not in _NOT_ASKED_FOR]


def add_key_options(parser: argparse.ArgumentParser) -> None:
    """Let a command take each of the keys."""
    for option in key_options():
        if option.choices:
            parser.add_argument(option.name, choices=option.choices, help=option.help)
        elif option.type is str:
            parser.add_argument(option.name, metavar="TEXT", help=option.help)
        else:
            least = max(option.minimum or 0, _LEAST.get(option.key, 0))
            kind = number(option.type, least, option.maximum)
            parser.add_argument(option.name, type=kind, metavar="N", help=option.help)


def overrides(parsed: argparse.Namespace) -> dict[str, Any]:
    """What was asked for of the configuration, by key."""
    given = {option.key: getattr(parsed, option.attribute, None) for option in key_options()}
    return {key: value for key, value in given.items() if value is not None}


def shape_attributes() -> frozenset[str]:
    """Those attributes of a strategy's settings by which its pair is made of something else."""
    return frozenset(key.attribute for key in keys.declared() if key.goes.shape)


def number(kind: type, least: float, most: float | None = None) -> Callable[[str], int | float]:
    """A type for argparse, an `int` or a `float`, whose refusal says what is allowed."""
    allowed = "a whole number" if kind is int else "a number"
    allowed += f" of at least {least:g}" if most is None else f" from {least:g} to {most:.0f}"

    def read(text: str) -> int | float:
        value: int | float | None
        try:
            value = int(text) if kind is int else float(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= (float("inf") if most is None else most):
            raise argparse.ArgumentTypeError(f"{text!r} is not {allowed}")
        return value

    return read


def add_extras(parser: argparse.ArgumentParser) -> None:
    """Let a command take them, as `--with`."""
    parser.add_argument(
        "--with",
        dest="extras",
        action="append",
        default=[],
        choices=EXTRAS,
        help="have this of the platform for the time of the run, and know what it says; may be given more than once "
        "(in the sandbox: python -m tools.sandbox up --with …)",
    )


def broker_setting(text: str) -> tuple[str, str]:
    """A type for argparse: a name and a value of the broker's settings."""
    name, given, value = text.partition("=")
    if not name or not given:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def whole_number(least: int) -> Callable[[str], int | float]:
    """A type for argparse."""
    return number(int, least)


def seconds(text: str) -> float:
    """A type for argparse: seconds, 0 or more, finite."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds of at least 0")
    return value
