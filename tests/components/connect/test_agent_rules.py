"""An agent's rights, held against what its program asks the API server for."""

from collections.abc import Iterator
from typing import Any

import pytest

from components.access import agent_rules, sidecar_rules
from tests.support.fake_kube import FakeApi
from tests.support.waiting import until
from workloads.common.kube import Access, Kube
from workloads.sidecar.connect.strimzi import StrimziControl
from workloads.sidecar.connect.workers import listed

CONNECTORS = "/apis/kafka.strimzi.io/v1/namespaces/n/kafkaconnectors"


@pytest.fixture
def api() -> Iterator[FakeApi]:
    made = FakeApi()
    for name in ("blue", "green"):
        made.put(f"{CONNECTORS}/{name}", {"metadata": {"uid": name}, "spec": {"state": "stopped", "config": {}}})
    yield made
    made.close()


def rules() -> list[Any]:
    """Green's agent's; the arguments' types are the provider's, which lists of texts are."""
    return [*agent_rules("green", "blue")]


def granted(group: str, kind: str, verb: str, name: str) -> bool:
    """Whether a rule allows it. A list or a watch is of a name when its field selector says so."""
    return any(
        group in rule.api_groups
        and kind in rule.resources
        and verb in rule.verbs
        and (not rule.resource_names or name in rule.resource_names)
        for rule in rules()
    )


def use(method: str, path: str, query: dict[str, str]) -> tuple[str, str, str, str]:
    """API group, kind, verb and name of a request."""
    parts = path.split("/")
    group, rest = (parts[2], parts[6:]) if parts[1] == "apis" else ("", parts[5:])
    name = rest[1] if rest[1:] else query.get("fieldSelector", "").removeprefix("metadata.name=")
    if method == "GET":
        return group, rest[0], "watch" if "watch" in query else "get" if rest[1:] else "list", name
    return group, rest[0], {"POST": "create", "PATCH": "patch", "DELETE": "delete"}[method], name


def test_what_an_agent_asks_for_is_granted_and_no_more(api: FakeApi) -> None:
    kube = Kube(Access(api.url), "test")
    listed(kube, "n", "strimzi.io/cluster=green")(2.0)
    control = StrimziControl(kube, "n", "green", "blue", others=lambda _: (), lock_seconds=0)
    control.other(2.0)
    for epoch in (7, 7):  # a ConfigMap that is made, and one that is there
        control.own(2.0)
        control.stop(epoch, 2.0)
        control.alter(epoch, {("t", 0): 3}, 2.0)
    control.stop(8, 2.0)
    control.wait(0.01)  # one that is removed
    control.bear(7, 2.0)
    control.start(7, 2.0)
    until("its watch", lambda: any("watch" in query for _, _, query, _ in api.requests))
    used = {use(method, path, query) for method, path, query, _ in api.requests}
    assert [one for one in used if not granted(*one)] == []
    verbs = {(group, kind, verb) for group, kind, verb, _ in used}
    own = rules()[len(sidecar_rules()) :]
    allowed = {
        (g, kind, verb) for rule in own for g in rule.api_groups for kind in rule.resources for verb in rule.verbs
    }
    # A watch of one object begins with a list or with a get of it: which, is the follower's.
    assert allowed - verbs <= {("kafka.strimzi.io", "kafkaconnectors", "list")}


def test_the_other_colours_connector_is_out_of_reach() -> None:
    strimzi = "kafka.strimzi.io", "kafkaconnectors"
    assert granted(*strimzi, "patch", "green")
    assert not granted(*strimzi, "patch", "blue")
    assert granted(*strimzi, "get", "blue")
    assert not granted(*strimzi, "get", "another")
