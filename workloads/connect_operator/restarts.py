"""Restarts of connectors and tasks: those that an annotation asks for, and those of what has failed."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from workloads.common.kube import KubeError
from workloads.connect_operator import asking, names
from workloads.connect_operator.connector import Connector
from workloads.connect_operator.errors import ReconcileError
from workloads.connect_operator.terms import Plan, ReadConnector, RemoveAnnotation, Warn

Automatic = tuple[Mapping[str, Any], Mapping[str, Any] | None]

LONGEST_MINUTES = 60
_FLAGS = frozenset({"includeTasks", "onlyFailed"})


def asked_for(connector: Connector) -> Plan[tuple[Warn, ...]]:
    """What the two annotations ask for; a restart that failed leaves its annotation, and a warning."""
    return (*(yield from _connector(connector)), *(yield from _task(connector)))


def _connector(connector: Connector) -> Plan[tuple[Warn, ...]]:
    text = connector.annotations.get(names.RESTART)
    if text is None or text.lower() == "false":
        return ()
    flags = set() if text.lower() == "true" else {flag.strip() for flag in text.split(",")}
    if not flags <= _FLAGS:
        allowed = ", ".join(sorted(_FLAGS))
        return (Warn("RestartConnector", f"annotation {names.RESTART} is {text!r}; it can be true, or of {allowed}"),)
    try:
        yield asking.restart(connector.name, tasks="includeTasks" in flags, only_failed="onlyFailed" in flags)
        yield RemoveAnnotation(names.RESTART)
    except (ReconcileError, KubeError) as error:
        return (Warn("RestartConnector", f"the connector could not be restarted: {error}"),)
    return ()


def _task(connector: Connector) -> Plan[tuple[Warn, ...]]:
    text = connector.annotations.get(names.RESTART_TASK, "")
    if not text.isascii() or not text.isdigit():
        return ()
    try:
        yield asking.restart_task(connector.name, int(text))
        yield RemoveAnnotation(names.RESTART_TASK)
    except (ReconcileError, KubeError) as error:
        return (Warn("RestartConnectorTask", f"task {text} could not be restarted: {error}"),)
    return ()


def failed(told: Mapping[str, Any]) -> list[str]:
    """What has failed by Connect's own status: "connector", and the numbers of tasks."""
    return list(_failed(told))


def _failed(told: Mapping[str, Any]) -> Iterator[str]:
    if (told.get("connector") or {}).get("state") == "FAILED":
        yield "connector"
    yield from (str(task["id"]) for task in told.get("tasks") or () if task.get("state") == "FAILED")


def automatic(connector: Connector, told: Mapping[str, Any], now: datetime) -> Plan[Automatic]:
    """Restart what has failed, if the resource wants that and it is time.

    Gives the status to go on with (the restart's answer has it) and `status.autoRestart`, None when there is none.
    """
    if not connector.auto_restart:
        return told, None
    resource = yield ReadConnector()
    before = ((resource or {}).get("status") or {}).get("autoRestart")
    if not failed(told):
        return told, None if before is None or _is_stable(before, now) else before
    if not is_due(before, connector.max_restarts, now):
        return told, before
    count = (before or {}).get("count", 0) + 1
    counted = {"count": count, "lastRestartTimestamp": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
    try:
        answer = yield asking.restart(connector.name, tasks=True, only_failed=True)
    except (ReconcileError, KubeError):
        return told, counted  # tried, and counted as such
    return (answer or told), counted


def is_due(before: Mapping[str, Any] | None, most: int | None, now: datetime) -> bool:
    """Whether a failed connector is restarted now: the first time at once, then n² + n minutes after the n-th, an hour
    at most. most: after so many no more.
    """
    if before is None or "lastRestartTimestamp" not in before:
        return True
    count = before.get("count", 0)
    return (most is None or count < most) and _minutes_since(before, now) >= _wait(count)


def _is_stable(before: Mapping[str, Any], now: datetime) -> bool:
    """Whether it has run for so long since its last restart that the count begins anew."""
    count = before.get("count", 0)
    return count > 0 and "lastRestartTimestamp" in before and _minutes_since(before, now) > _wait(count)


def _wait(count: int) -> int:
    return min(count * count + count, LONGEST_MINUTES)


def _minutes_since(before: Mapping[str, Any], now: datetime) -> int:
    at = datetime.fromisoformat(before["lastRestartTimestamp"])
    return int((now - at).total_seconds() // 60)
