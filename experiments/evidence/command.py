"""`python -m experiments evidence`: texts and results against what they rest on."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments import git, handoff, summary
from experiments.console import emit
from experiments.errors import ExperimentError
from experiments.evidence import columns, commits, figures, seals, sizes, texts
from experiments.evidence.again import Judged, judged_again
from experiments.evidence.renew import renewed
from experiments.evidence.sources import Sources
from experiments.folders import RESULT_FILE
from experiments.records import EVENTS, KINDS
from experiments.results import from_json
from experiments.screenshots.pictures import wrong_with

HOLDS, WRONG = 0, 1
#: Texts whose every figure has a name, as patterns below the repository.
NAMED = (
    "README*.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/**/*.md",
    "tutorial/**/*.md",
    "report/*.md",
    "report/text/**/*.md",
    "plan/plan.md",
    "plan/changes.md",
    "plan/task*.md",
)
#: Texts that say what is wanted, what others found, and what was decided by the figures of its day. Only their figures
#: that have a name are looked at, unless they say that every one has.
MARKED = ("plan/**/*.md", "workloads/**/*.md")
_EVERY = "<!-- every figure is named -->"
DECISIONS = "decisions"
_FOOTNOTES = (
    "a table compares runs of several commits, and the line below it is not what they are: "
    "python -m experiments evidence --footnotes (of the report: python -m experiments report)"
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found. wrong: a line each. judged: every committed run, judged again. columns_bytes: of all of them.
    pictures: screenshots of committed runs. sizes: of what is committed; None where there is no repository.
    """

    wrong: tuple[str, ...]
    judged: tuple[Judged, ...]
    texts: int
    named: int
    columns_bytes: int
    pictures: int = 0
    sizes: "sizes.Sizes | None" = None


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command's options."""
    parser = commands.add_parser(
        "evidence",
        help="check each figure of the texts against the result that it names and each screenshot against its run, and "
        "judge committed runs again",
        description="Exit codes: 0 everything holds, 1 something does not, 2 it could not be looked at (and why).",
    )
    parser.add_argument(
        "--keep",
        type=Path,
        action="append",
        default=[],
        metavar="RUN",
        help="keep the record logs of this run's folder as columns, to be committed; may be given more than once",
    )
    parser.add_argument(
        "--keep-events",
        type=Path,
        action="append",
        default=[],
        metavar="RUN",
        help="the same for the members' events alone: enough for the steps of its hand-offs, not to judge it again",
    )
    parser.add_argument(
        "--seal", action="store_true", help="seal committed runs that are not sealed, then check; a run is sealed once"
    )
    parser.add_argument(
        "--renew",
        type=_pair,
        action="append",
        default=[],
        metavar="OLD=NEW",
        help="put a newer committed run in the place of an older one in all texts but the decisions, with its figures, "
        "then check; what the words around them say is to be read again; may be given more than once",
    )
    parser.add_argument(
        "--footnotes",
        action="store_true",
        help="write below each table of the texts that compares runs of several commits which those are, then check",
    )
    parser.add_argument("--verbose", action="store_true", help="each run, and what of it was not judged again")


def run(parsed: argparse.Namespace, repository: Path) -> int:
    """The exit code. Raises ExperimentError."""
    for folder in [*parsed.keep, *parsed.keep_events]:
        kinds = KINDS if folder in parsed.keep else (EVENTS,)
        size = columns.pack(folder / "logs", folder / columns.FOLDER, kinds)
        emit(f"{folder / columns.FOLDER}: {size} bytes", sys.stdout)
    data = repository / "report" / "data"
    tracked = tracked_below(repository)
    if parsed.seal:
        emit(f"sealed: {seals.seal(data, committed_runs(data, tracked))} files", sys.stdout)
    if parsed.renew:
        emit(_renewed(repository, dict(parsed.renew), Sources(data, MADE, tracked)), sys.stdout)
    if parsed.footnotes:
        for file in _texts(NAMED, repository):
            file.write_text(_footnoted(file, repository, Sources(data, MADE, tracked)))
    found = looked_at(repository, tracked)
    emit(_told(found, verbose=parsed.verbose), sys.stdout)
    return WRONG if found.wrong else HOLDS


def _pair(text: str) -> tuple[str, str]:
    older, equals, newer = text.partition("=")
    if not (older and equals and newer):
        raise argparse.ArgumentTypeError(f"{text!r} is not OLD=NEW, two runs of report/data")
    return older, newer


