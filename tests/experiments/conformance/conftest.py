"""A broker with a way to it that can be cut, for the applications that are tried."""

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from experiments.conformance.application import Application
from experiments.conformance.bench import Way
from experiments.conformance.process import ProcessApplication
from experiments.conformance.relay import Relay
from experiments.conformance.suite import Suite
from experiments.progress import Progress
from tests.support.broker import Broker, free_ports, libs

Try = Callable[..., Suite]


@pytest.fixture(scope="session")
def way(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Broker, Relay]]:
    """The broker, and the relay that its second listener is known as."""
    (port,) = free_ports(1)
    broker = Broker(libs(), tmp_path_factory.mktemp("broker"), front=port)
    relay = Relay(("127.0.0.1", broker.behind), port=port)
    yield broker, relay
    relay.close()
    broker.kill()


@pytest.fixture
def tried(way: tuple[Broker, Relay]) -> Try:
    """The suite for a module of the repository, or a program by its path, called with these arguments."""
    broker, relay = way

    def suite(*program: str, membership: str = "takeover", leaves_out: frozenset[str] = frozenset()) -> Suite:
        def make(settings: Mapping[str, Any], folder: Path) -> tuple[Application, Way]:
            relay.open()
            command = program if program[0].startswith("/") else (sys.executable, "-m", *program)
            return ProcessApplication(command, folder, settings), relay

        return Suite(
            make, broker.bootstrap_servers, f"127.0.0.1:{relay.port}", membership, Progress(), leaves_out=leaves_out
        )

    return suite
