"""The steps of `steps.toml`, and the committed result that stands for each. Pure, but for `load`."""

import argparse
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.settings import registry
from experiments import options
from experiments.results import RunResult
from experiments.scenarios import SCENARIOS
from experiments.variants import default_variant, variant

FILE = Path(__file__).parent / "steps.toml"
_KEYS = frozenset({"strategy", "scenario", "arguments", "plan", "why", "variant"})


@dataclass(frozen=True, slots=True)
class Step:
    """One run. plan: the plan asks for it. why: what it is beside the plan's, or why the plan's has these arguments.

    variant: the strategy's own keys and the rate, as it has them; a scenario that measures another way than it begins
    with says so in the file. switches: how many are asked for; None for as many as the scenario has by default, which
    may become another number. brokers: their settings for the time of the run.
    """

    strategy: str
    scenario: str
    arguments: tuple[str, ...]
    plan: bool
    why: str
    variant: Mapping[str, Any] = field(hash=False)
    switches: int | None
    brokers: Mapping[str, int | str] = field(default_factory=dict, hash=False)

    @property
    def command(self) -> tuple[str, ...]:
        """What follows `python -m experiments`."""
        return ("run", "--strategy", self.strategy, "--scenario", self.scenario, *self.arguments)

    @property
    def name(self) -> str:
        """For people, and one of its own for each step."""
        return " ".join((self.strategy.upper(), self.scenario, *self.arguments))

    def stood_for_by(self, result: RunResult) -> bool:
        """Whether a result is of this step: the same scenario, variant and number of switches. A key that the result
        does not tell is not held against it.
        """
        wanted = {**self.variant, **self.brokers}
        return (
            (result.strategy, result.scenario) == (self.strategy, self.scenario)
            and all(wanted.get(key) == value for key, value in variant(result).items())
            and all(result.environment.get(name) == value for name, value in self.brokers.items())
            and self.switches in (None, result.measurements.get("switches_asked"))
        )

    def newest(self, results: Sequence[RunResult]) -> RunResult | None:
        """The newest result of this step; None if there is none."""
        return max(filter(self.stood_for_by, results), key=lambda one: one.started_at, default=None)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What the plan asks of a strategy and cannot be tried on it."""

    strategy: str
    scenario: str
    why: str


def load(file: Path = FILE) -> tuple[list[Step], list[LeftOut]]:
    """The steps in their order, and what is left out. Raises ValueError naming what is wrong with the file."""
    content = tomllib.loads(file.read_text())
    if wrong := content.keys() - {"step", "left-out"}:
        raise ValueError(f"{file.name}: unknown: {', '.join(sorted(wrong))}; there are step and left-out")
    steps = [_step(raw, number) for number, raw in enumerate(content.get("step", []), 1)]
    names = [step.name for step in steps]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{file.name}: there twice: {', '.join(twice)}")
    return steps, [LeftOut(one["strategy"], one["scenario"], one["why"]) for one in content.get("left-out", [])]


def _step(raw: Mapping[str, Any], number: int) -> Step:
    if wrong := raw.keys() - _KEYS:
        raise ValueError(f"step {number}: unknown: {', '.join(sorted(wrong))}; there are {', '.join(sorted(_KEYS))}")
    strategy, scenario = str(raw.get("strategy")), str(raw.get("scenario"))
    for key, value, known in (("strategy", strategy, registry.models()), ("scenario", scenario, SCENARIOS)):
        if value not in known:
            raise ValueError(f"step {number}: {key} {value!r} is none of {', '.join(sorted(known))}")
    arguments = tuple(str(one) for one in raw.get("arguments", ()))
    asked = _asked(arguments, number)
    default = default_variant(strategy)
    given = {one.attribute: getattr(asked, one.attribute, None) for one in options.key_options()}
    if foreign := [name for name, value in given.items() if value is not None and name not in default]:
        raise ValueError(f"step {number}: {', '.join(foreign)}: no key by which runs of {strategy} are told apart")
    brokers = {name: int(text) if text.isdecimal() else text for name, text in asked.kafka_config}
    own = {one.key: one.attribute for one in options.key_options()}
    needed = {own[key]: value for key, value in SCENARIOS[scenario].configured(strategy).items() if key in own}
    asked_for = {name: value for name, value in given.items() if value is not None}
    return Step(
        strategy=strategy,
        scenario=scenario,
        arguments=arguments,
        plan=bool(raw.get("plan", False)),
        why=str(raw.get("why", "")),
        variant={**default, **needed, **asked_for, **raw.get("variant", {})},
        brokers=brokers,
        switches=asked.switches,
    )


def _asked(arguments: Sequence[str], number: int) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"step {number}", exit_on_error=False, add_help=False)
    parser.add_argument("--switches", type=options.whole_number(1))
    parser.add_argument("--spell-seconds", type=options.seconds)
    parser.add_argument("--kafka-config", action="append", default=[], type=options.broker_setting)
    options.add_key_options(parser)
    try:
        return parser.parse_args(arguments)
    except (argparse.ArgumentError, SystemExit) as error:
        raise ValueError(f"step {number}: {error}") from None
