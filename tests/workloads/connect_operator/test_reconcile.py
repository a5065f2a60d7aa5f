"""One connector, by its plan: what is asked for in which order, and what it comes to."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.workloads.connect_operator.play import CONFIG, NAME, RUNNING, STOPPED, Other, refused, resource
from workloads.connect_operator import asking, connector, names
from workloads.connect_operator.errors import ReconcileError, RestError, RestUnreachableError
from workloads.connect_operator.reconcile import converge, remove
from workloads.connect_operator.terms import Outcome, Rest, waits

NOW = datetime(2026, 11, 27, 8, tzinfo=UTC)
AT = f"/connectors/{NAME}"


def told(state: str, *tasks: str) -> dict[str, Any]:
    """Connect's status of the connector."""
    listed = [{"id": number, "state": task} for number, task in enumerate(tasks)]
    return {"name": NAME, "connector": {"state": state}, "tasks": listed}


def converged(other: Other, spec: dict[str, Any], annotations: dict[str, str] | None = None) -> Outcome:
    outcome = other.play(converge(connector.read(resource(spec, annotations)), NOW))
    assert isinstance(outcome, Outcome)
    return outcome


def test_configuration_state_offsets_restarts_then_the_status() -> None:
    other = Other({f"GET {AT}/status": [RUNNING, STOPPED], f"GET {AT}/offsets": {"offsets": []}})
    annotations = {names.OFFSETS: "list", names.RESTART: "true", names.RESTART_TASK: "1"}
    outcome = converged(other, {"state": "stopped", "listOffsets": {"toConfigMap": {"name": "o"}}}, annotations)
    assert other.asked == [
        f"GET {AT}/config",
        f"GET {AT}/status",
        f"PUT {AT}/stop",
        f"GET {AT}/offsets",
        "ReadConfigMap o",
        "WriteConfigMap o",
        f"RemoveAnnotation {names.OFFSETS}",
        f"POST {AT}/restart?includeTasks=false&onlyFailed=false",
        f"RemoveAnnotation {names.RESTART}",
        f"POST {AT}/tasks/1/restart",
        f"RemoveAnnotation {names.RESTART_TASK}",
        f"GET {AT}/status",
        f"GET {AT}/topics",
    ]
    assert outcome == Outcome(STOPPED, ("t",))


def test_a_reconcile_that_changes_the_configuration_leaves_offsets_and_restarts_to_the_next() -> None:
    other = Other({f"GET {AT}/config": {**CONFIG, "topics": "old"}, f"GET {AT}/status": [RUNNING, STOPPED]})
    spec = {"state": "stopped", "alterOffsets": {"fromConfigMap": {"name": "o"}}}
    outcome = converged(other, spec, {names.OFFSETS: "alter", names.RESTART: "true"})
    assert other.asked == [
        f"GET {AT}/config",
        f"PUT {AT}/config",
        f"GET {AT}/status",
        f"PUT {AT}/stop",
        f"GET {AT}/status",
        f"GET {AT}/topics",
    ]
    assert outcome.connector == STOPPED
    assert outcome.warnings == ()
    put = other.requests[1]
    assert isinstance(put, Rest)
    assert put.body == {"connector.class": "FileStreamSink", "tasks.max": "2", "topics": "t"}


@pytest.mark.parametrize("state", ["running", "paused", "stopped"])
def test_a_new_connector_is_made_in_its_state_and_never_runs_before(state: str) -> None:
    other = Other({f"GET {AT}/config": refused(404), f"GET {AT}/status": told(state.upper())})
    converged(other, {"state": state}, {names.OFFSETS: "reset"})
    assert other.changes == ["POST /connectors"]
    post = other.requests[1]
    assert isinstance(post, Rest)
    assert post.body == {"name": NAME, "config": CONFIG, "initial_state": state.upper()}


