"""A cluster's workers: what is made for them is applied, and it is watched until they are ready."""

import threading
import time
from collections.abc import Mapping
from typing import Any

from workloads.common.kube import ApiError, Event, Kube, Object
from workloads.connect_operator import manifests, names
from workloads.connect_operator.cluster import Cluster
from workloads.connect_operator.errors import InvalidResourceError, TimedOutError

MANAGER = "kafka-bluegreen-connect-operator"
APPLY = "application/apply-patch+yaml"  # JSON is YAML


class Rollouts:
    """What is known of the StatefulSets, from their watch. Any thread may wait for one."""

    def __init__(self) -> None:
        self._known: dict[str, Object] = {}
        self._changed = threading.Condition()

    def listed(self, found: list[Object], _: int | None) -> None:
        """All there are."""
        with self._changed:
            self._known = {obj["metadata"]["name"]: obj for obj in found}
            self._changed.notify_all()

    def told(self, event: Event) -> None:
        """A change of one."""
        with self._changed:
            name = event.object["metadata"]["name"]
            if event.kind == "DELETED":
                self._known.pop(name, None)
            else:
                self._known[name] = event.object
            self._changed.notify_all()

    def wait(self, name: str, generation: int, replicas: int, seconds: float) -> None:
        """Until all pods are of this generation, and ready. Raises TimedOutError, which says what is there instead."""
        ends = time.monotonic() + seconds
        with self._changed:
            while not is_ready(self._known.get(name), generation, replicas):
                left = ends - time.monotonic()
                if left <= 0:
                    raise TimedOutError(
                        f"the workers of StatefulSet {name} were not ready within {seconds:g} s: "
                        f"{_counts(self._known.get(name))}, and {replicas} are wanted"
                    )
                self._changed.wait(left)


class Workers:
    """Applies what a cluster's workers are made of."""

    def __init__(self, kube: Kube, rollouts: Rollouts, default_image: str, timeout: float) -> None:
        """timeout: seconds for the workers to be ready."""
        self._kube = kube
        self._rollouts = rollouts
        self._default_image = default_image
        self._timeout = timeout

    def reconcile(self, cluster: Cluster) -> None:
        """Apply all of it, and return when every worker is ready.

        A field that somebody else has set is taken over: the resource decides. Raises KubeError, InvalidResourceError,
        TimedOutError.
        """
        metrics = self._metrics(cluster)
        applied: Object = {}
        for collection, obj in manifests.objects(cluster, self._default_image, metrics):
            path = f"{collection.format(cluster.namespace)}/{obj['metadata']['name']}"
            query = f"?fieldManager={MANAGER}&force=true"
            applied = self._kube.patch(path + query, obj, content_type=APPLY)
        generation = applied["metadata"].get("generation", 0)
        self._rollouts.wait(names.component(cluster.name), generation, cluster.replicas, self._timeout)

    def _metrics(self, cluster: Cluster) -> str | None:
        if cluster.metrics_from is None:
            return None
        name, key = cluster.metrics_from
        try:
            found = self._kube.get(f"{names.CONFIG_MAPS.format(cluster.namespace)}/{name}")
        except ApiError as error:
            if error.status != 404:
                raise
            raise InvalidResourceError(f"spec.metricsConfig: ConfigMap {name} does not exist") from error
        text = (found.get("data") or {}).get(key)
        if text is None:
            raise InvalidResourceError(f"spec.metricsConfig: ConfigMap {name} has no {key}")
        return str(text)


def is_ready(stateful_set: Mapping[str, Any] | None, generation: int, replicas: int) -> bool:
    """Whether its pods are those of that generation, as many as wanted, and ready."""
    told = (stateful_set or {}).get("status") or {}
    counts = ("replicas", "readyReplicas", "updatedReplicas") if replicas else ("replicas",)
    return told.get("observedGeneration", -1) >= generation and all(told.get(c, 0) == replicas for c in counts)


def _counts(stateful_set: Mapping[str, Any] | None) -> str:
    if stateful_set is None:
        return "there is none"
    told = stateful_set.get("status") or {}
    names_of = {"replicas": "pods", "updatedReplicas": "of the newest form", "readyReplicas": "ready"}
    return ", ".join(f"{told.get(count, 0)} {what}" for count, what in names_of.items())
