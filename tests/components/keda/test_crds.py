"""KEDA's definitions are the release's, but for what is said."""

from components.keda import crds
from tools.sandbox.builds import KEDA_VERSION


def test_all_kinds_are_there_that_the_operator_watches() -> None:
    found = {content["metadata"]["name"] for content in crds.definitions()}
    assert found == {
        "cloudeventsources.eventing.keda.sh",
        "clustercloudeventsources.eventing.keda.sh",
        "clustertriggerauthentications.keda.sh",
        "scaledjobs.keda.sh",
        "scaledobjects.keda.sh",
        "triggerauthentications.keda.sh",
    }


def test_a_whole_job_is_left_open_and_nothing_else() -> None:
    by_kind = {content["spec"]["names"]["kind"]: content for content in crds.definitions()}
    job = by_kind["ScaledJob"]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert job["properties"]["jobTargetRef"] == {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    assert "metricType" not in job["properties"]["triggers"]["items"]["properties"]
    scaled = by_kind["ScaledObject"]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert "metricType" in scaled["properties"]["triggers"]["items"]["properties"]


def test_the_definitions_are_of_the_release_that_the_sandbox_builds() -> None:
    assert crds.VERSION == KEDA_VERSION