def test_without_a_state_a_connector_runs() -> None:
    other = Other({f"GET {AT}/config": refused(404)})
    converged(other, {})
    post = other.requests[1]
    assert isinstance(post, Rest)
    assert isinstance(post.body, dict)
    assert post.body["initial_state"] == "RUNNING"


@pytest.mark.parametrize(
    ("state", "wanted", "asked"),
    [
        ("RUNNING", "running", None),
        ("RUNNING", "paused", "pause"),
        ("RUNNING", "stopped", "stop"),
        ("PAUSED", "running", "resume"),
        ("PAUSED", "paused", None),
        ("PAUSED", "stopped", "stop"),
        ("STOPPED", "running", "resume"),
        ("STOPPED", "paused", "pause"),
        ("STOPPED", "stopped", None),
        ("FAILED", "running", None),
        ("FAILED", "paused", None),
        ("FAILED", "stopped", "stop"),
        ("UNASSIGNED", "stopped", None),
        ("RESTARTING", "paused", None),
    ],
)
def test_from_each_state_to_each_wanted_one(state: str, wanted: str, asked: str | None) -> None:
    other = Other({f"GET {AT}/status": told(state)})
    outcome = converged(other, {"state": wanted})
    assert other.changes == ([] if asked is None else [f"PUT {AT}/{asked}"])
    warned = [warn.reason for warn in outcome.warnings]
    assert warned == (["UpdateState"] if (state, wanted) == ("FAILED", "paused") else [])


def test_what_is_told_after_a_resume_can_be_the_state_before() -> None:
    other = Other({f"GET {AT}/status": [STOPPED, STOPPED]})
    assert converged(other, {"state": "running"}).connector == STOPPED
    assert other.changes == [f"PUT {AT}/resume"]


@pytest.mark.parametrize("at", ["config", "status", "stop", "topics"])
@pytest.mark.parametrize("error", [refused(500), RestUnreachableError("GET /x: nobody is there")])
def test_what_goes_wrong_on_the_way_ends_the_reconcile(at: str, error: Exception) -> None:
    method = "PUT" if at == "stop" else "GET"
    other = Other({f"{method} {AT}/{at}": error})
    with pytest.raises(type(error)):
        converged(other, {"state": "stopped"})
    assert other.asked[-1] == f"{method} {AT}/{at}"


def test_a_409_that_lasts_is_an_error_and_not_a_state() -> None:
    other = Other({f"GET {AT}/config": refused(409)})
    with pytest.raises(RestError, match="409"):
        converged(other, {})
    assert other.changes == []


def test_a_status_without_a_state_ends_the_reconcile() -> None:
    other = Other({f"GET {AT}/status": {"name": NAME}})
    with pytest.raises(ReconcileError, match=r"connector\.state"):
        converged(other, {"state": "stopped"})


def test_a_connector_is_deleted_and_seen_gone() -> None:
    other = Other({})
    other.play(remove(NAME))
    assert other.asked == [f"DELETE {AT}", f"GET {AT}/status"]
    assert isinstance(other.requests[1], Rest)
    assert other.requests[1].accept == {404}


def test_what_is_asked_again_and_for_how_long() -> None:
    wanted = connector.read(resource())
    again = {
        "config": asking.config(NAME),
        "create": asking.create(wanted),
        "configure": asking.configure(wanted),
        "delete": asking.delete(NAME),
    }
    assert {what: request.retry_on for what, request in again.items()} == {what: {409} for what in again}
    assert asking.status_soon(NAME).retry_on == {404}
    once = [
        asking.status(NAME),
        asking.change_state(NAME, "stop"),
        asking.offsets(NAME),
        asking.alter_offsets(NAME, {}),
    ]
    assert [waits(request.retries) for request in once] == [()] * 4
    assert waits(6) == pytest.approx((0, 0.2, 0.4, 0.8, 1.6, 3.2))
    assert sum(waits(10)) == pytest.approx(102.2)


def test_a_name_cannot_leave_its_place_in_a_path() -> None:
    assert asking.status("a/../b c").path == "/connectors/a%2F..%2Fb%20c/status"
