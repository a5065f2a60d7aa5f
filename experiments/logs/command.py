"""`python -m experiments logs`: the table's queries by hand, on a stack that is up, and the page of the table."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from components.settings import StackName
from components.strategies.base import strategy
from experiments.cluster import Cluster
from experiments.console import emit
from experiments.errors import PreflightError
from experiments.logs.items import ITEMS
from experiments.logs.page import page
from experiments.logs.queries import Place, judged, place_of, query, question
from experiments.logs.store import LogStore
from experiments.preflight import strategy_settings_of
from experiments.stacks import Configuration

_REPOSITORY = Path(__file__).resolve().parents[2]
_WIDTHS = (17, 7, 5)


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command's options."""
    parser = commands.add_parser(
        "logs", help="what the logs of a stack say: the plan's items, found in the platform's log store"
    )
    parser.add_argument("--stack", default="strategy-c", metavar="NAME", help="whose (default: strategy-c)")
    parser.add_argument("--minutes", type=float, default=10.0, help="of the last minutes (default: 10)")
    parser.add_argument("--queries", action="store_true", help="print the queries, and ask nobody")
    parser.add_argument("--page", action="store_true", help="print the table as Markdown, which is plan/logs.md")


def run(parsed: argparse.Namespace) -> int:
    """Returns the exit code. Raises ExperimentError for a stack that is not there, or a platform without logs."""
    if parsed.page:
        sys.stdout.write(page())
        return 0
    if parsed.minutes <= 0:
        raise PreflightError(f"--minutes {parsed.minutes:g}: allowed: more than 0")
    now = time.time()
    place = _place(parsed.stack)
    asked = {item.key: query(item, place, now - 60 * parsed.minutes, now) for item in ITEMS}
    if parsed.queries:
        emit("\n\n".join(f"# {key}\n{text}" for key, text in asked.items()), sys.stdout)
        return 0
    store = LogStore.found(Cluster())
    if store is None:
        raise PreflightError(
            "the platform has no log store; run: pulumi config set logs true -s platform && pulumi up -s platform"
        )
    emit(f"{'item':{_WIDTHS[0]}}{'lines':>{_WIDTHS[1]}}{'bad':>{_WIDTHS[2]}}  normal with switches", sys.stdout)
    for item in ITEMS:
        said = judged(item, place, store.ask(asked[item.key]), None, ours=True)
        line = f"{item.key:{_WIDTHS[0]}}{said['lines']:>{_WIDTHS[1]}}{said['bad']:>{_WIDTHS[2]}}"
        emit(f"{line}  {question(item, place).normal.words}", sys.stdout)
        for row in said.get("rows", []):
            figures = ", ".join(f"{name} {value}" for name, value in row.items() if name != "what")
            emit(f"{'':{sum(_WIDTHS)}}  {row.get('what', '')}: {figures}".replace("  : ", "  "), sys.stdout)
    return 0


def _place(stack: str) -> Place:
    with tempfile.TemporaryDirectory() as folder:
        settings = strategy_settings_of(Configuration(_REPOSITORY, stack, Path(folder) / f"Pulumi.{stack}.yaml"))
    chosen, name = strategy(settings.strategy), StackName(stack)
    return place_of(stack, chosen.groups(name).values(), chosen.parts(settings, name))
