"""Restarts of the application's containers while their colour is on probation."""

from tests.workloads.controller.samples import pod_object
from workloads.common.states import Color
from workloads.controller.observe import read_pod
from workloads.controller.restarts import Restarts
from workloads.controller.terms import Member


def member(pod: str, restarts: int, uid: str = "") -> Member:
    return Member(uid or f"uid-{pod}", pod, Color.GREEN, ready=True, report=None, restarts=restarts)


def test_what_was_before_the_first_look_does_not_count() -> None:
    restarts = Restarts()
    assert restarts.seen("phase", [member("green-0", 7), member("green-1", 0)], 0) == ""
    assert restarts.seen("phase", [member("green-0", 7), member("green-1", 0)], 0) == ""
    said = restarts.seen("phase", [member("green-0", 9), member("green-1", 1)], 2)
    assert said == "restarts of green-0 (2), green-1 (1); 2 in all are allowed"


def test_as_many_as_are_allowed_are_none() -> None:
    restarts = Restarts()
    restarts.seen("phase", [member("green-0", 0)], 1)
    assert restarts.seen("phase", [member("green-0", 1)], 1) == ""
    assert restarts.seen("phase", [member("green-0", 2)], 1)


def test_of_a_pod_that_came_since_all_count() -> None:
    """One that was deleted and made anew has not crashed; one that crashes from its beginning has."""
    restarts = Restarts()
    restarts.seen("phase", [member("green-0", 5)], 0)
    assert restarts.seen("phase", [member("green-0", 0, "another")], 0) == ""
    assert restarts.seen("phase", [member("green-0", 1, "another")], 0)


def test_another_phase_begins_anew() -> None:
    restarts = Restarts()
    restarts.seen("one", [member("green-0", 0)], 0)
    assert restarts.seen("one", [member("green-0", 1)], 0)
    assert restarts.seen("other", [member("green-0", 1)], 0) == ""


def test_a_sidecar_that_restarts_is_no_restart_of_the_application() -> None:
    made = pod_object("green-0", 7, "green")
    made["status"]["initContainerStatuses"] = [{"name": "sidecar", "restartCount": 4}]
    made["status"]["containerStatuses"] = [{"name": "consumer", "restartCount": 2}, {"name": "more"}]
    assert read_pod(made, Color.GREEN).member.restarts == 2
    del made["status"]["containerStatuses"]
    assert read_pod(made, Color.GREEN).member.restarts == 0
