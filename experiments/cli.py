"""The command line.

Exit codes: 0 all criteria met (or a measurement made), 1 a criterion missed, 2 could not be run (and why),
130 interrupted.
"""

import argparse
import json
import shlex
import shutil
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from components.settings import registry
from components.strategies.base import strategy
from experiments import (
    as_json,
    comparison,
    complexity,
    everything,
    handoff,
    lines,
    offsets,
    options,
    past_switches,
    retention,
    review_command,
    summary,
    watch,
)
from experiments.complexity import Complexity
from experiments.conformance import command as conformance
from experiments.console import emit
from experiments.errors import ExperimentError
from experiments.evidence import columns
from experiments.evidence import command as evidence
from experiments.fault_campaign import command as fault_campaign
from experiments.folders import load_all
from experiments.interrupts import Interrupted, Interrupts
from experiments.logs import command as logs
from experiments.options import Options
from experiments.own_pair import own_pair
from experiments.progress import Progress
from experiments.reporting import command as reporting
from experiments.results import RunResult
from experiments.run import REPOSITORY, execute
from experiments.scenarios import SCENARIOS
from tools import version

PASSED, MISSED, NOT_RUN, INTERRUPTED = 0, 1, 2, 130
DATA = REPOSITORY / "report" / "data"
_FOLDER = "where the folders of the runs are (default: report/data)"
_SHOWS = {name: scenario.shows for name, scenario in SCENARIOS.items()}


