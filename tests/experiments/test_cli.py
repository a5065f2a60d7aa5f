"""What the command line takes, and its exit codes; a run itself is replaced by what it would end with."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from experiments import cli
from experiments.errors import ExperimentError
from experiments.folders import RESULT_FILE, ResultFolder
from experiments.interrupts import Interrupts
from experiments.options import Options
from experiments.progress import Progress
from experiments.results import RunResult
from experiments.run import REPOSITORY
from tests.support.samples import RESULT, result

RUN = ["run", "--strategy", "c", "--scenario", "1"]


def ends_with(monkeypatch: pytest.MonkeyPatch, outcome: Any) -> list[Options]:
    seen: list[Options] = []

    def execute(options: Options, _interrupts: Interrupts, _progress: Progress) -> tuple[Path, RunResult]:
        seen.append(options)
        if isinstance(outcome, RunResult):
            return Path("report/data/x"), outcome
        if isinstance(outcome, int):
            os.kill(os.getpid(), outcome)
        raise outcome

    monkeypatch.setattr(cli, "execute", execute)
    return seen


@pytest.mark.parametrize(
    ("outcome", "code", "said"),
    [
        (RESULT, 0, "verdict: PASSED"),
        (result(passed=False), 1, "verdict: FAILED"),
        (result(kind="measurement", passed=None), 0, "verdict: none, it is a measurement"),
        (RuntimeError("a slip"), 2, "unexpected RuntimeError: a slip"),
        (ExperimentError("no cluster"), 2, "python -m experiments run: no cluster"),
        (signal.SIGINT.value, 130, "interrupted"),
        (signal.SIGTERM.value, 130, "interrupted"),
    ],
)
def test_exit_codes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], outcome: Any, code: int, said: str
) -> None:
    ends_with(monkeypatch, outcome)
    assert cli.main(RUN) == code
    out, err = capsys.readouterr()
    assert said in out + err


def test_what_is_not_asked_for_is_left_to_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = ends_with(monkeypatch, RESULT)
    cli.main(RUN)
    assert (dict(seen[0].overrides), seen[0].switches) == ({}, 2)
    assert seen[0].command == "python -m experiments run --strategy c --scenario 1"
    assert seen[0].stack == "strategy-c"


def test_what_is_asked_for_is_passed_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = ends_with(monkeypatch, RESULT)
    more = ["--switches", "20", "--rate", "2000", "--membership", "leave-join", "--group-protocol", "consumer"]
    cli.main([*RUN, *more, "--message-bytes", "64", "--out", str(tmp_path)])
    options = seen[0]
    assert (options.switches, options.out) == (20, tmp_path)
    assert options.overrides == {
        "rate": 2000,
        "messageBytes": 64,
        "membership": "leave-join",
        "groupProtocol": "consumer",
    }


@pytest.mark.parametrize("error", [KeyError("missing"), BrokenPipeError(32, "Broken pipe")])
def test_an_unexpected_exception_is_no_verdict_and_has_its_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    ends_with(monkeypatch, error)
    assert cli.main(RUN) == 2
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert f"unexpected {type(error).__name__}" in err


def test_a_library_that_is_missing_is_no_verdict(tmp_path: Path) -> None:
    (tmp_path / "zstandard.py").write_text("raise ImportError('No module named zstandard')\n")
    done = subprocess.run(
        [sys.executable, "-m", "experiments", "summary"],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "No module named zstandard; install the packages of requirements.txt" in done.stderr


@pytest.mark.parametrize(
    ("flag", "text", "said"),
    [
        ("--rate", "abc", "'abc' is not a whole number from 1 to 1000000"),
        ("--rate", "0", "'0' is not a whole number from 1 to 1000000"),
        ("--switches", "many", "'many' is not a whole number of at least 1"),
        ("--spell-seconds", "soon", "'soon' is not a number of seconds of at least 0"),
    ],
)
def test_a_wrong_value_is_refused_in_words_of_the_user(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], flag: str, text: str, said: str
) -> None:
    ends_with(monkeypatch, RESULT)
    with pytest.raises(SystemExit):
        cli.main([*RUN, flag, text])
    err = capsys.readouterr().err
    assert said in err
    assert " _" not in err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["run"],
        ["run", "--strategy", "x", "--scenario", "1"],
        ["run", "--strategy", "c", "--scenario", "9"],
        [*RUN, "--switches", "0"],
        [*RUN, "--rate", "-1"],
        [*RUN, "--spell-seconds", "nan"],
        [*RUN, "--membership", "none"],
        ["run", "--strategy", "c", "--scenario", "2", "--switches", "3"],
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_touched(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    seen = ends_with(monkeypatch, RESULT)
    with pytest.raises(SystemExit) as raised:
        cli.main(arguments)
    assert raised.value.code == 2
    assert seen == []


def test_summary_of_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["summary", str(tmp_path)]) == 2
    ResultFolder(tmp_path, RESULT.run).commit(RESULT)
    assert cli.main(["summary", str(tmp_path)]) == 0
    assert "switch_seconds" in capsys.readouterr().out
    (tmp_path / RESULT.run / RESULT_FILE).write_text("{}")
    assert cli.main(["summary", str(tmp_path)]) == 2
    assert RESULT.run in capsys.readouterr().err


def as_json(capsys: pytest.CaptureFixture[str], *command: str) -> Any:
    assert cli.main([*command, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_summary_and_compare_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ResultFolder(tmp_path, RESULT.run).commit(RESULT)
    (one,) = as_json(capsys, "summary", str(tmp_path))
    assert (one["run"], one["strategy"], one["passed"], one["counts"]["lost"]) == (RESULT.run, "c", True, 0)
    assert one["times"]["switch_seconds"] == {"count": 2, "median": 1.45, "p95": 1.5, "worst": 1.5}
    found = as_json(capsys, "compare", str(tmp_path), "--uncommitted")
    (column,) = [one for one in found["strategies"] if one["strategy"] == "c"]
    assert column["normal"]["run"] == RESULT.run
    assert column["rollback"] is None
    assert column["complexity"]["to_build"] in ("low", "medium", "high")
    assert [one["run"] for one in found["variants"]] == [RESULT.run]
    assert cli.main(["compare", "--lines", "--json"]) == 2


def test_handoff_and_offsets_of_a_committed_run(capsys: pytest.CaptureFixture[str]) -> None:
    """Whose record logs are columns."""
    run = str(max(cli.DATA.glob("*-c-1/evidence/consumed.parquet")).parents[1])
    steps = as_json(capsys, "handoff", run)["steps"]
    assert {len(one["of_ms"]) for one in steps} == {20}
    assert steps[-1]["step"] == "together"
    taken = as_json(capsys, "offsets", run)["taken"]
    assert {one["difference"] for one in taken} == {0}
    for command, said in (("handoff", "together"), ("offsets", "aim 0")):
        assert cli.main([command, run]) == 0
        assert said in capsys.readouterr().out


def test_prune_keeps_the_newest_and_only_says_so_when_told(tmp_path: Path) -> None:
    for day in (10, 11, 12):
        ResultFolder(tmp_path, f"r{day}").commit(result(run=f"r{day}", started_at=f"2026-11-{day}T00:00:00+00:00"))
    cli.main(["prune", str(tmp_path), "--dry-run"])
    assert len(list(tmp_path.iterdir())) == 3
    assert cli.main(["prune", str(tmp_path), "--keep", "2"]) == 0
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["r11", "r12"]
    cli.main(["prune", str(tmp_path)])
    assert [folder.name for folder in tmp_path.iterdir()] == ["r12"]


def test_another_stack_of_the_strategy_and_settings_of_the_broker(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAFKA_BLUEGREEN_IMAGES", os.devnull)
    seen = ends_with(monkeypatch, RESULT)
    asked = ["--kafka-config", "group.initial.rebalance.delay.ms=3000", "--kafka-config", "a=b=c"]
    cli.main([*RUN, "--stack", "strategy-c-faust", *asked])
    assert (seen[0].standing, seen[0].stack) == ("strategy-c-faust", "strategy-c-faust")
    assert seen[0].kafka_config == {"group.initial.rebalance.delay.ms": "3000", "a": "b=c"}
    for wrong, told in (
        (["--stack", "strategy-b"], "strategy c has strategy-c and strategy-c-<name>"),
        (["--stack", "strategy-c-nowhere"], "there are strategy-c, strategy-c-faust, strategy-c-faust-only"),
        (["--kafka-config", "a"], "is not NAME=VALUE"),
    ):
        with pytest.raises(SystemExit) as ended:
            cli.main([*RUN, *wrong])
        assert ended.value.code == 2
        assert told in capsys.readouterr().err
