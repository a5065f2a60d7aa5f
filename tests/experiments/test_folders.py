import os
from pathlib import Path

import pytest

from experiments.folders import RESULT_FILE, ResultFolder, load_all, remove_abandoned
from tests.support.samples import RESULT, result


def test_a_run_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = ResultFolder(tmp_path, RESULT.run)
    (folder.path / "validator.json").write_text("{}")
    assert list(load_all(tmp_path)) == []
    assert not folder.final.exists()
    final = folder.commit(RESULT)
    assert final == tmp_path / RESULT.run
    assert sorted(file.name for file in final.iterdir()) == [RESULT_FILE, "validator.json"]
    assert [found for _, found in load_all(tmp_path)] == [RESULT]


def test_a_run_that_could_not_finish_leaves_nothing_that_looks_complete(tmp_path: Path) -> None:
    folder = ResultFolder(tmp_path, RESULT.run)
    (folder.path / RESULT_FILE).write_text(RESULT.to_json())  # even killed between writing and renaming
    assert list(load_all(tmp_path)) == []
    folder.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_written_once(tmp_path: Path) -> None:
    ResultFolder(tmp_path, RESULT.run).commit(RESULT)
    with pytest.raises(FileExistsError):
        ResultFolder(tmp_path, RESULT.run)


def test_only_what_nobody_works_on_is_abandoned(tmp_path: Path) -> None:
    mine = ResultFolder(tmp_path, "a")
    theirs = ResultFolder(tmp_path, "b")
    (theirs.path / ".pid").write_text(f"{os.getppid()}\n")
    gone = ResultFolder(tmp_path, "c")
    (gone.path / ".pid").write_text("999999999\n")
    ResultFolder(tmp_path, RESULT.run).commit(RESULT)
    assert remove_abandoned(tmp_path) == ["a", "c"]  # a: this process has no run under way when it asks
    assert not mine.path.exists()
    assert theirs.path.exists()
    assert not gone.path.exists()
    assert (tmp_path / RESULT.run).exists()


def test_a_file_that_is_no_result_is_named(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / RESULT_FILE).write_text("{}")
    with pytest.raises(ValueError, match=r"x/result\.json"):
        list(load_all(tmp_path))


def test_runs_come_oldest_first(tmp_path: Path) -> None:
    for name, started in (("b", "2026-11-23T12:00:00+00:00"), ("a", "2026-11-24T12:00:00+00:00")):
        ResultFolder(tmp_path, name).commit(result(run=name, started_at=started))
    assert [found.run for _, found in load_all(tmp_path)] == ["b", "a"]
