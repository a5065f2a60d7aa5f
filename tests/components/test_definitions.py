"""Kinds that the cluster does not have are named before anything is made, with what to do."""

from typing import Any

import pytest

from components.argo.crds import ANALYSIS
from components.cluster.errors import ApiError
from components.definitions import DefinitionError, require

WANTED = {"kafka.strimzi.io/v1": ("kafkaconnects", "kafkaconnectors")}


class Cluster:
    """An API server by what its discovery says."""

    def __init__(self, *kinds: str, status: int | None = 200) -> None:
        self.kinds, self.status = kinds, status

    def get(self, path: str) -> dict[str, Any]:
        assert path == "/apis/kafka.strimzi.io/v1"
        if self.status != 200:
            raise ApiError(f"GET {path}: {self.status}", self.status)
        return {"kind": "APIResourceList", "resources": [{"name": kind} for kind in self.kinds]}


def test_nothing_is_said_when_all_are_there() -> None:
    require(WANTED, Cluster("kafkaconnects", "kafkaconnects/status", "kafkaconnectors"), "sandbox")


@pytest.mark.parametrize(
    ("platform", "how"),
    [("sandbox", "run: python -m tools.sandbox up --with connect"), ("cluster", "install Strimzi's cluster operator")],
)
def test_what_is_missing_is_named_with_what_to_do(platform: str, how: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        require(WANTED, Cluster(status=404), platform)
    assert str(refused.value).startswith(
        "the cluster has no kafkaconnects.kafka.strimzi.io/v1, kafkaconnectors.kafka.strimzi.io/v1; "
    )
    assert how in str(refused.value)


def test_one_that_is_missing_is_the_one_that_is_named() -> None:
    with pytest.raises(DefinitionError, match=r"has no kafkaconnectors\.kafka\.strimzi\.io/v1; "):
        require(WANTED, Cluster("kafkaconnects"), "sandbox")


@pytest.mark.parametrize("status", [403, 500, None])
def test_a_server_that_does_not_tell_is_not_taken_for_one_without(status: int | None) -> None:
    with pytest.raises(DefinitionError, match="cannot be told: GET /apis/kafka"):
        require(WANTED, Cluster(status=status), "sandbox")


@pytest.mark.parametrize(
    ("platform", "how"),
    [
        ("sandbox", "run: python -m tools.sandbox up --with argo && pulumi config set kafka-bluegreen:argo true"),
        ("cluster", "install Argo Rollouts, 1.10 or newer"),
    ],
)
def test_each_kind_is_told_with_where_it_comes_from(platform: str, how: str) -> None:
    class Without:
        def get(self, path: str) -> dict[str, Any]:
            raise ApiError(f"GET {path}: 404", 404)

    with pytest.raises(DefinitionError) as refused:
        require(ANALYSIS, Without(), platform)
    assert str(refused.value).startswith("the cluster has no analysistemplates.argoproj.io/v1alpha1, analysisruns.")
    assert how in str(refused.value)
