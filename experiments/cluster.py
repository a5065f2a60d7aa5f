"""Reading a Kubernetes cluster, and the few things a run does to it by hand: reach a pod through the API server, delete
one.

Everything goes through the API server, as it would from any workstation. Objects stay the dictionaries that the API
sends; what a caller needs of them is read by the small typed views below. Waits are watches with a deadline.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from components.cluster.access import ClusterAccess
from components.cluster.client import KubernetesApi
from components.cluster.errors import AccessError, ApiError
from components.names import (
    COLOR_LABEL,
    COLORS,
    LEASE_NAME,
    NAME_LABEL,
    SWITCH_NAME,
    switches,
)
from experiments.errors import DeadlineError, ExperimentError, PreconditionError
from experiments.measurements import LastSwitch

_LEASES = "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
_REQUEST_SECONDS = 15.0
_RETRY_SECONDS = 0.5
_READS = 3
_HTTP_GONE = 410
# No answer, a watch's version too old, and what an API server says while it starts: "storage is (re)initializing".
_PASSING = (None, _HTTP_GONE, 429, 500, 503, 504)
_AGENT = "kafka-bluegreen-experiments"

Objects = dict[str, dict[str, Any]]
T = TypeVar("T")


class ClusterError(ApiError, ExperimentError):
    """What an ApiError says, in a run: it ends one without a verdict."""


@contextmanager
def _as_cluster_error() -> Iterator[None]:
    try:
        yield
    except ApiError as error:
        raise ClusterError(str(error), error.status) from None


def _asked_again(ask: Callable[[], T]) -> T:
    """What `ask` gives, which changes nothing; tried `_READS` times while no answer comes."""
    for left in reversed(range(_READS)):
        try:
            return ask()
        except ClusterError as error:
            if error.status is not None or not left:
                raise
        time.sleep(_RETRY_SECONDS)
    raise AssertionError("not asked at all")


@dataclass(frozen=True, slots=True)
class Pod:
    """What a run looks at in a pod."""

    name: str
    uid: str
    color: str | None
    ready: bool
    terminating: bool
    restarts_by_container: Mapping[str, int]
    images: Mapping[str, str]
    app: str
    """Whose pod it is, by its label: `consumer`, `controller`, `kafka`, …"""
    node: str
    """Empty until it has one."""

    @property
    def restarts(self) -> int:
        return sum(self.restarts_by_container.values())

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> "Pod":
        metadata, status = raw["metadata"], raw.get("status", {})
        containers = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
        return cls(
            name=metadata["name"],
            uid=metadata["uid"],
            color=metadata.get("labels", {}).get(COLOR_LABEL),
            ready=any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", [])),
            terminating="deletionTimestamp" in metadata,
            restarts_by_container={container["name"]: container.get("restartCount", 0) for container in containers},
            images={container["name"]: container["image"] for container in containers},
            app=str(metadata.get("labels", {}).get(NAME_LABEL, "")),
            node=str(raw.get("spec", {}).get("nodeName") or ""),
        )


@dataclass(frozen=True, slots=True)
class Condition:
    status: str
    reason: str
    message: str
    generation: int | None


@dataclass(frozen=True, slots=True)
class LiveSwitch:
    """A KafkaConsumerSwitch as it is now."""

    generation: int
    wanted: str
    active: str
    phase: str
    epoch: int
    groups: Mapping[str, str]
    """The consumer group of each colour, by its name; the same one where they share it."""
    ready: Condition | None
    settled: Condition | None
    last: LastSwitch | None
    raw: Mapping[str, Any]

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> "LiveSwitch":
        status = raw.get("status", {})
        conditions = {
            condition["type"]: Condition(
                condition["status"],
                condition.get("reason", ""),
                condition.get("message", ""),
                condition.get("observedGeneration"),
            )
            for condition in status.get("conditions", [])
        }
        return cls(
            generation=raw["metadata"]["generation"],
            wanted=raw["spec"]["active"],
            active=status.get("active") or "",
            phase=status.get("phase") or "",
            epoch=int(status.get("epoch") or 0),
            groups={
                color: str(raw["spec"][color]["group"]) for color in COLORS if "group" in raw["spec"].get(color, {})
            },
            ready=conditions.get("Ready"),
            settled=conditions.get("Settled"),
            last=LastSwitch.from_status(status),
            raw=raw,
        )

    def holds(self, condition: Condition | None) -> bool:
        """Whether a condition is True for the present generation."""
        return condition is not None and condition.status == "True" and condition.generation == self.generation

    @property
    def steady(self) -> bool:
        """The colour asked for holds the grant and this generation has ended."""
        return self.active == self.wanted and self.holds(self.ready) and self.holds(self.settled)

    def describe(self) -> str:
        text = f"generation {self.generation}: wanted {self.wanted}, active {self.active or 'nobody'}"
        text += f", phase {self.phase or '?'}"
        if self.settled and self.settled.message:
            reason = "" if self.settled.reason == self.phase else f", {self.settled.reason}"
            text += f"{reason}: {self.settled.message}"
        return text


class Cluster:
    """One cluster, found as kubectl finds it. Raises ClusterError if none can be."""

    def __init__(self, kubeconfig: str | None = None) -> None:
        try:
            self._api = KubernetesApi(ClusterAccess(kubeconfig), agent=_AGENT)
        except AccessError as error:
            raise ClusterError(f'no usable kubeconfig: {error}; run: eval "$(python -m tools.sandbox env)"') from None

    def request(
        self,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]] = (),
        body: Any = None,
        seconds: float = _REQUEST_SECONDS,
    ) -> bytes:
        """One call of the API server, its answer's body. Raises ClusterError for anything but success."""
        with _as_cluster_error():
            return self._api.request(method, path, query=query, body=body, seconds=seconds)

    def get(self, path: str, query: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
        """An object or a list; asked again, twice at most, where no answer comes. Raises ClusterError."""
        return _asked_again(lambda: self._read(path, query))

    def _read(self, path: str, query: Sequence[tuple[str, str]]) -> dict[str, Any]:
        with _as_cluster_error():
            return self._api.get(path, query)

    def watch(self, path: str, query: Sequence[tuple[str, str]], deadline: float) -> Iterator[Objects]:
        """All objects of a list by name, now and after every change, until `deadline` (monotonic).

        A watch that is cut off begins anew, and an API server that does not answer is asked again until the deadline.
        """
        while time.monotonic() < deadline:
            try:
                listed = self._read(path, query)
                objects: Objects = {item["metadata"]["name"]: item for item in listed["items"]}
                yield dict(objects)
                yield from self._follow(path, query, objects, listed["metadata"]["resourceVersion"], deadline)
            except ClusterError as error:
                if error.status not in _PASSING or time.monotonic() + _RETRY_SECONDS > deadline:
                    raise
                time.sleep(_RETRY_SECONDS)

    def _follow(
        self, path: str, query: Sequence[tuple[str, str]], objects: Objects, version: str, deadline: float
    ) -> Iterator[Objects]:
        """Watches from a version on, one after the other. Raises ClusterError 410 if the version is too old."""
        while (left := deadline - time.monotonic()) > 0:
            for event in self._events(path, query, version, left):
                if event["type"] == "ERROR":
                    raise ClusterError(f"watch of {path}: {event['object']}", _HTTP_GONE)
                version = event["object"]["metadata"]["resourceVersion"]
                if event["type"] == "BOOKMARK":
                    continue
                name = event["object"]["metadata"]["name"]
                if event["type"] == "DELETED":
                    objects.pop(name, None)
                else:
                    objects[name] = event["object"]
                yield dict(objects)

    def _events(
        self, path: str, query: Sequence[tuple[str, str]], version: str, seconds: float
    ) -> Iterator[dict[str, Any]]:
        with _as_cluster_error():
            yield from self._api.watch(path, query=query, resource_version=version, seconds=seconds)

    def wait(
        self,
        path: str,
        query: Sequence[tuple[str, str]],
        missing: Callable[[Objects], str | None],
        what: str,
        seconds: float,
        *,
        on_change: Callable[[str], None] | None = None,
    ) -> Objects:
        """Watch until `missing` finds nothing missing (None). Raises DeadlineError with the last thing that was."""
        last = "nothing yet"
        for objects in self.watch(path, query, time.monotonic() + seconds):
            found = missing(objects)
            if found is None:
                return objects
            last = found
            if on_change is not None:
                on_change(f"waiting for {what}: {found}")
        raise DeadlineError(what, seconds, last)

    # Pods

    def pods(self, namespace: str, selector: str = "") -> list[Pod]:
        query = [("labelSelector", selector)] if selector else []
        return [Pod.of(item) for item in self.get(f"/api/v1/namespaces/{namespace}/pods", query)["items"]]

    def pod(self, namespace: str, name: str) -> Pod | None:
        """The pod, or None if there is none of that name."""
        try:
            return Pod.of(self.get(f"/api/v1/namespaces/{namespace}/pods/{name}"))
        except ClusterError as error:
            if error.not_found:
                return None
            raise

    def running(self, namespace: str, app: str) -> str:
        """The name of a pod of this app that is not asked to end. Raises PreconditionError if there is none."""
        for pod in self.pods(namespace, f"{NAME_LABEL}={app}"):
            if not pod.terminating:
                return pod.name
        raise PreconditionError(f"there is no pod of {app} in {namespace}")

    def delete_pod(self, namespace: str, name: str, *, force: bool = False) -> None:
        """Ask for the end of a pod, with its own grace period. Fine if there is none.

        force: without any, as `kubectl delete --force`: the object goes at once, whatever its processes do.
        """
        query = [("gracePeriodSeconds", "0")] if force else []
        try:
            self.request("DELETE", f"/api/v1/namespaces/{namespace}/pods/{name}", query)
        except ClusterError as error:
            if not error.not_found:
                raise

    def through_pod(
        self,
        namespace: str,
        pod: str,
        port: int,
        path: str,
        *,
        method: str = "GET",
        body: Any = None,
        seconds: float = _REQUEST_SECONDS,
    ) -> bytes:
        """One HTTP call of a pod's port, through the API server's proxy."""
        proxied = f"/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy{path}"
        return self.request(method, proxied, body=body, seconds=seconds)

    def through_service(
        self,
        namespace: str,
        service: str,
        port: int,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        seconds: float = 60.0,
    ) -> bytes:
        """What HTTP GET of a service's port gives, through the API server's proxy; asked again, twice at most, where no
        answer comes. Raises ClusterError.
        """
        whole = f"/api/v1/namespaces/{namespace}/services/{service}:{port}/proxy{path}"
        return _asked_again(lambda: self.request("GET", whole, query, seconds=seconds))

    def log(
        self,
        namespace: str,
        pod: str,
        since: str,
        *,
        container: str = "",
        previous: bool = False,
        most: int = 0,
        last: int = 0,
    ) -> str:
        """A container's log with timestamps since a moment (RFC 3339); the first `most` bytes, or the `last` lines, of
        it, all if 0.
        """
        query = [("sinceTime", since), ("timestamps", "true"), ("previous", str(previous).lower())]
        query += [("container", container)] if container else []
        query += [("limitBytes", str(most))] if most else []
        query += [("tailLines", str(last))] if last else []
        return self.request("GET", f"/api/v1/namespaces/{namespace}/pods/{pod}/log", query, seconds=60.0).decode(
            errors="replace"
        )

    # The switch

    def lease(self, namespace: str) -> dict[str, Any]:
        """The Lease that carries the protocol. Raises ClusterError if there is none."""
        return self.get(f"{_LEASES.format(namespace=namespace)}/{LEASE_NAME}")

    def wait_lease(
        self, namespace: str, missing: Callable[[Mapping[str, Any]], str | None], what: str, seconds: float
    ) -> Mapping[str, Any]:
        """Watch the Lease until nothing is missing (None). Raises DeadlineError."""

        def none_missing(objects: Objects) -> str | None:
            return missing(objects[LEASE_NAME]) if LEASE_NAME in objects else f"there is no Lease {LEASE_NAME}"

        query = [("fieldSelector", f"metadata.name={LEASE_NAME}")]
        return self.wait(_LEASES.format(namespace=namespace), query, none_missing, what, seconds)[LEASE_NAME]

    def switch_path(self, namespace: str) -> str:
        return switches(namespace)

    def switch(self, namespace: str, name: str = SWITCH_NAME) -> LiveSwitch:
        return LiveSwitch.of(self.get(f"{self.switch_path(namespace)}/{name}"))

    def wait_switch(
        self,
        namespace: str,
        missing: Callable[[LiveSwitch], str | None],
        what: str,
        seconds: float,
        name: str = SWITCH_NAME,
    ) -> LiveSwitch:
        def none_missing(objects: Objects) -> str | None:
            return (
                missing(LiveSwitch.of(objects[name]))
                if name in objects
                else f"there is no KafkaConsumerSwitch {namespace}/{name}"
            )

        query = [("fieldSelector", f"metadata.name={name}")]
        return LiveSwitch.of(self.wait(self.switch_path(namespace), query, none_missing, what, seconds)[name])
