"""What `python -m experiments faults` takes, and its exit codes."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments import cli
from experiments.errors import ExperimentError
from experiments.fault_campaign import command
from experiments.fault_campaign.campaign import Asked, Ended
from experiments.fault_campaign.kinds import Role
from experiments.fault_campaign.plan import planned
from experiments.interrupts import Interrupted

NOT_COVERED = Ended(Path("summary.json"), 0, 4, 4, "the table", "coverage: the least 2", covered=False)
FAULTS = ["faults", "--strategy", "c", "--switches", "4", "--seed", "9"]


def ends_with(monkeypatch: pytest.MonkeyPatch, outcome: Any) -> list[Asked]:
    seen: list[Asked] = []

    def execute(asked: Asked, *_: object) -> Ended:
        seen.append(asked)
        if isinstance(outcome, Exception | KeyboardInterrupt):
            raise outcome
        if isinstance(outcome, Ended):
            return outcome
        return Ended(Path("report/data/campaigns/x/summary.json"), outcome, 4, 4, "the table")

    monkeypatch.setattr(command, "execute", execute)
    return seen


@pytest.mark.parametrize(
    ("outcome", "code", "said"),
    [
        (0, 0, "4 of 4 switches: everything held"),
        (2, 1, "4 of 4 switches: 2 switches with findings"),
        (NOT_COVERED, 3, "the least 2"),
        (replace(NOT_COVERED, findings=1), 1, "the least 2"),
        (replace(NOT_COVERED, done=3), 0, "the least 2"),
        (ExperimentError("no cluster"), 2, "python -m experiments faults: no cluster"),
        (Interrupted(), 130, ""),
    ],
)
def test_exit_codes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], outcome: Any, code: int, said: str
) -> None:
    ends_with(monkeypatch, outcome)
    assert cli.main(FAULTS) == code
    out, err = capsys.readouterr()
    assert said in out + err


def test_what_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = ends_with(monkeypatch, 0)
    more = ["--minutes", "7", "--only", "worker-kill", "--only", "lease-delete", "--no-shrink", "--keep"]
    assert cli.main([*FAULTS, *more, "--out", str(tmp_path)]) == 0
    (asked,) = seen
    assert (asked.letter, asked.switches, asked.seed, asked.minutes) == ("c", 4, 9, 7.0)
    assert (asked.only, asked.shrinks, asked.keep, asked.out) == (
        ("worker-kill", "lease-delete"),
        False,
        True,
        tmp_path,
    )


def test_a_campaign_has_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = ends_with(monkeypatch, 0)
    assert cli.main(FAULTS) == 0
    assert seen[0].out.parts[-3:] == ("data", "campaigns", "c-seed9")


def test_a_sequence_is_carried_out_in_place_of_the_seeds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = planned(2, 3, frozenset(Role))
    file = tmp_path / "shorter.json"
    file.write_text(json.dumps({"steps": [step.as_json() for step in steps], "strategy": "c"}))
    seen = ends_with(monkeypatch, 0)
    assert cli.main(["faults", "--strategy", "c", "--sequence", str(file)]) == 0
    assert seen[0].sequence == tuple(steps)
    assert (seen[0].switches, seen[0].out.name) == (3, "c-shorter")
    assert cli.main(["faults", "--strategy", "b", "--sequence", str(file)]) == 2
    assert "shorter.json is a sequence of strategy c, and b was asked for" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--only", "earthquake"], "earthquake: no way to inject a fault; there are worker-kill"),
        (["--sequence", "none.json"], "none.json has no steps"),
    ],
)
def test_bad_input_is_refused_by_name(capsys: pytest.CaptureFixture[str], arguments: list[str], says: str) -> None:
    assert cli.main([*FAULTS, *arguments]) == 2
    assert says in capsys.readouterr().err


def test_a_seed_and_a_number_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["faults", "--strategy", "c", "--seed", "9"]) == 2
    assert "Only a --sequence needs neither" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--minutes", "0"], ["--seed", "-1"], ["--switches", "0"], ["--strategy", "z"]])
def test_what_is_out_of_range_is_refused(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([*FAULTS, *wrong])
    assert ended.value.code == 2
