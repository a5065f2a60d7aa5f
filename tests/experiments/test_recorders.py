"""What recorders say, and how far the times of what they recorded may be believed."""

from dataclasses import replace
from typing import Any

import pytest

from experiments import recorders
from experiments.cluster import Cluster
from experiments.errors import ExperimentError
from experiments.recorders import Recorded, times
from tests.experiments.test_cluster import PODS, listed, pod
from tests.support.connectors import parts
from tests.support.fake_api import FakeApi

SAID: dict[str, Any] = {
    "epoch": 7,
    "next": {"0": 12, "1": 4},
    "lines": 30,
    "torn": 0,
    "unknown": 2,
    "late_seconds_max": 0.012,
    "boot_id": "ab",
    "time": 1_764_000_000_000_000_000,
    "logs": {"blue-connect-0.0a0b": 30},
}
ONE = Recorded.of("recorder-blue-0", "blue", SAID)


def serve(api: FakeApi, *answers: tuple[str, str, Any]) -> None:
    """(pod, colour, what it says; None: it does not answer)."""
    raws = []
    for name, color, said in answers:
        raw = pod(name)
        raw["metadata"]["labels"]["kafka-bluegreen.io/color"] = color
        raws.append(raw)
        if said is not None:
            api.answers["GET", f"{PODS}/{name}:8084/proxy/reached"] = (200, said)
    api.answers["GET", PODS] = (200, listed(*raws))


def test_every_recorder_is_asked_and_who_does_not_answer_is_named(api: FakeApi, cluster: Cluster) -> None:
    part = parts().recorder
    assert part is not None
    serve(api, ("recorder-blue-0", "blue", SAID), ("recorder-green-0", "green", None))
    found, silent = recorders.read(cluster, "strategy-c", part)
    assert found == [ONE]
    assert (found[0].next, found[0].logs) == ({0: 12, 1: 4}, {"blue-connect-0.0a0b": 30})
    assert silent == ["recorder-green-0"]
    query = next(query for _, path, query, _ in api.requests if path == PODS)
    assert query["labelSelector"] == ["app.kubernetes.io/name=recorder"]
    assert recorders.read(cluster, "strategy-c", part, found)[0] == [ONE]
    asked = [query for _, path, query, _ in api.requests if path.endswith("recorder-blue-0:8084/proxy/reached")]
    assert [query.get("since") for query in asked] == [None, [str(SAID["time"])]]


@pytest.mark.parametrize("changes", [{"epoch": None}, {"next": [1]}, {"logs": None}, {"boot_id": ...}])
def test_an_answer_that_is_not_of_the_contract_is_named(changes: dict[str, Any]) -> None:
    said = {key: value for key, value in {**SAID, **changes}.items() if value is not ...}
    with pytest.raises(ExperimentError, match="recorder recorder-blue-0 does not answer as it should"):
        Recorded.of("recorder-blue-0", "blue", said)


def test_the_latest_line_of_all_recorders_counts() -> None:
    after = [replace(ONE, late_seconds_max=0.02), replace(ONE, pod="recorder-green-0", late_seconds_max=0.05)]
    assert times([ONE], after).late_seconds == 0.05


def test_what_was_unknown_before_the_run_does_not_count() -> None:
    found = times([ONE], [replace(ONE, unknown=2, torn=1)])
    assert (found.unknown, found.torn, found.restarted) == (0, 1, ())
    assert times([ONE], [replace(ONE, unknown=5)]).unknown == 3


def test_a_recorder_that_began_anew_has_seen_nothing_of_what_the_other_saw() -> None:
    found = times([ONE], [replace(ONE, boot_id="cd", unknown=4, late_seconds_max=0.0)])
    assert (found.unknown, found.restarted, found.late_seconds) == (4, ("recorder-blue-0",), 0.0)
    assert times([ONE], []).restarted == ("recorder-blue-0",)
