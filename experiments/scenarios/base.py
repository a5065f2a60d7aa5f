"""What a scenario is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from components.strategies.base import Criteria, strategy
from experiments import faults, fitness
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
    else on its way, so it gets one of its own. needs: what of the strategy that it is run on.
    shows: of a measurement, the figures that stand for it where strategies are compared. tolerated: the validator's
    classes of anomaly that are no failure of what it does, besides those that the strategy tolerates; counted they are.
    moment: the one that stands for it in pictures of the switch page.

    More than a dozen attributes: most are left as they are by most scenarios, and a module's one object says what
    differs.
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
    needs: fitness.Need = fitness.nothing
    shows: tuple[str, ...] = ()
    tolerated: frozenset[str] = frozenset()
    moment: Moment = "granted"

    def limits(self, letter: str) -> Criteria:
        """What a run of it with this strategy is judged by, where strategies differ."""
        own = strategy(letter).criteria
        return replace(own, tolerated=own.tolerated | self.tolerated)

    def configured(self, letter: str) -> dict[str, Any]:
        """The keys of a stack of this strategy that it needs."""
        found: dict[str, Any] = dict(faults.enabled(letter)) if self.faults else {}
        for key, value in self.configuration.items():
            found[key] = {**found[key], **value} if isinstance(found.get(key), dict) else value
        return found
