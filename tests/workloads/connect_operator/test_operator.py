"""The operator whole, over HTTP on both sides: events, the lock, what is read when, what is written where."""

import json
from itertools import groupby

import pytest

from tests.support.waiting import until
from tests.workloads.connect_operator.conftest import Make
from tests.workloads.connect_operator.place import CONNECTORS, CONNECTS, STATEFUL_SETS, Place, connect_resource
from tests.workloads.connect_operator.play import CONFIG, NAME, resource
from workloads.connect_operator import names
from workloads.connect_operator.access import RULES
from workloads.connect_operator.health import Health

AT = f"/connectors/{NAME}"


def test_a_connector_is_made_stopped_and_says_so(place: Place) -> None:
    place.write(resource({"state": "stopped"}))
    status = place.is_observed(NAME, 1)
    assert place.connect.states == [(NAME, "STOPPED")]
    assert place.connect.connectors[NAME]["config"] == CONFIG
    assert status["connectorStatus"]["connector"] == {"state": "STOPPED"}
    assert status["conditions"][0]["type"] == "Ready"


def test_each_change_of_state_is_carried_out_at_once(place: Place) -> None:
    wanted = ("stopped", "running", "paused", "stopped", "running")
    for generation, state in enumerate(wanted, start=1):
        place.write(resource({"state": state}, generation=generation))
        place.is_observed(NAME, generation)
    # A reconcile that comes before Connect shows the state asks for it once more.
    asked = [state for state, _ in groupby(state for _, state in place.connect.states)]
    assert asked == ["STOPPED", "RUNNING", "PAUSED", "STOPPED", "RUNNING"]


def test_its_own_status_settles(place: Place) -> None:
    place.write(resource({"state": "stopped"}))
    place.is_observed(NAME, 1)
    settled = place.tally.count("successful", "KafkaConnector")
    until("the event of the status was carried out, too", lambda: place.tally.count("", "KafkaConnector") > settled)
    version = place.api.version
    until("nothing is in hand", lambda: all(lane.busy_for() == 0 for lane in place.operator.lanes))
    assert place.api.version == version


def test_offsets_by_annotation(place: Place) -> None:
    offsets = {"offsets": [{"partition": {"kafka_topic": "t", "kafka_partition": 0}, "offset": {"kafka_offset": 7}}]}
    spec = {
        "state": "stopped",
        "alterOffsets": {"fromConfigMap": {"name": "from"}},
        "listOffsets": {"toConfigMap": {"name": "to"}},
    }
    place.write(resource(spec))
    place.is_observed(NAME, 1)
    place.api.put("/api/v1/namespaces/n/configmaps/from", {"data": {names.OFFSETS_KEY: json.dumps(offsets)}})
    for asked in ("alter", "list"):
        place.write(resource(spec, {names.OFFSETS: asked}))
        until(
            f"{asked}: the annotation goes",
            lambda: names.OFFSETS not in place.connector(NAME)["metadata"]["annotations"],
        )
    assert place.connect.connectors[NAME]["offsets"] == offsets["offsets"]
    listed = "/api/v1/namespaces/n/configmaps/to"  # an event of `alter` may take the annotation of `list` off first
    until("the list is written", lambda: listed in place.api.objects)
    assert json.loads(place.api.objects[listed]["data"][names.OFFSETS_KEY]) == offsets
    place.write(resource(spec, {names.OFFSETS: "reset"}))
    until("they are reset", lambda: place.connect.connectors[NAME]["offsets"] == [])


def test_altering_a_running_connector_warns_until_it_is_stopped(place: Place) -> None:
    spec = {"state": "running", "alterOffsets": {"fromConfigMap": {"name": "from"}}}
    place.api.put("/api/v1/namespaces/n/configmaps/from", {"data": {names.OFFSETS_KEY: '{"offsets": []}'}})
    place.write(resource(spec))
    place.is_observed(NAME, 1)
    place.write(resource(spec, {names.OFFSETS: "alter"}))
    status = place.connector_is("Warning", NAME)
    assert [c.get("reason") for c in status["conditions"]] == [None, "AlterOffsets"]
    assert names.OFFSETS in place.connector(NAME)["metadata"]["annotations"]
    place.write(resource({**spec, "state": "stopped"}, {names.OFFSETS: "alter"}, generation=2))
    until("then it is done", lambda: names.OFFSETS not in place.connector(NAME)["metadata"]["annotations"])


