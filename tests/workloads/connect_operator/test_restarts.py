"""Restarts: by annotation, and of what has failed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.workloads.connect_operator.play import NAME, RUNNING, Other, refused, resource
from workloads.connect_operator import connector, names
from workloads.connect_operator.restarts import asked_for, automatic, failed, is_due

NOW = datetime(2026, 11, 27, 8, tzinfo=UTC)
AT = f"/connectors/{NAME}"
BROKEN = {"name": NAME, "connector": {"state": "RUNNING"}, "tasks": [{"id": 0, "state": "FAILED"}]}


def ago(minutes: float, count: int) -> dict[str, Any]:
    """`status.autoRestart` after so many restarts, the last one so long ago."""
    at = (NOW - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"count": count, "lastRestartTimestamp": at}


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("true", "includeTasks=false&onlyFailed=false"),
        ("includeTasks", "includeTasks=true&onlyFailed=false"),
        ("includeTasks,onlyFailed", "includeTasks=true&onlyFailed=true"),
    ],
)
def test_a_restart_by_annotation(text: str, query: str) -> None:
    other = Other({})
    assert other.play(asked_for(connector.read(resource({}, {names.RESTART: text})))) == ()
    assert other.asked == [f"POST {AT}/restart?{query}", f"RemoveAnnotation {names.RESTART}"]


@pytest.mark.parametrize(
    ("annotations", "answers", "reason"),
    [
        ({names.RESTART: "please"}, {}, "RestartConnector"),
        (
            {names.RESTART: "true"},
            {f"POST {AT}/restart?includeTasks=false&onlyFailed=false": refused(409)},
            "RestartConnector",
        ),
        ({names.RESTART_TASK: "3"}, {f"POST {AT}/tasks/3/restart": refused(404)}, "RestartConnectorTask"),
    ],
)
def test_a_restart_that_fails_leaves_its_annotation_and_a_warning(
    annotations: dict[str, str], answers: dict[str, Any], reason: str
) -> None:
    other = Other(answers)
    (warn,) = other.play(asked_for(connector.read(resource({}, annotations))))
    assert warn.reason == reason
    assert not any(asked.startswith("RemoveAnnotation") for asked in other.asked)


@pytest.mark.parametrize("annotations", [{}, {names.RESTART: "false"}, {names.RESTART_TASK: "one"}])
def test_no_restart(annotations: dict[str, str]) -> None:
    other = Other({})
    assert other.play(asked_for(connector.read(resource({}, annotations)))) == ()
    assert other.asked == []


def test_what_has_failed() -> None:
    assert failed(RUNNING) == []
    assert failed({"connector": {"state": "FAILED"}, "tasks": [{"id": 2, "state": "FAILED"}]}) == ["connector", "2"]
    assert failed({}) == []


@pytest.mark.parametrize(
    ("count", "minutes", "due"),
    [(1, 1.9, False), (1, 2, True), (2, 5, False), (2, 6, True), (9, 59, False), (9, 60, True)],
)
def test_each_automatic_restart_waits_longer(count: int, minutes: float, due: bool) -> None:
    assert is_due(ago(minutes, count), None, NOW) is due


def test_the_first_automatic_restart_is_at_once_and_their_number_is_bounded() -> None:
    assert is_due(None, 1, NOW)
    assert is_due(ago(1000, 1), 2, NOW)
    assert not is_due(ago(1000, 2), 2, NOW)


def automatically(
    told: dict[str, Any], before: dict[str, Any] | None, answers: dict[str, Any] | None = None, enabled: bool = True
) -> tuple[Other, Any]:
    known = {"status": {"autoRestart": before}} if before else {}
    other = Other({"ReadConnector": known, **(answers or {})})
    wanted = connector.read(resource({"autoRestart": {"enabled": enabled}}))
    return other, other.play(automatic(wanted, told, NOW))


RESTART = f"POST {AT}/restart?includeTasks=true&onlyFailed=true"


def test_a_failed_task_is_restarted_and_counted() -> None:
    answer = {"connector": {"state": "RESTARTING"}}
    other, result = automatically(BROKEN, ago(10, 1), {RESTART: answer})
    assert other.asked == ["ReadConnector", RESTART]
    assert result == (answer, {"count": 2, "lastRestartTimestamp": "2026-11-27T08:00:00Z"})


def test_a_restart_that_fails_counts_too() -> None:
    _, result = automatically(BROKEN, None, {RESTART: refused(500)})
    assert result == (BROKEN, {"count": 1, "lastRestartTimestamp": "2026-11-27T08:00:00Z"})


def test_until_it_is_time_the_count_stays() -> None:
    other, result = automatically(BROKEN, ago(1, 1))
    assert (other.changes, result) == ([], (BROKEN, ago(1, 1)))


def test_after_it_ran_for_long_the_count_begins_anew() -> None:
    assert automatically(RUNNING, ago(2, 1))[1] == (RUNNING, ago(2, 1))
    assert automatically(RUNNING, ago(3, 1))[1] == (RUNNING, None)


def test_no_automatic_restart_unless_it_is_asked_for() -> None:
    other, result = automatically(BROKEN, None, enabled=False)
    assert (other.asked, result) == ([], (BROKEN, None))
