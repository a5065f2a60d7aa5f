"""How complex a strategy is to build and to run, as high, medium or low by a stated measure. Pure, but for `steps_of`.

- to build: its own lines (`experiments.lines`), without what all strategies share;
- to run: the kinds of programs that take part in a switch, by what ran in a measured run, and the commands that a
  switch and its way back take by hand, by the page that shows them. The worse of the two counts.

Words can be compared with the design document's; the figures stand beside them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from experiments.results import Measured

Word = Literal["low", "medium", "high"]

WORDS: tuple[Word, ...] = ("low", "medium", "high")
#: What is medium from this figure on, and what is high.
LINES, PARTS, STEPS = (200, 1000), (4, 6), (8, 16)
#: The sections of a page that does a switch by hand that count, by their headings.
SECTIONS = ("Switch", "Roll back")

# Not the test bed, nor what watches it, nor what every cluster with Kafka has.
_OF_A_SWITCH = frozenset({"consumer", "sidecar", "controller", "kafka-connect", "connect-operator", "argo-rollouts"})
_IMAGE = "image "
_HEADING = re.compile(r"^#+ (?:[\d.]+\s+)?(?P<title>.+)$")
_FENCE = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Complexity:
    """lines: own ones. parts: kinds of programs that take part. steps: commands by hand. None: not known."""

    lines: int
    parts: int | None
    steps: int | None

    @property
    def to_build(self) -> Word:
        return _word(self.lines, LINES)

    @property
    def to_run(self) -> Word | None:
        words = [
            _word(value, limits) for value, limits in ((self.parts, PARTS), (self.steps, STEPS)) if value is not None
        ]
        return max(words, key=WORDS.index, default=None)


def _word(value: int, limits: tuple[int, int]) -> Word:
    return WORDS[sum(value >= limit for limit in limits)]


def measure() -> str:
    """The measure, for people."""

    def said(what: str, limits: tuple[int, int]) -> str:
        return f"{what}: medium from {limits[0]} on, high from {limits[1]} on"

    return (
        f"Complexity to build, by {said('its own lines', LINES)}. To run, by the worse of "
        f"{said('kinds of programs that take part in a switch', PARTS)}; "
        f"{said('commands for a switch and its way back by hand, as the tutorial has them', STEPS)}."
    )


def parts_of(environment: Mapping[str, Measured]) -> int | None:
    """The kinds of programs that took part in a run's switches, by its containers; None if the run does not say."""
    containers = {name.removeprefix(_IMAGE) for name in environment if name.startswith(_IMAGE)}
    return len(containers & _OF_A_SWITCH) if containers else None


def commands(page: str) -> int:
    """The commands of a page's sections that count: their lines in blocks of shell, without comments and without what
    a line goes on with. 0 if it has no such section.
    """
    found, going_on = 0, False
    for body in _sections(page):
        for block in _FENCE.findall(body):
            for line in block.splitlines():
                bare = line.strip()
                found += bool(bare) and not bare.startswith("#") and not going_on
                going_on = bare.endswith("\\")
    return found


def _sections(page: str) -> list[str]:
    """The texts of the sections that count. A line of a block that begins with `#` is no heading."""
    found: list[list[str]] = []
    counts, in_block = False, False
    for line in page.splitlines(keepends=True):
        in_block ^= line.startswith("```")
        if not in_block and (heading := _HEADING.match(line)):
            counts = heading["title"].strip() in SECTIONS
            if counts:
                found.append([])
        elif counts:
            found[-1].append(line)
    return ["".join(lines) for lines in found]


def steps_of(page: str, tutorial: Path) -> int | None:
    """The commands of a switch and its way back by hand; None if no page shows them. page: a pattern of its file's
    name; empty for none.
    """
    pages = sorted(tutorial.glob(page)) if page else []
    return sum(commands(page.read_text()) for page in pages) or None
