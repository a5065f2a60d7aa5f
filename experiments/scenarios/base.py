"""What a scenario is."""

from collections.abc import Callable
from dataclasses import dataclass

from experiments.lab import Lab


@dataclass(frozen=True, slots=True)
class Scenario:
    """`perform` runs it with a number of switches, a multiple of `step`; `default_switches` where none is asked for."""

    name: str
    title: str
    default_switches: int
    step: int
    perform: Callable[[Lab, int], None]
