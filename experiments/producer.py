"""The producer as a run uses it: one process of its own for the run, at a rate that was measured and not believed."""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from components.names import HTTP_PORT, PRODUCER, RECORDS_DIRECTORY
from experiments.cluster import Cluster, Objects, Pod
from experiments.criteria import RATE_TOLERANCE
from experiments.errors import DeadlineError, PreconditionError
from experiments.kubectl import output_of
from experiments.progress import Progress

POD = f"{PRODUCER}-0"
CONTAINER = PRODUCER
_LISTING = Path(__file__).parent / "in_pod" / "producers.py"
_LISTING_SECONDS = 60.0
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


@dataclass(frozen=True, slots=True)
class ProducerLog:
    """What a producer process has left on its volume: times in nanoseconds since 1970, and whether it ended cleanly."""

    first: int
    last: int
    ended: bool


def producers_since(logs: Mapping[str, ProducerLog], since: int, besides: Iterable[str] = ()) -> list[str]:
    """The producers that wrote a record at or after `since` (nanoseconds, the producers' clock), oldest first.

    `besides`: those that do not count, such as the one that is begun when a run is over.
    """
    found = [name for name, log in logs.items() if log.last >= since and name not in set(besides)]
    return sorted(found, key=lambda name: logs[name].first)


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

    def clock(self) -> int:
        """The producer's time, nanoseconds since 1970; this machine's where it does not tell its own."""
        told = self._call("GET", "/config").get("time")
        return told if isinstance(told, int) else time.time_ns()

    def rate(self) -> int:
        """The rate that is asked of the running process (records per second)."""
        return int(self._call("GET", "/config")["rate"])

    def logs(self) -> dict[str, ProducerLog]:
        """Every producer process that has a log on the volume, by its name. Raises CollectionError."""
        command = ["python3", "-c", _LISTING.read_text(), f"{RECORDS_DIRECTORY}/produced"]
        found = json.loads(output_of(self._namespace, POD, CONTAINER, command, seconds=_LISTING_SECONDS))
        return {name: ProducerLog(raw["first"], raw["last"], raw["end"]) for name, raw in found.items()}

    def set_rate(self, rate: int) -> None:
        """Change the rate (records per second) of the running process; a new process begins at the configured one."""
        self._call("PUT", "/config", {"rate": rate})

    def set_plain_keys(self, share: float) -> None:
        """Have this share of the running process's records bear a key that is no JSON, where the others' is; a new
        process gives none a key.
        """
        self._call("PUT", "/config", {"plain_keys": share})

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
