"""An English text beside its translation: what the translation lacks or has too much, section by section. Pure.

Compared is what does not depend on the language: headings by level and number, what is typed and printed, figures with
their names, what is code, where links lead to, the sizes of tables and lists.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath

from experiments.evidence import figures

_FENCE = re.compile(r"^(?P<indent> *)```.*?^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#+) +((?:[A-Z]|\d+)(?:\.\d+)+(?= )|(?:[A-Z]|\d+)(?=\. ))?.*$", re.MULTILINE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_OF_BLOCK = re.compile(r"<!-- *((?:output|quoted|results): *.*?) *-->", re.DOTALL)
_CODE = re.compile(r"``?([^`\n]+)``?")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_TABLE = re.compile(r"(?:^\|.*\|$\n?)+", re.MULTILINE)
_ITEM = re.compile(r"^ *(?:-|\d+\.) ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Text:
    """A text at its place in the repository."""

    place: str
    content: str


def differences(
    english: Text, translation: Text, original: Callable[[str], str], read: Callable[[str], str]
) -> list[str]:
    """What differs, a line each. original: of a place, that of the English text which it translates; itself for others.
    read: the content at a place.
    """
    found = []
    ours, theirs = _sections(english.content), _sections(translation.content)
    names, others = ([_heading(section) for section in sections] for sections in (ours, theirs))
    if names != others:
        return [f"sections: {_apart(names, others)}"]
    for one, other in zip(ours, theirs, strict=True):
        title = other.splitlines()[0] if other else "the beginning"
        links = [
            {_link(target, text.place, original, read) for target in _LINK.findall(_prose(section))}
            for text, section in ((english, one), (translation, other))
        ]
        if links[0] != links[1]:
            found.append(f"{title}: links: {_apart(sorted(links[0]), sorted(links[1]))}")
        for what, of in _COMPARED:
            before, now = of(one), of(other)
            if before != now:
                found.append(f"{title}: {what}: {_apart(before, now)}")
    return found


def with_blocks_of(english: str, translation: str) -> str:
    """A translation with the English text's blocks of code in the place of its own, section by section; a section that
    has another number of them stays, for somebody has to say where they belong.
    """
    ours, theirs = _sections(english), _sections(translation)
    if [_heading(one) for one in ours] != [_heading(other) for other in theirs]:
        return translation
    return "".join(_with_blocks(one, other) for one, other in zip(ours, theirs, strict=True))


def _with_blocks(english: str, translation: str) -> str:
    blocks = _blocks(english)
    if len(blocks) != len(_blocks(translation)):
        return translation
    following = iter(blocks)
    return _FENCE.sub(lambda _: next(following), translation)


def _sections(text: str) -> list[str]:
    """A text cut before each of its headings."""
    blank = _FENCE.sub(lambda fence: re.sub(r"[^\n]", " ", fence[0]), text)
    starts = [0, *(heading.start() for heading in _HEADING.finditer(blank) if heading.start()), len(text)]
    return [text[start:end] for start, end in pairwise(starts)]


def _heading(section: str) -> str:
    found = _HEADING.match(section)
    return f"{found[1]} {found[2] or ''}".strip() if found else ""


def _prose(section: str) -> str:
    return _COMMENT.sub("", _FENCE.sub("", section))


def _blocks(section: str) -> list[str]:
    return [found[0] for found in _FENCE.finditer(section)]


def _figures(section: str) -> list[str]:
    """Named ones: their numbers and their name. In any order: languages have their own."""
    found = [one for one in figures.read(section).figures if one.mark is not None]
    return sorted(f"{', '.join(one.numbers)} ({one.mark})" for one in found)


def _named_blocks(section: str) -> list[str]:
    return [" ".join(said.split()) for said in _OF_BLOCK.findall(section)]


def _code(section: str) -> list[str]:
    return sorted(set(_CODE.findall(_prose(section))))


def _tables(section: str) -> list[str]:
    """Rows and columns of each; a bar in code is none."""
    return [
        f"{len(rows)} x {rows[0].replace(chr(92) + '|', '').count('|') - 1}"
        for table in _TABLE.findall(_prose(section))
        if (rows := table.strip().splitlines())
    ]


def _items(section: str) -> str:
    return f"{len(_ITEM.findall(_prose(section)))} items"


_COMPARED: Sequence[tuple[str, Callable[[str], object]]] = (
    ("blocks of code", _blocks),
    ("figures", _figures),
    ("blocks that name their result", _named_blocks),
    ("code", _code),
    ("tables", _tables),
    ("lists", _items),
)


def _link(target: str, place: str, original: Callable[[str], str], read: Callable[[str], str]) -> str:
    """Where a link leads to, as it is called in English: the file, and which of its headings."""
    if re.match(r"[a-z]+:", target):
        return target
    file, _, anchor = target.partition("#")
    path = _normal(PurePosixPath(place).parent / file) if file else place
    if not anchor or not path.endswith(".md"):
        return original(path)
    headings = [_anchor(heading[0].lstrip("# ")) for heading in _HEADING.finditer(_FENCE.sub("", read(path)))]
    return f"{original(path)} heading {headings.index(anchor) + 1 if anchor in headings else anchor}"


def _normal(path: PurePosixPath) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


def _anchor(heading: str) -> str:
    """By GitHub's rule: lower case, no punctuation, hyphens for spaces."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def _apart(before: object, now: object) -> str:
    """Two values' difference in few words."""
    if isinstance(before, list) and isinstance(now, list):
        first, second = Counter(before), Counter(now)
        if first != second:
            return f"lacks {list((first - second).elements())}, has besides {list((second - first).elements())}"
    return f"{before} in English, {now} here"
