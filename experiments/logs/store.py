"""The log store as a run asks it, through the API server."""

import json
import re
import time
from collections.abc import Iterable, Mapping
from datetime import datetime

from components.names import LOGS, LOGS_PORT, PLATFORM_NAMESPACE
from experiments.cluster import Cluster, ClusterError
from experiments.logs.queries import CONTAINER_FIELD, NAMESPACE_FIELD, POD_FIELD, Rows, rows, span

_QUERY = "/select/logsql/query"
_AGAIN_SECONDS = 0.5

#: A container, as the lines of the store name it: its namespace, its pod, and its name.
Writer = tuple[str, str, str]
_WRITER = (NAMESPACE_FIELD, POD_FIELD, CONTAINER_FIELD)


class LogStore:
    """The platform's VictoriaLogs."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    @classmethod
    def found(cls, cluster: Cluster) -> "LogStore | None":
        """The store, if the platform has one. Raises ClusterError if that cannot be known."""
        try:
            cluster.get(f"/api/v1/namespaces/{PLATFORM_NAMESPACE}/services/{LOGS}")
        except ClusterError as error:
            if error.not_found:
                return None
            raise
        return cls(cluster)

    def ask(self, query: str) -> Rows:
        """The rows of a query's answer. Raises ClusterError with what the store said, or that it said no rows."""
        try:
            return rows(self.lines(query).decode())
        except ValueError as error:
            raise ClusterError(f"the log store's answer to {query!r} is none: {error}") from None

    def lines(self, query: str) -> bytes:
        """The answer as it comes, a JSON object a line. Raises ClusterError with what the store said."""
        return self._cluster.through_service(
            PLATFORM_NAMESPACE, LOGS, LOGS_PORT, _QUERY, query=[("query", query), ("timeout", "30s")]
        )

    def version(self) -> str:
        """Its release, as its metrics say. Raises ClusterError."""
        text = self._cluster.through_service(PLATFORM_NAMESPACE, LOGS, LOGS_PORT, "/metrics").decode()
        found = re.search(r'vm_app_version\{version="([^"]*)", short_version="([^"]*)"', text)
        return (found[2] or found[1]) if found else ""

    def newest(self, since: float, until: float) -> dict[Writer, float]:
        """When each container's newest line of a span was written. Times in seconds since 1970. Raises ClusterError."""
        by = ", ".join(f'"{name}"' for name in _WRITER)
        found = self.ask(f"{span(since, until)} | stats by ({by}) max(_time) newest")
        return {
            (str(row[NAMESPACE_FIELD]), str(row[POD_FIELD]), str(row[CONTAINER_FIELD])): seconds(str(row["newest"]))
            for row in found
            if {*_WRITER, "newest"} <= row.keys()
        }

    def wait_for(self, lines: Mapping[Writer, float], most: float) -> list[str]:
        """Watch until the store has these lines, each known by its time, or `most` seconds are over; gives those that
        it has not. A collector looks at a file that nobody writes to every ten seconds only. Raises ClusterError.
        """
        deadline = time.monotonic() + most
        if not lines:
            return []
        since = min(lines.values())
        while True:
            there = self.newest(since - 1, time.time() + 1)
            missing = ["/".join(writer) for writer, at in lines.items() if there.get(writer, 0.0) < at]
            if not missing or time.monotonic() > deadline:
                return sorted(missing)
            time.sleep(_AGAIN_SECONDS)


def last_lines(cluster: Cluster, pods: Iterable[tuple[str, str, Iterable[str]]], since: str) -> dict[Writer, float]:
    """The time of the last line that each container has written, by its node; without those that wrote nothing.

    pods: namespace, name, containers. since: RFC 3339.
    """
    found = {}
    for namespace, pod, containers in pods:
        for container in containers:
            try:
                text = cluster.log(namespace, pod, since, container=container, last=1)
            except ClusterError:
                continue  # it is gone, or has never begun: nothing to wait for
            if text.strip():
                found[namespace, pod, container] = written_at(text.strip().splitlines()[-1])
    return found


def written_at(line: str) -> float:
    """When a line of a container's log was written, as the collector takes it: by its own field `time`, if it is a JSON
    object with one, else by the node's stamp, which stands before it.
    """
    stamp, _, text = line.partition(" ")
    if text.startswith("{"):
        try:
            return seconds(str(json.loads(text)["time"]))
        except (ValueError, KeyError, TypeError):
            pass
    return seconds(stamp)


def seconds(moment: str) -> float:
    """Of RFC 3339 in UTC, with as many digits of a second as there are, of which microseconds count. ValueError."""
    return datetime.fromisoformat(f"{moment.rstrip('Z')[:26]}+00:00").timestamp()
