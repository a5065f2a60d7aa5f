"""The report's words: every language has all of them, and what is told in English elsewhere has its translation."""

import json
import re
from pathlib import Path

import pytest

from experiments.campaign.steps import load
from experiments.errors import ExperimentError
from experiments.logs.items import ITEMS
from experiments.reporting import environment
from experiments.reporting import words as package
from experiments.reporting.words import ENGLISH, LANGUAGES, Words, values_of, words
from experiments.scenarios import SCENARIOS

ROOT = Path(__file__).parents[3]
OTHERS = [language for language in LANGUAGES if language != ENGLISH]


def told_in_english() -> set[str]:
    """What the report takes from elsewhere: titles, reasons, and the words of expected.json."""
    steps, left_out = load()
    expected = json.loads((ROOT / "report" / "expected.json").read_text())
    found = {SCENARIOS[step.scenario].title for step in steps if step.plan}
    found |= {why for why in (*(one.why for one in steps), *(one.why for one in left_out)) if why}
    shown = {step.strategy for step in steps}
    for letter in shown:
        said, author = expected["strategies"][letter], expected["measured_by_author"].get(letter, {})
        found |= {said["message_safety"]}
        values = [*said["switch_seconds"].values(), said["rollback_seconds"]]
        found |= {value for value in values if isinstance(value, str)}
        if isinstance(ways := author.get("estimate_switch_seconds"), dict):
            found |= {way.replace("_", " ") for way in ways}
    for item in ITEMS:
        found.add(item.plan)
        for asked in (item.consumers, item.connectors):
            found |= {asked.normal.words, asked.bad}
    found |= {component.stands_in for component in environment.components()}
    return found - {""}


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_has_every_word_with_its_values(language: str) -> None:
    english, other = words(ENGLISH).fixed, words(language).fixed
    assert english.keys() - other.keys() == set(), f"missing in {language}.toml"
    assert other.keys() - english.keys() == set(), f"missing in {ENGLISH}.toml"
    for key, text in english.items():
        assert values_of(other[key]) == values_of(text), f"{key} in {language}.toml"
        assert other[key].strip(), f"{key} in {language}.toml is empty"


@pytest.mark.parametrize("language", OTHERS)
def test_what_is_told_in_english_elsewhere_is_translated(language: str) -> None:
    there = words(language).of_english
    assert there is not None
    assert told_in_english() - there.keys() == set(), f"missing under [said] in {language}.toml"
    assert there.keys() - told_in_english() == set(), f"nobody says this any more: [said] in {language}.toml"


def test_every_word_that_is_asked_for_is_there() -> None:
    asked = 0
    for file in sorted(Path(package.__file__).parents[1].glob("*.py")):
        for key in re.findall(r'(?:words|said)\(\s*["\'](\w+\.[\w ]+)["\']', file.read_text()):
            assert key in words(ENGLISH).fixed, f"{file.name}: {key}"
            asked += 1
    assert asked > 50


def test_a_word_that_is_missing_is_named() -> None:
    few = Words("xx", {"summary.lost": "{count} lost"}, {"fast": "rapide"})
    assert few("summary.lost", count=3) == "3 lost"
    assert (few.said("fast"), few.said("")) == ("rapide", "")
    with pytest.raises(ExperimentError, match=r"summary\.found is not among the report's words in xx\.toml"):
        few("summary.found")
    with pytest.raises(ExperimentError, match=r"xx\.toml has no words under \[said\] for 'slow'"):
        few.said("slow")
    with pytest.raises(ExperimentError, match=r"there is no xx\.toml"):
        words("xx")
