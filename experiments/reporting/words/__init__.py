"""The report's fixed words, one table a language: `en.toml`, `ko.toml` here."""

import string
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from experiments.errors import ExperimentError

#: The languages of the report. The first one is that in which scenarios, steps and results are told.
ENGLISH, KOREAN = "en", "ko"
LANGUAGES = (ENGLISH, KOREAN)
_TABLES = Path(__file__).parent
_SAID = "said"


class Words:
    """A language's words: fixed ones by their keys, and those of what is told in English elsewhere."""

    def __init__(self, language: str, fixed: Mapping[str, str], said: Mapping[str, str] | None) -> None:
        """fixed: by `section.key`. said: by the English words; None where English is what is to be told."""
        self.language, self.fixed, self.of_english = language, fixed, said

    def __call__(self, key: str, **values: object) -> str:
        """A fixed text with its values put in. Raises ExperimentError for a key that the table lacks."""
        if key not in self.fixed:
            raise ExperimentError(f"{key} is not among the report's words in {self.language}.toml")
        return self.fixed[key].format(**values)

    def said(self, english: str) -> str:
        """What a scenario, a step or expected.json says, in this language. Raises ExperimentError where the table does
        not have it.
        """
        if self.of_english is None or not english:
            return english
        if english not in self.of_english:
            raise ExperimentError(f"{self.language}.toml has no words under [{_SAID}] for {english!r}")
        return self.of_english[english]


@cache
def words(language: str) -> Words:
    """The words of a language. Raises ExperimentError if there is no table of it."""
    file = _TABLES / f"{language}.toml"
    if not file.is_file():
        raise ExperimentError(f"there is no {file.name} among the report's words: the report is told in {LANGUAGES}")
    sections: dict[str, dict[str, str]] = tomllib.loads(file.read_text(encoding="utf-8"))
    said = sections.pop(_SAID, None)
    fixed = {f"{section}.{key}": text for section, table in sections.items() for key, text in table.items()}
    return Words(language, fixed, said)


def values_of(text: str) -> set[str]:
    """The names of the values that a fixed text takes."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}
