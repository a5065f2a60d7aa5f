"""Fixtures of the workloads' tests: one real broker for all, a topic each, consumers that are gone afterwards."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.broker import Broker, libs
from tests.support.fake_kube import FakeApi
from tests.support.fenced import Front
from tests.support.processes import ConsumerProcess, Feed

PARTITIONS = 4


@pytest.fixture(scope="session")
def front() -> Iterator[Front]:
    """The way to the broker on which it can seem to be shutting down."""
    made = Front()
    yield made
    made.close()


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory, front: Front) -> Iterator[Broker]:
    """A broker of the test session's own."""
    started = Broker(libs(), tmp_path_factory.mktemp("broker"), front=front.port)
    front.behind = started.behind
    yield started
    started.kill()


@pytest.fixture
def api() -> Iterator[FakeApi]:
    """An API server that does what a test asks for."""
    made = FakeApi()
    yield made
    made.close()


@pytest.fixture
def topic(broker: Broker) -> str:
    """A new topic with `PARTITIONS` partitions."""
    name = f"t{uuid.uuid4().hex[:8]}"
    broker.create_topic(name, PARTITIONS)
    return name


Consumers = Callable[..., ConsumerProcess]


@pytest.fixture
def consumer(broker: Broker, topic: str, tmp_path: Path) -> Iterator[Consumers]:
    """Starts consumer processes by pod name, with settings on top of the usual ones; kills what is left at the end."""
    started: list[ConsumerProcess] = []

    def start(name: str = "consumer-blue-0", *, module: str = "workloads.consumer", **settings: Any) -> ConsumerProcess:
        usual = {
            "bootstrap_servers": broker.bootstrap_servers,
            "topic": topic,
            "group_id": topic,
            "strategy": "x",
            "faults_enabled": True,
        }
        process = ConsumerProcess(tmp_path, name, usual | settings, module)
        started.append(process)
        return process.start()

    yield start
    for process in started:
        process.kill()


@pytest.fixture
def feed(broker: Broker, topic: str) -> Iterator[Feed]:
    """Records for the topic: some at once, or a steady stream."""
    made = Feed(broker.bootstrap_servers, topic, PARTITIONS)
    yield made
    made.stop()