def test_an_event_is_carried_out_with_the_resource_that_it_brought_however_old_that_is_by_then(place: Place) -> None:
    place.write(resource({"state": "stopped"}))
    place.is_observed(NAME, 1)
    with place.connect.holding():
        place.write(resource({"state": "stopped", "tasksMax": 3}, generation=2))  # holds the lock
        assert place.connect.held.wait(5)
        for generation, state in ((3, "running"), (4, "stopped")):
            place.write(resource({"state": state, "tasksMax": 3}, generation=generation))
    place.is_observed(NAME, 4)
    until("both events are carried out", lambda: [s for _, s in place.connect.states[-2:]] == ["RUNNING", "STOPPED"])


def test_stopped_can_be_observed_before_a_stale_running_is_carried_out(make: Make) -> None:
    place = make()
    place.make_cluster()
    place.cluster_is("Ready")
    place.write(resource({"state": "stopped"}))
    place.is_observed(NAME, 1)
    with place.connect.holding():
        place.api.put(f"{CONNECTS}/blue", connect_resource())  # a reconcile of everything takes the lock
        assert place.connect.held.wait(5)
        place.write(resource({"state": "running"}, generation=2))  # its event waits for the lock
        until("the event waits", lambda: place.api.count("GET", "kafkaconnects/blue") >= 4)
        place.write(resource({"state": "stopped"}, generation=3))
    # The reconcile of everything reads generation 3, and tells it; only then its turn comes to generation 2.
    states = ["STOPPED", "RUNNING", "STOPPED"]
    until("it ran, and is stopped again", lambda: [state for _, state in place.connect.states] == states)
    history = [made["status"]["observedGeneration"] for made in written(place) if made.get("status")]
    assert history.index(3) < history.index(2)
    place.is_observed(NAME, 3)


def written(place: Place) -> list[dict[str, dict[str, int]]]:
    """Every version of the connector's resource, in order."""
    return [made for _, collection, _, made in place.api.log if collection == CONNECTORS]


def test_an_event_that_waited_too_long_for_the_lock_is_left_to_the_periodic_reconcile(make: Make) -> None:
    place = make(lock_timeout_seconds=0.05, full_reconcile_seconds=0.5)
    place.make_cluster()
    place.cluster_is("Ready")
    place.write(resource({"state": "stopped"}))
    place.is_observed(NAME, 1)
    with place.connect.holding():
        place.write(resource({"state": "stopped", "tasksMax": 3}, generation=2))
        assert place.connect.held.wait(5)
        place.write(resource({"state": "running", "tasksMax": 3}, generation=3))
        until("the second event came", lambda: place.api.count("GET", "kafkaconnects/blue") >= 4)
        until("too long", lambda: place.operator.lanes[0].busy_for() > 0.2)
    until("it was left out", lambda: place.tally.count("locked", "KafkaConnect"))
    status = place.is_observed(NAME, 3)
    assert status["connectorStatus"]["connector"]["state"] == "RUNNING"


def test_what_was_changed_by_rest_is_undone_by_the_periodic_reconcile(make: Make) -> None:
    place = make(full_reconcile_seconds=0.3)
    place.make_cluster()
    place.write(resource({"state": "running"}))
    until("it runs", lambda: place.connect.state(NAME) == "RUNNING")
    place.connect.set_state(NAME, "PAUSED")
    until("it runs again", lambda: place.connect.state(NAME) == "RUNNING")
    assert place.tally.count("periodical", "KafkaConnect") > 0


def test_a_state_that_is_taken_back_before_connect_shows_it_waits_for_the_periodic_reconcile(make: Make) -> None:
    place = make(full_reconcile_seconds=2.0)
    place.make_cluster()
    place.cluster_is("Ready")
    place.write(resource({"state": "running"}))
    place.is_observed(NAME, 1)
    place.connect.slow = True
    place.write(resource({"state": "stopped"}, generation=2))
    told = place.is_observed(NAME, 2)["connectorStatus"]
    assert told["connector"]["state"] == "RUNNING"  # taken, and not yet to be seen
    place.write(resource({"state": "running"}, generation=3))
    place.is_observed(NAME, 3)  # seen as RUNNING, so nothing was asked for
    place.connect.slow = False
    place.connect.settle()
    assert place.connect.state(NAME) == "STOPPED"
    until("it runs", lambda: place.connect.state(NAME) == "RUNNING")


