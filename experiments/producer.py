"""The producer as a run uses it: one process of its own for the run, at a rate that was measured and not believed."""

import json
import time
from dataclasses import dataclass
from typing import Any, cast

from components.names import HTTP_PORT
from experiments.cluster import Cluster, Objects, Pod
from experiments.criteria import RATE_TOLERANCE
from experiments.errors import DeadlineError, PreconditionError
from experiments.progress import Progress

POD = "producer-0"
CONTAINER = "producer"
_READY_SECONDS = 90.0
_RATE_WINDOW_SECONDS = 3.0
_RATE_DEADLINE_SECONDS = 30.0
_FLUSH_SECONDS = 30.0
_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Counts:
    """What a producer process says of itself, and when (monotonic seconds)."""

    name: str
    acked: int
    failed: int
    unknown: int
    in_flight: int
    at: float


class Producer:
    """The strategy stack's producer pod."""

    def __init__(self, cluster: Cluster, namespace: str, progress: Progress) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._progress = progress

    def counts(self) -> Counts:
        """Ask the producer. Raises ClusterError if it does not answer."""
        raw = self._call("GET", "/status")
        return Counts(
            name=str(raw["producer"]),
            acked=int(raw["acked"]),
            failed=int(raw["failed"]),
            unknown=int(raw["unknown"]),
            in_flight=int(raw["in_flight"]),
            at=time.monotonic(),
        )

    def set_rate(self, rate: int) -> None:
        """Change the rate (records per second) of the running process; a new process begins at the configured one."""
        self._call("PUT", "/config", {"rate": rate})

    def _call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        answer = self._cluster.through_pod(self._namespace, POD, HTTP_PORT, path, method=method, body=body)
        return cast("dict[str, Any]", json.loads(answer))

    def renew(self) -> Counts:
        """End the process cleanly and wait for a new one, with a name of its own.

        Returns the new one's first counts.
        """
        before = self._cluster.pod(self._namespace, POD)
        self._cluster.delete_pod(self._namespace, POD)

        def missing(pods: Objects) -> str | None:
            if POD not in pods:
                return f"{POD} is gone"
            pod = Pod.of(pods[POD])
            if before is not None and pod.uid == before.uid:
                return f"{POD} is ending"
            return None if pod.ready else f"{POD} is not ready"

        path = f"/api/v1/namespaces/{self._namespace}/pods"
        query = [("fieldSelector", f"metadata.name={POD}")]
        self._cluster.wait(path, query, missing, "a new producer", _READY_SECONDS)
        return self.counts()

    def measure_rate(self, rate: int) -> float:
        """Wait until the acknowledged records of a few seconds keep the rate asked for.

        Returns it. Raises PreconditionError if they never do.
        """
        end = time.monotonic() + _RATE_DEADLINE_SECONDS
        measured = 0.0
        while time.monotonic() < end:
            first = self.counts()
            # A rate is records over a time: the time has to pass.
            time.sleep(_RATE_WINDOW_SECONDS)
            second = self.counts()
            measured = (second.acked - first.acked) / (second.at - first.at)
            if abs(measured - rate) <= rate * RATE_TOLERANCE:
                return measured
            self._progress.say(f"producer at {measured:.1f} records/s, not yet at {rate}")
        raise PreconditionError(
            f"the producer does not keep {rate} records/s: {measured:.1f} acknowledged per second "
            f"after {_RATE_DEADLINE_SECONDS:.0f} s; see its log, or ask for less with --rate"
        )

    def silence(self) -> Counts:
        """Rate 0, and wait until nothing is on its way to the broker. Returns the last counts."""
        self.set_rate(0)
        end = time.monotonic() + _FLUSH_SECONDS
        counts = self.counts()
        while time.monotonic() < end:
            previous, counts = counts, self.counts()
            if counts.in_flight == 0 and counts.acked == previous.acked:
                return counts
            time.sleep(_POLL_SECONDS)
        raise DeadlineError(
            "the producer's last records to be acknowledged", _FLUSH_SECONDS, f"{counts.in_flight} in flight"
        )
