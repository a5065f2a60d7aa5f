"""The command `review`: reads the preview and the live object, and writes the comment. It changes nothing."""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from components.names import SWITCH_NAME, switches
from experiments.cluster import Cluster, ClusterError
from experiments.console import emit
from experiments.errors import ExperimentError
from experiments.past_switches import add_stack
from experiments.review import Preview, alone, comment
from experiments.run import REPOSITORY

_PREVIEW_SECONDS = 300
PASSED, NOT_ALONE = 0, 1


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command's options."""
    parser = commands.add_parser(
        "review",
        help="what the stack's next update would do to its switch, as a comment for a pull request",
        description="Exit codes: 0 written; 1 with --alone, active changes together with something else; 2 it could "
        "not be made (and why).",
    )
    add_stack(parser)
    parser.add_argument("--config-file", help="another configuration of the stack, as pulumi preview takes it")
    parser.add_argument("--preview", type=Path, help="what pulumi preview --json has printed (default: it is run)")
    parser.add_argument("--out", type=Path, help="where the comment goes (default: standard output)")
    parser.add_argument(
        "--alone", action="store_true", help="end with 1 when active changes together with anything else"
    )


def run(parsed: argparse.Namespace) -> int:
    """Write the comment. Raises ExperimentError."""
    preview = Preview.of(_text(parsed))
    live, unknown = _live(parsed.stack)
    text = comment(parsed.stack, preview, live, unknown)
    if parsed.out is None:
        emit(text, sys.stdout)
    else:
        parsed.out.write_text(text, encoding="utf-8")
    together = alone(preview)
    if parsed.alone and together:
        emit(f"active changes together with {together}", sys.stderr)
        return NOT_ALONE
    return PASSED


def _text(parsed: argparse.Namespace) -> str:
    if parsed.preview is not None:
        try:
            return str(parsed.preview.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise ExperimentError(f"--preview {parsed.preview} cannot be read: {error}") from error
    pulumi = shutil.which("pulumi")
    if pulumi is None:
        raise ExperimentError("pulumi is not on PATH; give what pulumi preview --json has printed with --preview FILE")
    command = [pulumi, "preview", "--json", "--non-interactive", "--stack", parsed.stack]
    command += ["--config-file", parsed.config_file] if parsed.config_file else []
    try:
        done = subprocess.run(
            command, cwd=REPOSITORY, capture_output=True, text=True, timeout=_PREVIEW_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise ExperimentError(f"{' '.join(command)}: no end after {_PREVIEW_SECONDS} s") from None
    # A preview that fails prints its JSON, too: why it failed is in there.
    if not done.stdout.lstrip().startswith("{"):
        raise ExperimentError(f"{' '.join(command)}: exit code {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def _live(stack: str) -> tuple[dict[str, Any] | None, str]:
    """The live object, None where there is none; or why it cannot be read."""
    try:
        return Cluster().get(f"{switches(stack)}/{SWITCH_NAME}"), ""
    except ClusterError as error:
        return None, "" if error.not_found else f"the cluster cannot be read: {error}"
