"""Clocks that disagree, and how far it can be told that they do."""

import time
from typing import Any

import pytest

from components.strategies.consumers import PARTS
from experiments import clocks
from experiments.clocks import Clocks, Reading, compare, worst
from experiments.cluster import Cluster
from tests.experiments.test_cluster import PODS, listed, pod
from tests.support.fake_api import FakeApi
from tests.support.loopback import Answer


def reading(node: str, offset: float, error: float) -> Reading:
    return Reading(node, sent=100.0, received=100.0 + 2 * error, remote=100.0 + error + offset)


def test_of_several_readings_the_quickest_counts() -> None:
    found = compare([reading("n1", 0.9, 0.5), reading("n1", 0.25, 0.125), reading("n1", -0.4, 0.3)])
    assert found is not None
    assert (found.offset, found.error) == pytest.approx((0.25, 0.125))
    assert (found.between_nodes, found.nodes) == (0.0, 1)


def test_nodes_are_apart_by_their_offsets_and_their_errors() -> None:
    found = compare([reading("n1", 0.010, 0.001), reading("n2", -0.030, 0.002), reading("n3", 0.0, 0.001)])
    assert found is not None
    assert found.between_nodes == pytest.approx(0.043)
    assert found.between_nodes_ms == pytest.approx(43)
    assert found.offset == pytest.approx(-0.030)
    assert found.nodes == 3


def test_without_a_reading_nothing_is_known() -> None:
    assert compare([]) is None


def test_for_a_span_the_worst_of_its_ends_counts() -> None:
    begin, end = Clocks(0.01, 0.002, 0.0, 1), Clocks(-0.2, 0.002, 0.05, 2)
    assert worst([begin, end]) == Clocks(-0.2, 0.002, 0.05, 2)
    assert worst([begin, None]) is None
    assert worst([]) is None


def workload(name: str, app: str, node: str) -> dict[str, Any]:
    raw = pod(name, uid=name)
    raw["metadata"]["labels"]["app.kubernetes.io/name"] = app
    raw["spec"] = {"nodeName": node}
    return raw


def serve(api: FakeApi, shifts: dict[str, float | None]) -> None:
    """A consumer on each node, whose clock is shifted by so many seconds; None: it does not tell its time."""
    raws = []
    for number, (node, shift) in enumerate(shifts.items()):
        name = f"consumer-blue-{number}"
        raws.append(workload(name, "consumer", node))

        def answer(_: Any, shift: float | None = shift) -> Answer:
            told = {} if shift is None else {"time": time.time_ns() + int(shift * 1e9)}
            return 200, {"positions": {}, **told}

        api.answers["GET", f"{PODS}/{name}:8080/proxy/progress"] = answer
    api.answers["GET", PODS] = (200, listed(*raws, workload("controller-0", "controller", "n9")))


@pytest.mark.parametrize("shift", [-3.5, 0.0, 3.5])
def test_a_clock_that_is_shifted_is_measured(api: FakeApi, cluster: Cluster, shift: float) -> None:
    serve(api, {"n1": shift})
    found = clocks.read(cluster, "strategy-c", PARTS.all)
    assert found is not None
    assert abs(found.offset - shift) <= found.error
    assert (found.nodes, found.between_nodes) == (1, 0.0)


def test_nodes_whose_clocks_are_shifted_give_the_validator_its_clock_error(api: FakeApi, cluster: Cluster) -> None:
    serve(api, {"n1": 0.0, "n2": 0.5})
    found = clocks.read(cluster, "strategy-c", PARTS.all)
    assert found is not None
    assert found.between_nodes_ms >= 500
    assert found.nodes == 2


def test_workloads_that_do_not_tell_their_time_leave_it_unknown(api: FakeApi, cluster: Cluster) -> None:
    serve(api, {"n1": None})
    assert clocks.read(cluster, "strategy-c", PARTS.all) is None
