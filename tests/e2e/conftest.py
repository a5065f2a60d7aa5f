"""The stacks on the real cluster, brought up by `pulumi up` once for all of these tests."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.strategies.consumers import PARTS
from experiments.interrupts import Interrupts
from experiments.lag import EndOffsets, Lag
from experiments.positions import OfMembers
from experiments.preflight import only_one, preflight
from experiments.producer import CONTAINER, POD, Producer
from experiments.progress import Progress
from experiments.run import REPOSITORY
from experiments.stacks import Configuration, Stack
from tests.support.cluster_use import alone
from tests.support.field import TIMEOUT_SECONDS, Field, assert_nothing_wrong

PARTITIONS, REPLICAS = 12, 3


@pytest.fixture(scope="package")  # not the session: it keeps other runs off the stack
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    """Both stacks up, all pods Ready, blue active, 100 records/s."""
    folder = tmp_path_factory.mktemp("field")
    cluster, progress = preflight(), Progress()
    with Interrupts() as interrupts, only_one("strategy-c"):
        with alone():
            platform = Stack(
                REPOSITORY, Configuration(REPOSITORY, "platform", folder / "platform.yaml"), interrupts, progress
            )
            platform.prepare(lambda: None)
        configuration = Configuration(REPOSITORY, "strategy-c", folder / "strategy-c.yaml")
        stack = Stack(REPOSITORY, configuration, interrupts, progress)
        attempt = 1
        if _deployed(cluster):
            attempt = int(cluster.switch("strategy-c").raw["spec"].get("attempt", 1)) + 1
        configuration.set(
            active="blue", attempt=attempt, drainTimeoutSeconds=TIMEOUT_SECONDS, resumeTimeoutSeconds=TIMEOUT_SECONDS
        )
        stack.prepare(lambda: None)
        ends = EndOffsets(
            "strategy-c",
            POD,
            CONTAINER,
            bootstrap=platform.output("bootstrapServers"),
            topic="bluegreen",
            partitions=PARTITIONS,
        )
        lag = Lag(OfMembers(cluster, "strategy-c", PARTS.members), ends, PARTITIONS)
        producer = Producer(cluster, "strategy-c", progress)
        lab = Field(cluster, stack, producer, lag, progress, folder, attempt, REPLICAS)
        lab.wait_ready_pods()
        yield lab
        ends.close()


@pytest.fixture(scope="module")
def judged(request: pytest.FixtureRequest, field: Field) -> Iterator[None]:
    """What a module's tests let happen, all of it, is judged at its end from the record logs of a producer of its own.

    The module's DUPLICATES is how many records may have been handled once more than needed.
    """
    field.steady("blue")
    with field.judged(request.module.__name__.rpartition(".")[2]) as verdicts:
        yield
    assert_nothing_wrong(verdicts[0], request.module.DUPLICATES)


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
