"""More partitions. They cannot be taken away again, so the stack is this test's own."""

import uuid
from collections.abc import Iterator

import pytest
from pulumi import automation

from tests.support.cluster_use import shared
from tests.support.engine import Project, kubectl
from tests.support.field import Ground
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("engine"), pytest.mark.usefixtures("whole_cluster")]

STACK = "strategy-c-wider"
# A topic outlives its stack.
CONFIGURATION = {"strategy": "c", "topic": f"wider-{uuid.uuid4().hex[:8]}", "replicas": "1", "rate": "10"}


def configure(project: Project, partitions: int) -> automation.Stack:
    return project.stack(STACK, {**CONFIGURATION, "partitions": str(partitions)})


@pytest.fixture
def stack(ground: Ground) -> Iterator[automation.Stack]:
    """With two partitions; taken away at the end."""
    made = configure(ground.project, 2)
    try:
        made.up()
        yield made
    finally:
        with shared():
            made.destroy(remove=True)


def field(path: str) -> str:
    return kubectl("get", "kcs", "consumer", "-n", STACK, "-o", f"jsonpath={path}")


def uid(pod: str) -> str:
    return kubectl("get", "pod", pod, "-n", STACK, "-o", "jsonpath={.metadata.uid}")


@pytest.mark.usefixtures("stack")
def test_partitions_that_are_added_have_their_owner_when_up_returns(ground: Ground) -> None:
    before = uid("consumer-blue-0")
    configure(ground.project, 4).up()
    assert field("{.status.conditions[?(@.type=='Ready')].status}") == "True"
    assert field("{.status.shape}") == "1x4 takeover/classic"
    assert uid("consumer-blue-0") == before
    log = "-c", "producer", "--tail=50"
    until("the producer to know them", lambda: "more partitions" in kubectl("logs", "-n", STACK, "producer-0", *log))
