"""`python -m experiments report`: writes the report and its plots."""

import argparse
import sys
from collections.abc import Container, Mapping
from pathlib import Path

from experiments.console import emit
from experiments.evidence.command import committed_runs, tracked_below
from experiments.reporting import document

SAME, DIFFERS = 0, 1


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command's options."""
    parser = commands.add_parser(
        "report",
        help="write report/test-report.md, its Korean version and the plots, from committed results and report/text/",
        description="Exit codes: 0 written, or with --check as it should be, 1 not so, 2 it could not be made.",
    )
    parser.add_argument("--check", action="store_true", help="write nothing, and say whether it is as it would be")
    parser.add_argument(
        "--uncommitted", action="store_true", help="take results that git does not track, too; for a look before"
    )


def run(parsed: argparse.Namespace, repository: Path) -> int:
    """The exit code. Raises ExperimentError."""
    files = made(repository, uncommitted=parsed.uncommitted)
    differs = differing(repository, files)
    if parsed.check:
        for name in differs:
            emit(f"report/{name} is not what `python -m experiments report` writes", sys.stdout)
        return DIFFERS if differs else SAME
    write(repository, files)
    emit(f"report/{document.REPORT}: {len(differs)} of {len(files)} files written anew", sys.stdout)
    return SAME


def made(repository: Path, *, uncommitted: bool = False, besides: Container[str] = frozenset()) -> Mapping[str, str]:
    """The report's files. besides: runs that count although they are not committed yet. Raises ExperimentError."""
    tracked = (lambda _: True) if uncommitted else tracked_below(repository)
    data = repository / "report" / "data"
    folders = committed_runs(data, lambda file: tracked(file) or file.parent.name in besides)
    return document.render(document.inputs(repository, folders))


def differing(repository: Path, files: Mapping[str, str]) -> list[str]:
    """Those that are not there as they would be written, and plots that are there and would not be."""
    report = repository / "report"
    there = {f"{document.PLOTS}/{file.name}" for file in (report / document.PLOTS).glob("*.svg")}
    changed = [
        name for name, text in files.items() if not (report / name).is_file() or (report / name).read_text() != text
    ]
    return [*changed, *sorted(there - files.keys())]


def write(repository: Path, files: Mapping[str, str]) -> None:
    """Write them, and remove plots of runs that are shown no more."""
    report = repository / "report"
    (report / document.PLOTS).mkdir(exist_ok=True)
    for name in differing(repository, files):
        if name in files:
            (report / name).write_text(files[name])
        else:
            (report / name).unlink()
