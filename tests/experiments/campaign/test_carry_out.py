"""A campaign with a runner that only says how it ended: the order, what is written down, and how it goes on."""

import io
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from experiments import cli
from experiments.campaign import process, record
from experiments.campaign.carry_out import Outcome, carry_out, expected_seconds
from experiments.campaign.record import Done, Record
from experiments.campaign.steps import Step
from experiments.interrupts import Interrupted, Interrupts
from experiments.progress import Progress
from tests.support.samples import RESULT, result

VARIANT = {"membership": "takeover", "group_protocol": "classic", "rate": 100}
STEPS = [Step("c", name, (), True, "", VARIANT, 2) for name in ("1", "2", "3")]


class Fake:
    """Leaves a result for each step, or what it is told to."""

    def __init__(self, data: Path, **endings: Outcome | type[BaseException]) -> None:
        self.data, self.endings, self.ran = data, endings, list[str]()

    def __call__(self, step: Step) -> Outcome:
        self.ran.append(step.scenario)
        ending = self.endings.get(f"s{step.scenario}", Outcome(0, f"run-{step.scenario}", ""))
        if isinstance(ending, type):
            raise ending
        if ending.run:
            (self.data / ending.run).mkdir()
            (self.data / ending.run / "result.json").write_text(RESULT.to_json())
        return ending


def go(runner: Fake, steps: Sequence[Step] = STEPS, *, anew: bool = False) -> tuple[Record, str]:
    said, clock = io.StringIO(), iter(datetime(2026, 11, 28, 12, tzinfo=UTC) + timedelta(minutes=n) for n in range(99))
    ended = carry_out(
        steps,
        data=runner.data,
        runner=runner,
        now=lambda: next(clock),
        progress=Progress(said),
        expected={"C 1": 120.0, "C 2": 60.0},
        anew=anew,
    )
    return ended, said.getvalue()


def test_every_step_is_run_in_its_order_and_written_down(tmp_path: Path) -> None:
    runner = Fake(tmp_path)
    ended, said = go(runner)
    assert runner.ran == ["1", "2", "3"]
    assert ended == record.read(tmp_path)
    assert ended.finished_at
    assert ended.steps["C 2"] == Done(0, "run-2", "", 60.0)
    assert "3 of 3 steps, about 3 min" in said
    assert "step 1 of 3, about 2 min, then about 1 min: python -m experiments run --strategy c --scenario 1" in said


def test_it_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        go(Fake(tmp_path, s2=Interrupted))
    before = record.read(tmp_path)
    assert before is not None
    assert (list(before.steps), before.finished_at) == (["C 1"], "")
    runner = Fake(tmp_path)
    ended, _ = go(runner)
    assert runner.ran == ["2", "3"]
    assert list(ended.steps) == ["C 1", "C 2", "C 3"]
    assert ended.started_at == before.started_at


def test_what_is_over_or_gone_or_asked_for_is_run_again(tmp_path: Path) -> None:
    go(Fake(tmp_path))
    again = Fake(tmp_path, **{f"s{n}": Outcome(0, f"second-{n}", "") for n in "123"})
    go(again)  # the one before was finished: this is another
    assert again.ran == ["1", "2", "3"]
    record.write(tmp_path, Record("2026-11-28T12:00:00+00:00", "", {"C 1": Done(0, "second-1", "", 1.0)}))
    (tmp_path / "second-1" / "result.json").unlink()
    gone = Fake(tmp_path, **{f"s{n}": Outcome(0, f"third-{n}", "") for n in "123"})
    go(gone)
    assert gone.ran == ["1", "2", "3"]
    record.write(tmp_path, Record("2026-11-28T12:00:00+00:00", "", {"C 1": Done(0, "third-1", "", 1.0)}))
    anew = Fake(tmp_path, **{f"s{n}": Outcome(0, f"fourth-{n}", "") for n in "123"})
    go(anew, anew=True)
    assert anew.ran == ["1", "2", "3"]


