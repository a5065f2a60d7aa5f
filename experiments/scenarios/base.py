"""What a scenario is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from experiments.criteria import Observations
from experiments.lab import Lab
from experiments.results import Criterion, Kind


@dataclass(frozen=True, slots=True)
class Scenario:
    """`perform` runs it with a number of switches, a multiple of `step`; `default_switches` where none is asked for.
    `judge` gives its criteria for what was observed.

    configuration: keys of the stack that it needs, merged into the stack's own, objects key by key; what the command
    line asks for comes above it. kind: a `measurement` is there to show something, and neither passes nor fails.
    """

    name: str
    title: str
    default_switches: int
    step: int
    perform: Callable[[Lab, int], None]
    judge: Callable[[Observations], list[Criterion]]
    configuration: Mapping[str, Any] = field(default_factory=dict)
    kind: Kind = "test"
