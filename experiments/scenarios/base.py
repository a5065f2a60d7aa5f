"""What a scenario is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments import faults
from experiments.criteria import Observations
from experiments.lab import Lab, Notes
from experiments.results import Criterion, Kind, Measured
from experiments.screenshots.pictures import Moment


def _nothing(_notes: Notes, _logs: Path) -> Mapping[str, Measured]:
    return {}


@dataclass(frozen=True, slots=True)
class Scenario:
    """`perform` runs it with a number of switches, a multiple of `step`; `default_switches` where none is asked for.
    `judge` gives its criteria for what was observed.

    configuration: keys of the stack that it needs, merged into the stack's own, objects key by key; what the command
    line asks for comes above it. platform: keys of the platform that it needs, for the time of the run. kind: a
    `measurement` is there to show something, and neither passes nor fails. observe: what it measures besides, from what
    was noted and the record logs that were collected (their folder); it may add to the notes' tables. faults: it
    injects faults where members take them, so both colours are configured for it. reshapes: it makes the pair something
    else on its way, so it gets one of its own.
    shows: of a measurement, the figures that stand for it where strategies are compared. moment: the one that stands
    for it in pictures of the switch page.
    """

    name: str
    title: str
    default_switches: int
    step: int
    perform: Callable[[Lab, int], None]
    judge: Callable[[Observations], list[Criterion]]
    configuration: Mapping[str, Any] = field(default_factory=dict)
    platform: Mapping[str, Any] = field(default_factory=dict)
    kind: Kind = "test"
    observe: Callable[[Notes, Path], Mapping[str, Measured]] = _nothing
    faults: bool = False
    reshapes: bool = False
    shows: tuple[str, ...] = ()
    moment: Moment = "granted"

    def configured(self, letter: str) -> dict[str, Any]:
        """The keys of a stack of this strategy that it needs."""
        found: dict[str, Any] = dict(faults.enabled(letter)) if self.faults else {}
        for key, value in self.configuration.items():
            found[key] = {**found[key], **value} if isinstance(found.get(key), dict) else value
        return found
