"""What a run leaves: `result.json`, its types, and the folder that appears whole or not at all.

The keys are a contract (design §5.7): tests, the report and whoever compares runs read them. `limit` is text with its
comparison and unit ("< 5 s", "= 0"), `measured` is the number itself, or null where nothing could be measured, which
never passes.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast

RESULT_FILE = "result.json"
_PARTIAL_PREFIX = ".partial-"
_OWNER_FILE = ".pid"

Direction = Literal["blue-green", "green-blue"]
Number = int | float
Measured = Number | str | None


@dataclass(frozen=True, slots=True)
class Criterion:
    """One judgement: passed only if something was measured and it kept the limit."""

    name: str
    limit: str
    measured: Measured
    passed: bool


@dataclass(frozen=True, slots=True)
class SwitchResult:
    """One switch, all times in seconds (design §5.7)."""

    direction: Direction
    switch_seconds: float | None
    up_seconds: float
    handoff_seconds: float | None
    gap_seconds: float | None
    spacing_seconds: float | None
    outcome: str


@dataclass(frozen=True, slots=True)
class RunResult:
    """A finished run: `result.json` is this object."""

    run: str
    strategy: str
    scenario: str
    membership: str | None
    group_protocol: str | None
    started_at: str
    finished_at: str
    passed: bool
    criteria: list[Criterion]
    switches: list[SwitchResult]
    measurements: dict[str, Measured]
    environment: dict[str, Measured]
    command: str

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def from_json(text: str) -> RunResult:
    """Read a `result.json`. Raises ValueError naming what is missing, superfluous or of the wrong type."""
    data = json.loads(text)
    if not isinstance(data, dict):
        raise ValueError("a result is a JSON object")
    fields = set(RunResult.__dataclass_fields__)
    if wrong := fields ^ set(data):
        raise ValueError(
            f"a result has exactly the keys {', '.join(sorted(fields))}; wrong: {', '.join(sorted(wrong))}"
        )
    try:
        return RunResult(
            **{
                **data,
                "criteria": [Criterion(**criterion) for criterion in data["criteria"]],
                "switches": [SwitchResult(**switch) for switch in data["switches"]],
            }
        )
    except TypeError as error:
        raise ValueError(f"criteria or switches are not of the contract: {error}") from error


class ResultFolder:
    """The folder of one run. It is filled under a hidden name and gets its own by one rename, so that what bears a
    run's name is complete.

    A folder whose run was killed keeps the hidden name; `remove_abandoned` takes it away.
    """

    def __init__(self, parent: Path, run: str) -> None:
        self.final = parent / run
        self.path = parent / f"{_PARTIAL_PREFIX}{run}"
        if self.final.exists():
            raise FileExistsError(f"{self.final} exists already: a run's folder is written once")
        self.path.mkdir(parents=True)
        (self.path / _OWNER_FILE).write_text(f"{os.getpid()}\n")

    def commit(self, result: RunResult) -> Path:
        """Write `result.json`, make everything durable and give the folder its name."""
        target = self.path / RESULT_FILE
        target.write_text(result.to_json())
        (self.path / _OWNER_FILE).unlink(missing_ok=True)
        for file in [*sorted(self.path.rglob("*")), self.path]:
            _fsync(file)
        self.path.rename(self.final)
        _fsync(self.final.parent)
        return self.final

    def discard(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_abandoned(parent: Path) -> list[str]:
    """Remove the folders of runs that ended without a result and whose process is gone; returns their names."""
    removed = []
    for folder in sorted(parent.glob(f"{_PARTIAL_PREFIX}*")):
        owner = 0
        with suppress(OSError, ValueError):
            owner = int((folder / _OWNER_FILE).read_text())
        if owner and owner != os.getpid() and Path(f"/proc/{owner}").exists():
            continue
        shutil.rmtree(folder, ignore_errors=True)
        removed.append(folder.name.removeprefix(_PARTIAL_PREFIX))
    return removed


def load_all(parent: Path) -> Iterator[tuple[Path, RunResult]]:
    """Every complete run below `parent`, oldest first. Raises ValueError naming the file that is not a result."""
    found = []
    for file in parent.glob(f"*/{RESULT_FILE}"):
        if file.parent.name.startswith("."):
            continue
        try:
            found.append((file.parent, from_json(file.read_text())))
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from error
    yield from sorted(found, key=lambda item: (item[1].started_at, item[1].run))


def series_of(result: RunResult) -> tuple[str, ...]:
    """What makes two runs repetitions of each other: of these only the newest is worth keeping."""
    return (
        result.strategy,
        result.scenario,
        str(result.membership),
        str(result.group_protocol),
        str(result.environment.get("rate")),
        str(result.environment.get("message_bytes")),
        str(result.measurements.get("switches_asked")),
    )


def outdated(runs: list[tuple[Path, RunResult]], keep: int) -> list[Path]:
    """The folders of all but the newest `keep` complete runs of each series."""
    series: dict[tuple[str, ...], list[Path]] = {}
    for folder, result in sorted(runs, key=lambda item: item[1].started_at):
        series.setdefault(series_of(result), []).append(folder)
    return [folder for folders in series.values() for folder in folders[: len(folders) - keep]]


def as_object(value: Any, what: str) -> dict[str, Any]:
    """`value` if it is a JSON object, else ValueError naming `what`."""
    if not isinstance(value, dict):
        raise ValueError(f"{what}: expected a JSON object, got {type(value).__name__}")
    return cast("dict[str, Any]", value)
