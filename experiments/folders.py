"""The folders of runs: each appears whole or not at all, and what is found again of them."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from experiments.results import RunResult, from_json

RESULT_FILE = "result.json"
_PARTIAL_PREFIX = ".partial-"
_OWNER_FILE = ".pid"


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
        """Leave nothing of a run that has no result."""
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
