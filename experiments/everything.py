"""`python -m experiments all`: every scenario of every strategy in the plan's order, then the report."""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from experiments import options
from experiments.campaign import carry_out, process, record
from experiments.campaign.record import Record
from experiments.campaign.steps import Step, load
from experiments.console import emit
from experiments.evidence import columns, seals
from experiments.folders import load_all
from experiments.interrupts import Interrupted, Interrupts
from experiments.preflight import preflight
from experiments.progress import Progress
from experiments.records import EVENTS
from experiments.reporting import command as reporting
from experiments.screenshots import browser
from experiments.tables import table

DONE, MISSED, INTERRUPTED = 0, 1, 130


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command's options."""
    parser = commands.add_parser(
        "all",
        help="every scenario of every strategy in the plan's order, the measurements beside them, then the report; "
        "goes on where it was interrupted",
        description="Exit codes: 0 all of it was run and met its criteria, 1 something missed one or could not be run "
        "(the report says what), 2 nothing could be run (and why), 130 interrupted: the same command goes on.",
    )
    parser.add_argument("--anew", action="store_true", help="begin with the first step, whatever is done")
    options.add_extras(parser)
    parser.add_argument("--dry-run", action="store_true", help="the steps, what is done, and how long the rest takes")


def run(parsed: argparse.Namespace, repository: Path) -> int:
    """The exit code. Raises ExperimentError where it cannot begin."""
    data = repository / "report" / "data"
    steps, _ = load()
    expected = carry_out.expected_seconds(steps, [result for _, result in load_all(data)])
    if parsed.dry_run:
        before = None if parsed.anew else record.read(data)
        emit(_steps_table(expected, before), sys.stdout)
        return DONE
    preflight()
    progress = Progress()
    besides = [word for extra in parsed.extras for word in ("--with", extra)]
    if why := browser.missing():
        progress.say(f"no screenshots are taken: {why}")
    pictured = frozenset() if why else _first_of_each(steps)
    with Interrupts() as interrupts:
        try:
            ended = carry_out.carry_out(
                steps,
                data=data,
                runner=lambda step: process.run(
                    step,
                    repository=repository,
                    interrupts=interrupts,
                    besides=[*besides, *["--screenshots"] * (step.name in pictured)],
                ),
                now=lambda: datetime.now(UTC),
                progress=progress,
                expected=expected,
                anew=parsed.anew,
            )
        except Interrupted:
            progress.say("interrupted: `python -m experiments all` goes on with the step that was under way")
            return INTERRUPTED
    runs = [data / done.run for done in ended.steps.values() if done.run]
    for folder in runs:
        if (folder / "logs" / EVENTS).is_dir():
            columns.pack(folder / "logs", folder / columns.FOLDER, (EVENTS,))
    seals.seal(data, runs)
    files = reporting.made(repository, besides=frozenset(folder.name for folder in runs))
    reporting.write(repository, files)
    emit(_closing(ended), sys.stdout)
    return MISSED if any(done.code != carry_out.PASSED for done in ended.steps.values()) else DONE


def _first_of_each(steps: Sequence[Step]) -> frozenset[str]:
    """The names of those steps that are the first of their strategy and scenario: one picture shows what it is about,
    and git keeps each of them.
    """
    return frozenset({(step.strategy, step.scenario): step.name for step in reversed(steps)}.values())


def _steps_table(expected: dict[str, float], before: Record | None) -> str:
    done = before.steps if before and not before.finished_at else {}
    rows: list[list[object]] = [
        [number, name, f"{seconds / 60:.1f}", done[name].run or f"again: {done[name].why}" if name in done else ""]
        for number, (name, seconds) in enumerate(expected.items(), 1)
    ]
    return f"{table(['#', 'step', 'min', 'done'], rows)}\n\ntogether about {sum(expected.values()) / 60:.0f} min"


def _closing(ended: Record) -> str:
    rows: list[list[object]] = [
        [name, {0: "done", 1: "MISSED"}.get(done.code, "NOT RUN"), f"{done.seconds / 60:.1f}", done.run or done.why]
        for name, done in ended.steps.items()
    ]
    return (
        f"{table(['step', '', 'min', 'result'], rows)}\n\n"
        "report: report/test-report.md (and .ko.md); to commit: its folder, and of report/data/ the runs above "
        "without their logs"
    )
