"""How many lines the strategies share and how many each has to itself, file by file. Pure, but for `read`; whose a file
is, each strategy says itself (`owners`).

A line counts when there is something on it besides a comment. Counted is what is deployed and what runs: the program,
its components and stacks, and the workloads; not the test bed, not the tests, not what is generated.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from components.settings import registry
from components.strategies.base import strategy
from experiments.tables import markdown

SHARED, STAND_IN = "shared", "stand-in"
_COUNTED = ("__main__.py", "Pulumi.yaml", "components/**/*.py", "components/**/*.yaml", "stacks/*.yaml")
_WORKLOADS = ("workloads/**/*.py",)
#: Kinds of others as they come with a release, and what is written from a list that is counted.
_GENERATED = (
    "components/files/argo/*",
    "components/files/keda/*",
    "components/observability/files/*alert*.yaml",
    "components/observability/files/prometheus-rule.yaml",
)


@dataclass(frozen=True, slots=True)
class Counted:
    """A file's lines. owner: a strategy's letter, `shared`, or `stand-in`."""

    path: str
    lines: int
    owner: str


def owners() -> dict[str, tuple[str, ...]]:
    """By owner, the patterns of the paths of its files, as every built strategy says them. What only stands in for a
    part that a cluster of one's own has is nobody's own, and comes first.
    """
    built = [strategy(letter) for letter in sorted(registry.models())]
    stand_ins = tuple(pattern for one in built for pattern in one.stand_ins)
    return {STAND_IN: stand_ins, **{one.letter: one.own_paths for one in built}}


def owner(path: str, own: Mapping[str, Sequence[str]]) -> str:
    """Whose a file is, by its path in the repository. own: as in `owners`; the first pattern that matches says it, and
    what none matches is shared.
    """
    for letter, patterns in own.items():
        if any(fnmatch(path, pattern) for pattern in patterns):
            return letter
    return SHARED


def code_lines(text: str) -> int:
    """Lines that are neither empty nor a comment; a docstring is part of the code."""
    return sum(1 for line in text.splitlines() if (bare := line.strip()) and not bare.startswith("#"))


def count(files: Iterable[tuple[str, str]], own: Mapping[str, Sequence[str]]) -> list[Counted]:
    """files: paths in the repository and their texts. own: as in `owners`."""
    return [Counted(path, code_lines(text), owner(path, own)) for path, text in files]


def total(counted: Iterable[Counted], whose: str) -> int:
    """The lines of an owner together."""
    return sum(file.lines for file in counted if file.owner == whose)


def shown(counted: Sequence[Counted], letters: Sequence[str]) -> str:
    """As Markdown: the sums, then each strategy's own files; of what is shared, the folders."""
    whole = sum(total(counted, whose) for whose in (SHARED, *letters))
    sums: list[list[object]] = [["shared", total(counted, SHARED), ""]]
    for letter in letters:
        lines = total(counted, letter)
        alone = total(counted, SHARED) + lines
        share = f"{100 * lines / alone:.0f} % of shared and own" if alone else ""
        sums.append([f"{letter.upper()}'s own", lines, share])
    sums.append(["together", whole, ""])
    if stand_in := total(counted, STAND_IN):
        sums.append(["stand-ins (only where there is no operator)", stand_in, ""])
    parts = [markdown(["part", "lines", ""], sums)]
    for letter in letters:
        files = [[file.path, file.lines] for file in counted if file.owner == letter]
        parts.append(f"{letter.upper()}'s own, file by file:\n\n{markdown(['file', 'lines'], files)}")
    folders: dict[str, int] = {}
    for file in counted:
        if file.owner == SHARED:
            folder = "/".join(file.path.split("/")[:2]) if file.path.count("/") > 1 else str(Path(file.path).parent)
            folders[folder] = folders.get(folder, 0) + file.lines
    shared = markdown(["folder", "lines"], [[name, lines] for name, lines in sorted(folders.items())])
    parts.append(f"Shared, by folder:\n\n{shared}")
    return "\n\n".join([*parts, "Lines with something on them besides a comment."])


def read(repository: Path) -> Iterator[tuple[str, str]]:
    """Every file that is counted, with its text, in order."""
    found = {file for pattern in (*_COUNTED, *_WORKLOADS) for file in repository.glob(pattern)}
    for file in sorted(found):
        path = file.relative_to(repository).as_posix()
        if "__pycache__" not in file.parts and not any(fnmatch(path, pattern) for pattern in _GENERATED):
            yield path, file.read_text()
