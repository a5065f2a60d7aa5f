"""The offset accuracy of a run, from the logs in its folder: `python -m experiments offsets RUN`."""

from collections.abc import Sequence
from pathlib import Path

from experiments import accuracy
from experiments.accuracy import Taken
from experiments.errors import ExperimentError
from experiments.records import CONSUMED, EVENTS, objects

FILE = "offsets.json"


def of(logs: Path) -> list[Taken]:
    """Every partition of every change of colour that the logs of a run show."""
    return accuracy.compare(objects(logs, EVENTS), objects(logs, CONSUMED))


def found_in(run: Path, logs: Path) -> list[Taken]:
    """The same of a run's folder. logs: the folder of its record logs. Raises ExperimentError when there is nothing to
    tell.
    """
    taken = of(logs)
    if not taken:
        raise ExperimentError(f"{run} has no event log that shows a change of colour")
    return taken


def table(run: Path, taken: Sequence[Taken]) -> str:
    """A table, one line a change of colour."""
    said = "start - committed, and first record handled - committed, in records (aim 0)"
    return f"{run.name}: {said}\n\n{accuracy.shown(taken)}"