def main(arguments: Sequence[str]) -> int:
    """Run a command; returns the exit code. What nobody reads any more costs neither the command nor its code."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    try:
        return _command(parser, parsed, arguments)
    except (ExperimentError, ValueError) as error:
        emit(f"{parser.prog} {parsed.command}: {error}", sys.stderr)
        return NOT_RUN
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - whatever it was, it is no verdict
        emit(traceback.format_exc(), sys.stderr)
        emit(f"{parser.prog} {parsed.command}: unexpected {type(error).__name__}: {error}", sys.stderr)
        return NOT_RUN


def _command(parser: argparse.ArgumentParser, parsed: argparse.Namespace, arguments: Sequence[str]) -> int:
    if parsed.command == "run":
        return _run(parser, parsed, arguments)
    if parsed.command == "conformance":
        return conformance.run(parsed, list(arguments))
    if parsed.command == "faults":
        return fault_campaign.run(parsed, REPOSITORY)
    if parsed.command == "all":
        return everything.run(parsed, REPOSITORY)
    if parsed.command == "evidence":
        return evidence.run(parsed, REPOSITORY)
    if parsed.command == "report":
        return reporting.run(parsed, REPOSITORY)
    simple: Mapping[str, Callable[[argparse.Namespace], int]] = {
        "prune": _prune,
        "handoff": _handoff,
        "offsets": _offsets,
        "compare": _compare,
        "summary": _summary,
        "history": past_switches.run,
        "watch": watch.run,
        "review": review_command.run,
        "logs": logs.run,
    }
    return simple[parsed.command](parsed)


def _run(parser: argparse.ArgumentParser, parsed: argparse.Namespace, arguments: Sequence[str]) -> int:
    scenario = SCENARIOS[parsed.scenario]
    switches = scenario.default_switches if parsed.switches is None else parsed.switches
    if switches % scenario.step:
        parser.error(f"--switches {switches}: scenario {scenario.name} takes a multiple of {scenario.step}")
    asked = Options(
        strategy=parsed.strategy,
        scenario=scenario,
        switches=switches,
        out=parsed.out.resolve(),
        command=shlex.join(["python", "-m", "experiments", *arguments]),
        spell_seconds=parsed.spell_seconds,
        overrides=options.overrides(parsed),
        kafka_config=dict(parsed.kafka_config),
        named=_stack(parser, parsed),
        screenshots=parsed.screenshots,
        extras=tuple(parsed.extras),
    )
    asked = replace(asked, own=own_pair(asked, REPOSITORY))
    progress = Progress()
    with Interrupts() as interrupts:
        try:
            folder, result = execute(asked, interrupts, progress)
        except Interrupted:
            progress.say("interrupted: no result was written; the next run begins from whatever is there")
            return INTERRUPTED
    emit(f"{summary.closing(result, asked.scenario.shows)}\nresults: {folder}", sys.stdout)
    return MISSED if result.passed is False else PASSED


def _stack(parser: argparse.ArgumentParser, parsed: argparse.Namespace) -> str:
    """The stack to run on, where one was named."""
    named: str = parsed.stack
    first = f"strategy-{parsed.strategy}"
    if named and named != first and not named.startswith(f"{first}-"):
        parser.error(f"--stack {named}: strategy {parsed.strategy} has {first} and {first}-<name>")
    if named and not (REPOSITORY / "stacks" / f"Pulumi.{named}.yaml").exists():
        known = sorted(path.name.split(".")[1] for path in (REPOSITORY / "stacks").glob(f"Pulumi.{first}*.yaml"))
        parser.error(f"--stack {named}: there is no stacks/Pulumi.{named}.yaml; there are {', '.join(known)}")
    return named


def _summary(parsed: argparse.Namespace) -> int:
    results = [result for _, result in load_all(parsed.folder)]
    if not results:
        raise ExperimentError(f"there is no complete run below {parsed.folder}")
    told = as_json.text(as_json.summary(results, _SHOWS)) if parsed.json else summary.summary(results, _SHOWS)
    emit(told, sys.stdout)
    return PASSED


def _handoff(parsed: argparse.Namespace) -> int:
    with columns.events_of(parsed.run) as logs:
        if parsed.json:
            emit(as_json.text(as_json.handoff(parsed.run, logs)), sys.stdout)
        else:
            emit(handoff.breakdown(parsed.run, logs), sys.stdout)
    return PASSED


def _offsets(parsed: argparse.Namespace) -> int:
    with columns.logs_of(parsed.run) as logs:
        taken = offsets.found_in(parsed.run, logs)
    if parsed.json:
        emit(as_json.text(as_json.offsets(parsed.run.name, taken)), sys.stdout)
    else:
        emit(offsets.table(parsed.run, taken), sys.stdout)
    return PASSED


def _compare(parsed: argparse.Namespace) -> int:
    counted = lines.count(lines.read(REPOSITORY), lines.owners())
    if parsed.lines and parsed.json:
        raise ExperimentError("compare --lines has no JSON")
    if parsed.lines:
        emit(lines.shown(counted, sorted(registry.models())), sys.stdout)
        return PASSED
    runs = list(load_all(parsed.folder))
    results = [result for _, result in runs] if parsed.uncommitted else retention.committed(runs)
    if not results:
        raise ExperimentError(
            f"there is no committed run below {parsed.folder}; --uncommitted takes those that are not"
        )
    expected = json.loads((REPOSITORY / "report" / "expected.json").read_text())

    def measured(letter: str, run: RunResult | None) -> Complexity:
        parts = complexity.parts_of(run.environment) if run else None
        return Complexity(
            lines.total(counted, letter), parts, complexity.steps_of(strategy(letter).page, REPOSITORY / "tutorial")
        )

    chosen = comparison.columns(results, expected, measured)
    if parsed.json:
        emit(as_json.text(as_json.compared(chosen, results, _SHOWS)), sys.stdout)
    else:
        emit(comparison.compared(chosen, results, _SHOWS), sys.stdout)
    return PASSED


def _prune(parsed: argparse.Namespace) -> int:
    for found in retention.judged(list(load_all(parsed.folder)), parsed.keep, REPOSITORY):
        if found.stays is not None:
            emit(f"{found.folder} stays: {found.stays}", sys.stdout)
            continue
        emit(f"{'would remove' if parsed.dry_run else 'removing'} {found.folder}", sys.stdout)
        if not parsed.dry_run:
            shutil.rmtree(found.folder)
    return PASSED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m experiments", description=__doc__)
    parser.add_argument("--version", action="version", version=version.shown())
    commands = parser.add_subparsers(dest="command", required=True)

    run = commands.add_parser(
        "run", help="deploy, run a scenario, judge it, and leave the result with what it rests on"
    )
    run.add_argument(
        "--strategy", required=True, choices=sorted(registry.models()), help="which one: its stack's configuration"
    )
    run.add_argument(
        "--scenario",
        required=True,
        choices=sorted(SCENARIOS),
        help="; ".join(f"{s.name}: {s.title}" for s in SCENARIOS.values()),
    )
    run.add_argument(
        "--switches",
        type=options.whole_number(1),
        help="how many, there and back in turn; the way back counts (default: "
        + ", ".join(f"{s.default_switches} in {s.name}" for s in SCENARIOS.values())
        + ")",
    )
    run.add_argument(
        "--stack",
        default="",
        metavar="NAME",
        help="another stack of that strategy in stacks/ (default: strategy-LETTER)",
    )
    options.add_key_options(run)
    run.add_argument(
        "--spell-seconds", type=options.seconds, default=3.0, help="the least time between two switches (default: 3)"
    )
    run.add_argument(
        "--kafka-config",
        action="append",
        default=[],
        type=options.broker_setting,
        metavar="NAME=VALUE",
        help="a setting of the broker for the time of the run, which restarts it twice; may be given more than once",
    )
    options.add_extras(run)
    run.add_argument(
        "--screenshots",
        action=argparse.BooleanOptionalAction,
        help="a picture of the switch page in the middle of the first switch; a browser is open until then (default: "
        "where the stack has page: true, and this machine a browser)",
    )
    run.add_argument("--out", type=Path, default=DATA, help="where the run's folder goes (default: report/data)")
    run.epilog = (
        "What is not given is as the stack's configuration in stacks/ has it. "
        "Nothing that is checked in is changed by a run."
    )

    conformance.add(commands)
    fault_campaign.add(commands, DATA / "campaigns")
    logs.add(commands)
    past_switches.add(commands)
    watch.add(commands)
    review_command.add(commands)
    everything.add(commands)
    evidence.add(commands)
    reporting.add(commands)

    prune = commands.add_parser(
        "prune",
        help="remove the folders of runs that a newer run of the same kind has replaced, "
        "unless git tracks them or a text of the repository names them",
    )
    prune.add_argument("folder", nargs="?", type=Path, default=DATA, help=_FOLDER)
    prune.add_argument(
        "--keep", type=options.whole_number(1), default=1, help="how many of each kind stay (default: 1)"
    )
    prune.add_argument("--dry-run", action="store_true", help="remove nothing, and say what would be removed")

    steps = commands.add_parser("handoff", help="where the time of a run's hand-offs goes, step by step")
    steps.add_argument("run", type=Path, help="the run's folder")

    taken = commands.add_parser("offsets", help="how exactly each colour took up where the other one had left off")
    taken.add_argument("run", type=Path, help="the run's folder")

    compare = commands.add_parser(
        "compare", help="the strategies beside each other, as Markdown, from committed results"
    )
    compare.add_argument("folder", nargs="?", type=Path, default=DATA, help=_FOLDER)
    compare.add_argument("--uncommitted", action="store_true", help="take results that git does not track, too")
    compare.add_argument("--lines", action="store_true", help="the lines that they share, and each one's own, instead")

    shown = commands.add_parser("summary", help="median, 95th percentile and worst of the times of each run")
    shown.add_argument("folder", nargs="?", type=Path, default=DATA, help=_FOLDER)
    for one in (steps, taken, compare, shown):
        one.add_argument("--json", action="store_true", help="for programs: JSON on standard output")
    return parser
