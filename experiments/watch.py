"""`python -m experiments watch`: the switch page on one's own machine, and the same in the terminal.

The page is the one that is served in the cluster, as a process beside this one (`experiments.local_page`).
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

import urllib3

from experiments.console import emit
from experiments.errors import ExperimentError
from experiments.local_page import METRICS, Way, page, proxy
from experiments.past_switches import add_stack
from experiments.watch_view import rendered, summary

_SILENCE_SECONDS = 10.0
_POINTS = 2
_HOME, _CLEAR_BELOW, _CLEAR_LINE = "\x1b[H", "\x1b[J", "\x1b[K"
_OTHER_SCREEN, _OWN_SCREEN = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command's options."""
    parser = commands.add_parser(
        "watch",
        help="a stack's switch as it happens: a page on this machine, and in the terminal",
        description="Reads the stack's switch, Lease and pods, and the platform's metrics store, and changes nothing.",
    )
    add_stack(parser)
    parser.add_argument("--port", type=_port, default=8090, help="of the page on 127.0.0.1 (default: 8090; 0: any)")
    parser.add_argument(
        "--metrics-url",
        default=None,
        help="a store that speaks Prometheus' HTTP API (default: the platform's; an empty text: none)",
    )
    parser.add_argument("--alerts-url", default="", help="where rules and alerts are (default: the metrics store)")
    parser.add_argument("--no-terminal", action="store_true", help="serve the page, and print a line for each change")


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; allowed: 0 to 65535")
    return int(text)


def run(parsed: argparse.Namespace) -> int:
    """Until Ctrl-C. Raises ExperimentError when something of it does not start, or ends."""
    with ExitStack() as ends:
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory()))
        kube = proxy(ends, folder, parsed.stack)
        metrics = f"{kube}{METRICS}" if parsed.metrics_url is None else parsed.metrics_url
        url = page(ends, folder, parsed.stack, parsed.port, Way(kube, metrics, parsed.alerts_url))
        emit(f"the page: {url}/", sys.stdout)
        follow(url, sys.stdout, drawn=sys.stdout.isatty() and not parsed.no_terminal)
    return 0


def told(page: str) -> Iterator[tuple[str, Any]]:
    """The page's events, by name, with what they say. Raises ExperimentError when it says nothing any more."""
    why = "it ended"
    try:
        answer = urllib3.request(
            "GET",
            f"{page}/events",
            preload_content=False,
            retries=False,
            timeout=urllib3.Timeout(connect=_SILENCE_SECONDS, read=_SILENCE_SECONDS),
        )
        rest = b""
        for chunk in answer.stream(amt=None):
            *blocks, rest = (rest + chunk).split(b"\n\n")
            for block in blocks:
                fields = dict(line.split(": ", 1) for line in block.decode().splitlines() if ": " in line)
                if "event" in fields:
                    yield fields["event"], json.loads(fields["data"])
    except urllib3.exceptions.HTTPError as error:
        why = f"{type(error).__name__}: {error}"
    raise ExperimentError(f"{page} tells nothing any more: {why}")


def follow(page: str, output: TextIO, *, drawn: bool) -> None:
    """Show what the page tells: drawn anew at each change, or a line for each that counts. Until it ends."""
    points: deque[Any] = deque(maxlen=_POINTS)
    before = ""
    try:
        if drawn:
            output.write(_OTHER_SCREEN)
        for event, said in told(page):
            if event == "figures":
                points.extend(said)
            elif drawn:
                size = shutil.get_terminal_size()
                lines = [*rendered(said, list(points), size.columns)[: size.lines - 2], "", f"{page}/  Ctrl-C ends it"]
                output.write(_HOME + "".join(f"{line}{_CLEAR_LINE}\n" for line in lines[:-1]) + lines[-1])
                output.write(_CLEAR_BELOW)
                output.flush()
            elif (line := summary(said)) != before:
                before = line
                emit(line, output)
    finally:
        if drawn:
            output.write(_OWN_SCREEN)
            output.flush()
