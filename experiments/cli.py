"""The command line.

Exit codes: 0 all criteria met, 1 a criterion missed, 2 could not be run (and why), 130 interrupted.
"""

import argparse
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from experiments import handoff, summary
from experiments.errors import ExperimentError
from experiments.interrupts import Interrupted, Interrupts
from experiments.progress import Progress
from experiments.results import load_all, outdated
from experiments.run import REPOSITORY, Options, execute
from experiments.scenarios import SCENARIOS

PASSED, MISSED, NOT_RUN, INTERRUPTED = 0, 1, 2, 130
DATA = REPOSITORY / "report" / "data"


def main(arguments: Sequence[str]) -> int:
    """Run a command; returns the exit code."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    try:
        if parsed.command == "run":
            return _run(parser, parsed, arguments)
        if parsed.command == "prune":
            return _prune(parsed)
        if parsed.command == "handoff":
            return _handoff(parsed)
        return _summary(parsed)
    except (ExperimentError, ValueError) as error:
        print(f"{parser.prog} {parsed.command}: {error}", file=sys.stderr)
        return NOT_RUN
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(parser: argparse.ArgumentParser, parsed: argparse.Namespace, arguments: Sequence[str]) -> int:
    scenario = SCENARIOS[parsed.scenario]
    switches = scenario.default_switches if parsed.switches is None else parsed.switches
    if switches % scenario.step:
        parser.error(f"--switches {switches}: scenario {scenario.name} takes a multiple of {scenario.step}")
    options = Options(
        strategy=parsed.strategy,
        scenario=scenario,
        switches=switches,
        out=parsed.out.resolve(),
        command=shlex.join(["python", "-m", "experiments", *arguments]),
        spell_seconds=parsed.spell_seconds,
        rate=parsed.rate,
        message_bytes=parsed.message_bytes,
        partitions=parsed.partitions,
        replicas=parsed.replicas,
        membership=parsed.membership,
        group_protocol=parsed.group_protocol,
        lag_policy=parsed.lag_policy,
    )
    progress = Progress()
    with Interrupts() as interrupts:
        try:
            folder, result = execute(options, interrupts, progress)
        except Interrupted:
            progress.say("interrupted: no result was written; the next run begins from whatever is there")
            return INTERRUPTED
    print(summary.closing(result), f"results: {folder}", sep="\n")
    return PASSED if result.passed else MISSED


def _summary(parsed: argparse.Namespace) -> int:
    results = [result for _, result in load_all(parsed.folder)]
    if not results:
        raise ExperimentError(f"there is no complete run below {parsed.folder}")
    print(summary.summary(results))
    return PASSED


def _handoff(parsed: argparse.Namespace) -> int:
    print(handoff.breakdown(parsed.run))
    return PASSED


def _prune(parsed: argparse.Namespace) -> int:
    for folder in outdated(list(load_all(parsed.folder)), parsed.keep):
        print(f"{'would remove' if parsed.dry_run else 'removing'} {folder}")
        if not parsed.dry_run:
            shutil.rmtree(folder)
    return PASSED


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: at least 1")
    return value


def _not_negative(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}: 0 or more seconds")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m experiments", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    run = commands.add_parser(
        "run", help="deploy, run a scenario, judge it, and leave the result with what it rests on"
    )
    run.add_argument("--strategy", required=True, choices=["c"])
    run.add_argument(
        "--scenario",
        required=True,
        choices=sorted(SCENARIOS),
        help="; ".join(f"{s.name}: {s.title}" for s in SCENARIOS.values()),
    )
    run.add_argument(
        "--switches", type=_positive, help="how many, there and back in turn; the way back counts (default: 2)"
    )
    run.add_argument("--rate", type=_positive, help="records per second")
    run.add_argument("--message-bytes", type=_positive, help="size of a record's value")
    run.add_argument("--partitions", type=_positive)
    run.add_argument("--replicas", type=_positive, help="pods per colour")
    run.add_argument("--membership", choices=["takeover", "leave-join", "shared"])
    run.add_argument("--group-protocol", choices=["classic", "consumer"])
    run.add_argument("--lag-policy", choices=["wait", "immediate"])
    run.add_argument(
        "--spell-seconds", type=_not_negative, default=3.0, help="the least time between two switches (default: 3)"
    )
    run.add_argument("--out", type=Path, default=DATA, help="where the run's folder goes (default: report/data)")
    run.epilog = (
        "What is not given is as the stack's configuration in stacks/ has it. "
        "Nothing that is checked in is changed by a run."
    )

    prune = commands.add_parser(
        "prune", help="remove the folders of runs that a newer run of the same kind has replaced"
    )
    prune.add_argument("folder", nargs="?", type=Path, default=DATA)
    prune.add_argument("--keep", type=_positive, default=1, help="how many of each kind stay (default: 1)")
    prune.add_argument("--dry-run", action="store_true")

    steps = commands.add_parser("handoff", help="where the time of a run's hand-offs goes, step by step")
    steps.add_argument("run", type=Path, help="the run's folder")

    shown = commands.add_parser("summary", help="median, 95th percentile and worst of the times of each run")
    shown.add_argument("folder", nargs="?", type=Path, default=DATA)
    return parser
