"""What VictoriaMetrics recorded of a run, as queried.

Kept beside the result, so that its graphs can be drawn when the cluster is gone.
"""

import json
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.names import PLATFORM_NAMESPACE
from experiments.cluster import Cluster
from experiments.records import compressed_text, write_compressed

SERVICE = "victoriametrics"
PORT = 8428
STEP_SECONDS = 1

QUERIES: Mapping[str, str] = {
    "active_color": 'max by (color) (kafka_consumer_lifecycle_state{namespace="$ns",state="ACTIVE"})',
    "lifecycle_state": 'kafka_consumer_lifecycle_state{namespace="$ns"} == 1',
    "group_lag": 'sum by (group, color) (kafka_consumer_group_lag{namespace="$ns"})',
    "group_lag_by_partition": 'sum by (partition) (kafka_consumer_group_lag{namespace="$ns"})',
    "consumed_rate": 'sum by (color) (kafka_consumer_records_consumed_rate{namespace="$ns"})',
    "produced_rate": 'sum(kafka_producer_records_sent_rate{namespace="$ns"})',
    "errors": 'sum by (color) (kafka_consumer_errors_total{namespace="$ns"})',
    "rebalances": 'sum by (color) (kafka_consumer_rebalance_count_total{namespace="$ns"})',
    "rebalances_by_member": 'kafka_consumer_rebalance_count_total{namespace="$ns"}',
    "group_requests": 'sum by (request) (kafka_network_requests_total{request=~"JoinGroup|SyncGroup|LeaveGroup"})',
    "commit_latency_ms": 'avg by (color) (kafka_consumer_commit_latency_avg{namespace="$ns"})',
    "switches": 'sum by (direction, outcome) (bg_switch_duration_seconds_count{namespace="$ns"})',
    "switch_seconds_sum": 'sum by (direction, outcome) (bg_switch_duration_seconds_sum{namespace="$ns"})',
    "up": 'up{namespace=~"$ns|kafka-bluegreen"}',
}


def query_range(cluster: Cluster, query: str, start: float, end: float, step: int = STEP_SECONDS) -> dict[str, Any]:
    """One range query, through the API server. Times in seconds since 1970. Raises ClusterError if it is refused."""
    parameters = [
        ("query", query),
        ("start", f"{start:.3f}"),
        ("end", f"{end:.3f}"),
        ("step", f"{step}s"),
        ("nocache", "1"),
    ]
    body = cluster.through_service(PLATFORM_NAMESPACE, SERVICE, PORT, "/api/v1/query_range", query=parameters)
    answer: dict[str, Any] = json.loads(body)
    return answer


def value(cluster: Cluster, query: str) -> float | None:
    """What a query of one series gives now; None where it finds nothing. Raises ClusterError if it is refused."""
    asked = [("query", query), ("nocache", "1")]
    body = cluster.through_service(PLATFORM_NAMESPACE, SERVICE, PORT, "/api/v1/query", query=asked)
    found = json.loads(body).get("data", {}).get("result", [])
    return float(found[0]["value"][1]) if found else None


def collect(cluster: Cluster, namespace: str, start: float, end: float, folder: Path) -> dict[str, int]:
    """Write every query with its answer to `<folder>/<name>.json.zst`; returns the number of series of each."""
    folder.mkdir(parents=True, exist_ok=True)
    counts = {}
    for name, template in QUERIES.items():
        query = template.replace("$ns", namespace)
        answer = query_range(cluster, query, start, end)
        content = {"query": query, "start": start, "end": end, "step_seconds": STEP_SECONDS, "answer": answer}
        write_compressed(folder / f"{name}.json.zst", json.dumps(content, separators=(",", ":")).encode())
        counts[name] = len(answer.get("data", {}).get("result", []))
    return counts


def recorded(folder: Path, name: str) -> Mapping[str, Any] | None:
    """The store's answer to a query of `QUERIES`, as `collect` has written it to this folder; None where it has not."""
    file = folder / f"{name}.json.zst"
    found: Mapping[str, Any] | None = json.loads(compressed_text(file)).get("answer") if file.is_file() else None
    return found


def median(folder: Path, name: str) -> float | None:
    """Of all that one of the queries gave, over time and series, but 0: whoever did nothing says that. None without
    any, or where it was not asked. folder: where `collect` has written.
    """
    series = (recorded(folder, name) or {}).get("data", {}).get("result", [])
    points = [float(value) for one in series for _, value in one["values"] if float(value) > 0]
    return round(statistics.median(points), 3) if points else None
