"""Whose change it was."""

from dataclasses import replace
from typing import Any

import pytest

from components.names import SETTINGS_FILE
from components.strategies.connectors import KAFKA_CONNECT
from experiments.by_hand import MANAGER
from experiments.cluster import Cluster
from experiments.guard import LEASE, SWITCH, ForeignChangeError, Guard, Mark, foreign
from tests.support.fake_api import FakeApi

BLUE = ("StatefulSet", "consumer-blue")
FAULTS = ("ConfigMap", "consumer-blue")
BEFORE = {
    SWITCH: Mark("s1", 4, {"pulumi-kubernetes": "T1"}),
    BLUE: Mark("b1", 2, {"pulumi-kubernetes": "T1"}),
    LEASE: Mark("l1", None, {"kafka-bluegreen-controller": "T1"}),
    FAULTS: Mark("c1", None, {"pulumi-kubernetes": "T1"}, "100"),
}


def after(key: tuple[str, str], **changes: Any) -> dict[tuple[str, str], Mark]:
    return {**BEFORE, key: replace(BEFORE[key], **changes)}


def test_what_the_run_wrote_is_its_own() -> None:
    assert foreign(BEFORE, BEFORE, {}) == []
    assert foreign(BEFORE, after(SWITCH, generation=5), {SWITCH: 1}) == []
    by_hand = after(SWITCH, generation=5, writers={"pulumi-kubernetes": "T1", MANAGER: "T5"})
    assert foreign(BEFORE, by_hand, {SWITCH: 1}) == []
    assert foreign(BEFORE, BEFORE, {SWITCH: 1}) == []  # an update that failed before it wrote


@pytest.mark.parametrize(
    ("now", "own", "said"),
    [
        # `pulumi up` by hand, there and back
        (
            after(SWITCH, generation=6),
            {},
            "generation 4 -> 6 (last written by field manager 'pulumi-kubernetes' at T1)",
        ),
        (after(SWITCH, generation=6), {SWITCH: 1}, "generation 4 -> 6, of which this run made 1"),
        (
            after(BLUE, generation=3, writers={"pulumi-kubernetes": "T1", "kubectl-scale": "T5"}),
            {SWITCH: 1},
            "StatefulSet consumer-blue: generation 2 -> 3 (last written by field manager 'kubectl-scale' at T5)",
        ),
        # the one generation that the run was to make, made by somebody else
        (
            after(SWITCH, generation=5, writers={"pulumi-kubernetes": "T1", "kubectl-patch": "T5"}),
            {SWITCH: 1},
            "KafkaConsumerSwitch consumer was written by field manager 'kubectl-patch' at T5",
        ),
        (after(SWITCH, uid="s2", generation=1), {SWITCH: 1}, "was deleted and made again"),
        ({key: mark for key, mark in BEFORE.items() if key != BLUE}, {}, "StatefulSet consumer-blue was deleted"),
        # what a consumer reads again while it runs
        (
            after(FAULTS, version="107", writers={"pulumi-kubernetes": "T1", "kubectl-edit": "T5"}),
            {SWITCH: 1},
            "ConfigMap consumer-blue was written (last written by field manager 'kubectl-edit' at T5)",
        ),
        (
            after(LEASE, writers={"kafka-bluegreen-controller": "T7", "kubectl-edit": "T6"}),
            {},
            "Lease consumer-switch was written by field manager 'kubectl-edit' at T6",
        ),
    ],
)
def test_what_somebody_else_wrote_is_named(now: Any, own: Any, said: str) -> None:
    found = foreign(BEFORE, now, own)
    assert len(found) == 1
    assert said in found[0]


def test_the_controllers_own_writes_of_the_lease_are_the_protocol() -> None:
    assert foreign(BEFORE, after(LEASE, writers={"kafka-bluegreen-controller": "T9"}), {}) == []


def test_a_former_edit_of_the_lease_is_history() -> None:
    writers = {"kafka-bluegreen-controller": "T1", "kubectl-edit": "T0"}
    before = after(LEASE, writers=writers)
    assert foreign(before, after(LEASE, writers={**writers, "kafka-bluegreen-controller": "T9"}), {}) == []


CONNECTOR = ("KafkaConnector", "strategy-e-blue")
PROTOCOL = {"KafkaConnector": frozenset({"kafka-bluegreen-agent"})}


@pytest.mark.parametrize(
    ("writer", "own", "found"),
    [
        ("kafka-bluegreen-agent", {}, []),  # a switch writes it
        ("kubectl-patch", {}, ["KafkaConnector strategy-e-blue was written by field manager 'kubectl-patch' at T6"]),
        # The run itself did: by hand, or by an update.
        (MANAGER, {CONNECTOR: 1}, []),
        ("pulumi-kubernetes-1f0c", {CONNECTOR: 1}, []),
        (MANAGER, {}, [f"KafkaConnector strategy-e-blue was written by field manager {MANAGER!r} at T6"]),
        # That it wrote, too, excuses nobody else.
        (
            "kubectl-patch",
            {CONNECTOR: 1},
            ["KafkaConnector strategy-e-blue was written by field manager 'kubectl-patch' at T6"],
        ),
    ],
)
def test_a_connectors_resource_is_written_by_its_agent(writer: str, own: Any, found: list[str]) -> None:
    before = {CONNECTOR: Mark("k1", 4, {"kafka-bluegreen-agent": "T1"})}
    after_it = {CONNECTOR: Mark("k1", 9, {"kafka-bluegreen-agent": "T1", writer: "T6"})}
    assert foreign(before, after_it, own, PROTOCOL) == found


