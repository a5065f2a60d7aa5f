"""`python -m experiments watch`: the switch page on one's own machine, and the same in the terminal.

The page is the one that is served in the cluster (`workloads.page`), as a process beside this one; it reaches the API
server through `kubectl proxy`, so every kubeconfig that kubectl takes will do. The proxy passes on what the page reads,
and nothing else: whoever else is on this machine could use it, too.
"""

import argparse
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import urllib3

from components import names
from experiments.console import emit
from experiments.errors import ExperimentError
from experiments.past_switches import add_stack
from experiments.run import REPOSITORY
from experiments.watch_view import rendered, summary

_START_SECONDS = 20.0
_END_SECONDS = 5.0
_SILENCE_SECONDS = 10.0
_POINTS = 2
_METRICS = f"/api/v1/namespaces/{names.PLATFORM_NAMESPACE}/services/{names.METRICS}:{names.METRICS_PORT}/proxy"
_HOME, _CLEAR_BELOW, _CLEAR_LINE = "\x1b[H", "\x1b[J", "\x1b[K"
_OTHER_SCREEN, _OWN_SCREEN = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"


@dataclass(frozen=True, slots=True)
class Way:
    """How the page's process reaches what it shows. metrics: of the store; empty for none."""

    kube: str
    metrics: str
    alerts: str


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
        kube = _proxy(ends, folder, parsed.stack)
        metrics = f"{kube}{_METRICS}" if parsed.metrics_url is None else parsed.metrics_url
        page = _page(ends, folder, parsed.stack, parsed.port, Way(kube, metrics, parsed.alerts_url))
        emit(f"the page: {page}/", sys.stdout)
        follow(page, sys.stdout, drawn=sys.stdout.isatty() and not parsed.no_terminal)
    return 0


def accepted(namespace: str) -> str:
    """What the proxy passes on, as its option `--accept-paths` has it."""
    own = f"namespaces/{namespace}"
    paths = [
        f"/apis/{names.GROUP}/{names.SWITCH_VERSION}/{own}/{names.SWITCH_PLURAL}",
        f"/apis/coordination.k8s.io/v1/{own}/leases",
        f"/api/v1/{own}/pods",
        f"/api/v1/{own}/pods/[^/]+:{names.SIDECAR_PORT}/proxy/report",
        f"{_METRICS}/api/v1/(query|query_range|rules)",
    ]
    return ",".join(f"^{path.replace('.', '[.]')}$" for path in paths)


def _proxy(ends: ExitStack, folder: Path, namespace: str) -> str:
    """Start `kubectl proxy`; its address. It ends with `ends`."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        raise ExperimentError('kubectl is not on PATH; for the sandbox\'s run: eval "$(python -m tools.sandbox env)"')
    command = [kubectl, "proxy", "--port=0", f"--accept-paths={accepted(namespace)}"]
    command.append("--reject-methods=^(POST|PUT|PATCH|DELETE)$")
    log = folder / "kubectl-proxy.log"
    process = _started(ends, command, log, dict(os.environ))
    line = _line(process, log, "Starting to serve on ", "kubectl proxy")
    return f"http://{line.partition('Starting to serve on ')[2].strip()}"


def _page(ends: ExitStack, folder: Path, namespace: str, port: int, way: Way) -> str:
    """Start the page's own process; its address. It ends with `ends`."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("BG_")}
    environment |= {
        "POD_NAMESPACE": namespace,
        "BG_SWITCH_NAME": names.SWITCH_NAME,
        "BG_LEASE_NAME": names.LEASE_NAME,
        "BG_KUBE_URL": way.kube,
        "BG_REPORT_URL": f"{way.kube}/api/v1/namespaces/{namespace}/pods/{{pod}}:{names.SIDECAR_PORT}/proxy",
        "BG_METRICS_URL": way.metrics,
        "BG_ALERTS_URL": way.alerts,
        "BG_HTTP_HOST": "127.0.0.1",
        "BG_HOSTS": '["127.0.0.1", "localhost"]',
        "BG_HTTP_PORT": str(port),
    }
    environment.pop("SETTINGS_FILE", None)
    log = folder / "page.log"
    process = _started(ends, [sys.executable, "-m", "workloads.page"], log, environment)
    line = _line(process, log, '"started"', "the page")
    try:
        return f"http://127.0.0.1:{int(json.loads(line)['port'])}"
    except (KeyError, ValueError) as error:
        raise ExperimentError(f"the page says nothing of its port: {line}") from error


def _started(ends: ExitStack, command: list[str], log: Path, environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    with log.open("wb") as output:
        # A session of its own: a Ctrl-C at the terminal is this command's to handle.
        process = subprocess.Popen(
            command, cwd=REPOSITORY, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    ends.callback(_ended, process)
    return process


def _ended(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _line(process: "subprocess.Popen[bytes]", log: Path, what: str, name: str) -> str:
    """The first line of its log with `what` in it. Raises ExperimentError when it ends, or does not come."""
    deadline = time.monotonic() + _START_SECONDS
    ended = os.pidfd_open(process.pid)
    try:
        while True:
            text = log.read_text(errors="replace")
            if (found := next((line for line in text.splitlines() if what in line), None)) is not None:
                return found
            left = deadline - time.monotonic()
            # A file cannot be waited for: it is looked at until the process has ended, or the time has.
            if left <= 0 or select.select([ended], [], [], min(left, 0.02))[0]:
                code = process.poll()
                why = f"no {what} after {_START_SECONDS:g} s" if code is None else f"it ended with {code}"
                raise ExperimentError(f"{name} did not start ({why}): {log.read_text(errors='replace').strip()}")
    finally:
        os.close(ended)


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
