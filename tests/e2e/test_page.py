"""The switch page in the cluster, and the history that outlives the controller."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from components import names
from experiments.past_switches import past_of
from tests.support.field import Field
from tests.support.permissions import python_in
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("strategy-c")]

# Runs in the page's container, with its token: what it may do, by HTTP status.
_TRIES = """
import json, ssl, urllib.error, urllib.request
base = "/var/run/secrets/kubernetes.io/serviceaccount/"
token, space = open(base + "token").read(), open(base + "namespace").read()
context = ssl.create_default_context(cafile=base + "ca.crt")
def call(method, path, body=None):
    request = urllib.request.Request("https://kubernetes.default.svc" + path, body, method=method)
    request.add_header("Authorization", "Bearer " + token)
    request.add_header("Content-Type", "application/merge-patch+json")
    try:
        return urllib.request.urlopen(request, timeout=10, context=context).status
    except urllib.error.HTTPError as error:
        return error.code
switches = f"/apis/kafka-bluegreen.io/v1alpha1/namespaces/{space}/kafkaconsumerswitches"
leases = f"/apis/coordination.k8s.io/v1/namespaces/{space}/leases"
print(json.dumps({
    "the switch": call("GET", f"{switches}/consumer"),
    "the lease": call("GET", f"{leases}/consumer-switch"),
    "pods": call("GET", f"/api/v1/namespaces/{space}/pods"),
    "all leases": call("GET", leases),
    "secrets": call("GET", f"/api/v1/namespaces/{space}/secrets"),
    "pods elsewhere": call("GET", "/api/v1/namespaces/kube-system/pods"),
    "switch": call("PATCH", f"{switches}/consumer", b'{"spec": {"active": "green"}}'),
    "grant": call("PATCH", f"{leases}/consumer-switch", b'{"spec": {"holderIdentity": "green"}}'),
}))
"""


@pytest.fixture
def paged(blue: Field) -> Iterator[Field]:
    """With the page, which is away again at the end."""
    blue.stack.configuration.set(page=True)
    update = blue.stack.up()
    assert update.error is None, update.error
    yield blue
    blue.stack.configuration.put_back("page")
    assert blue.up("blue").error is None


def page_pod(field: Field) -> str:
    selector = f"{names.NAME_LABEL}={names.PAGE}"
    return next(pod.name for pod in field.cluster.pods(field.namespace, selector) if not pod.terminating)


def state(field: Field) -> dict[str, Any]:
    """What the page tells, by its Service."""
    found: dict[str, Any] = json.loads(field.cluster.through_service(field.namespace, names.PAGE, 80, "/state"))
    shown: dict[str, Any] = found["state"]
    return shown


def test_the_page_shows_a_switch_and_may_do_nothing_else(paged: Field) -> None:
    members = paged.uids("blue")
    allowed = json.loads(python_in(paged.namespace, page_pod(paged), names.PAGE, _TRIES))
    assert {what for what, status in allowed.items() if status == 200} == {"the switch", "the lease", "pods"}
    assert {status for status in allowed.values() if status != 200} == {403}
    assert state(paged)["switch"]["active"] == "blue"
    assert paged.up("green").error is None
    until(
        "the page to have heard of every step",
        lambda: (
            [s["what"] for s in (state(paged)["handoff"] or {"steps": []})["steps"]]
            == ["withdrawn", *3 * ["paused"], "granted", *3 * ["active"], "ended"]
        ),
        20,
    )
    shown = state(paged)
    assert (shown["switch"]["active"], shown["handoff"]["outcome"]) == ("green", "Switched")
    assert shown["history"][0]["outcome"] == "Switched"
    assert paged.uids("blue") == members, "the page came, and nobody at work was restarted by it"


def test_the_last_switches_outlive_the_controller(blue: Field) -> None:
    assert blue.up("green").error is None
    before = past_of(blue.switch().raw)
    assert (before[0].direction, before[0].outcome) == ("blue-green", "Switched")
    assert before[0].asked_by.startswith("pulumi")
    gone = blue.controller_pod()
    blue.cluster.delete_pod(blue.namespace, gone, force=True)
    assert blue.up("blue").error is None
    after = past_of(blue.switch().raw)
    assert after[0].direction == "green-blue"
    assert after[1 : len(before) + 1][:19] == before[:19]
