import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments import cli
from experiments.errors import ExperimentError
from experiments.folders import ResultFolder, load_all
from experiments.results import RunResult
from experiments.retention import judged, outdated
from tests.support.samples import RESULT, result


def test_only_repetitions_are_outdated() -> None:
    def at(day: int, **changes: Any) -> tuple[Path, RunResult]:
        return Path(f"{day}"), replace(RESULT, started_at=f"2026-11-{day}T00:00:00+00:00", **changes)

    other: list[dict[str, Any]] = [
        {"scenario": "2"},
        {"membership": "leave-join"},
        {"environment": {"rate": 2000}},
        {"measurements": {"switches_asked": 20}},
    ]
    runs = [at(12), at(10), at(11), *(at(20 + n, **change) for n, change in enumerate(other))]
    assert outdated(runs, 1) == [Path("10"), Path("11")]
    assert outdated(runs, 2) == [Path("10")]
    assert outdated(runs, 3) == []


def test_a_measurement_is_no_repetition_of_a_test() -> None:
    runs = [(Path("1"), RESULT), (Path("2"), result(kind="measurement", passed=None))]
    assert outdated(runs, 1) == []


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A clone with three runs of one kind."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    data = tmp_path / "report" / "data"
    for day in (10, 11, 12):
        name = f"202611{day}T000000Z-c-1"
        ResultFolder(data, name).commit(result(run=name, started_at=f"2026-11-{day}T00:00:00+00:00"))
    return tmp_path


def prune(repository: Path, monkeypatch: pytest.MonkeyPatch, *more: str) -> list[str]:
    monkeypatch.setattr(cli, "REPOSITORY", repository)
    data = repository / "report" / "data"
    assert cli.main(["prune", str(data), *more]) == 0
    return sorted(folder.name[6:8] for folder in data.iterdir())


def test_what_git_tracks_is_never_pruned(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    subprocess.run(["git", "-C", str(repository), "add", "report/data/20261110T000000Z-c-1"], check=True)
    assert prune(repository, monkeypatch) == ["10", "12"]
    assert "stays: git tracks it" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text", ["README.md", "docs/results.md", "plan/notes.md", "report/README.md", "tutorial/03-run.md"]
)
def test_what_a_text_names_is_never_pruned(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    file = repository / text
    file.parent.mkdir(exist_ok=True)
    file.write_text("as seen in `report/data/20261111T000000Z-c-1`\n")
    assert prune(repository, monkeypatch) == ["11", "12"]
    assert f"stays: {text} names it" in capsys.readouterr().out


def test_a_dry_run_says_the_same_and_removes_nothing(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository / "README.md").write_text("20261111T000000Z-c-1\n")
    assert prune(repository, monkeypatch, "--dry-run") == ["10", "11", "12"]
    out = capsys.readouterr().out
    assert "would remove" in out
    assert "stays: README.md names it" in out


def test_a_folder_named_relatively_does_not_name_itself(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)
    runs: list[tuple[Path, RunResult]] = list(load_all(Path("report/data")))
    assert [found.stays for found in judged(runs, 1, Path())] == [None, None]


def test_where_git_cannot_tell_nothing_is_removed(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository / "nothing").mkdir()
    monkeypatch.setenv("PATH", str(repository / "nothing"))
    with pytest.raises(ExperimentError, match="cannot be told, so nothing is removed"):
        judged(list(load_all(repository / "report" / "data")), 1, repository)
