"""Pods deleted, broker restarted, API server restarted, while nothing moves and during a switch: nothing is lost."""

import contextlib
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from experiments.cluster import ClusterError, Pod
from tests.support.cluster_use import alone, shared
from tests.support.field import Field, held
from tests.support.waiting import until

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.restarts,
    pytest.mark.xdist_group("strategy-c"),
    pytest.mark.usefixtures("judged"),
]

# Of these, only the broker that is away during a drain leaves something uncommitted: what was in hand since the last
# commit, at 100 records/s, committed every second.
DUPLICATES = 300


def _delete_consumers(field: Field) -> None:
    for colour in ("blue", "green"):
        field.cluster.delete_pod(field.namespace, f"consumer-{colour}-1")


def restart_broker(field: Field) -> None:
    field.cluster.delete_pod("kafka-bluegreen", "kafka-0")


def _restart_api_server(field: Field) -> None:
    before = _started(field)
    subprocess.run([sys.executable, "-m", "tools.sandbox", "restart", "kube-apiserver"], check=True, timeout=120)
    until("a new API server that is ready", lambda: _started(field) not in (None, before), 90, 0.2)


def _started(field: Field) -> str | None:
    """When the API server's process began, by its own metrics; None while it is not ready."""
    try:
        field.cluster.request("GET", "/readyz")
        metrics = field.cluster.request("GET", "/metrics").decode()
    except ClusterError:
        return None
    return next(line for line in metrics.splitlines() if line.startswith("process_start_time_seconds"))


Disturbance = Callable[[Field], None]
Use = Callable[[], contextlib.AbstractContextManager[None]]
# What is done, and how the cluster is used meanwhile.
CASES = [
    pytest.param(_delete_consumers, shared, id="delete_consumers"),
    pytest.param(restart_broker, alone, id="restart_broker"),
    pytest.param(_restart_api_server, alone, id="restart_api_server"),
]


@pytest.mark.parametrize(("disturb", "use"), CASES)
def test_while_nothing_moves(blue: Field, disturb: Disturbance, use: Use) -> None:
    with use():
        disturb(blue)
        wait_back(blue)


@pytest.mark.parametrize(("disturb", "use"), CASES)
def test_during_a_switch(blue: Field, disturb: Disturbance, use: Use) -> None:
    blue.stack.configuration.set(lagPolicy="immediate")
    with use():
        with blue.updating("green"), held(blue, "Pausing"):
            disturb(blue)
        wait_back(blue)
    settled = blue.wait_settled(180)
    assert settled.settled is not None
    assert settled.settled.reason in {"Switched", "Refused", "Failed", "RolledBack"}, settled.describe()
    blue.stack.configuration.set(lagPolicy="wait")


def wait_back(field: Field) -> None:
    field.cluster.wait(
        "/api/v1/namespaces/kafka-bluegreen/pods",
        [("labelSelector", "app.kubernetes.io/name=kafka")],
        lambda objects: None if objects and all(_ready(raw) for raw in objects.values()) else "not Ready",
        "the broker",
        180,
    )
    field.wait_ready_pods()


def _ready(raw: Mapping[str, Any]) -> bool:
    pod = Pod.of(raw)
    return pod.ready and not pod.terminating
