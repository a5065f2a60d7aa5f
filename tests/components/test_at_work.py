"""What the colour at work runs, as the cluster has it, and which image a container gets by it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from components.at_work import NOBODY, AtWork, AtWorkError, find, holder, read, running
from components.cluster.access import ClusterAccess
from components.cluster.errors import ApiError
from components.settings.types import Color
from components.strategies.consumers import PARTS
from tests.support.fake_api import FakeApi

NAMESPACE = "strategy-c"
PATHS = PARTS.members.paths(NAMESPACE)
SWITCH = f"/apis/kafka-bluegreen.io/v1alpha1/namespaces/{NAMESPACE}/kafkaconsumerswitches/consumer"
BLUE_RUNS = AtWork("blue", {"sidecar": "project:1", "consumer": "app:1"})


@pytest.mark.parametrize(
    ("at_work", "color", "container", "gets"),
    [
        (NOBODY, "blue", "sidecar", "project:2"),  # the first deployment
        (NOBODY, "green", "sidecar", "project:2"),
        (BLUE_RUNS, "blue", "sidecar", "project:1"),  # it is at work: it waits for that
        (BLUE_RUNS, "blue", "consumer", "app:1"),
        (BLUE_RUNS, "green", "sidecar", "project:2"),  # it waits already
        (BLUE_RUNS, "green", "consumer", "project:2"),
        (AtWork("blue"), "blue", "sidecar", "project:2"),  # without pods there is nothing to spare
        (AtWork("blue", {"consumer": "app:1"}), "blue", "sidecar", "project:2"),  # a container that it has not got yet
        (AtWork("green", {"sidecar": "project:1"}), "blue", "sidecar", "project:2"),  # after the switch
        (AtWork("green", {"sidecar": "project:2"}), "green", "sidecar", "project:2"),
    ],
)
def test_which_image_a_container_gets(at_work: AtWork, color: Color, container: str, gets: str) -> None:
    assert at_work.image(color, container, "project:2") == gets


@pytest.mark.parametrize(
    ("status", "who"),
    [
        (None, None),
        ({}, None),
        ({"active": ""}, None),
        ({"active": "green", "lastHolder": "green"}, "green"),
        (
            {"active": "", "lastHolder": "blue"},
            "blue",
        ),  # in the middle of a switch: who was at work can be gone back to
    ],
)
def test_who_is_at_work(status: Mapping[str, Any] | None, who: Color | None) -> None:
    assert holder({} if status is None else {"status": status}) == who


def stateful_set(replicas: int = 3) -> dict[str, Any]:
    pod = {
        "initContainers": [{"name": "sidecar", "image": "project:1"}],
        "containers": [{"name": "consumer", "image": "app:1"}],
    }
    return {"spec": {"replicas": replicas, "template": {"spec": pod}}}


@pytest.mark.parametrize(
    ("obj", "images"),
    [
        ({}, {}),
        (stateful_set(), {"sidecar": "project:1", "consumer": "app:1"}),
        (stateful_set(replicas=0), {}),
        ({"spec": {"replicas": 1, "image": "connect:1", "template": {"pod": {}}}}, {"connect": "connect:1"}),
        ({"spec": {"replicas": 0, "image": "connect:1"}}, {}),
        ({"spec": {"replicas": 1, "template": {"pod": {}}}}, {}),  # a KafkaConnect of its operator's own image
    ],
)
def test_what_runs(obj: Mapping[str, Any], images: Mapping[str, str]) -> None:
    assert running(obj) == images


@pytest.fixture
def api() -> Iterator[FakeApi]:
    """An API server."""
    made = FakeApi()
    yield made
    made.close()


class Api:
    """What there is, by its path; an error is raised."""

    def __init__(self, there: Mapping[str, Any]) -> None:
        self._there = there

    def get(self, path: str) -> dict[str, Any]:
        found = self._there.get(path, ApiError(f"GET {path}: 404 Not Found", 404))
        if isinstance(found, ApiError):
            raise found
        answer: dict[str, Any] = found
        return answer


@pytest.mark.parametrize(
    ("there", "found"),
    [
        ({}, NOBODY),
        ({PATHS["blue"]: stateful_set()}, NOBODY),  # a first deployment that got no further
        ({SWITCH: {"status": {"active": "blue"}}, PATHS["blue"]: stateful_set()}, BLUE_RUNS),
        ({SWITCH: {"status": {"active": "blue"}}}, AtWork("blue")),
    ],
)
def test_it_is_read_from_the_cluster(there: Mapping[str, Any], found: AtWork) -> None:
    assert read(NAMESPACE, PATHS, Api(there)) == found


def test_what_cannot_be_read_is_not_taken_for_absent() -> None:
    with pytest.raises(ApiError, match="403"):
        read(NAMESPACE, PATHS, Api({SWITCH: ApiError(f"GET {SWITCH}: 403 Forbidden", 403)}))


def test_it_is_asked_of_the_cluster_that_pulumi_deploys_to(api: FakeApi, tmp_path: Path) -> None:
    access = ClusterAccess(api.kubeconfig(tmp_path))
    api.answers["GET", SWITCH] = (200, {"status": {"active": "blue"}})
    api.answers["GET", PATHS["blue"]] = (200, stateful_set())
    assert find(NAMESPACE, PATHS, access) == BLUE_RUNS
    assert find(NAMESPACE, {}, access) is NOBODY  # colours that share their pods
    api.answers["GET", SWITCH] = (403, {})
    with pytest.raises(AtWorkError, match=r"what runs in namespace strategy-c cannot be read: GET .*: 403"):
        find(NAMESPACE, PATHS, access)


def test_a_cluster_that_is_not_there_is_told(tmp_path: Path) -> None:
    absent = ClusterAccess(str(tmp_path / "kubeconfig"), context="x")
    with pytest.raises(AtWorkError, match="cannot be read"):
        find(NAMESPACE, PATHS, absent)
