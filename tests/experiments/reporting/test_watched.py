"""What the report says of the logs and alerts of a run: nothing that was not normal is left out."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.campaign.steps import Step
from experiments.evidence.sources import Sources
from experiments.evidence.texts import wrong_in
from experiments.reporting import scenario, watched
from experiments.reporting.told import Told
from experiments.reporting.words import ENGLISH, words
from experiments.results import RunResult
from tests.support.samples import result

STEP = Step("c", "1", (), True, "", {"membership": "takeover", "group_protocol": "classic", "rate": 100}, 2)
GOOD: dict[str, Any] = {"lines": 24, "bad": 0, "normal": True}
BAD: dict[str, Any] = {"lines": 24, "bad": 15, "normal": False}
FIRED = {
    "alert": "RecordsHandledAgain", "severity": "warning",
    "since": "2026-11-29T08:49:35.000Z", "until": "2026-11-29T08:49:40.000Z",
}  # fmt: skip


def run(before: dict[str, Any], after: dict[str, Any], fired: list[dict[str, str]]) -> RunResult:
    spans = {
        name: {"items": {"requests": said, "lease": GOOD}} for name, said in (("before", before), ("after", after))
    }
    alerts = {"from": "2026-11-29T08:49:34.399Z", "to": "2026-11-29T08:51:34.874Z", "rules": [], "fired": fired}
    return result(logs=spans, alerts=alerts)


def section(made: RunResult, folder: Path, explained: str = "") -> str:
    (folder / made.run).mkdir(exist_ok=True)
    (folder / made.run / "result.json").write_text(made.to_json())
    sources = Sources(folder)
    text = scenario.section(
        "1", [STEP], [], [made], told=Told(sources), text="", plots={}, failures={}, explained={"c": explained},
        words=words(ENGLISH),
    )  # fmt: skip
    assert wrong_in(text, sources, folder, {}) == []
    return text


def test_what_was_not_normal_is_told_with_its_counts(tmp_path: Path) -> None:
    text = section(run(BAD, GOOD, []), tmp_path)
    assert "- C: logs: **not normal** in the minute before: `requests`; alerts: none" in text
    (row,) = [line for line in text.splitlines() if line.startswith("| `requests`: ")]
    before, during, _, judged = (cell.strip() for cell in row.strip("|").split(" | ")[1:])
    assert before.startswith("24<!--= ")
    assert " · 15<!--= " in before
    assert " · 0<!--= " in during
    assert judged == "**no**, yes"


def test_an_alert_that_fired_is_told_with_its_times(tmp_path: Path) -> None:
    text = section(run(GOOD, GOOD, [FIRED]), tmp_path)
    assert "logs: normal, before and during it; alerts: **`RecordsHandledAgain` from `08:49:35` to `08:49:40`**" in text
    assert "the run had begun at `08:49:34`" in text


@pytest.mark.parametrize("made", [run(BAD, GOOD, []), run(GOOD, BAD, []), run(GOOD, GOOD, [FIRED])])
def test_what_is_not_normal_wants_an_explanation(made: RunResult, tmp_path: Path) -> None:
    assert not watched.is_normal(made)
    assert "**not explained yet**" in section(made, tmp_path)
    text = section(made, tmp_path, explained="A pod was starting.")
    assert "A pod was starting." in text
    assert "not explained" not in text


def test_what_is_normal_wants_none(tmp_path: Path) -> None:
    for made in (run(GOOD, GOOD, []), result()):
        assert watched.is_normal(made)
        text = section(made, tmp_path, explained="An old explanation.")
        assert "not explained" not in text
        assert "An old explanation." not in text


def test_a_measurement_in_words_is_not_left_out(tmp_path: Path) -> None:
    measured = {**result().measurements, "alerts_fired": "1: RecordsHandledAgain", "switch_wrong": None}
    text = section(result(measurements=measured), tmp_path)
    assert "| `alerts_fired` | `1: RecordsHandledAgain` |" in text
    assert "switch_wrong" not in text


def test_what_nobody_looked_at_is_told_as_that(tmp_path: Path) -> None:
    assert "- C: logs: no log store was there; alerts: not evaluated" in section(result(), tmp_path)
    unknown = replace(result(), logs={"error": "no answer"}, alerts={"error": "vmalert was away"})
    assert "logs: not known, no answer; alerts: not known, vmalert was away" in section(unknown, tmp_path)


def test_an_item_that_could_not_be_asked_for_is_not_called_normal(tmp_path: Path) -> None:
    unknown = {"lines": None, "bad": None, "normal": None, "error": "no answer"}
    text = section(run(unknown, GOOD, []), tmp_path)
    (row,) = [line for line in text.splitlines() if line.startswith("| `requests`: ")]
    assert "| - · - |" in row
    assert row.endswith("| not compared, yes |")
    assert "logs: **not normal** not known: `requests`" in text
