"""The command as a process: exit codes, what it prints where, the JSON."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.validator import generate
from tools.validator import CLASSES, NOTES, cli

ROOT = Path(__file__).parents[2]


def run(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.validator", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False, **options)


def sides(folder: Path) -> tuple[object, ...]:
    return "--produced", folder / "produced", "--consumed", folder / "consumed"


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    generate.clean().write(tmp_path)
    return tmp_path


def test_0_and_the_json_of_the_contract(clean: Path) -> None:
    target = clean / "report.json"
    done = run(*sides(clean), "--json", target)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("verdict: PASS\n")
    assert "hand-offs: 2; widest gap 0.030 s on bluegreen-" in done.stdout
    report = json.loads(target.read_text())
    assert report["verdict"] == "pass"
    assert (report["produced"], report["acked"], report["consumed"]) == (120, 117, 118)
    assert report["anomalies"] == dict.fromkeys(CLASSES, 0)
    assert report["notes"] == {**dict.fromkeys(NOTES, 0), "unknown": 2}
    assert report["examples"] == {name: [] for name in CLASSES}
    assert set(report["partitions"]["bluegreen-0"][0]) == {
        *("from_epoch", "to_epoch", "from", "to", "gap_seconds", "spacing_seconds")
    }
    assert report["files"] == {"produced": 2, "consumed": 2, "events": 0, "empty": 0, "others": 0}


def test_help_explains_each_class_and_exit_code_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        cli.main(["--help"])
    assert raised.value.code == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    for name in (*CLASSES, "0", "1", "2", "130"):
        assert any(line[:1] == [name] and len(line) > 1 for line in lines), name


def test_failed_records_are_told_by_colour_and_version(tmp_path: Path) -> None:
    generate.told(generate.clean()).write(tmp_path)
    done = run(*sides(tmp_path), "--json", tmp_path / "report.json")
    assert "consumed 118 (failed 1)\n  blue 1.0: 58 (failed 0)\n  green 2: 60 (failed 1)\n" in done.stdout
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["schema"], report["failed"]) == (2, 1)
    assert report["handled"]["green"] == {"2": {"handled": 60, "failed": 1}}


def test_2_for_a_log_that_is_left_out(tmp_path: Path) -> None:
    logs = generate.told(generate.clean())
    del logs.consumed["consumer-green-0.b.jsonl"]
    logs.write(tmp_path)
    done = run(*sides(tmp_path), "--events", tmp_path / "events", "--json", tmp_path / "report.json")
    assert done.returncode == 2
    assert "pod consumer-green-0, boot id b, bluegreen-0" in done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["schema"], report["anomalies"], report["failed"]) == (2, dict.fromkeys(CLASSES), None)


@pytest.mark.parametrize("name", CLASSES)
def test_1_for_every_class(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generate.with_anomaly(generate.ANOMALIES[name][0][0]).write(tmp_path)
    code = cli.main([*map(str, sides(tmp_path)), "--json", str(tmp_path / "report.json")])
    assert code == 1
    out = capsys.readouterr().out
    assert out.startswith("verdict: FAIL\n")
    assert f"\n{name}: {{" in out
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["verdict"] == "fail"
    assert report["failing"] == ([name, "dual_active"] if name == "zombie" else [name])


def test_1_as_a_process(tmp_path: Path) -> None:
    generate.with_anomaly(generate.ANOMALIES["lost"][0][0]).write(tmp_path)
    assert run(*sides(tmp_path)).returncode == 1


def test_2_names_file_and_line_and_leaves_no_older_verdict(clean: Path) -> None:
    target = clean / "report.json"
    target.write_text('{"verdict": "pass"}')
    path = clean / "consumed" / "junk.jsonl"
    path.write_text("junk\n")
    done = run(*sides(clean), "--json", target)
    assert done.returncode == 2
    assert f"cannot be judged: {path}:1: not JSON" in done.stderr
    assert done.stdout == ""
    report = json.loads(target.read_text())
    assert report["verdict"] == "fail"
    assert report["error"]["file"] == str(path)
    assert report["error"]["line"] == 1
    assert report["anomalies"] == dict.fromkeys(CLASSES)
    assert report["notes"] == dict.fromkeys(NOTES)


def test_2_for_a_clock_that_went_back(tmp_path: Path) -> None:
    generate.with_anomaly(generate.NOTES["clock_steps"]).write(tmp_path)
    done = run(*sides(tmp_path), "--json", "-")
    assert done.returncode == 2
    assert "verdict: NOT TO BE JUDGED" in done.stderr
    assert "not judged: a clock went back 1 time(s)" in done.stderr
    report = json.loads(done.stdout)
    assert report["verdict"] == "fail"
    assert report["notes"]["clock_steps"] == 1
    assert len(report["unjudged"]) == 1
    assert run(*sides(tmp_path), "--clock-error-ms", "50").returncode == 0


def test_2_for_a_torn_line_only_with_strict(tmp_path: Path) -> None:
    generate.with_anomaly(generate.NOTES["torn"]).write(tmp_path)
    assert run(*sides(tmp_path)).returncode == 0
    done = run(*sides(tmp_path), "--strict")
    assert done.returncode == 2
    assert "consumer-green-0.b.jsonl:61: a torn last line" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--produced", "x"),
        ("--produced", "--consumed", "x"),
        ("--produced", "x", "--consumed", "y", "--clock-error-ms", "-1"),
        ("--produced", "x", "--consumed", "y", "--clock-error-ms", "nan"),
        ("--produced", "x", "--consumed", "y", "--clock-error-ms", "soon"),
        ("--produced", "x", "--consumed", "y", "--unknown"),
        ("--produced", "x", "--consumed", "y", "z.jsonl", "--json"),
    ],
)
def test_2_for_a_wrong_command(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        cli.main(arguments)
    assert raised.value.code == 2
    assert "usage: python -m tools.validator" in capsys.readouterr().err


@pytest.mark.parametrize("given", ["soon", "-1", "nan"])
def test_what_is_allowed_is_told_by_the_options_name(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--produced", "x", "--consumed", "y", f"--clock-error-ms={given}"])
    assert f"argument --clock-error-ms: must be a number from 0 to 1e9, not {given}" in capsys.readouterr().err


def test_2_for_a_json_that_cannot_be_written(clean: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*map(str, sides(clean)), "--json", str(clean / "no" / "report.json")]) == 2
    assert "is not a folder" in capsys.readouterr().err


def test_2_for_a_bug(clean: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(cli, "validate", broken)
    assert cli.main(list(map(str, sides(clean)))) == 2
    assert "the validator itself failed" in capsys.readouterr().err


def test_2_without_its_libraries(clean: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    fake = tmp_path_factory.mktemp("fake")
    (fake / "polars.py").write_text("raise ImportError('No module named polars')\n")
    done = run(*sides(clean), env={**os.environ, "PYTHONPATH": str(fake)})
    assert done.returncode == 2
    assert "No module named polars; install the packages of requirements.txt" in done.stderr


def test_options_may_be_repeated_and_take_several(clean: Path) -> None:
    arguments = ["--produced", clean / "produced" / "p0.jsonl", "--produced", clean / "produced" / "p1.jsonl"]
    arguments += ["--consumed", *sorted((clean / "consumed").iterdir())]
    assert run(*arguments, "--producer", "p0", "--producer", "p1").returncode == 0
    done = run(*arguments, "--producer", "p0", "--json", "-")
    assert done.returncode == 0
    assert json.loads(done.stdout)["notes"]["foreign"] == 120


def test_allowed_duplicates(tmp_path: Path) -> None:
    generate.with_anomaly(generate.ANOMALIES["duplicate"][0][0]).write(tmp_path)
    done = run(*sides(tmp_path), "--allow-duplicates")
    assert done.returncode == 0
    assert "duplicate                      1  (allowed)" in done.stdout


def test_a_reader_that_goes_away_does_not_change_the_exit_code(clean: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        command = [sys.executable, "-m", "tools.validator", *map(str, sides(clean))]
        done = subprocess.run(command, cwd=ROOT, stdout=write, stderr=subprocess.PIPE, timeout=120, check=False)
    finally:
        os.close(write)
    assert done.returncode == 0, done.stderr


def test_progress_is_said_on_standard_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "_PROGRESS_SECONDS", 0.0)
    progress = cli.Progress()
    progress("reading produced logs", 1, 4)
    progress("reading a pipe", 1, 0)
    assert capsys.readouterr().err == "reading produced logs 25 %\nreading a pipe\n"


def test_it_imports_nothing_of_the_rest(clean: Path) -> None:
    script = (
        "import sys; from tools.validator import cli; code = cli.main(sys.argv[1:])\n"
        "rest = ('components', 'workloads', 'experiments', 'tools.sandbox')\n"
        "assert not [name for name in sys.modules if name.startswith(rest)]\n"
        "sys.exit(code)"
    )
    command = [sys.executable, "-c", script, *map(str, sides(clean))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_the_benchmark_measures_a_clean_run(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tools.validator.benchmark", "--records", "20000", "--seconds", "0.2"]
    done = subprocess.run(
        [*command[:-1], "1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    result = json.loads(done.stdout)
    assert (result["verdict"], result["produced"], result["consumed"]) == ("pass", 20000, 20000)
    assert 0 < result["peak_rss_mib"] < 1024
    assert list(tmp_path.iterdir()) == []
