"""Strategy E: a run of it, what an agent's absence does to a switch, and stacks of all three strategies at once.

All by REST, with one worker for each colour: what workers need of a machine is most of what these tests take. What
several of them do together shows in every run with the stack's own three.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

from components.connect_names import AGENT_CONTAINER
from components.names import Color
from components.observability.panels import PANELS
from components.observability.plan_metrics import PLAN
from experiments import by_hand
from experiments.connect import RUNNING
from experiments.connector_lab import connect_of
from experiments.disturbance import in_background
from experiments.run import REPOSITORY
from tests.support.cluster_use import shared
from tests.support.field import Field, Ground, judging
from tests.support.permissions import allowed_to
from tests.support.runs import SLOW_IS_FINE, Run, assert_whole
from tests.support.seen import not_said, series

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("engine")]

REPLICAS = 1
GREEN = {"version": "2"}
# A colour that is scaled down and back starts workers, and on a busy machine the other one's sink waits for that.
SLOW_STARTS = {"lag_during_scale_down"}


@pytest.fixture(scope="module")
def connect(ground: Ground) -> None:
    """What only strategy E needs of the sandbox is there; the stack is taken away at the end."""
    ground.passing.add("strategy-e")
    with shared():
        subprocess.run(
            [sys.executable, "-m", "tools.sandbox", "up", "--with", "connect"], cwd=REPOSITORY, check=True, timeout=600
        )


@pytest.fixture(scope="module")
def whole() -> Iterator[None]:
    """No part of the cluster is restarted until the last test of these is done."""
    with shared():
        yield


@pytest.fixture(scope="module")
def e(connect: None, whole: None, ground: Ground) -> Iterator[Field]:
    """Strategy E: all of it Ready, blue active."""
    with ground.standing("strategy-e", control="rest", replicas=REPLICAS, green=GREEN) as field:
        yield field


@pytest.fixture(scope="module")
def c(whole: None, ground: Ground) -> Iterator[Field]:
    """A small stack of strategy C; taken away at the end."""
    name = ground.beside("c")
    ground.passing.add(name)
    with ground.standing(name, replicas=1) as field:
        yield field


@pytest.fixture(scope="module")
def three(b: Field, c: Field, e: Field) -> Iterator[tuple[Field, Field, Field]]:
    """A stack of each strategy on one platform. All that happens to them is judged at the end: nothing lost, nobody
    active beside the other, nothing handled twice.
    """
    with judging("three-stacks", b, c, e):
        yield b, c, e


@pytest.mark.usefixtures("connect", "whole_cluster")
def test_a_run_by_rest(tmp_path: Path) -> None:
    """On a pair of its own, for it has fewer tasks than the standing one; green arrives in the middle of it."""
    arguments = ["--scenario", "1", "--switches", "2", "--control", "rest", "--replicas", str(REPLICAS)]
    with Run(tmp_path, "e", *arguments) as run:
        result = assert_whole(run, tmp_path, "1", 2, SLOW_IS_FINE | SLOW_STARTS)
    assert result.measurements["duplicates"] == 0


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("away", "outcome", "why"),
    [
        ("green", "Refused", "NotReady: 0 of 1 green pods exist"),
        ("blue", "Failed", "1 of 1 blue members (absent)"),
    ],
    ids=["green", "blue"],
)
def test_an_agent_that_is_away_stops_the_switch_and_not_the_connector(
    e: Field, away: Color, outcome: str, why: str
) -> None:
    """Nobody else can say that a connector stands still, or start it: an agent's absence confirms nothing."""
    connectors = connect_of(e.lab)
    e.steady("blue")
    epoch = _epoch(e)
    with _agent_away(e, away):
        update = e.up("green")
        settled = e.wait_settled()
        assert update.error is not None
        assert why in update.error
        assert (settled.active, settled.settled and settled.settled.reason) == ("blue", outcome)
        assert connectors.state("blue").is_all(RUNNING)
        # Refused before anything was touched; failed after a withdrawal, and granted again.
        assert _epoch(e) - epoch == (0 if outcome == "Refused" else 2)
    e.steady("blue")


def test_an_agent_can_do_its_work_and_nothing_else(e: Field) -> None:
    """By REST it has no business with resources of Strimzi's kinds, nor with ConfigMaps; each reports for itself."""
    others = ["agent-green-0", "blue-connect-0", "producer-0"]
    allowed = allowed_to(e.namespace, "agent-blue-0", AGENT_CONTAINER, others)
    assert allowed == {"own lease", "own pod, nothing changed", "list pods"}


@pytest.mark.usefixtures("three")
def test_what_connect_refuses_stops_the_switch(e: Field) -> None:
    """A setting of the sink that Connect does not take: nothing is touched, and `pulumi up` has Connect's own words."""
    e.steady("blue")
    epoch = _epoch(e)
    update = e.up("green", green={**GREEN, "config": {"errors.tolerance": "most"}})
    settled = e.wait_settled()
    assert update.error is not None
    assert "ConnectorRefused" in update.error
    assert "errors.tolerance" in update.error
    assert (settled.active, settled.settled and settled.settled.reason) == ("blue", "Refused")
    assert _epoch(e) == epoch
    assert connect_of(e.lab).state("blue").is_all(RUNNING)
    update = e.up("blue", green={**GREEN, "config": {"errors.tolerance": "none"}})
    assert update.error is None
    e.steady("blue")


def test_three_stacks_at_once(three: tuple[Field, Field, Field]) -> None:
    for field in three:
        field.steady("blue")
    for target in ("green", "blue"):
        with ExitStack() as together:
            started = [together.enter_context(in_background(partial(field.up, target))) for field in three]
        updates = [one.update for one in started]
        assert [update.error for update in updates] == [None] * 3
        first_end = min(update.commanded_at + update.seconds for update in updates)
        assert all(update.commanded_at < first_end for update in updates), "they were not under way at once"
        for field in three:
            settled = field.wait_settled()
            assert (settled.active, settled.settled and settled.settled.reason) == (target, "Switched")


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("strategy", ["b", "c", "e"])
def test_metrics_and_panels_are_there_whatever_the_strategy(strategy: str, request: pytest.FixtureRequest) -> None:
    """After switches there and back; what connectors do not say is what the page says that they do not."""
    field: Field = request.getfixturevalue(strategy)
    connectors = field.lab.parts.connectors is not None
    field.steady("blue")
    for target in ("green", "blue"):
        update = field.up(target)
        assert update.error is None, update.error
    assert not_said(field.cluster, field.namespace, by_connectors=connectors) == []
    end = time.time()
    empty = [
        panel.title
        for panel in PANELS
        for query in panel.queries
        if not series(field.cluster, field.namespace, query.expr, end - 300, end)
    ]
    lacking = {metric.name for metric in PLAN if connectors and metric.connectors is None}
    expected = [p.title for p in PANELS if any(name in query.expr for query in p.queries for name in lacking)]
    assert empty == expected


def _epoch(field: Field) -> int:
    return int(field.lease()["spec"]["leaseTransitions"])


@contextmanager
def _agent_away(field: Field, color: Color) -> Iterator[None]:
    """A colour's agent is not there within the block; afterwards it is back."""
    agent = field.lab.parts.members

    def scale(number: int) -> None:
        by_hand.scale(field.namespace, agent.kind.named(agent.object(color)), number)
        field.lab.wait_pods({color: number}, [agent])

    scale(0)
    try:
        yield
    finally:
        scale(1)
