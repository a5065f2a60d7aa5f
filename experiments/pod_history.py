"""Every pod that was there during a run, by its UID: how often its containers were started again, and its end.

A pod that is gone at the end takes its restart count with it; so they are watched, and not only counted at the end.
"""

import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from experiments.cluster import Cluster, Pod
from experiments.errors import ExperimentError

# A watch is begun anew so often; `stop` waits for that.
_SLICE_SECONDS = 2.0
_PAUSE_SECONDS = 0.5


@dataclass(slots=True)
class Life:
    """One pod. `base`: the restarts that it had before the span, by container; `last`: those that were seen last."""

    name: str
    uid: str
    app: str
    base: Mapping[str, int]
    last: Mapping[str, int]
    first_seen: float
    gone_at: float | None = None

    @property
    def restarts(self) -> int:
        """How many containers were started again within the span."""
        return sum(max(0, count - self.base.get(name, 0)) for name, count in self.last.items())

    def restarts_of(self, container: str) -> int:
        return max(0, self.last.get(container, 0) - self.base.get(container, 0))


@dataclass
class PodHistory:
    """What is told of the pods of a namespace, moment by moment. No I/O."""

    lives: dict[str, Life] = field(default_factory=dict)
    _begun: bool = False

    def observe(self, pods: Iterable[Pod], at: float) -> None:
        """All pods that are there at a moment (seconds since 1970). The first moment is the span's beginning."""
        there = set()
        for pod in pods:
            there.add(pod.uid)
            life = self.lives.get(pod.uid)
            if life is None:
                base = {} if self._begun else pod.restarts_by_container
                self.lives[pod.uid] = Life(pod.name, pod.uid, pod.app, base, pod.restarts_by_container, at)
            else:
                # A status that was not written yet says nothing of restarts that were.
                life.last = {**life.last, **pod.restarts_by_container}
        for uid, life in self.lives.items():
            if uid not in there and life.gone_at is None:
                life.gone_at = at
        self._begun = True

    @property
    def restarts(self) -> int:
        """How many containers were started again within the span, those of pods that are gone included."""
        return sum(life.restarts for life in self.lives.values())

    def restarted(self) -> dict[str, int]:
        """Pods whose containers were started again, and how often."""
        found: dict[str, int] = {}
        for life in self.lives.values():
            if life.restarts:
                found[life.name] = found.get(life.name, 0) + life.restarts
        return found

    def of(self, app: str) -> list[Life]:
        """The pods of a workload, oldest first."""
        return sorted((life for life in self.lives.values() if life.app == app), key=lambda life: life.first_seen)

    def replaced(self) -> list[str]:
        """Names of the pods that went away within the span, whether or not another one of that name came."""
        return sorted({life.name for life in self.lives.values() if life.gone_at is not None})


class PodWatch:
    """Keeps the history of a namespace's pods up to date, in a thread of its own, from `start` to `stop`."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.history = PodHistory()
        self._cluster = cluster
        self._namespace = namespace
        self._path = f"/api/v1/namespaces/{namespace}/pods"
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Take down what is there now, and go on. Raises ClusterError if that cannot be read."""
        self._observe(self._cluster.pods(self._namespace))
        self._thread = threading.Thread(target=self._run, name=f"pods of {self._namespace}", daemon=True)
        self._thread.start()

    def stop(self) -> PodHistory:
        """Look a last time and end. Returns the history; fine if it was never started. Raises ClusterError."""
        if self._thread is None:
            return self.history
        self._stop.set()
        pods = self._cluster.pods(self._namespace)
        self._thread.join(2 * _SLICE_SECONDS)
        self._thread = None
        self._observe(pods)
        return self.history

    def abandon(self) -> None:
        """End without a last look: the run has no result."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            # What cannot be watched just now is listed again a moment later.
            with suppress(ExperimentError):
                for objects in self._cluster.watch(self._path, [], time.monotonic() + _SLICE_SECONDS):
                    if self._stop.is_set():
                        return
                    self._observe([Pod.of(raw) for raw in objects.values()])
                continue
            self._stop.wait(_PAUSE_SECONDS)

    def _observe(self, pods: Iterable[Pod]) -> None:
        with self._lock:
            self.history.observe(pods, time.time())
