"""Which runs may go: those that a newer one of the same kind has replaced, unless git or a text holds on to them."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.errors import ExperimentError
from experiments.results import RunResult
from experiments.variants import words

_GIT_SECONDS = 30.0
_NO_REPOSITORY = 128
_TEXTS = ("README.md", "docs", "plan", "report", "tutorial")
_SUFFIXES = frozenset({".md", ".txt", ".rst", ".html", ".svg", ".py", ".yaml", ".json", ".csv"})


@dataclass(frozen=True, slots=True)
class Outdated:
    """The folder of a run that a newer one has replaced. `stays`: why it is not removed all the same, None if it is."""

    folder: Path
    stays: str | None


def series_of(result: RunResult) -> tuple[str, ...]:
    """What makes two runs repetitions of each other: of these only the newest is worth keeping."""
    return (
        result.kind,
        result.strategy,
        result.scenario,
        words(result),
        str(result.environment.get("message_bytes")),
        str(result.measurements.get("switches_asked")),
    )


def outdated(runs: Sequence[tuple[Path, RunResult]], keep: int) -> list[Path]:
    """The folders of all but the newest `keep` complete runs of each series."""
    series: dict[tuple[str, ...], list[Path]] = {}
    for folder, result in sorted(runs, key=lambda item: item[1].started_at):
        series.setdefault(series_of(result), []).append(folder)
    return [folder for folders in series.values() for folder in folders[: len(folders) - keep]]


def judged(runs: Sequence[tuple[Path, RunResult]], keep: int, repository: Path) -> list[Outdated]:
    """Each outdated run with the reason why it stays, if there is one. Raises ExperimentError if git cannot tell."""
    folders = outdated(runs, keep)
    named = _named(folders, repository)
    return [Outdated(folder, _tracked(folder) or named.get(folder)) for folder in folders]


def committed(runs: Sequence[tuple[Path, RunResult]]) -> list[RunResult]:
    """The results that git tracks. Raises ExperimentError if git cannot tell."""
    return [result for folder, result in runs if _tracked(folder)]


def _tracked(folder: Path) -> str | None:
    """Why git holds on to a folder: it has a file of it in its index. None where there is no repository."""
    command = ["git", "-C", str(folder), "ls-files", "--", "."]
    english = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_SECONDS, check=False, env=english)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ExperimentError(f"whether git tracks {folder} cannot be told, so nothing is removed: {error}") from error
    if done.returncode == _NO_REPOSITORY and "not a git repository" in done.stderr:
        return None
    if done.returncode != 0:
        raise ExperimentError(
            f"whether git tracks {folder} cannot be told, so nothing is removed: {done.stderr.strip()}"
        )
    return "git tracks it" if done.stdout else None


def _named(folders: Sequence[Path], repository: Path) -> dict[Path, str]:
    """Why a text of the repository holds on to folders: the first file that has the run's name in it."""
    found: dict[Path, str] = {}
    own = {folder.resolve() for folder in folders}
    for file in _texts(repository.resolve()):
        if own & set(file.parents):
            continue  # a run names itself
        text = file.read_text(errors="replace")
        for folder in folders:
            if folder not in found and folder.name in text:
                found[folder] = f"{file.relative_to(repository.resolve())} names it"
    return found


def _texts(repository: Path) -> Iterator[Path]:
    for name in _TEXTS:
        place = repository / name
        files = sorted(place.rglob("*")) if place.is_dir() else [place]
        yield from (file.resolve() for file in files if file.is_file() and file.suffix in _SUFFIXES)
