"""Strategy B when its broker restarts: commits by transactions and background copies come over it."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.e2e.test_restarts import restart_broker, wait_back
from tests.support.cluster_use import alone, shared
from tests.support.field import Field, Ground, judging

pytestmark = [pytest.mark.e2e, pytest.mark.restarts, pytest.mark.xdist_group("strategy-c")]

# What was in hand since the last commit, at 100 records/s, committed every second.
DUPLICATES = 300


@pytest.fixture
def b(ground: Ground) -> Iterator[Field]:
    """A small stack of strategy B; taken away at the end."""
    name = ground.beside("b")
    try:
        with ExitStack() as ends:
            with shared():
                field = ends.enter_context(ground.standing(name, replicas=2))
            yield field
    finally:
        with shared():
            ground.project.stack(name).destroy(remove=True)


def test_a_broker_that_restarts_and_a_switch_after_it(b: Field) -> None:
    """No process ends by it, and a switch finds both colours at work."""
    with alone(), judging("broker-restart-b", b, duplicates=DUPLICATES):
        before = _restarts(b)
        restart_broker(b)
        wait_back(b)
        for target in ("green", "blue"):
            update = b.up(target)
            assert update.error is None, update.error
            settled = b.wait_settled()
            assert (settled.active, settled.settled and settled.settled.reason) == (target, "Switched")
        assert _restarts(b) == before


def _restarts(field: Field) -> dict[str, int]:
    return {pod.name: pod.restarts for pod in field.cluster.pods(field.namespace)}
