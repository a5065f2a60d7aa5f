"""What a resource's status says: conditions, the generation that was seen, what Connect told. Pure.

Strimzi's conditions are positive: `Ready` is True, or there is no Ready and `NotReady` is True with reason and message.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from workloads.connect_operator import names
from workloads.connect_operator.connector import is_true
from workloads.connect_operator.errors import ReconcileError
from workloads.connect_operator.restarts import failed
from workloads.connect_operator.terms import Outcome, Warn

Status = dict[str, Any]


def of_connector(
    resource: Mapping[str, Any], outcome: Outcome | None, error: Exception | None, now: datetime
) -> Status:
    """A KafkaConnector's status. The generation is that of `resource`: of the version that was carried out, which may
    be older than the newest.

    One that is exempt from reconciles keeps the generation that it had, and says only that.
    """
    if is_paused(resource):
        return paused(resource, now)
    if error is None and outcome is not None and (what := failed(outcome.connector)):
        error = ReconcileError(f"failed: {', '.join(what)} (number: a task); connectorStatus has more")
    warnings = () if outcome is None else outcome.warnings
    told = None if outcome is None else dict(outcome.connector)
    spec = resource.get("spec") or {}
    status: Status = {
        "conditions": conditions(error, warnings, now),
        "tasksMax": spec.get("tasksMax") or len((told or {}).get("tasks") or ()),
    }
    if "generation" in resource["metadata"]:
        status["observedGeneration"] = resource["metadata"]["generation"]
    if told is not None:
        status["connectorStatus"] = told
    if outcome is not None:
        status["topics"] = list(outcome.topics)
        if outcome.auto_restart is not None:
            status["autoRestart"] = dict(outcome.auto_restart)
    return status


def of_cluster(
    resource: Mapping[str, Any],
    error: Exception | None,
    now: datetime,
    *,
    replicas: int,
    plugins: Sequence[Mapping[str, str]] = (),
) -> Status:
    """A KafkaConnect's status. replicas: as wanted. plugins: connector classes as Connect tells them."""
    metadata = resource["metadata"]
    name, namespace = metadata["name"], metadata.get("namespace", "")
    status: Status = {
        "conditions": conditions(error, (), now),
        "observedGeneration": metadata.get("generation", 0),
        "replicas": replicas,
        "labelSelector": names.labels_text(names.selector(name)),
    }
    if replicas:
        status["url"] = f"http://{names.api_service(name)}.{namespace}.svc:{names.REST_PORT}"
    if plugins:
        status["connectorPlugins"] = [dict(plugin) for plugin in plugins]
    return status


def is_paused(resource: Mapping[str, Any]) -> bool:
    """Whether the resource is to be left alone."""
    return is_true(resource, names.PAUSE_RECONCILIATION)


def paused(resource: Mapping[str, Any], now: datetime) -> Status:
    """The status of a resource that is left alone."""
    observed = (resource.get("status") or {}).get("observedGeneration", 0)
    return {
        "conditions": [{"type": "ReconciliationPaused", "status": "True", "lastTransitionTime": _time(now)}],
        "observedGeneration": observed,
    }


def conditions(error: Exception | None, warnings: Sequence[Warn], now: datetime) -> list[dict[str, str]]:
    """Ready or NotReady, then the warnings."""
    at = {"status": "True", "lastTransitionTime": _time(now)}
    if error is None:
        first = {"type": "Ready", **at}
    else:
        reason = getattr(error, "reason", None) if isinstance(error, ReconcileError) else None
        first = {"type": "NotReady", **at, "reason": reason or type(error).__name__, "message": str(error)}
    more = [{"type": "Warning", **at, "reason": warn.reason, "message": warn.message} for warn in warnings]
    return [first, *more]


def differs(known: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> bool:
    """Whether they say different things; that one said it at another time is none."""
    return _timeless(known or {}) != _timeless(wanted)


def _timeless(status: Mapping[str, Any]) -> Status:
    kept = [
        {key: value for key, value in condition.items() if key != "lastTransitionTime"}
        for condition in status.get("conditions") or ()
    ]
    return {**status, "conditions": kept}


def _time(now: datetime) -> str:
    return now.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
