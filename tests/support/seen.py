"""What is seen of a stack from outside: what its pods say at `/metrics`, and what the metrics store answers."""

import json
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from components import names
from components.observability.panels import NAMESPACE
from components.observability.plan_metrics import PLAN
from experiments.cluster import Cluster
from experiments.metrics import query_range

_PORT = "prometheus.io/port"


def said(cluster: Cluster, namespace: str, app: str) -> set[str]:
    """The names of the series that pods of an app say, all together. Raises AssertionError where there are none."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    pods = cluster.get(path, [("labelSelector", f"{names.NAME_LABEL}={app}")])["items"]
    assert pods, f"{namespace} has no pods of {app}"
    found = set()
    for pod in pods:
        metadata = pod["metadata"]
        text = cluster.through_pod(namespace, metadata["name"], int(metadata["annotations"][_PORT]), "/metrics")
        families = text_string_to_metric_families(text.decode())
        found |= {sample.name for family in families for sample in family.samples}
    return found


def not_said(cluster: Cluster, namespace: str, *, by_connectors: bool) -> list[str]:
    """The plan's metrics that nobody says who should, by the page; and those that somebody does who cannot."""
    wrong = []
    apps: dict[str, set[str]] = {}
    for metric in PLAN:
        source = metric.connectors if by_connectors else metric.consumers
        if source is None:
            continue
        if source.app not in apps:
            apps[source.app] = said(cluster, namespace, source.app)
        if not {metric.name, f"{metric.name}_bucket"} & apps[source.app]:
            wrong.append(f"{metric.name} by {source.app}")
    return wrong


def series(cluster: Cluster, namespace: str, expr: str, start: float, end: float) -> list[dict[str, Any]]:
    """The series of a panel's expression for a stack, which have a value between two times in seconds since 1970."""
    answer = query_range(cluster, expr.replace(NAMESPACE, namespace), start, end)
    assert answer["status"] == "success", answer
    result: list[dict[str, Any]] = answer["data"]["result"]
    return result


def store(cluster: Cluster, path: str) -> Any:
    """What the metrics store answers at a path."""
    return json.loads(cluster.through_service(names.PLATFORM_NAMESPACE, names.METRICS, names.METRICS_PORT, path))
