"""Texts against results: each figure has a name, and is what its name leads to."""

from collections.abc import Callable, Mapping
from pathlib import Path

from experiments.evidence import figures
from experiments.evidence.figures import Figures, Mark, Output, Page
from experiments.evidence.sources import SourceError, Sources

#: What a block of code can say to be: by its kind, what is printed about a run's folder.
Printed = Mapping[str, Callable[[Path], str]]


def wrong_in(text: str, sources: Sources, data: Path, printed: Printed, *, named: bool = True) -> list[str]:
    """What is wrong with a text's figures, a line each. named: whether one without a name is wrong.

    data: the folder of the runs.
    """
    page = figures.read(text)
    found = [*page.wrong]
    for one in page.figures:
        if one.mark is not None:
            found += [f"line {one.line}: {wrong}" for wrong in _compared(one, one.mark, page, sources)]
        elif named:
            found.append(f"line {one.line}: {one.text!r} has no name: it is a figure of no result")
    for output in page.outputs:
        wrong = _quoted(output, page, sources) if output.quoted else _printed(output, page, data, printed)
        found += [f"line {output.line}: {wrong}"] * bool(wrong)
    return found


def _quoted(output: Output, page: Page, sources: Sources) -> str:
    """What is wrong with a block that quotes a result; empty if nothing is."""
    try:
        words = sources.value(of_page(output.first, page), output.second)
    except SourceError as error:
        return str(error)
    return "" if str(words) in output.body else f"the block does not have {words!r}, as {output.first} has"


def _printed(output: Output, page: Page, data: Path, printed: Printed) -> str:
    """What is wrong with a block that shows what a command prints; empty if nothing is."""
    run = of_page(output.second, page)
    if output.first not in printed:
        return f"output {output.first!r} is none of {', '.join(printed)}"
    if not (data / run).is_dir():
        return f"there is no run {run}"
    if printed[output.first](data / run).strip() != output.body.strip():
        return f"it is not what `{output.first}` prints of {run}"
    return ""


def _compared(one: Figures, mark: Mark, page: Page, sources: Sources) -> list[str]:
    try:
        values = values_of(mark, page, sources)
    except SourceError as error:
        return [f"{one.text.strip()!r}: {error}"]
    return [
        f"{printed} is {told_as(value, printed)} by {'+'.join(mark.sources)} {mark.expression}"
        for printed, value in zip(one.numbers, values, strict=True)
        if printed != told_as(value, printed)
    ]


def values_of(mark: Mark, page: Page, sources: Sources) -> list[float]:
    """What a name on a page leads to: one value for each figure. Raises SourceError."""
    names = tuple(of_page(source, page) for source in mark.sources)
    return sources.numbers(names, mark.expression, mark.statistics, mark.unit)


def of_page(source: str, page: Page) -> str:
    """A source by its full name, where the page has a short one for its run."""
    first, slash, rest = source.partition("/")
    return page.aliases.get(first, first) + slash + rest


def told_as(value: float, like: str) -> str:
    """A value with as many decimals as a figure has, and its thousands separated if that one's are."""
    decimals = len(like.partition(".")[2])
    return f"{value:{',' if ',' in like else ''}.{decimals}f}"