def _renewed(repository: Path, runs: Mapping[str, str], sources: Sources) -> str:
    """Write the texts that name an older run anew, and tell of each; not the decisions, which say what was decided by
    it. Raises ExperimentError for a run that is none.
    """
    data = repository / "report" / "data"
    if absent := sorted(run for run in runs.values() if not (data / run / RESULT_FILE).is_file()):
        raise ExperimentError(f"no run of report/data: {', '.join(absent)}")
    told = []
    for file in _texts((*NAMED, *MARKED), repository):
        before = file.read_text()
        if DECISIONS in file.parts or not any(older in before for older in runs):
            continue
        text, changed = renewed(before, runs, sources, data, PRINTED)
        file.write_text(text)
        if file in _texts(NAMED, repository):
            file.write_text(_footnoted(file, repository, sources))
        told.append(f"{file.relative_to(repository)}: {changed} figures written anew")
    return "\n".join(told) or "no text names any of these runs"


def _footnoted(file: Path, repository: Path, sources: Sources) -> str:
    return commits.footnoted(file.read_text(), sources, commits.language_of(file.relative_to(repository)))


def looked_at(repository: Path, tracked: Callable[[Path], bool]) -> Evidence:
    """Everything that is looked at. tracked: whether a file or folder is committed."""
    data = repository / "report" / "data"
    runs = committed_runs(data, tracked)
    sources = Sources(data, MADE, tracked)
    wrong, judged, pictures = [], [], 0
    for folder in runs:
        try:
            result = from_json((folder / RESULT_FILE).read_text())
            pictures += len(result.screenshots or ())
            wrong += [f"{folder.name}: {line}" for line in wrong_with(folder, result)]
            again = judged_again(folder)
        except (ExperimentError, ValueError) as error:
            wrong.append(f"{folder.name}: {error}")
            continue
        judged.append(again)
        wrong += [f"{folder.name}: {difference}" for difference in again.differences]
    wrong += seals.broken(data, runs)
    named = files = 0
    strict = _texts(NAMED, repository)
    for file in _texts((*NAMED, *MARKED), repository):
        text, name = file.read_text(), file.relative_to(repository)
        files, named = files + 1, named + sum(one.mark is not None for one in figures.read(text).figures)
        every = file in strict or _EVERY in text
        wrong += [f"{name}: {line}" for line in texts.wrong_in(text, sources, data, PRINTED, named=every)]
        if file in strict and _footnoted(file, repository, sources) != text:
            wrong.append(f"{name}: {_FOOTNOTES}")
    size = sum(file.stat().st_size for folder in runs for file in (folder / columns.FOLDER).glob("*"))
    large = sizes.of(repository)
    wrong += large.too_large() if large else []
    return Evidence(tuple(wrong), tuple(judged), files, named, size, pictures, large)


def committed_runs(data: Path, tracked: Callable[[Path], bool]) -> list[Path]:
    """The folders of committed runs, the oldest first."""
    return sorted(file.parent for file in data.glob(f"*/{RESULT_FILE}") if tracked(file))


def tracked_below(repository: Path) -> Callable[[Path], bool]:
    """Whether git has a file, or anything of a folder, in its index; where there is no repository, everything counts.

    Raises ExperimentError if git cannot tell.
    """
    if not (repository / ".git").exists():
        return lambda _: True
    files = git.tracked(repository)
    known = {*files, *(parent for file in files for parent in file.parents)}
    return lambda path: path in known


def _handoff(run: Path) -> list[dict[str, Any]]:
    """The steps of a run's hand-offs: name and milliseconds of each, and of all of them together."""
    with columns.events_of(run) as logs:
        return handoff.told(handoff.steps(run, logs))


#: What is made of a run's folder and can be named as a source.
MADE = {"handoff": _handoff}
#: What a command prints about a run.
PRINTED = {"closing": lambda run: summary.closing(from_json((run / RESULT_FILE).read_text()))}


def _told(found: Evidence, *, verbose: bool) -> str:
    lines = []
    for one in found.judged if verbose else ():
        lines.append(f"{one.run}: {'judged again from its logs' if one.logs else 'logs not kept; its files agree'}")
        lines += [f"  not judged again, nothing tells it: {', '.join(one.untold)}"] * bool(one.untold)
        lines += [f"  {limit}" for limit in one.limits]
    from_logs = [one for one in found.judged if one.logs]
    without = [one.run for one in found.judged if not one.logs]
    lines.append(
        f"{len(found.judged)} committed runs: {len(from_logs)} judged again from their logs "
        f"({found.columns_bytes} bytes as columns), {len(without)} compared with what the validator said at the time"
    )
    if without:
        lines.append(f"logs not kept: {', '.join(without)}")
    lines += [f"size: {found.sizes}"] * (found.sizes is not None)
    lines.append(f"{found.named} named figures in {found.texts} texts; {found.pictures} screenshots")
    return "\n".join([*lines, *found.wrong, "evidence: " + (f"{len(found.wrong)} wrong" if found.wrong else "holds")])


def _texts(patterns: Sequence[str], repository: Path) -> list[Path]:
    return sorted({file for pattern in patterns for file in repository.glob(pattern)})
