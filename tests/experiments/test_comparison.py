"""The plan's table, from results."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.cli import main
from experiments.comparison import Column, columns, compared, newest
from experiments.complexity import Complexity
from experiments.folders import ResultFolder
from experiments.results import SPEED, Measured, RunResult, SwitchResult
from experiments.run import REPOSITORY
from experiments.variants import MEMBERSHIP, default_variant, variant
from tests.support.samples import result

EXPECTED = json.loads((REPOSITORY / "report" / "expected.json").read_text())
ENVIRONMENT: dict[str, Measured] = {
    "rate": 100,
    "image consumer": "x",
    "image sidecar": "x",
    "image controller": "x",
    "image kafka": "x",
}
NORMAL = result(
    environment=ENVIRONMENT,
    switches=[SwitchResult("blue-green", 2.0 + n / 10, 4.0, 0.05, 0.06 + n / 100, 0.12, "Switched") for n in range(4)],
    measurements={"lost": 0, "duplicates": 1, "dual_active": 0, "rebalances": 0, "offset_difference_max": None},
)
ROLLBACK = replace(
    NORMAL,
    run="20261124T120000Z-c-2",
    scenario="2",
    switches=[
        SwitchResult("blue-green", 9.0, 9.0, None, None, None, "Switched"),
        SwitchResult("green-blue", 2.5, 4.0, None, None, None, "Switched"),
        SwitchResult("blue-green", 9.0, 9.0, None, None, None, "Switched"),
        SwitchResult("green-blue", 0.25, 0.3, None, None, None, "Switched", "patch"),
    ],
    measurements={"lost": 0, "duplicates": 2, "dual_active": 0, "rebalances": 3, "offset_first_difference_max": 4},
)


def complexity(_letter: str, _run: RunResult | None) -> Complexity:
    return Complexity(67, 3, 13)


def rows(results: list[RunResult]) -> dict[str, str]:
    column = [one for one in columns(results, EXPECTED, complexity) if one.letter == "c"]
    told = compared(column, results).split("\n\n")[0].splitlines()[2:]
    return {line.split(" | ")[0].removeprefix("| "): line.split(" | ")[1].removesuffix(" |") for line in told}


def test_the_plans_rows_are_told_from_both_scenarios() -> None:
    told = rows([replace(NORMAL, environment={**ENVIRONMENT, SPEED: 52.5}), ROLLBACK])
    assert told["time to switch (s)"] == "2.15 · 2.30 · 2.30 (n = 4)"
    assert told["time to roll back, commanded when `up` had returned (s)"] == "2.50 · 2.50 · 2.50 (n = 1)"
    assert told["time to roll back, commanded at ACTIVE (s)"] == "0.25 · 0.25 · 0.25 (n = 1)"
    assert (told["lost"], told["duplicates"], told["rebalances"]) == ("0", "3", "3")
    assert told["hand-off (ms)"] == "50 · 50 · 50 (n = 4)"
    assert told["gap (ms)"] == "75 · 90 · 90 (n = 4)"
    assert told["start - committed, at most (records)"] == "4 (by the first record)"
    assert told["complexity to build"] == "low (67 lines)"
    assert told["complexity to run"] == "medium (3 programs, 13 commands there and back by hand)"
    assert told["the machine: a million additions (ms)"] == "52.5, -"
    assert told["rests on"] == "`20261123T120000Z-c-1`, `20261124T120000Z-c-2`"


def test_what_was_expected_stands_beside_it() -> None:
    told = rows([NORMAL])
    assert told["*expected:* time to switch (s)"] == "5 to 15; in detail 1 to 3"
    assert told["*expected:* complexity"] == "high"
    assert told["*its author measured:*"].startswith("switch 1.04 to 1.19 s, roll back 1.03 to 1.19 s, 14952 of 30000")
    assert told["time to roll back, commanded at ACTIVE (s)"] == "-"


@pytest.mark.parametrize(
    ("letter", "told"),
    [
        ("b", "not run (estimate: 30 to 60 s)"),
        ("e", "not run (estimate: custom resource 5 to 30 s; rest 0 to 5 s)"),
        ("x", "-"),
    ],
)
def test_what_its_author_did_not_run_is_an_estimate(letter: str, told: str) -> None:
    by_author: dict[str, Any] = EXPECTED["measured_by_author"]
    column = Column(letter, None, None, Complexity(0, None, None), {}, by_author.get(letter, {}))
    assert f"| *its author measured:* | {told} |" in compared([column], [])
    assert "| complexity to run | - (no run that tells its programs, no page by hand) |" in compared([column], [])


def test_the_newest_run_as_the_stack_is_by_default_is_taken() -> None:
    older = replace(NORMAL, run="older", started_at="2026-11-01T00:00:00+00:00")
    others = [
        replace(NORMAL, run="fast", environment={**ENVIRONMENT, "rate": 2000}),
        replace(NORMAL, run="shared", membership="shared"),
        replace(NORMAL, run="kip-848", group_protocol="consumer"),
        replace(NORMAL, run="baseline", kind="measurement", passed=None),
        replace(NORMAL, run="other", scenario="3"),
        replace(NORMAL, run="faust", environment={**ENVIRONMENT, "green image": "here/faust-consumer:1"}),
    ]
    later = [replace(one, started_at="2026-12-01T00:00:00+00:00") for one in others]
    assert newest([*later, older, NORMAL], "c", "1") == NORMAL
    assert newest(later, "c", "1") is None
    assert default_variant("c") == {"membership": "takeover", "group_protocol": "classic", "rate": 100}
    assert variant(others[0])["rate"] == 2000
    images = {"blue image": "localhost/x/workloads:ab", "green image": "localhost/x/faust-consumer:cd"}
    mixed = replace(NORMAL, environment={**ENVIRONMENT, **images})
    assert variant(mixed)["applications"] == "workloads and faust-consumer"
    ours = {"blue image": "localhost/x/workloads:ab", "green image": "localhost/x/consumer-v2:cd"}
    assert "applications" not in variant(replace(NORMAL, environment={**ENVIRONMENT, **ours}))


def test_what_membership_was_measured_is_the_scenarios_to_say() -> None:
    """A pair that begins and ends by take-over, and was measured as shared."""
    told = replace(NORMAL, measurements={**NORMAL.measurements, MEMBERSHIP: "shared"})
    assert (variant(NORMAL)["membership"], variant(told)["membership"]) == ("takeover", "shared")


def test_a_run_on_other_brokers_is_a_variant_of_its_own() -> None:
    """Those settings of theirs that let members in: as every platform has them they are not told."""
    usual = Path(REPOSITORY / "components" / "files" / "kafka" / "server.properties").read_text().splitlines()
    delay = "group.initial.rebalance.delay.ms"
    assert f"{delay}=100" in usual
    asis: dict[str, Measured] = {delay: 100, "group.consumer.assignment.interval.ms": 1000}
    assert variant(replace(NORMAL, environment={**ENVIRONMENT, **asis})) == variant(NORMAL)
    slow = replace(NORMAL, run="slow", started_at="2027", environment={**ENVIRONMENT, **asis, delay: 3000})
    at_once = replace(NORMAL, run="at once", environment={**ENVIRONMENT, **asis, delay: 0})
    assert (variant(slow)[delay], variant(at_once)[delay]) == (3000, 0)
    told = compared([], [NORMAL, slow, at_once])
    assert all(f"`{run.run}`" in told for run in (NORMAL, slow, at_once))
    assert newest([NORMAL, slow], "c", "1") == NORMAL


def test_every_variant_has_its_newest_run_in_a_line() -> None:
    baseline = replace(NORMAL, run="baseline", kind="measurement", passed=None, membership="shared")
    told = compared([], [replace(NORMAL, run="older", started_at="2026"), NORMAL, baseline])
    assert "| C | 1 | group_protocol classic, membership takeover, rate 100 |" in told
    assert "| measurement | `baseline` |" in told
    assert "`older`" not in told


def test_what_a_measurement_stands_for_is_told_by_its_figures() -> None:
    check = replace(
        NORMAL,
        run="check",
        scenario="e-check",
        kind="measurement",
        passed=None,
        measurements={
            "crashes": 4,
            "crash_bound": 100,
            "other": 1,
            "crash_seconds": 0.29169999999999996,
            "never": None,
        },
    )
    older = replace(check, run="older", started_at="2020-01-01T00:00:00+00:00")
    by_rest = replace(check, run="by-rest", environment={**ENVIRONMENT, "rate": 2000})
    shows = {"e-check": ("crashes", "crash_bound", "crash_seconds", "never"), "1": (), "2": ("lost",)}
    told = compared([], [older, check, by_rest, NORMAL, ROLLBACK], shows).split("What was measured besides:")[1]
    assert "| crashes 4, crash bound 100, crash seconds 0.292 | `check` |" in told
    assert "`by-rest`" in told
    assert "`older`" not in told
    assert ROLLBACK.run not in told
    assert "besides" not in compared([], [NORMAL], shows)


def test_only_what_git_tracks_is_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for one in (NORMAL, ROLLBACK):
        ResultFolder(tmp_path, one.run).commit(one)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert main(["compare", str(tmp_path)]) == 2
    assert "no committed run" in capsys.readouterr().err
    subprocess.run(["git", "-C", str(tmp_path), "add", NORMAL.run], check=True)
    assert main(["compare", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert NORMAL.run in out
    assert ROLLBACK.run not in out
    assert main(["compare", str(tmp_path), "--uncommitted"]) == 0
    assert ROLLBACK.run in capsys.readouterr().out
