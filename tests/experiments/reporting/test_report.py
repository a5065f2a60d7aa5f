"""The report: what it says of results, of those that are missing, and that the committed one is made of the committed
results.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from experiments.campaign.steps import LeftOut, Step, load
from experiments.errors import ExperimentError
from experiments.evidence.sources import Sources
from experiments.evidence.texts import wrong_in
from experiments.folders import load_all
from experiments.reporting import command, document, scenario, verdicts
from experiments.reporting.drawing import Drawing
from experiments.reporting.told import Told
from experiments.reporting.words import ENGLISH, words
from experiments.results import Criterion, RunResult
from tests.support.samples import RESULT, result

ROOT = Path(__file__).parents[3]
FIRST, SECOND = (
    Step("c", name, (), True, "", {"membership": "takeover", "group_protocol": "classic", "rate": 100}, 2)
    for name in ("1", "2")
)
PASSED = {name: result(scenario=name, run=f"r{name}") for name in ("1", "2")}


def verdict(
    results: list[RunResult], left_out: Sequence[LeftOut] = (), failures: Mapping[str, str] | None = None
) -> verdicts.Verdict:
    return verdicts.of_strategy("c", [FIRST, SECOND], left_out, results, failures or {}, words=words(ENGLISH))


def test_a_strategy_passes_when_all_that_is_asked_of_it_has_passed() -> None:
    found = verdict(list(PASSED.values()))
    assert (found.word, found.missed, found.conditions) == ("pass", (), ())
    assert found.switch_seconds == pytest.approx(1.45)


@pytest.mark.parametrize(
    ("results", "failures", "word", "said"),
    [
        ([PASSED["1"]], {}, "conditional pass", "scenario 2 has no committed run"),
        ([PASSED["1"]], {"C 2": "no image"}, "fail", "scenario 2 could not be run: no image"),
        (
            [PASSED["1"], replace(PASSED["2"], passed=False, criteria=[Criterion("lost", "= 0", 3, False)])],
            {},
            "fail",
            "scenario 2 missed `lost` (`r2`)",
        ),
        (
            [
                PASSED["1"],
                replace(PASSED["2"], criteria=[Criterion("validator_verdict", "= pass, or …", "fail", True)]),
            ],
            {},
            "conditional pass",
            "scenario 2 had anomalies of a class that is tolerated for it",
        ),
        (
            [PASSED["1"], replace(PASSED["2"], environment={"operator": "ours (a stand-in for Strimzi's)"})],
            {},
            "conditional pass",
            "measured with a stand-in: operator",
        ),
    ],
)
def test_what_is_not_so_fails_it_or_is_a_condition(
    results: list[RunResult], failures: dict[str, str], word: str, said: str
) -> None:
    found = verdict(results, failures=failures)
    assert found.word == word
    assert any(said in line for line in (*found.missed, *found.conditions))


def test_what_cannot_be_tried_is_a_condition() -> None:
    found = verdict(list(PASSED.values()), [LeftOut("c", "5", "no faults"), LeftOut("b", "5", "other")])
    assert found.conditions == ("scenario 5 is not tried: no faults",)


def test_a_newer_run_that_failed_counts_and_an_older_one_does_not() -> None:
    older = replace(PASSED["2"], passed=False, started_at="2026-11-22T12:00:00+00:00")
    newer = replace(older, started_at="2026-11-24T12:00:00+00:00")
    assert verdict([*PASSED.values(), older]).word == "pass"
    assert verdict([*PASSED.values(), newer]).word == "fail"


def test_recommended_is_the_best_verdict_then_the_shortest_switch() -> None:
    good, slow = verdicts.Verdict("x", (), (), 2.0), verdicts.Verdict("y", (), (), 3.0)
    quick, bad = verdicts.Verdict("z", (), ("if",), 0.1), verdicts.Verdict("w", ("lost",), (), 0.1)
    assert verdicts.recommended([quick, slow, good, bad]) is good
    assert verdicts.recommended([quick, bad]) is quick
    assert verdicts.recommended([bad]) is None


def test_a_figure_is_written_down_with_what_it_is_of(tmp_path: Path) -> None:
    (tmp_path / RESULT.run).mkdir()
    (tmp_path / RESULT.run / "result.json").write_text(RESULT.to_json())
    sources = Sources(tmp_path)
    told = Told(sources)
    text = "; ".join(
        [
            told.figure(RESULT.run, "switches[].switch_seconds", "median", "worst"),
            told.figure(RESULT.run, "switches[].handoff_seconds", "worst", unit="ms", decimals=0),
            told.figure([RESULT.run, RESULT.run], "measurements.switches_asked"),
            told.measured(RESULT, RESULT.criteria[0]),
        ]
    )
    assert text.startswith("1.45 · 1.50<!--= ")
    assert "; 40<!--= " in text
    assert "; 4<!--= " in text
    assert wrong_in(text, sources, tmp_path, {}) == []
    assert told.figure(RESULT.run, "measurements.none") == "-"


def test_a_screenshot_stands_with_its_run_and_its_time(tmp_path: Path) -> None:
    picture = {
        "file": "screenshots/switch-page-1.png", "sha256": "0" * 64, "bytes": 3, "of": "switch page",
        "taken_at": "2026-11-23T12:00:41.250Z", "switch": 2, "direction": "green-blue", "after_command_seconds": 1.25,
        "epoch": 8, "generation": 3, "stage": "switching", "phase": "Resuming", "active": "blue", "ended": False,
    }  # fmt: skip
    made = result(screenshots=[picture, {**picture, "switch": None, "ended": True}])
    (tmp_path / made.run).mkdir()
    (tmp_path / made.run / "result.json").write_text(made.to_json())
    sources = Sources(tmp_path)
    text = "\n\n".join(scenario._screenshot("C", number, made, Told(sources), words(ENGLISH)) for number in (0, 1))
    assert f"](data/{made.run}/screenshots/switch-page-1.png)" in text
    during, after = [line for line in text.splitlines() if line.startswith("*")]
    assert f"run `{made.run}`, switch number 2, green to blue, 1.2<!--= " in during
    assert "phase Resuming, not settled, epoch number 8, on 2026-11-23 at `12:00:41.250` UTC.*" in during
    assert "it had ended" in after
    assert "switch number" not in after
    assert wrong_in(text, sources, tmp_path, {}) == []


@pytest.mark.parametrize(
    ("with_one", "said"),
    [(0, "None of these runs has a screenshot"), (1, "where one was taken."), (2, "at a moment of the run.")],
)
def test_it_says_which_runs_have_screenshots(with_one: int, said: str) -> None:
    shown = [result(screenshots=[{}] if number < with_one else None) for number in range(2)]
    assert said in document._pictures(shown, words(ENGLISH))


def inputs(**changes: Any) -> document.Inputs:
    return replace(committed(), **changes)


@cache
def committed() -> document.Inputs:
    folders = [ROOT / "report" / "data" / one.run for one in _newest()]
    return document.inputs(ROOT, folders)


@cache
def rendered() -> dict[str, str]:
    return document.render(committed())


def _newest() -> list[RunResult]:
    results = [one for _, one in load_all(ROOT / "report" / "data")]
    steps, _ = load()
    return [one for step in steps if step.plan and (one := step.newest(results)) is not None]


def test_what_has_no_result_is_named_as_missing_and_not_invented() -> None:
    given = committed()
    without = {folder: one for folder, one in given.results.items() if one.strategy != "b" or one.scenario != "3"}
    text = document.render(replace(given, results=without))[document.REPORT]
    assert "- B: **missing**: there is no committed result of `run --strategy b --scenario 3`" in text
    assert "scenario 3 has no committed run" in text
    with pytest.raises(ExperimentError, match="no committed result of any scenario"):
        document.render(replace(given, results={}))


def test_what_could_not_be_run_is_in_it_as_failed() -> None:
    text = document.render(inputs(failures={"B 3": "the cluster was gone"}))[document.REPORT]
    assert "- B: **fail**, it could not be run: the cluster was gone" in text
    assert "scenario 3 could not be run: the cluster was gone" in text


def test_a_text_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match=r"there is no report/text/purpose\.md"):
        document.inputs(tmp_path, [])
    (tmp_path / "report").mkdir()
    copytree(ROOT / "report" / "text", tmp_path / "report" / "text")
    (tmp_path / "report" / "text" / "ko" / "guide.md").unlink()
    with pytest.raises(ExperimentError, match=r"there is no report/text/ko/guide\.md"):
        document.inputs(tmp_path, [])


def test_it_has_the_plans_parts() -> None:
    text = rendered()[document.REPORT]
    parts = [line for line in text.splitlines() if line.startswith("## ")]
    assert parts == [
        "## 1. Summary",
        "## 2. Environment",
        "## 3. Results by scenario",
        "## 4. The strategies beside each other",
        "## 5. Problems found",
        "## 6. Conclusions",
    ]
    sections = [line.split(":")[0] for line in text.splitlines() if line.startswith("### Scenario ")]
    plans = ("1", "2", "3", "4", "4-static", "5", "5-argo")
    assert sections == [f"### Scenario {name}" for name in plans]


def test_the_committed_report_is_made_of_the_committed_results() -> None:
    assert command.differing(ROOT, command.made(ROOT)) == [], "python -m experiments report"


def test_it_is_written_and_what_is_shown_no_more_is_removed(tmp_path: Path) -> None:
    (tmp_path / "report" / "plots").mkdir(parents=True)
    (tmp_path / "report" / "plots" / "old.lag.svg").write_text("")
    files = {"test-report.md": "# Report\n", "plots/new.lag.svg": "<svg/>\n"}
    assert command.differing(tmp_path, files) == ["test-report.md", "plots/new.lag.svg", "plots/old.lag.svg"]
    command.write(tmp_path, files)
    assert command.differing(tmp_path, files) == []


def test_a_drawing_is_the_same_for_the_same_values() -> None:
    def drawn() -> str:
        drawing = Drawing("Lag <of a run>", x=(0, 12), y=(0, 110))
        drawing.axes("s", "records")
        drawing.line([(0, 0), (5, 100), (12, 3)], "#000000")
        drawing.dots([(1, 2)], "#000000")
        drawing.bar(1, 2, 50, "#000000", faint=True)
        drawing.upright(5, "#000000", "granted", level=1)
        return drawing.svg()

    text = drawn()
    assert text == drawn()
    assert "Lag &lt;of a run&gt;" in text
    assert [tick for tick in ("0", "2", "4", "6", "8", "10", "12") if f">{tick}</text>" not in text] == []


def test_the_plots_of_a_run_are_small() -> None:
    files = {name: text for name, text in rendered().items() if name.endswith(".svg")}
    assert len(files) > 10
    assert max(len(text) for text in files.values()) < 16_000
    assert {name.split(".")[1] for name in files} == {"lag", "handoffs", "gaps", "timeline"}


def test_expected_is_read_from_its_file() -> None:
    content = json.loads((ROOT / "report" / "expected.json").read_text())
    content["strategies"]["c"]["rollback_seconds"] = [77, 78]
    assert "77 to 78" in document.render(inputs(expected=content))[document.REPORT]
