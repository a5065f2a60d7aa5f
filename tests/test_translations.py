"""The Korean texts say what the English ones say: the same sections, commands, figures, code, links, tables.

`python -m tests.test_translations` puts the English blocks of code into the Korean texts and says what else differs.
"""

import re
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.support.translations import Text, differences, with_blocks_of

ROOT = Path(__file__).resolve().parents[1]
#: Korean pages by the English ones that they translate, below the repository.
PAIRS = {
    "README.md": "README.ko.md",
    "report/test-report.md": "report/test-report.ko.md",
    **{
        str(page.relative_to(ROOT)): str((page.parent / "ko" / page.name).relative_to(ROOT))
        for folder in ("tutorial", "report/text")
        for page in sorted((ROOT / folder).glob("*.md"))
    },
}
ORIGINAL = {korean: english for english, korean in PAIRS.items()}
#: What is not translated is no prose: blocks, comments, code, where links lead to.
ENGLISH = re.compile(r"(?:\b[A-Za-z][a-z']*\b[ ,;:]+){5}[A-Za-z]")
HANGUL = re.compile("[\uac00-\ud7a3]")


@cache
def read(place: str) -> str:
    return (ROOT / place).read_text(encoding="utf-8")


def prose(text: str) -> str:
    """A page without what is the same in every language; its lines stay where they are."""
    for pattern in (r"^ *```.*?^ *```$", r"<!--.*?-->", r"`[^`\n]+`", r"\]\([^)\s]+\)"):
        text = re.sub(pattern, lambda found: re.sub(r"[^\n]", "·", found[0]), text, flags=re.MULTILINE | re.DOTALL)
    return text


def original(place: str) -> str:
    return ORIGINAL.get(place, place)


def wrong(english: str, korean: str, text: str) -> list[str]:
    return differences(Text(english, read(english)), Text(korean, text), original, read)


@pytest.mark.parametrize("english", sorted(PAIRS))
def test_a_page_is_there_in_korean_and_lacks_nothing(english: str) -> None:
    korean = PAIRS[english]
    assert (ROOT / korean).is_file(), f"{english} has no translation: {korean}"
    assert wrong(english, korean, read(korean)) == []
    assert len(HANGUL.findall(read(korean))) > len(read(korean)) / 50, f"{korean} is not in Korean"


def test_there_is_no_korean_page_without_an_english_one() -> None:
    there = {
        str(page.relative_to(ROOT))
        for folder in ("tutorial/ko", "report/text/ko")
        for page in (ROOT / folder).glob("*")
    }
    assert there - ORIGINAL.keys() == set()


@pytest.mark.parametrize("korean", sorted(PAIRS.values()))
def test_nothing_of_a_korean_page_was_left_in_english(korean: str) -> None:
    """Six words in a row that are no code: also what the renderer would tell without asking for its words."""
    found = [
        f"line {number}: {words[0]}"
        for number, line in enumerate(prose(read(korean)).splitlines(), 1)
        if (words := ENGLISH.search(line))
    ]
    assert found == []


def _last_heading(text: str) -> str:
    return text[: text.rindex("\n## ")]


@pytest.mark.parametrize(
    ("english", "plant", "said"),
    [
        ("tutorial/02-first-switch.md", _last_heading, "sections: lacks ['## 2.9']"),
        (
            "tutorial/02-first-switch.md",
            lambda text: text.replace("pulumi up -s strategy-c", "pulumi up", 1),
            "blocks of code",
        ),
        (
            "tutorial/02-first-switch.md",
            lambda text: text.replace("`Superseded`", "대체됨"),
            "code: lacks ['Superseded']",
        ),
        (
            "tutorial/02-first-switch.md",
            lambda text: re.sub(r"^\| `Failed` .*\n", "", text, flags=re.MULTILINE),
            "tables",
        ),
        ("tutorial/02-first-switch.md", lambda text: text.replace("(07-under-fire.md)", "(08-see.md)"), "links"),
        ("tutorial/02-first-switch.md", lambda text: re.sub(r"<!-- quoted:.*-->\n", "", text), "name their result"),
        ("report/text/problems.md", lambda text: text.replace("284건", "283건"), "figures"),
        ("report/text/problems.md", lambda text: text.replace(" : median -->", " : worst -->"), "figures"),
        ("report/text/production.md", lambda text: text[: text.rindex("\n- ")], "lists"),
        ("report/test-report.md", lambda text: text.replace("## 5. ", "## 7. "), "sections"),
    ],
)
def test_what_is_missing_in_korean_is_found(english: str, plant: object, said: str) -> None:
    korean = PAIRS[english]
    assert callable(plant)
    planted = plant(read(korean))
    assert planted != read(korean)
    assert any(said in line for line in wrong(english, korean, planted)), wrong(english, korean, planted)


def test_blocks_of_code_are_taken_over_where_a_section_has_as_many() -> None:
    english = "## 1. One\n\n```sh\nnew\n```\n\n```\nsaid\n```\n\n## 2. Two\n\n```sh\nother\n```\n"
    korean = "## 1. 하나\n\n```sh\nold\n```\n\n```\nsaid\n```\n\n## 2. 둘\n"
    assert with_blocks_of(english, korean) == korean.replace("old", "new")
    assert with_blocks_of(english, korean.replace("## 2. 둘\n", "")) == korean.replace("## 2. 둘\n", "")


if __name__ == "__main__":
    for english, korean in PAIRS.items():
        if not (ROOT / korean).is_file():
            sys.stdout.write(f"{korean} is not there\n")
            continue
        (ROOT / korean).write_text(with_blocks_of(read(english), read(korean)), encoding="utf-8")
        read.cache_clear()
        sys.stdout.writelines(f"{korean}: {line}\n" for line in wrong(english, korean, read(korean)))
