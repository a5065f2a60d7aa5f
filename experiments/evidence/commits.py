"""By which commit the runs were made that a table compares, as a line below it. Pure.

Figures of one commit and of another may differ because the program does, and those of a platform on which more is
running because the machine is busier. So a table whose figures are of such runs has a line of what each was made by:

    <!-- commits -->…

It is written, never by hand: `evidence --renew`, `evidence --footnotes`, and by the report for its own tables.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from experiments.evidence import figures
from experiments.evidence.sources import SourceError, Sources

_MARKER = "<!-- commits -->"
#: A table, with the line below it where there is one.
_TABLE = re.compile(rf"(?P<table>(?:^[ ]*\|.*\n)+)(?P<note>\n[ ]*{re.escape(_MARKER)}.*\n)?", re.MULTILINE)
_DIRTY = "-dirty"
#: The words by language: before the runs, and for what is said of some of them.
_WORDS = {
    "en": {
        "head": "The runs of this table are not of one commit and platform:",
        "dirty": "with changes that are in no commit",
        "unknown": "a commit that is not known",
        "with": "with {}",
        "logs": "a log store",
        "alerts": "alerts",
        "screenshots": "pictures taken",
    },
    "ko": {
        "head": "이 표의 실행들은 커밋이나 플랫폼이 서로 다르다:",
        "dirty": "커밋되지 않은 변경 포함",
        "unknown": "커밋을 알 수 없음",
        "with": "{} 포함",
        "logs": "로그 저장소",
        "alerts": "알람",
        "screenshots": "스크린샷 촬영",
    },
}


def footnoted(text: str, sources: Sources, language: str) -> str:
    """A text with the lines below its tables as they should be."""
    aliases = figures.read(text).aliases

    def anew(found: re.Match[str]) -> str:
        table = found["table"]
        note = _note(dict.fromkeys(_runs(table, aliases)), sources, _WORDS[language])
        indent = table[: len(table) - len(table.lstrip(" "))]
        return f"{table}\n{indent}{_MARKER}{note}\n" if note else table

    return _TABLE.sub(anew, text)


def language_of(path: Path) -> str:
    """Of a text, by where it is."""
    return "ko" if "ko" in path.parts or path.stem.endswith(".ko") else "en"


def _runs(table: str, aliases: Mapping[str, str]) -> Iterator[str]:
    """Those that a table's figures are of."""
    for one in figures.read(table).figures:
        for source in one.mark.sources if one.mark else ():
            first = source.partition("/")[0]
            yield aliases.get(first, first)


def _note(runs: Iterable[str], sources: Sources, words: Mapping[str, str]) -> str:
    """What is said of these runs; empty if they are of one commit and platform."""
    groups: dict[str, list[str]] = {}
    for run in runs:
        try:
            result = sources.content(run)
        except SourceError:
            continue  # no run, or one that the check of the figures finds
        if isinstance(result, Mapping) and "environment" in result:
            groups.setdefault(_made_by(result, words), []).append(run)
    if len(groups) < 2:
        return ""
    told = [f"{group}: {', '.join(f'`{run}`' for run in sorted(of_group))}" for group, of_group in groups.items()]
    return f"{words['head']} {'; '.join(sorted(told))}."


def _made_by(result: Mapping[str, Any], words: Mapping[str, str]) -> str:
    """A run's commit, and what else was running for it."""
    commit = result["environment"].get("commit")
    said = [f"`{commit.removesuffix(_DIRTY)}`" if commit else words["unknown"]]
    said += [words["dirty"]] * bool(commit and commit.endswith(_DIRTY))
    besides = [words[key] for key in ("logs", "alerts", "screenshots") if result.get(key)]
    return ", ".join([*said, *([words["with"].format(", ".join(besides))] if besides else [])])