def test_an_annotation_of_ones_own_has_a_connector_reconciled_at_once(place: Place) -> None:
    place.write(resource({"state": "running"}))
    place.is_observed(NAME, 1)
    place.connect.set_state(NAME, "PAUSED")
    place.write(resource({"state": "running"}, {"mine": "1"}))
    until("it runs again", lambda: place.connect.state(NAME) == "RUNNING")


def test_an_annotation_that_is_gone_says_nothing_of_which_request_was_carried_out(place: Place) -> None:
    spec = {"state": "stopped", "alterOffsets": {"fromConfigMap": {"name": "from"}}}
    place.api.put("/api/v1/namespaces/n/configmaps/from", {"data": {names.OFFSETS_KEY: '{"offsets": []}'}})
    place.write(resource(spec))
    place.is_observed(NAME, 1)
    with place.connect.holding():
        for generation in (2, 3):  # two events with the same annotation
            place.write(resource(spec, {names.OFFSETS: "alter"}, generation=generation))
        assert place.connect.held.wait(5)
    until("both are carried out", lambda: place.connect.requests.count(f"PATCH {AT}/offsets") == 2)


def test_a_connector_without_a_resource_is_deleted(make: Make) -> None:
    place = make(full_reconcile_seconds=0.3)
    place.connect.connectors["stray"] = {"config": {}, "state": "RUNNING", "offsets": []}
    place.make_cluster()
    until("it is gone", lambda: place.connect.state("stray") is None)


def test_without_the_annotation_connectors_are_left_alone(make: Make) -> None:
    place = make(full_reconcile_seconds=0.3)
    place.connect.connectors["mine"] = {"config": {}, "state": "RUNNING", "offsets": []}
    made = connect_resource()
    made["metadata"]["annotations"] = {}
    place.api.put(f"{CONNECTS}/blue", made)
    place.make_workers_ready()
    place.cluster_is("Ready")
    place.write(resource({"state": "stopped"}))
    status = place.connector_is("NotReady", NAME)
    assert status["conditions"][0]["reason"] == "NoSuchResourceException"
    place.api.remove(f"{CONNECTORS}/{NAME}")
    until("reconciles went by", lambda: place.tally.count("periodical", "KafkaConnect") > 1)
    assert place.connect.states == []
    assert place.connect.requests == []


def test_a_deleted_resource_deletes_its_connector(place: Place) -> None:
    place.write(resource({"state": "stopped"}))
    place.is_observed(NAME, 1)
    place.api.remove(f"{CONNECTORS}/{NAME}")
    until("it is gone", lambda: place.connect.state(NAME) is None)


def test_a_connector_without_a_cluster_says_which_one_is_missing(place: Place) -> None:
    place.write(resource(labels={"strimzi.io/cluster": "green"}))
    (condition,) = place.connector_is("NotReady", NAME)["conditions"]
    assert condition["reason"] == "NoSuchResourceException"
    assert "green" in condition["message"]
    place.write(resource(labels={}, generation=2))
    (condition,) = place.is_observed(NAME, 2)["conditions"]
    assert condition["reason"] == "InvalidResourceException"
    assert names.CLUSTER_LABEL in condition["message"]


def test_a_cluster_without_workers(place: Place) -> None:
    place.write(resource({"state": "stopped"}))
    place.is_observed(NAME, 1)
    made = connect_resource(replicas=0)
    made["metadata"]["generation"] = 2
    place.api.put(f"{CONNECTS}/blue", made)
    place.make_workers_ready(replicas=0)
    (condition,) = place.connector_is("NotReady", NAME)["conditions"]
    assert "0 replicas" in condition["message"]
    status = until("the cluster's status", lambda: (s := place.cluster_status()).get("observedGeneration") == 2 and s)
    assert status["replicas"] == 0
    assert "url" not in status
    assert place.connect.state(NAME) == "STOPPED"


def test_a_deleted_cluster_is_told_to_its_connectors(place: Place) -> None:
    place.write(resource({"state": "stopped"}))
    place.is_observed(NAME, 1)
    place.api.remove(f"{CONNECTS}/blue")
    (condition,) = place.connector_is("NotReady", NAME)["conditions"]
    assert condition["reason"] == "NoSuchResourceException"


def test_workers_that_are_not_ready_hold_the_lock_and_are_named(make: Make) -> None:
    place = make(operation_timeout_seconds=0.5)
    place.make_cluster(ready=False)
    until("it waits for them", lambda: place.api.objects.get(f"{STATEFUL_SETS}/blue-connect"))
    place.write(resource({"state": "stopped"}))
    until("the event came", lambda: place.api.count("GET", "kafkaconnects/blue") >= 2)
    assert place.connect.requests == []
    (condition,) = place.cluster_is("NotReady")["conditions"]
    assert condition["reason"] == "TimeoutException"
    assert "blue-connect" in condition["message"]
    place.is_observed(NAME, 1)  # after that it is the event's turn


