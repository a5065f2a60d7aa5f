"""How far the clocks are apart that a run compares times of: this machine's and those of the cluster's nodes.

A pod answers with its node's time; the answer was given between the asking and the hearing of it. So the middle of the
two is off by at most half the round trip (Cristian's algorithm), and of several readings the quickest says the most.
"""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from components.names import HTTP_PORT, PRODUCER
from components.strategies.parts import Part
from experiments.cluster import Cluster, ClusterError, Pod

_NANOSECONDS = 1e9
_READINGS = 5
_ANSWER_SECONDS = 3.0
# Where the producer tells its time; a strategy's own parts say it themselves.
_OF_THE_PRODUCER = {PRODUCER: (HTTP_PORT, "/config")}


@dataclass(frozen=True, slots=True)
class Reading:
    """One answer of a node: this machine's time when it was asked for and when it was there, and the time in it.

    Seconds since 1970.
    """

    node: str
    sent: float
    received: float
    remote: float

    @property
    def offset(self) -> float:
        """By how much the node's clock is ahead of this machine's."""
        return self.remote - (self.sent + self.received) / 2

    @property
    def error(self) -> float:
        """How wrong `offset` may be, either way."""
        return (self.received - self.sent) / 2


@dataclass(frozen=True, slots=True)
class Clocks:
    """The offset of the node that is farthest from this machine's clock, how wrong it may be, and how far the nodes are
    apart at most (0 with one node). Seconds.
    """

    offset: float
    error: float
    between_nodes: float
    nodes: int

    @property
    def apart(self) -> float:
        """How far this machine and the cluster may be apart."""
        return abs(self.offset) + self.error

    @property
    def between_nodes_ms(self) -> float:
        return self.between_nodes * 1000


def compare(readings: Iterable[Reading]) -> Clocks | None:
    """What the readings of one moment say; None without any."""
    best: dict[str, Reading] = {}
    for reading in readings:
        if reading.node not in best or reading.error < best[reading.node].error:
            best[reading.node] = reading
    if not best:
        return None
    farthest = max(best.values(), key=lambda reading: abs(reading.offset))
    between = (abs(a.offset - b.offset) + a.error + b.error for a, b in combinations(best.values(), 2))
    return Clocks(farthest.offset, farthest.error, max(between, default=0.0), len(best))


def worst(of: Sequence[Clocks | None]) -> Clocks | None:
    """What holds for a whole span, from its beginning and its end. None if it was not measured every time."""
    known = [clocks for clocks in of if clocks is not None]
    if not known or len(known) < len(of):
        return None
    farthest = max(known, key=lambda clocks: clocks.apart)
    between = max(clocks.between_nodes for clocks in known)
    return Clocks(farthest.offset, farthest.error, between, max(clocks.nodes for clocks in known))


def read(
    cluster: Cluster, namespace: str, parts: Iterable[Part], now: Callable[[], float] = time.time
) -> Clocks | None:
    """Ask the workloads of a namespace, some on each node. parts: the strategy's. None if none of them tells its
    time.
    """
    told = {part.app: part.answers for part in parts if part.answers is not None} | _OF_THE_PRODUCER
    pods = _one_each(pod for pod in cluster.pods(namespace) if pod.app in told)
    readings = (_ask(cluster, namespace, pod, told[pod.app], now) for pod in pods for _ in range(_READINGS))
    return compare(reading for reading in readings if reading is not None)


def _one_each(pods: Iterable[Pod]) -> list[Pod]:
    """One pod of each node, the ready ones first."""
    found: dict[str, Pod] = {}
    for pod in sorted(pods, key=lambda pod: (not pod.ready, pod.name)):
        if pod.node and not pod.terminating:
            found.setdefault(pod.node, pod)
    return list(found.values())


def _ask(
    cluster: Cluster, namespace: str, pod: Pod, where: tuple[int, str], now: Callable[[], float]
) -> Reading | None:
    port, path = where
    sent, begun = now(), time.monotonic()
    try:
        body = cluster.through_pod(namespace, pod.name, port, path, seconds=_ANSWER_SECONDS)
    except ClusterError:
        return None
    # The wall clock may be set meanwhile; how long it took, the other one says.
    received = sent + time.monotonic() - begun
    told = json.loads(body).get("time")
    return Reading(pod.node, sent, received, told / _NANOSECONDS) if isinstance(told, int) else None
