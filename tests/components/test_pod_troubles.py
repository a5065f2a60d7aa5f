"""Why a pod does not start, from statuses as the kubelet writes them."""

from typing import Any

import pytest

from components.pod_troubles import of_workload, troubles

PULL = 'Back-off pulling image "localhost/nowhere:1": ErrImagePull: not found'


def pod(*containers: dict[str, Any], phase: str = "Pending", **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "kafka-0", "ownerReferences": [{"kind": "StatefulSet", "name": "kafka"}]},
        "status": {"phase": phase, "containerStatuses": list(containers), **status},
    }


def container(state: dict[str, Any], last: dict[str, Any] | None = None, restarts: int = 0) -> dict[str, Any]:
    return {"name": "kafka", "ready": False, "restartCount": restarts, "state": state, "lastState": last or {}}


def told(found: dict[str, Any], line: str = "") -> list[str]:
    return [trouble.told(line if trouble.logged else "") for trouble in troubles(found)]


def test_an_image_that_cannot_be_had() -> None:
    found = pod(container({"waiting": {"reason": "ImagePullBackOff", "message": PULL}}))
    assert told(found) == [f"pod kafka-0, container kafka: ImagePullBackOff: {PULL}"]


def test_a_crash_has_its_exit_code_and_its_last_line() -> None:
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s restarting failed container"}}
    crash = {"terminated": {"exitCode": 2, "reason": "Error"}}
    (trouble,) = troubles(pod(container(waiting, crash, 3), phase="Running"))
    assert (trouble.logged, trouble.previous) == (True, True)
    said = "pod kafka-0, container kafka: ended with exit code 2, 3 times; its last line: no such file"
    assert trouble.told("no such file\n") == said


def test_a_container_between_two_crashes_has_one() -> None:
    crash = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
    found = pod(container({"running": {}}, crash, 1), phase="Running")
    assert told(found) == ["pod kafka-0, container kafka: ended with exit code 137 (OOMKilled)"]


def test_a_container_that_is_not_started_again_has_its_own_log() -> None:
    (trouble,) = troubles(pod(container({"terminated": {"exitCode": 1, "reason": "Error"}}), phase="Failed"))
    assert (trouble.logged, trouble.previous) == (True, False)


def test_a_pod_without_a_node() -> None:
    unplaced = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are fit"}
    found = pod(conditions=[unplaced])
    assert told(found) == ["pod kafka-0: not placed on a node: Unschedulable: 0/1 nodes are fit"]


def test_an_evicted_pod() -> None:
    found = pod(phase="Failed", reason="Evicted", message="the node was low on memory")
    assert told(found) == ["pod kafka-0: ended: Evicted: the node was low on memory"]


@pytest.mark.parametrize(
    "fine",
    [
        pod(container({"waiting": {"reason": "ContainerCreating"}})),
        pod(container({"running": {}}), phase="Running"),
        pod(phase="Succeeded"),
        pod(
            container({"running": {}}, {"terminated": {"exitCode": 1}}, 4),
            conditions=[{"type": "Ready", "status": "True"}],
        ),
        pod(container({"terminated": {"exitCode": 0}}), phase="Running"),
        {**pod(), "metadata": {"name": "kafka-0", "deletionTimestamp": "2026-11-28T00:00:00Z"}},
    ],
    ids=["on its way", "not ready yet", "ended well", "ready again", "an init container that ended", "going"],
)
def test_nothing_is_said_of_what_may_still_come(fine: dict[str, Any]) -> None:
    assert told(fine) == []


def test_whose_a_pod_is() -> None:
    assert of_workload(pod(), "StatefulSet", "kafka")
    assert not of_workload(pod(), "StatefulSet", "kafka-2")
    owned = {"metadata": {"name": "c", "ownerReferences": [{"kind": "ReplicaSet", "name": "controller-5d8f9"}]}}
    assert of_workload(owned, "Deployment", "controller")
    assert not of_workload(owned, "Deployment", "control")
    of_a_node = {"metadata": {"ownerReferences": [{"kind": "DaemonSet", "name": "log-collector"}]}}
    assert of_workload(of_a_node, "DaemonSet", "log-collector")
    assert not of_workload(of_a_node, "DaemonSet", "log")
    labels = {"strimzi.io/cluster": "blue", "strimzi.io/kind": "KafkaConnect"}
    assert of_workload({"metadata": {"name": "blue-connect-0", "labels": labels}}, "KafkaConnect", "blue")
    assert not of_workload({"metadata": {"name": "blue-connect-0", "labels": labels}}, "KafkaConnect", "green")
