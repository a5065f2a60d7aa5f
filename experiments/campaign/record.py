"""What a campaign has come to, step by step: `report/data/campaign.json`, written after each, so that the next one goes
on behind it, and the report knows what could not be run.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from experiments.campaign.steps import Step
from experiments.results import RunResult

FILE = "campaign.json"


@dataclass(frozen=True, slots=True)
class Done:
    """A step that was tried. run: its result; empty if it has none, and then `why`. code: the command's exit code."""

    code: int
    run: str
    why: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Record:
    """started_at: of the whole. finished_at: empty until everything was tried. steps: by their names."""

    started_at: str
    finished_at: str = ""
    steps: Mapping[str, Done] = field(default_factory=dict)

    def having(self, name: str, done: Done) -> "Record":
        """The same with a step more."""
        return Record(self.started_at, self.finished_at, {**self.steps, name: done})


def read(data: Path) -> Record | None:
    """The record below a folder of runs; None if there is none. Raises ValueError for a file that is none."""
    file = data / FILE
    if not file.is_file():
        return None
    try:
        raw: dict[str, Any] = json.loads(file.read_text())
        return Record(
            raw["started_at"], raw["finished_at"], {name: Done(**done) for name, done in raw["steps"].items()}
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{file} is no record of a campaign: {error!r}; remove it to begin anew") from error


def write(data: Path, record: Record) -> None:
    """Keep it, whole or not at all."""
    partial = data / f".{FILE}"
    partial.write_text(json.dumps(asdict(record), indent=1) + "\n")
    partial.rename(data / FILE)


def failures(data: Path, steps: Sequence[Step], results: Sequence[RunResult]) -> dict[str, str]:
    """By a step's name, why it could not be run; not of those of which there is a result since."""
    record = read(data)
    if record is None:
        return {}
    newest = {step.name: step.newest(results) for step in steps}
    return {
        name: done.why
        for name, done in record.steps.items()
        if done.why and not ((since := newest.get(name)) and since.started_at > record.started_at)
    }
