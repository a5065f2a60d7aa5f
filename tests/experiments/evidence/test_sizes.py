"""The evidence's size is told, and bounded."""

import subprocess
from pathlib import Path

import pytest

from experiments.errors import ExperimentError
from experiments.evidence import command, sizes
from experiments.evidence.sizes import HISTORY_BYTES, REPORT_BYTES, Sizes


def repository(folder: Path, size: int) -> Path:
    (folder / "report" / "data").mkdir(parents=True)
    (folder / "report" / "tracked.bin").write_bytes(bytes(size))
    (folder / "report" / "not-tracked.bin").write_bytes(bytes(7))
    (folder / "other.bin").write_bytes(bytes(5))
    for git in (["init", "-q"], ["add", "report/tracked.bin", "other.bin"]):
        subprocess.run(["git", "-C", str(folder), *git], check=True, capture_output=True)
    return folder


def test_what_git_tracks_of_the_report_and_its_objects_are_counted(tmp_path: Path) -> None:
    found = sizes.of(repository(tmp_path, 1000))
    assert found is not None
    assert found.report == 1000
    assert 0 < found.history < 100_000
    assert found.too_large() == []


def test_without_a_repository_there_is_nothing_to_tell(tmp_path: Path) -> None:
    assert sizes.of(tmp_path) is None


def test_a_git_that_cannot_be_run_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = repository(tmp_path, 1000)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(ExperimentError, match="git ls-files in "):
        sizes.of(there)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Sizes(REPORT_BYTES + 1, 0), "the tracked files of report/ are"),
        (Sizes(0, HISTORY_BYTES + 1), "git's objects are"),
    ],
)
def test_what_is_too_large_is_said(found: Sizes, said: str) -> None:
    (line,) = found.too_large()
    assert line.startswith(said)


def test_evidence_fails_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes, "REPORT_BYTES", 999)
    found = command.looked_at(repository(tmp_path, 1000), lambda _: True)
    assert any("the tracked files of report/ are" in line for line in found.wrong)
    assert found.sizes is not None
    assert "tracked below report/" in command._told(found, verbose=False)