def test_what_fails_does_not_end_it_and_is_told(tmp_path: Path) -> None:
    runner = Fake(tmp_path, s1=Outcome(2, "", "no image"), s2=Outcome(1, "run-2", ""), s3=Outcome(-9, "", ""))
    ended, said = go(runner)
    assert [(done.code, done.run, done.why) for done in ended.steps.values()] == [
        (2, "", "no image"),
        (1, "run-2", ""),
        (-9, "", "exit code -9"),
    ]
    assert "C 1: could not be run: no image" in said
    assert "C 2: a criterion was missed" in said
    assert record.failures(tmp_path, STEPS, []) == {"C 1": "no image", "C 3": "exit code -9"}
    since = replace(result(), scenario="1", started_at="2026-11-28T12:30:00+00:00")
    assert record.failures(tmp_path, STEPS, [since]) == {"C 3": "exit code -9"}
    assert record.failures(tmp_path / "none", STEPS, []) == {}


def test_what_could_not_be_run_is_tried_again(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        go(Fake(tmp_path, s1=Outcome(2, "", "no image"), s2=Interrupted))
    runner = Fake(tmp_path)
    go(runner)
    assert runner.ran == ["1", "2", "3"]


def test_a_record_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / record.FILE).write_text(json.dumps({"steps": []}))
    with pytest.raises(ValueError, match="no record of a campaign"):
        record.read(tmp_path)


def test_how_long_it_takes_is_what_it_took(tmp_path: Path) -> None:
    assert expected_seconds(STEPS, [RESULT]) == {"C 1": 120.0, "C 2": 120.0, "C 3": 120.0}
    assert expected_seconds(STEPS, []) == {"C 1": 0.0, "C 2": 0.0, "C 3": 0.0}


def program(text: str) -> list[str]:
    return [sys.executable, "-c", text]


@pytest.mark.parametrize(
    ("text", "ended"),
    [
        ("print('verdict: PASSED\\nresults: /x/data/20261128T120000Z-c-1')", Outcome(0, "20261128T120000Z-c-1", "")),
        ("print('results: /x/r'); raise SystemExit(1)", Outcome(1, "r", "")),
        (
            "import sys; print('python -m experiments run: no cluster\\n  more', file=sys.stderr); sys.exit(2)",
            Outcome(2, "", "no cluster"),
        ),
        ("print('half\\n'); raise SystemExit(3)", Outcome(3, "", "half")),
        ("raise SystemExit(4)", Outcome(4, "", "")),
    ],
)
def test_a_steps_process_is_heard(tmp_path: Path, text: str, ended: Outcome) -> None:
    with Interrupts() as interrupts:
        assert process.run(STEPS[0], repository=tmp_path, interrupts=interrupts, program=program(text)) == ended


def test_a_signal_is_passed_on_and_its_process_ends_first(tmp_path: Path) -> None:
    text = (
        "import pathlib, signal, sys\n"
        "def end(*_): pathlib.Path('given-back').write_text(''); sys.exit(130)\n"
        "signal.signal(signal.SIGINT, end)\n"
        "pathlib.Path('ready').write_text('')\n"
        "signal.pause()\n"
    )

    def when_ready() -> None:
        while not (tmp_path / "ready").exists():
            threading.Event().wait(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=when_ready, daemon=True).start()
    with Interrupts() as interrupts, pytest.raises(Interrupted):
        process.run(STEPS[0], repository=tmp_path, interrupts=interrupts, program=program(text))
    assert (tmp_path / "given-back").exists()


def test_the_command_says_its_steps_and_how_long(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["all", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "C 1 --switches 20" in out
    assert "together about" in out


def test_without_a_cluster_nothing_is_begun(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("PATH", os.environ["PATH"])
    assert cli.main(["all"]) == 2
    assert "python -m experiments all: " in capsys.readouterr().err
