import time
from typing import Any

import pytest

from experiments import cluster as cluster_module
from experiments.cluster import Cluster, ClusterError, LiveSwitch, Objects, Pod
from experiments.errors import DeadlineError, PreconditionError
from tests.support.fake_api import FakeApi

PODS = "/api/v1/namespaces/strategy-c/pods"


def pod(name: str, *, ready: bool = True, uid: str = "u1", version: str = "1") -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "uid": uid,
            "resourceVersion": version,
            "labels": {"kafka-bluegreen.io/color": "blue"},
        },
        "status": {
            "conditions": [{"type": "Ready", "status": str(ready)}],
            "initContainerStatuses": [{"name": "sidecar", "image": "i:1", "restartCount": 1}],
            "containerStatuses": [{"name": "consumer", "image": "i:1", "restartCount": 2}],
        },
    }


def listed(*items: dict[str, Any], version: str = "10") -> dict[str, Any]:
    return {"metadata": {"resourceVersion": version}, "items": list(items)}


def switch(**status: Any) -> dict[str, Any]:
    conditions = [
        {"type": kind, "status": "True", "reason": "Switched", "message": "", "observedGeneration": 4}
        for kind in ("Ready", "Settled")
    ]
    return {
        "metadata": {"name": "consumer", "generation": 4, "resourceVersion": "1"},
        "spec": {"active": "green", "attempt": 1, "blue": {"group": "bluegreen-c"}, "green": {"group": "bluegreen-c"}},
        "status": {"active": "green", "phase": "Ready", "epoch": 8, "conditions": conditions, **status},
    }


def test_a_pod_is_read_with_both_kinds_of_containers() -> None:
    found = Pod.of(pod("consumer-blue-0"))
    assert (found.name, found.color, found.ready, found.terminating, found.restarts) == (
        "consumer-blue-0",
        "blue",
        True,
        False,
        3,
    )
    assert found.images == {"sidecar": "i:1", "consumer": "i:1"}
    assert not Pod.of(pod("consumer-blue-0", ready=False)).ready


@pytest.mark.parametrize(
    ("changes", "steady"),
    [
        ({}, True),
        ({"active": ""}, False),
        ({"active": "blue"}, False),
        ({"conditions": []}, False),
        ({"conditions": [{"type": "Settled", "status": "True", "observedGeneration": 4}]}, False),
        (
            {
                "conditions": [
                    {"type": "Ready", "status": "True", "observedGeneration": 4},
                    {"type": "Settled", "status": "True", "observedGeneration": 3},  # of the generation before
                ]
            },
            False,
        ),
    ],
)
def test_steady_means_this_generation_has_ended_with_the_colour_asked_for(
    changes: dict[str, Any], steady: bool
) -> None:
    assert LiveSwitch.of(switch(**changes)).steady is steady


def test_a_switch_without_a_status_is_read() -> None:
    raw = switch()
    del raw["status"]
    found = LiveSwitch.of(raw)
    assert (found.active, found.phase, found.epoch, found.last, found.steady) == ("", "", 0, None, False)
    assert "active nobody" in found.describe()


def test_a_call_carries_the_token_and_its_body(api: FakeApi, cluster: Cluster) -> None:
    path = f"{PODS}/producer-0:8080/proxy/config"
    api.answers["PUT", path] = lambda body: (200, {"rate": body["rate"]})
    assert (
        cluster.through_pod("strategy-c", "producer-0", 8080, "/config", method="PUT", body={"rate": 0})
        == b'{"rate": 0}'
    )
    assert api.requests[-1][2]["auth"] == ["Bearer secret"]


def test_an_error_names_the_call_and_the_answer(api: FakeApi, cluster: Cluster) -> None:
    api.answers["GET", "/x"] = (503, {"message": "no endpoints"})
    with pytest.raises(ClusterError, match=r"GET /x: 503 .*no endpoints") as raised:
        cluster.get("/x")
    assert raised.value.status == 503
    with pytest.raises(ClusterError) as raised:
        cluster.get("/y")
    assert raised.value.not_found
    assert cluster.pod("strategy-c", "nobody") is None
    cluster.delete_pod("strategy-c", "nobody")


def test_a_server_that_is_not_there_is_an_error(api: FakeApi, cluster: Cluster) -> None:
    api.close()
    with pytest.raises(ClusterError, match="does not answer"):
        cluster.get("/version")


def ready(name: str) -> Any:
    def missing(objects: Objects) -> str | None:
        if name not in objects:
            return f"no {name}"
        return None if Pod.of(objects[name]).ready else f"{name} not ready"

    return missing


def test_a_wait_ends_with_the_event_it_waits_for(api: FakeApi, cluster: Cluster) -> None:
    api.answers["GET", PODS] = (200, listed(pod("a", ready=False)))
    told: list[str] = []
    api.events.put({"type": "DELETED", "object": pod("a", version="11")})
    api.events.put({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "12"}}})
    api.events.put({"type": "ADDED", "object": pod("a", ready=False, uid="u2", version="13")})
    api.events.put({"type": "MODIFIED", "object": pod("a", uid="u2", version="14")})
    found = cluster.wait(PODS, [("labelSelector", "x=y")], ready("a"), "pod a", 10, on_change=told.append)
    assert found["a"]["metadata"]["uid"] == "u2"
    assert told == [f"waiting for pod a: {text}" for text in ("a not ready", "no a", "a not ready")]
    watched = next(query for _, _, query, _ in api.requests if "watch" in query)
    assert watched["resourceVersion"] == ["10"]
    assert watched["labelSelector"] == ["x=y"]


