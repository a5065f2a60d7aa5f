"""The stacks on the real cluster, brought up by `pulumi up` once a session."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments.interrupts import Interrupts
from experiments.lag import EndOffsets, Lag
from experiments.producer import CONTAINER, POD, Producer
from experiments.progress import Progress
from experiments.run import REPOSITORY, only_one, preflight
from experiments.stacks import Configuration, Stack
from tests.e2e.field import Field

PARTITIONS, REPLICAS = 12, 3


@pytest.fixture(scope="session")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    """Both stacks up, all pods Ready, blue active, 100 records/s."""
    folder = tmp_path_factory.mktemp("field")
    cluster, progress = preflight(), Progress()
    with Interrupts() as interrupts, only_one("strategy-c"):
        platform = Stack(
            REPOSITORY, Configuration(REPOSITORY, "platform", folder / "platform.yaml"), interrupts, progress
        )
        platform.prepare(lambda: None)
        configuration = Configuration(REPOSITORY, "strategy-c", folder / "strategy-c.yaml")
        stack = Stack(REPOSITORY, configuration, interrupts, progress)
        attempt = 1
        if _deployed(cluster):
            attempt = int(cluster.switch("strategy-c").raw["spec"].get("attempt", 1)) + 1
        configuration.set(active="blue", attempt=attempt)
        stack.prepare(lambda: None)
        ends = EndOffsets(
            "strategy-c",
            POD,
            CONTAINER,
            bootstrap=platform.output("bootstrapServers"),
            topic="bluegreen",
            partitions=PARTITIONS,
        )
        lag = Lag(cluster, "strategy-c", ends, PARTITIONS)
        producer = Producer(cluster, "strategy-c", progress)
        lab = Field(cluster, stack, producer, lag, progress, folder, attempt, REPLICAS)
        lab.wait_ready_pods()
        yield lab
        ends.close()


@pytest.fixture
def blue(field: Field) -> Field:
    """The field with blue active and everybody there."""
    field.steady("blue")
    return field


def _deployed(cluster: object) -> bool:
    from experiments.cluster import Cluster, ClusterError

    assert isinstance(cluster, Cluster)
    try:
        cluster.switch("strategy-c")
    except ClusterError:
        return False
    return True


@pytest.fixture(scope="session")
def repository() -> Path:
    assert os.geteuid() == 0, "the end-to-end tests signal processes of the sandbox: run them as root"
    return REPOSITORY