def test_settings_that_the_run_itself_deploys_are_its_own() -> None:
    assert foreign(BEFORE, after(FAULTS, version="107"), {FAULTS: 1}) == []


def managed(name: str, generation: int, *writers: tuple[str, str, str]) -> dict[str, Any]:
    fields = [{"manager": who, "time": at, "subresource": sub} for who, at, sub in writers]
    return {"metadata": {"name": name, "uid": "u", "generation": generation, "managedFields": fields}}


def test_a_mark_knows_the_last_writer_but_of_the_status() -> None:
    mark = Mark.of(
        managed("consumer", 4, ("pulumi", "T1", ""), ("kubectl-edit", "T2", ""), ("controller", "T3", "status"))
    )
    assert mark.last_writer == "last written by field manager 'kubectl-edit' at T2"
    assert Mark.of(managed("consumer", 4)).last_writer == "by an unknown field manager"


def serve(api: FakeApi, generation: int) -> None:
    apps = "/apis/apps/v1/namespaces/strategy-c"
    api.answers["GET", f"{apps}/statefulsets"] = (200, {"items": [managed("consumer-blue", 1)]})
    api.answers["GET", f"{apps}/deployments"] = (200, {"items": []})
    api.answers["GET", "/api/v1/namespaces/strategy-c/configmaps"] = (200, {"items": []})
    switch = managed("consumer", generation, ("kubectl-edit", "T2", ""))
    path = "/apis/kafka-bluegreen.io/v1alpha1/namespaces/strategy-c/kafkaconsumerswitches/consumer"
    api.answers["GET", path] = (200, {**switch, "spec": {"active": "blue"}})
    lease = "/apis/coordination.k8s.io/v1/namespaces/strategy-c/leases/consumer-switch"
    api.answers["GET", lease] = (200, {"metadata": {"name": "consumer-switch", "uid": "l"}})


def test_the_guard_compares_with_what_it_saw_last(api: FakeApi, cluster: Cluster) -> None:
    guard = Guard(cluster, "strategy-c")
    serve(api, 4)
    guard.begin()
    serve(api, 5)
    assert guard.check({SWITCH: 1})[SWITCH].generation == 5
    guard.check()
    serve(api, 7)
    with pytest.raises(ForeignChangeError, match=r"generation 5 -> 7 \(last written by field manager 'kubectl-edit'"):
        guard.check()


def test_what_belongs_to_another_object_follows_from_it(api: FakeApi, cluster: Cluster) -> None:
    """The workers' set is the operator's work; the KafkaConnect that it follows from is looked at."""
    workers = managed("blue-connect", 1)
    workers["metadata"]["ownerReferences"] = [{"kind": "KafkaConnect", "name": "blue"}]
    connect = managed("blue", 1)
    guard = Guard(cluster, "strategy-c", [KAFKA_CONNECT])
    serve(api, 4)
    api.answers["GET", "/apis/apps/v1/namespaces/strategy-c/statefulsets"] = (200, {"items": [workers]})
    api.answers["GET", "/apis/kafka.strimzi.io/v1/namespaces/strategy-c/kafkaconnects"] = (200, {"items": [connect]})
    guard.begin()
    workers["metadata"]["generation"] = 2
    guard.check()
    connect["metadata"]["generation"] = 2
    with pytest.raises(ForeignChangeError, match="KafkaConnect blue: generation 1 -> 2"):
        guard.check()


def test_settings_that_were_edited_by_hand_are_found(api: FakeApi, cluster: Cluster) -> None:
    """They have no generation, and are read again without a roll of the pods. Other ConfigMaps are not the stack's."""

    def maps(version: str, others: str) -> None:
        items = [
            {"metadata": {"name": "producer", "uid": "p", "resourceVersion": version}, "data": {SETTINGS_FILE: ""}},
            {"metadata": {"name": "offsets", "uid": "o", "resourceVersion": others}, "data": {"offsets.json": ""}},
            {"metadata": {"name": "empty", "uid": "e", "resourceVersion": others}},
        ]
        api.answers["GET", "/api/v1/namespaces/strategy-c/configmaps"] = (200, {"items": items})

    guard = Guard(cluster, "strategy-c")
    serve(api, 4)
    maps("9", "9")
    guard.begin()
    maps("9", "10")
    guard.check()
    maps("11", "10")
    with pytest.raises(ForeignChangeError, match="ConfigMap producer was written"):
        guard.check()
