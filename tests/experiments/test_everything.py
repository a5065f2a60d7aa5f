"""`python -m experiments all`, from its first step to the report, with steps that only leave a result behind."""

import argparse
import shutil
from pathlib import Path
from typing import Any

import pytest

from experiments import everything
from experiments.campaign import process, record
from experiments.campaign.carry_out import Outcome
from experiments.campaign.steps import Step, load
from experiments.evidence import columns, seals
from experiments.folders import load_all
from experiments.interrupts import Interrupted
from experiments.results import RunResult
from experiments.run import REPOSITORY
from experiments.screenshots import browser

DATA = REPOSITORY / "report" / "data"
ASKED = argparse.Namespace(dry_run=False, anew=False, extras=["alerts"])


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository without results; and no cluster is asked for."""
    for name in ("components", "stacks", "tutorial", "workloads"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    (tmp_path / "report" / "data").mkdir(parents=True)
    shutil.copytree(REPOSITORY / "report" / "text", tmp_path / "report" / "text")
    shutil.copy(REPOSITORY / "report" / "expected.json", tmp_path / "report")
    monkeypatch.setattr(everything, "preflight", lambda: None)
    return tmp_path


def leaves_what_is_committed(repository: Path, **instead: Outcome | type[BaseException]) -> Any:
    """A step's newest committed result becomes its result here, with its logs as far as they are kept."""
    results: list[RunResult] = [result for _, result in load_all(DATA)]

    def run(step: Step, **_: Any) -> Outcome:
        ending = instead.get(f"{step.strategy}_{step.scenario}")
        if isinstance(ending, type):
            raise ending
        if ending is not None:
            return ending
        newest = step.newest(results)
        if newest is None:
            return Outcome(2, "", "none of it is committed")
        folder = repository / "report" / "data" / newest.run
        shutil.copytree(DATA / newest.run, folder)
        if (folder / columns.FOLDER / "events.parquet").is_file() and not (folder / "logs").exists():
            columns.unpack(folder / columns.FOLDER, folder / "logs", ("events",))
            shutil.rmtree(folder / columns.FOLDER)
        return Outcome(0 if newest.passed is not False else 1, newest.run, "")

    return run


def test_from_the_first_step_to_the_report(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = repository / "report" / "data"
    monkeypatch.setattr(process, "run", leaves_what_is_committed(repository, b_3=Interrupted))
    assert everything.run(ASKED, repository) == everything.INTERRUPTED
    assert not (repository / "report" / "test-report.md").exists()
    before = record.read(data)
    assert before is not None
    assert "C shape" in before.steps

    monkeypatch.setattr(process, "run", leaves_what_is_committed(repository, b_3=Outcome(2, "", "no broker")))
    assert everything.run(ASKED, repository) == everything.MISSED
    text = (repository / "report" / "test-report.md").read_text()
    assert "- B: **fail**, it could not be run: no broker" in text
    assert "- C: **pass**" in text
    ended = record.read(data)
    assert ended is not None
    assert ended.finished_at
    assert set(before.steps) < set(ended.steps)
    runs = [data / done.run for done in ended.steps.values() if done.run]
    assert seals.broken(data, runs) == []
    assert any((folder / columns.FOLDER / "events.parquet").is_file() for folder in runs)
    assert "NOT RUN" in capsys.readouterr().out


@pytest.mark.parametrize("there", [True, False])
def test_a_picture_is_taken_of_each_scenario_of_a_strategy_once_where_there_is_a_browser(
    repository: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    steps, _ = load()
    asked: list[tuple[Step, list[str]]] = []

    def run(step: Step, *, besides: list[str], **_: Any) -> Outcome:
        asked.append((step, besides))
        if len(asked) == len(steps):
            raise Interrupted
        return Outcome(2, "", "a test")

    monkeypatch.setattr(process, "run", run)
    monkeypatch.setattr(browser, "missing", lambda: "" if there else "no browser")
    assert everything.run(ASKED, repository) == everything.INTERRUPTED
    seen: set[tuple[str, str]] = set()
    for step, besides in asked:
        first = (step.strategy, step.scenario) not in seen
        seen.add((step.strategy, step.scenario))
        assert besides == ["--with", "alerts", *["--screenshots"] * (there and first)]
    assert len(seen) < len(asked)


def test_how_long_is_told_with_what_is_done(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = repository / "report" / "data"
    steps = {"C 3": record.Done(0, "some-run", "", 60.0), "C 5": record.Done(2, "", "no broker", 1.0)}
    record.write(data, record.Record("2026-11-28T12:00:00+00:00", "", steps))
    assert everything.run(argparse.Namespace(dry_run=True, anew=False, extras=[]), repository) == everything.DONE
    out = capsys.readouterr().out
    assert "some-run" in out
    assert "again: no broker" in out
