"""Restarts are counted by UID, those of pods that are gone included."""

import time
from typing import Any

from experiments.cluster import Cluster, Pod
from experiments.pod_history import PodHistory, PodWatch
from tests.experiments.test_cluster import PODS, listed
from tests.support.fake_api import FakeApi
from tests.support.waiting import until


def raw(name: str, uid: str, restarts: int, app: str = "consumer") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "uid": uid, "resourceVersion": "1", "labels": {"app.kubernetes.io/name": app}},
        "status": {"containerStatuses": [{"name": app, "image": "i", "restartCount": restarts}]},
    }


def seen(history: PodHistory, at: float, *pods: tuple[str, str, int]) -> None:
    history.observe([Pod.of(raw(*pod)) for pod in pods], at)


def test_restarts_before_the_span_are_not_its_own() -> None:
    history = PodHistory()
    seen(history, 1.0, ("a", "u1", 3))
    assert history.restarts == 0
    seen(history, 2.0, ("a", "u1", 4))
    assert history.restarts == 1
    assert history.restarted() == {"a": 1}


def test_a_pod_that_is_gone_keeps_its_restarts() -> None:
    history = PodHistory()
    seen(history, 1.0, ("a", "u1", 0), ("b", "u2", 0))
    seen(history, 2.0, ("a", "u1", 2), ("b", "u2", 0))
    seen(history, 3.0, ("b", "u2", 0))
    seen(history, 4.0, ("a", "u3", 0), ("b", "u2", 0))  # what is left has no restarts: the sum was 0 before
    assert history.restarts == 2
    assert history.replaced() == ["a"]


def test_a_pod_that_came_later_brings_no_restarts_from_before() -> None:
    history = PodHistory()
    seen(history, 1.0)
    seen(history, 2.0, ("a", "u1", 2))
    assert history.restarts == 2


def test_a_status_that_is_not_written_yet_hides_nothing() -> None:
    history = PodHistory()
    seen(history, 1.0, ("a", "u1", 1))
    seen(history, 2.0, ("a", "u1", 2))
    bare = raw("a", "u1", 0)
    bare["status"] = {}
    history.observe([Pod.of(bare)], 3.0)
    assert history.restarts == 1


def test_a_watch_sees_a_pod_that_came_and_went(api: FakeApi, cluster: Cluster) -> None:
    first = raw("a", "u1", 0)
    api.answers["GET", PODS] = (200, listed(first))
    watch = PodWatch(cluster, "strategy-c")
    watch.start()
    for kind, changed in (("MODIFIED", raw("a", "u1", 1)), ("DELETED", raw("a", "u1", 1))):
        api.events.put({"type": kind, "object": changed})
    until("the pod to be gone", lambda: watch.history.lives["u1"].gone_at is not None)
    api.answers["GET", PODS] = (200, listed(raw("a", "u2", 0)))
    api.events.put(None)
    history = watch.stop()
    assert history.restarts == 1
    assert [life.uid for life in sorted(history.lives.values(), key=lambda life: life.uid)] == ["u1", "u2"]


def test_a_watch_that_was_never_started_ends_at_once(cluster: Cluster) -> None:
    begun = time.monotonic()
    assert PodWatch(cluster, "strategy-c").stop().restarts == 0
    assert time.monotonic() - begun < 60
