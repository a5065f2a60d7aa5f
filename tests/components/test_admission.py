"""The admission policy, on the real API server, with tokens as the kubelet asks for them: bound to a pod.

The pods here never run (no scheduler has their name): who may write what is decided by the API server alone.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from kubernetes import client
from kubernetes.client import ApiException

from components.access import sidecar_rules
from components.cluster import access
from components.names import LIFECYCLE_CONDITION
from tests.support.engine import kubectl

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("engine"), pytest.mark.usefixtures("whole_cluster")]

NAMESPACE = "admission-test"


def objects() -> dict[str, Any]:
    """A namespace of this project with two pods of the account `consumer`, and one with an account of another name."""
    rules = [
        {
            "apiGroups": rule.api_groups,
            "resources": rule.resources,
            "verbs": rule.verbs,
            **({"resourceNames": rule.resource_names} if rule.resource_names else {}),
        }
        for rule in sidecar_rules()
    ]
    items: list[dict[str, Any]] = [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": NAMESPACE, "labels": {"app.kubernetes.io/part-of": "kafka-bluegreen"}},
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": "consumer", "namespace": NAMESPACE},
            "rules": rules,
        },
    ]
    for account in ("consumer", "other"):
        items += [
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": NAMESPACE}},
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "RoleBinding",
                "metadata": {"name": account, "namespace": NAMESPACE},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "consumer"},
                "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}],
            },
        ]
    items += [pod("consumer-blue-0"), pod("consumer-green-0")]
    return {"apiVersion": "v1", "kind": "List", "items": items}


def pod(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"kafka-bluegreen.io/color": "blue"}},
        "spec": {
            "schedulerName": "nobody",
            "serviceAccountName": "consumer",
            "containers": [{"name": "c", "image": "localhost/none"}],
        },
    }


@dataclass
class Caller:
    """Somebody with a token."""

    api: client.CoreV1Api

    def patch(self, name: str, body: dict[str, Any]) -> int:
        """Patch a pod's status; the HTTP status of the answer."""
        try:
            self.api.patch_namespaced_pod_status(name, NAMESPACE, body)
        except ApiException as error:
            return int(error.status)
        return 200


def caller(account: str, bound_to: str | None) -> Caller:
    arguments = ["create", "token", account, "-n", NAMESPACE]
    if bound_to:
        uid = kubectl("get", "pod", bound_to, "-n", NAMESPACE, "-o", "jsonpath={.metadata.uid}")
        arguments += ["--bound-object-kind", "Pod", "--bound-object-name", bound_to, "--bound-object-uid", uid]
    configuration = access.configuration(access.ClusterAccess())
    configuration.cert_file = configuration.key_file = None
    configuration.api_key = {"authorization": f"Bearer {kubectl(*arguments).strip()}"}
    return Caller(client.CoreV1Api(client.ApiClient(configuration)))


@pytest.fixture(scope="module")
def sidecar(platform: None) -> Iterator[Caller]:
    """The sidecar of consumer-blue-0."""
    kubectl("apply", "-f", "-", stdin=json.dumps(objects()))
    yield caller("consumer", "consumer-blue-0")
    kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def report(kind: str = LIFECYCLE_CONDITION, message: str = "{}") -> dict[str, Any]:
    condition = {"type": kind, "status": "False", "reason": "PAUSED", "message": message}
    return {"status": {"conditions": [condition]}}


def status(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(kubectl("get", "pod", name, "-n", NAMESPACE, "-o", "json"))
    return found


def test_a_sidecar_reports_on_its_own_pod(sidecar: Caller) -> None:
    assert sidecar.patch("consumer-blue-0", report(message="first")) == 200
    assert sidecar.patch("consumer-blue-0", report(message="second")) == 200
    conditions = {c["type"]: c for c in status("consumer-blue-0")["status"]["conditions"]}
    assert conditions[LIFECYCLE_CONDITION]["message"] == "second"


def test_not_on_another_pod(sidecar: Caller) -> None:
    assert sidecar.patch("consumer-green-0", report()) == 403
    assert LIFECYCLE_CONDITION not in json.dumps(status("consumer-green-0")["status"])


def test_not_without_a_token_of_a_pod(sidecar: Caller) -> None:
    assert caller("consumer", None).patch("consumer-blue-0", report()) == 403


def test_not_on_a_pod_that_took_its_name(sidecar: Caller) -> None:
    """A StatefulSet gives a name again: the sidecar of the pod before must not speak for the new one."""
    kubectl("apply", "-f", "-", stdin=json.dumps(pod("consumer-blue-9")))
    before = caller("consumer", "consumer-blue-9")
    assert before.patch("consumer-blue-9", report()) == 200
    kubectl("delete", "pod", "consumer-blue-9", "-n", NAMESPACE, "--grace-period=0", "--force")
    kubectl("apply", "-f", "-", stdin=json.dumps(pod("consumer-blue-9")))
    assert before.patch("consumer-blue-9", report()) in {401, 403}  # 401 once the API server has missed the old pod


@pytest.mark.parametrize(
    "body",
    [
        report(kind="Ready"),
        {"status": {"phase": "Failed"}},
        {"status": {"podIP": "10.9.9.9", "podIPs": [{"ip": "10.9.9.9"}]}},
        {"status": {"message": "told", "reason": "Evicted"}},
        {
            "status": {
                "containerStatuses": [{"name": "c", "ready": True, "restartCount": 0, "image": "", "imageID": ""}]
            }
        },
        {"metadata": {"labels": {"kafka-bluegreen.io/color": "green"}}},
        {"metadata": {"labels": {"kafka-bluegreen.io/color": None}}},
        {"metadata": {"annotations": {"a": "b"}}},
        {"metadata": {"labels": {"kafka-bluegreen.io/color": "green"}}, **report(message="beside a report")},
    ],
    ids=[
        "another condition",
        "phase",
        "address",
        "reason",
        "container",
        "label",
        "no label",
        "annotation",
        "label with report",
    ],
)
def test_nothing_but_its_own_condition(sidecar: Caller, body: dict[str, Any]) -> None:
    before = status("consumer-blue-0")
    assert sidecar.patch("consumer-blue-0", body) == 403
    after = status("consumer-blue-0")
    assert after["status"] == before["status"]
    assert after["metadata"]["labels"] == before["metadata"]["labels"]


def test_others_are_not_concerned(sidecar: Caller) -> None:
    """The policy is about sidecars; whoever else may write a status (the kubelet, a controller) goes on to."""
    assert caller("other", None).patch("consumer-green-0", report(kind="example.com/Other")) == 200
