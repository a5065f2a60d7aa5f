"""`python -m experiments conformance`: tries an application, and says what holds."""

import argparse
import json
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from experiments import environment
from experiments.conformance import forward, table
from experiments.conformance.application import Application
from experiments.conformance.bench import Way
from experiments.conformance.pod import PodApplication, ground
from experiments.conformance.points import CLASSIC, LEAVABLE, LEAVE_JOIN, MEMBERSHIPS, PROTOCOLS, TAKEOVER
from experiments.conformance.process import ProcessApplication
from experiments.conformance.relay import Relay
from experiments.conformance.suite import MakeApplication, Suite, failed
from experiments.console import emit
from experiments.errors import PreflightError
from experiments.progress import Progress
from experiments.results import SPEED

PASSED, MISSED = 0, 1


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command's options."""
    parser = commands.add_parser(
        "conformance",
        help="drive an application through the contract, and attack it",
        description="Exit codes: 0 every point holds, 1 one does not, 2 it could not be tried (and why).",
    )
    parser.add_argument("--image", help="an image of the application: it runs in pods of the cluster")
    parser.add_argument(
        "--command",
        dest="line",
        help="without --image: a command of this machine, against the cluster's broker; with it: what the container "
        "runs in place of the image's own entry point",
    )
    parser.add_argument(
        "--kit-image",
        help="with --image: an image with python3 for the kit's own container (default: the sandbox's workloads)",
    )
    parser.add_argument(
        "--membership",
        choices=MEMBERSHIPS,
        default=TAKEOVER,
        help=f"how it enters and leaves its group (default: {TAKEOVER}; {LEAVE_JOIN} asks the least)",
    )
    parser.add_argument(
        "--group-protocol",
        choices=PROTOCOLS,
        default=CLASSIC,
        help=f"by which protocol it is in its group (default: {CLASSIC})",
    )
    parser.add_argument(
        "--leaves-out",
        action="append",
        default=[],
        choices=sorted(LEAVABLE),
        help="what it does not have, and gives up: "
        + "; ".join(f"{name}, {what}" for name, what in sorted(LEAVABLE.items())),
    )
    parser.add_argument("--point", action="append", default=[], help="only this one; may be given more than once")
    parser.add_argument("--json", type=Path, help="write the result to this file, too")
    parser.add_argument(
        "--broker",
        metavar="HOST:PORT,HOST:PORT,PORT",
        help="with --command, another broker than the cluster's: its address, the address of a listener of it that is "
        "advertised as 127.0.0.1:PORT, and that port, where the kit listens for the application",
    )


def run(parsed: argparse.Namespace, arguments: list[str]) -> int:
    """The exit code. Raises `ExperimentError`."""
    if parsed.image is None and parsed.line is None:
        raise PreflightError("nothing to try; allowed: --image, or --command for a program of this machine")
    progress = Progress()
    with _suite(parsed, progress) as suite:
        outcomes = suite.run(parsed.point)
    emit(table.shown(outcomes), sys.stdout)
    if parsed.json is not None:
        result = table.as_json(
            outcomes,
            application=parsed.image or parsed.line,
            membership=parsed.membership,
            group_protocol=parsed.group_protocol,
            leaves_out=sorted(parsed.leaves_out),
            command=shlex.join(["python", "-m", "experiments", *arguments]),
            environment=_environment(),
        )
        parsed.json.parent.mkdir(parents=True, exist_ok=True)
        parsed.json.write_text(json.dumps(result, indent=2) + "\n")
    return MISSED if failed(outcomes) else PASSED


def _environment() -> Mapping[str, object]:
    return {"commit": environment.commit(), SPEED: environment.speed()}


@contextmanager
def _suite(parsed: argparse.Namespace, progress: Progress) -> Iterator[Suite]:
    leaves_out = frozenset(parsed.leaves_out)
    with _place(parsed) as (make, servers, relayed):
        yield Suite(make, servers, relayed, parsed.membership, progress, leaves_out, parsed.group_protocol)


@contextmanager
def _place(parsed: argparse.Namespace) -> Iterator[tuple[MakeApplication, str, str]]:
    """Where the application runs: how one is made, the broker as the kit reaches it, and as the application does."""
    line = shlex.split(parsed.line or "")
    if parsed.line is not None and not line:
        raise PreflightError("--command: there is none; allowed: a program and its arguments")
    if parsed.image is None:
        with _way(parsed.broker) as (servers, relayed, way):

            def process(settings: Mapping[str, Any], folder: Path) -> tuple[Application, Way]:
                way.open()
                return ProcessApplication(line, folder, settings), way

            yield process, servers, relayed
        return
    if parsed.broker is not None:
        raise PreflightError("--broker: only with --command; an image is tried on the cluster, with its broker")
    with ground(parsed.image, parsed.kit_image, line) as made, forward.to_the_broker() as relay:

        def pod(settings: Mapping[str, Any], _: Path) -> tuple[Application, Way]:
            application = PodApplication(made, settings)
            return application, application

        address = f"127.0.0.1:{relay.port}"
        yield pod, address, address


@contextmanager
def _way(broker: str | None) -> Iterator[tuple[str, str, Relay]]:
    """The broker as the kit reaches it, as the application does, and the way between."""
    if broker is None:
        with forward.to_the_broker() as relay:
            address = f"127.0.0.1:{relay.port}"
            yield address, address, relay
        return
    try:
        servers, behind, port = broker.split(",")
        host, _, number = behind.rpartition(":")
        relay = Relay((host, int(number)), port=int(port))
    except ValueError as error:
        raise PreflightError(f"--broker {broker}: {error}; allowed: HOST:PORT,HOST:PORT,PORT") from error
    except OSError as error:
        raise PreflightError(f"--broker {broker}: nobody can listen on 127.0.0.1:{port}: {error.strerror}") from error
    try:
        yield servers, f"127.0.0.1:{relay.port}", relay
    finally:
        relay.close()