def test_a_cluster_that_asks_for_what_is_not_done_is_refused_by_name(make: Make) -> None:
    place = make()
    place.make_cluster(ready=False, tls={})
    (condition,) = place.cluster_is("NotReady")["conditions"]
    assert condition["reason"] == "InvalidResourceException"
    assert "spec.tls" in condition["message"]


def test_connect_that_does_not_answer_is_told_to_cluster_and_connectors(make: Make) -> None:
    place = make(rest_url="http://127.0.0.1:1")
    place.make_cluster()
    place.write(resource({"state": "stopped"}))
    place.is_observed(NAME, 1)
    for status in (place.connector_is("NotReady", NAME), place.cluster_is("NotReady")):
        assert status["conditions"][0]["reason"] == "ConnectException"


def test_a_resource_that_is_to_be_left_alone(place: Place) -> None:
    place.write(resource({"state": "stopped"}))
    place.is_observed(NAME, 1)
    place.write(resource({"state": "running"}, {names.PAUSE_RECONCILIATION: "true"}, generation=2))
    status = place.connector_is("ReconciliationPaused", NAME)
    assert status["observedGeneration"] == 1
    assert place.connect.state(NAME) == "STOPPED"


def test_clusters_do_not_wait_for_each_other(make: Make) -> None:
    place = make()
    place.make_cluster("blue")
    place.make_cluster("green", ready=False)  # its lock is held by the wait for its workers
    place.write(resource({"state": "stopped"}))
    place.is_observed(NAME, 1)


def test_alive_and_ready(place: Place) -> None:
    health = Health(place.operator)
    assert health.ready()
    assert health.dead() == []
    place.operator.lanes[0].end()
    place.operator.lanes[0].thread.join(5)
    assert health.dead() == ["lane-blue"]


def test_metrics_have_strimzis_names(place: Place) -> None:
    place.write(resource({"state": "stopped"}))
    place.is_observed(NAME, 1)
    families = {family.name for family in place.tally.metrics()}
    assert {
        "strimzi_reconciliations",
        "strimzi_reconciliations_successful",
        "strimzi_reconciliations_duration_seconds",
        "strimzi_resources",
    } <= families


def test_it_asks_the_api_server_for_nothing_that_its_rules_do_not_have(place: Place) -> None:
    spec = {"state": "stopped", "listOffsets": {"toConfigMap": {"name": "to"}}}
    place.write(resource(spec))
    place.is_observed(NAME, 1)
    for _ in range(2):  # a ConfigMap that is made, and one that is changed
        place.write(resource(spec, {names.OFFSETS: "list"}))
        until("listed", lambda: names.OFFSETS not in place.connector(NAME)["metadata"]["annotations"])
    place.api.put(f"{CONNECTS}/blue", connect_resource())
    reconciles = place.tally.count("successful", "KafkaConnect")
    until("a reconcile of everything", lambda: place.tally.count("successful", "KafkaConnect") > reconciles)
    used = {_use(method, path, query) for method, path, query, _ in place.api.requests}
    granted = {
        (group, kind, verb)
        for rule in RULES
        for group in rule["apiGroups"]
        for kind in rule["resources"]
        for verb in rule["verbs"]
    }
    assert used <= granted
    # `create` of what is applied is asked for by the API server, when the object is not there.
    assert granted - used <= {("", "services", "create"), ("apps", "statefulsets", "create"), ("", "configmaps", "get")}


def _use(method: str, path: str, query: dict[str, str]) -> tuple[str, str, str]:
    """API group, resource and verb of a request."""
    parts = path.split("/")
    group, rest = (parts[2], parts[6:]) if parts[1] == "apis" else ("", parts[5:])
    kind, name = rest[0], rest[1:2]
    if rest[2:]:
        kind += f"/{rest[2]}"
    if method == "GET":
        return group, kind, "watch" if "watch" in query else "get" if name else "list"
    return group, kind, {"PUT": "update", "POST": "create", "PATCH": "patch", "DELETE": "delete"}[method]


@pytest.mark.parametrize("verb", ["delete", "deletecollection", "*"])
def test_it_may_not_delete(verb: str) -> None:
    assert not any(verb in rule["verbs"] for rule in RULES)