def test_a_wait_that_is_met_at_once_does_not_watch(api: FakeApi, cluster: Cluster) -> None:
    api.answers["GET", PODS] = (200, listed(pod("a")))
    cluster.wait(PODS, [], ready("a"), "pod a", 10)
    assert len(api.requests) == 1


def test_a_watch_that_ends_goes_on_from_where_it_was(api: FakeApi, cluster: Cluster) -> None:
    api.answers["GET", PODS] = (200, listed(pod("a", ready=False)))
    api.events.put({"type": "MODIFIED", "object": pod("a", ready=False, version="21")})
    api.events.put(None)
    api.events.put({"type": "MODIFIED", "object": pod("a", version="22")})
    cluster.wait(PODS, [], ready("a"), "pod a", 10)
    assert [query.get("resourceVersion") for _, _, query, _ in api.requests] == [None, ["10"], ["21"]]


def test_a_watch_from_too_old_a_version_begins_with_a_new_list(api: FakeApi, cluster: Cluster) -> None:
    lists = [listed(pod("a", ready=False)), listed(pod("a"), version="30")]
    api.answers["GET", PODS] = lambda _: (200, lists.pop(0))
    api.events.put({"type": "ERROR", "object": {"code": 410, "message": "too old"}})
    cluster.wait(PODS, [], ready("a"), "pod a", 10)
    assert lists == []


def test_a_wait_has_a_deadline_and_says_what_it_saw_last(api: FakeApi, cluster: Cluster) -> None:
    api.answers["GET", PODS] = (200, listed(pod("a", ready=False)))
    begun = time.monotonic()
    with pytest.raises(DeadlineError, match=r"waited 0 s for pod a; last seen: a not ready"):
        cluster.wait(PODS, [], ready("a"), "pod a", 0.3)
    assert time.monotonic() - begun < 60


def test_a_wait_for_a_switch_that_is_not_there_says_so(api: FakeApi, cluster: Cluster) -> None:
    api.answers["GET", cluster.switch_path("strategy-c")] = (200, listed())
    with pytest.raises(DeadlineError, match="there is no KafkaConsumerSwitch strategy-c/consumer"):
        cluster.wait_switch("strategy-c", lambda _: None, "blue", 0.3)


def test_an_error_of_the_server_is_not_waited_away(api: FakeApi, cluster: Cluster) -> None:
    api.answers["GET", PODS] = (403, {"message": "forbidden"})
    with pytest.raises(ClusterError, match="403"):
        cluster.wait(PODS, [], ready("a"), "pod a", 10)


def test_a_read_that_nobody_answers_is_asked_again(
    api: FakeApi, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "_RETRY_SECONDS", 0.0)
    silent = [True, True]

    def answer(_: Any) -> tuple[int, Any]:
        if silent:
            silent.pop()
            raise ConnectionResetError
        return 200, listed(pod("a"))

    api.answers["GET", PODS] = answer
    assert [one.name for one in cluster.pods("strategy-c")] == ["a"]
    silent[:] = [True] * 3
    with pytest.raises(ClusterError, match="does not answer"):
        cluster.pods("strategy-c")


def test_the_groups_are_each_colours_own_or_one_for_both() -> None:
    raw = switch()
    assert LiveSwitch.of(raw).groups == {"blue": "bluegreen-c", "green": "bluegreen-c"}
    raw["spec"]["green"] = {"group": "bluegreen-g"}
    assert set(LiveSwitch.of(raw).groups.values()) == {"bluegreen-c", "bluegreen-g"}


def test_a_pod_is_deleted_with_its_own_grace_period_unless_by_force(api: FakeApi, cluster: Cluster) -> None:
    api.answers["DELETE", f"{PODS}/p"] = (200, {})
    cluster.delete_pod("strategy-c", "p")
    cluster.delete_pod("strategy-c", "p", force=True)
    cluster.delete_pod("strategy-c", "gone", force=True)
    assert [query.get("gracePeriodSeconds") for method, _, query, _ in api.requests if method == "DELETE"] == [
        None,
        ["0"],
        ["0"],
    ]


def test_why_it_waits_is_said_once() -> None:
    """While a switch is under way, its condition's reason is the phase."""
    settled = {"type": "Settled", "status": "False", "reason": "WaitingForLag", "message": "17 behind"}
    said = LiveSwitch.of(switch(phase="WaitingForLag", conditions=[settled])).describe()
    assert said.endswith("phase WaitingForLag: 17 behind")


def test_a_pod_of_an_app_that_is_not_asked_to_end(api: FakeApi, cluster: Cluster) -> None:
    going = pod("controller-a")
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    api.answers["GET", PODS] = (200, listed(going, pod("controller-b")))
    assert cluster.running("strategy-c", "controller") == "controller-b"
    api.answers["GET", PODS] = (200, listed(going))
    with pytest.raises(PreconditionError, match="there is no pod of controller in strategy-c"):
        cluster.running("strategy-c", "controller")
