"""The figures of a Markdown text, and what each is named by. Pure.

A figure is a number that says how much of something there is: one with a unit, with decimals, with a thousands
separator, before a word that is counted (`lost`, `rebalances`), or alone in a table's cell. Numbers of versions, dates,
sections and settings in code are none. It is named by a comment that Markdown readers do not show:

- `36 ms<!--= RUN switches[].handoff_seconds : median in ms -->`: the value of a result, a JMESPath expression
  (https://jmespath.org). More figures before one comment, `58 / 123<!--= … : median, worst in ms -->`, are named in
  their order; several sources, `RUN+RUN`, are added up;
- `10 s<!-- given: drainTimeoutSeconds -->`: not measured but asked for or promised, by what stands there;
- `<!-- given (why): 100 records/s; 8 GB of memory -->` anywhere: the same for each place where these words stand;
- `<!-- results: c = RUN; … -->` anywhere: short names of runs for this text;
- `<!-- output: KIND RUN -->` before a block of code: the block is what a command prints about that run;
- `<!-- quoted: SOURCE EXPRESSION -->` before a block of code: the block has the words that a result has there.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_UNIT = (
    r"(?:ms|µs|ns|s|seconds?|min|minutes?|h|hours?|records?(?:/s)?|messages?(?:/s)?|/s|/min|%|"
    r"[kKMG]i?B|bytes|CPU seconds|times|additions|lines|tests|points|defects)"
)
#: The same in Korean, where particles are written right behind a unit: what follows is another word where it is named.
_KOREAN = r"(?:초(?!과)|밀리초|분(?!의|기)|시간|건|회(?!복)|번(?!째|호)|배(?!포)|줄|바이트|퍼센트)"
_COUNTED = (
    r"(?:lost|duplicates?|dual active|zombies?|rebalances?|handled|acknowledged|acked|assignments|of every|in each|"
    r"worst|median)"
)
#: What is a figure. A number right behind a letter, a dot or a sign of a name is part of that name. Words are those of
#: ASCII: a Korean particle may follow anything (`36 ms로`).
_FIGURE = re.compile(
    rf"(?<![\w.§#/@:=$-])(?<!\d[,.])"
    rf"(?:(?P<unit>{_NUMBER})(?:\s|-)?(?:{_UNIT}(?![\w/])|{_KOREAN})|(?P<counted>{_NUMBER})\s{_COUNTED}\b|"
    rf"(?P<thousands>\d{{1,3}}(?:,\d{{3}})+)(?![\w.,]*\w)|(?P<decimal>\d+\.\d+)(?![\w.]*\w))",
    re.ASCII,
)
#: A cell of numbers alone, but for a row's first one, which is its name.
_CELL = re.compile(
    rf"(?<=\|)(?<!^\|)\s*(?P<numbers>{_NUMBER}(?:\s*(?:/|·|\u2013|,|\(|to)\s*{_NUMBER}\)?)*)\s*(?:<!--.*?-->\s*)*(?=\|)",
    re.MULTILINE,
)
_SOME = re.compile(rf"(?<![\w.]){_NUMBER}(?!\w)", re.ASCII)
_COMMENT = re.compile(r"<!--(?P<said>.*?)-->", re.DOTALL)
_MARK = re.compile(
    r"=\s*(?P<sources>\S+)\s+(?P<expression>.+?)(?:\s+:\s+(?P<statistics>[\w, ]+?))?"
    r"(?:\s+in\s+(?P<unit>ms|s|min|%|MiB))?\s*",
    re.DOTALL,
)
_GIVEN = re.compile(r"\s*given(?:\s*\((?P<why>[^)]*)\))?:\s*(?P<what>.+?)\s*", re.DOTALL)
_RESULTS = re.compile(r"\s*results:\s*(?P<names>.+?)\s*", re.DOTALL)
_OUTPUT = re.compile(r"\s*(?P<how>output|quoted):\s*(?P<first>\S+)\s+(?P<second>.+?)\s*")
_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
_GENERATED = re.compile(r"<!-- generated.*?<!-- end of what is generated -->", re.DOTALL)
_SECTION = re.compile(r"^#+ +(\d+\.\d+) ", re.MULTILINE)
_HIDDEN = (
    re.compile(r"\[[\d.]+(?:(?: (?:to|and) |\u2013)[\d.]+)?\](?=\()"),  # a link that is called by a section's number
    re.compile(r"(?<= )\d+\.\d+(?=\]\([^)\s]*#\d)"),  # the same behind a word
    re.compile(r"(?<=\])\([^)\s]*(?:\s+\"[^\"]*\")?\)"),  # where a link leads to
    re.compile(r"^#+ +[\d.]+ ", re.MULTILINE),  # a heading's number
)
_CODE = re.compile(r"`[^`\n]+`")
_TIME = re.compile(r"\d\.\d+ m?s\b")


@dataclass(frozen=True, slots=True)
class Mark:
    """A name of figures. statistics: one for each; without any, the expression's value itself."""

    sources: tuple[str, ...]
    expression: str
    statistics: tuple[str, ...]
    unit: str

    @property
    def count(self) -> int:
        """How many figures it names."""
        return max(1, len(self.statistics))


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures that stand together. mark: what they are named by; None without a name. text: as they stand there.
    places: of the numbers in the page; none without a name.
    """

    line: int
    text: str
    numbers: tuple[str, ...]
    mark: Mark | None
    places: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Output:
    """A block of code that says to be what a command prints about a run: kind and run; or to have the words of a
    result: source and expression.
    """

    line: int
    quoted: bool
    first: str
    second: str
    body: str


@dataclass(frozen=True, slots=True)
class Page:
    """What there is in a text. wrong: comments that are none of these, and what is given and stands nowhere."""

    figures: tuple[Figures, ...]
    outputs: tuple[Output, ...]
    aliases: dict[str, str]
    wrong: tuple[str, ...]


def read(text: str) -> Page:
    """The figures of a Markdown text."""
    bare = _blanked(text, _GENERATED)
    aliases, given, wrong = _said_of_the_page(_blanked(bare, _FENCE))
    outputs = list(_outputs(bare))
    blocks = [(found.start(), found.end()) for found in _FENCE.finditer(bare)]
    named: list[tuple[int, int]] = []
    shown = _blanked(bare, _COMMENT)
    for words, line in given:
        spans = [found.span() for found in re.finditer(re.escape(words), shown)]
        if not spans:
            wrong.append(f"line {line}: {words!r} is given, and stands nowhere")
        named += spans
    prose = _blanked(bare, _FENCE)
    for pattern in _HIDDEN:
        prose = _blanked(prose, pattern)
    # Code is no text, but for a time that a program told.
    prose = _CODE.sub(lambda found: found[0] if _TIME.search(found[0]) else " " * len(found[0]), prose)
    figures: list[Figures] = []
    for comment in _COMMENT.finditer(prose):
        said, line = comment["said"], _line(text, comment.start())
        if said.startswith("="):
            mark = _mark(said)
            if mark is None:
                wrong.append(f"line {line}: <!--{said}--> is no name of a figure")
                continue
            numbers = _before(prose, comment.start(), mark.count)
            if len(numbers) < mark.count:
                wrong.append(f"line {line}: {mark.count} figures are named, and {len(numbers)} stand before it")
                continue
            named.append((numbers[0][0], comment.end()))
            words = text[numbers[0][0] : comment.start()]
            figures.append(Figures(line, words, _texts(text, numbers), mark, tuple(numbers)))
        elif (inline := _GIVEN.fullmatch(said)) and inline["why"] is None:
            if numbers := _before(prose, comment.start(), 1):
                named.append((numbers[0][0], comment.end()))
            else:
                wrong.append(f"line {line}: nothing is given before {comment[0]}")
    prose = _blanked(prose, _COMMENT)
    sections = set(_SECTION.findall(text))
    places = {place for place in _in_prose(prose) if text[slice(*place)] not in sections}
    places |= set(_in_blocks(bare, blocks, outputs))
    figures += [
        Figures(_line(text, start), text[start:end].strip(), (), None)
        for start, end in places
        if not any(first < end and start < last for first, last in named)
        and not any(first <= start and end <= last for first, last in places - {(start, end)})
    ]
    return Page(tuple(sorted(figures, key=lambda one: one.line)), tuple(outputs), aliases, tuple(wrong))


def _said_of_the_page(text: str) -> tuple[dict[str, str], list[tuple[str, int]], list[str]]:
    aliases: dict[str, str] = {}
    given: list[tuple[str, int]] = []
    wrong: list[str] = []
    for comment in _COMMENT.finditer(text):
        line = _line(text, comment.start())
        if (found := _GIVEN.fullmatch(comment["said"])) and found["why"] is not None:
            given += [(words.strip(), line) for words in found["what"].split(";") if words.strip()]
        elif results := _RESULTS.fullmatch(comment["said"]):
            for pair in results["names"].split(";"):
                name, equals, run = (part.strip() for part in pair.partition("="))
                if not (name and equals and run):
                    wrong.append(f"line {line}: {pair.strip()!r} is not NAME = RUN")
                    continue
                aliases[name] = run
    return aliases, given, wrong


def _mark(said: str) -> Mark | None:
    found = _MARK.fullmatch(said)
    if found is None:
        return None
    statistics = tuple(word.strip() for word in (found["statistics"] or "").split(",") if word.strip())
    return Mark(tuple(found["sources"].split("+")), found["expression"].strip(), statistics, found["unit"] or "")


def _before(prose: str, end: int, count: int) -> list[tuple[int, int]]:
    """The last numbers before a place, on its line, behind what was named before."""
    edges = ((prose.rfind(edge, 0, end), len(edge)) for edge in ("\n", "-->", "|"))
    start = max((place + length for place, length in edges if place >= 0), default=0)
    return [(start + found.start(), start + found.end()) for found in _SOME.finditer(prose[start:end])][-count:]


def _texts(text: str, places: list[tuple[int, int]]) -> tuple[str, ...]:
    return tuple(text[start:end] for start, end in places)


def _in_prose(prose: str) -> Iterator[tuple[int, int]]:
    for found in _FIGURE.finditer(prose):
        yield found.span()
    for found in _CELL.finditer(prose):
        yield found.span("numbers")


def _in_blocks(text: str, blocks: list[tuple[int, int]], outputs: list[Output]) -> Iterator[tuple[int, int]]:
    """In what a program printed, numbers with decimals; commands and what stands under a name of its own have none."""
    named = {output.line for output in outputs}
    for start, end in blocks:
        block = text[start:end]
        if block.lstrip().startswith("```sh") or _line(text, start) in named:
            continue
        for found in re.finditer(r"(?<![\w.:/-])\d+\.\d+(?![\w.]*[\w/])", block):
            yield start + found.start(), start + found.end()


def _outputs(text: str) -> Iterator[Output]:
    for comment in _COMMENT.finditer(_blanked(text, _FENCE)):
        if (said := _OUTPUT.fullmatch(comment["said"])) is None:
            continue
        block = _FENCE.search(text, comment.end())
        if block is not None and not text[comment.end() : block.start()].strip():
            quoted = said["how"] == "quoted"
            yield Output(_line(text, block.start()), quoted, said["first"], said["second"], block["body"])


def _blanked(text: str, pattern: re.Pattern[str]) -> str:
    """The text with what a pattern finds made blank, everything in its place."""
    return pattern.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
