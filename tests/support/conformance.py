"""The conformance kit on a broker of a test's own, with a way to it that can be cut."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from experiments.conformance.application import Application
from experiments.conformance.bench import Way
from experiments.conformance.process import ProcessApplication
from experiments.conformance.relay import Relay
from experiments.conformance.suite import Suite
from experiments.progress import Progress
from tests.support.broker import Broker, free_ports, libs

BrokerAndWay = tuple[Broker, Relay]


@contextmanager
def broker_and_way(folder: Path) -> Iterator[BrokerAndWay]:
    """The broker, and the relay that its second listener is known as."""
    (port,) = free_ports(1)
    broker = Broker(libs(), folder, front=port)
    relay = Relay(("127.0.0.1", broker.behind), port=port)
    try:
        yield broker, relay
    finally:
        relay.close()
        broker.kill()


def suite(
    on: BrokerAndWay,
    *program: str,
    membership: str = "takeover",
    leaves_out: frozenset[str] = frozenset(),
    protocol: str = "classic",
) -> Suite:
    """For a module of the repository, or a program by its path, called with these arguments."""
    broker, relay = on

    def make(settings: Mapping[str, Any], folder: Path) -> tuple[Application, Way]:
        relay.open()
        command = program if program[0].startswith("/") else (sys.executable, "-m", *program)
        return ProcessApplication(command, folder, settings), relay

    return Suite(
        make, broker.bootstrap_servers, f"127.0.0.1:{relay.port}", membership, Progress(), leaves_out, protocol
    )
