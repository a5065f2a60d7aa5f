"""A newer run in the place of an older one: in the names of a text's figures, and so in the figures. Pure.

What the words around a figure say of it is for a person to read again.
"""

from collections.abc import Mapping
from pathlib import Path

from experiments.evidence import figures
from experiments.evidence.sources import SourceError, Sources
from experiments.evidence.texts import Printed, of_page, told_as, values_of


def renewed(text: str, runs: Mapping[str, str], sources: Sources, data: Path, printed: Printed) -> tuple[str, int]:
    """A text with these runs, older -> newer, in the place of each other, and how many of its figures are others.

    data: the folder of the runs. printed: as of `texts.wrong_in`. A figure that the newer run has not is left as it is,
    for the check to find.
    """
    for older, newer in runs.items():
        text = text.replace(older, newer)
    page = figures.read(text)
    changed = [
        (place, told)
        for one in page.figures
        for place, told in _told(one, page, sources)
        if text[slice(*place)] != told
    ]
    for (start, end), told in sorted(changed, reverse=True):
        text = text[:start] + told + text[end:]
    for output in page.outputs:
        run = data / of_page(output.second, page)
        if not output.quoted and output.first in printed and run.is_dir():
            text = text.replace(output.body, printed[output.first](run).strip("\n") + "\n")
    return text, len(changed)


def _told(one: figures.Figures, page: figures.Page, sources: Sources) -> list[tuple[tuple[int, int], str]]:
    """Where each of these figures stands, and what it should be; nothing where it has no name, or the name no value."""
    if one.mark is None:
        return []
    try:
        values = values_of(one.mark, page, sources)
    except SourceError:
        return []
    return [
        (place, told_as(value, number)) for place, number, value in zip(one.places, one.numbers, values, strict=True)
    ]
