import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.results import RESULT_FILE, ResultFolder, RunResult, from_json, load_all, outdated, remove_abandoned
from tests.support.samples import RESULT, result

KEYS = [
    "run",
    "strategy",
    "scenario",
    "membership",
    "group_protocol",
    "started_at",
    "finished_at",
    "passed",
    "criteria",
    "switches",
    "measurements",
    "environment",
    "command",
]
SWITCH_KEYS = [
    "direction",
    "switch_seconds",
    "up_seconds",
    "handoff_seconds",
    "gap_seconds",
    "spacing_seconds",
    "outcome",
]


def test_the_json_has_exactly_the_contracts_keys() -> None:
    raw = json.loads(RESULT.to_json())
    assert list(raw) == KEYS
    assert [list(switch) for switch in raw["switches"]] == [SWITCH_KEYS, SWITCH_KEYS]
    assert list(raw["criteria"][0]) == ["name", "limit", "measured", "passed"]
    assert raw["switches"][1]["handoff_seconds"] is None


def test_a_result_survives_the_file() -> None:
    assert from_json(RESULT.to_json()) == RESULT


def test_what_is_no_number_is_not_written() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        result(measurements={"lost": float("nan")}).to_json()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"passed": ...}, "wrong: passed"),
        ({"more": 1}, "wrong: more"),
        ({"switches": [{"direction": "blue-green"}]}, "not of the contract"),
    ],
)
def test_another_json_is_refused(change: dict[str, object], message: str) -> None:
    raw = {**json.loads(RESULT.to_json()), **change}
    raw = {key: value for key, value in raw.items() if value is not ...}
    with pytest.raises(ValueError, match=message):
        from_json(json.dumps(raw))


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
