"""What the API server said while a campaign went on: every state of the Lease and of the switch that could be seen.

Two watches, each with a thread of its own. A watch that is cut off begins anew, so states may be missed while the API
server stands still: what is judged by them takes that into account (`invariants.lease_history`).
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from components.names import LEASE_NAME, SWITCH_NAME
from experiments.cluster import Cluster, ClusterError, LiveSwitch
from experiments.fault_campaign.invariants import LeaseSeen

_LEASES = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"
_SLICE_SECONDS = 5.0
_STOP_SECONDS = 10.0
_RETRY_SECONDS = 0.5
_NOTES = ("generation", "outcome", "reason", "blocked-by")

Line = tuple[float, str]
"""Wall clock seconds, and what was seen."""


class Witness:
    """Looks on from `start` to `stop`."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._lines: list[Line] = []
        self._leases: list[LeaseSeen] = []
        self._phase = ""
        self._ready: list[tuple[float, str, int]] = []
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        switches = self._cluster.switch_path(self._namespace)
        for path, name, see in (
            (_LEASES.format(self._namespace), LEASE_NAME, self._see_lease),
            (switches, SWITCH_NAME, self._see_switch),
        ):
            thread = threading.Thread(target=self._watch, args=(path, name, see), name=f"watch {name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(_STOP_SECONDS)

    def note(self, text: str) -> None:
        """Something that the campaign itself did."""
        with self._lock:
            self._lines.append((time.time(), text))

    def phase(self) -> str:
        """The switch's, as it was seen last."""
        return self._phase

    def at_work(self, moment: float) -> tuple[str, int]:
        """Of which colour the switch said then that it is at work, by `Ready` for its own generation, and of which
        generation that was; empty and 0 where it said of none. moment: wall clock seconds.
        """
        with self._lock:
            seen = [(color, generation) for at, color, generation in self._ready if at <= moment]
        return seen[-1] if seen else ("", 0)

    def leases(self) -> list[LeaseSeen]:
        """Every state of the Lease so far."""
        with self._lock:
            return list(self._leases)

    def since(self, moment: float) -> list[Line]:
        """What was seen since then, in the order in which it was."""
        with self._lock:
            return [line for line in self._lines if line[0] >= moment]

    def _watch(self, path: str, name: str, see: Callable[[Mapping[str, Any] | None], None]) -> None:
        query = [("fieldSelector", f"metadata.name={name}")]
        while not self._stop.is_set():
            try:
                for objects in self._cluster.watch(path, query, time.monotonic() + _SLICE_SECONDS):
                    see(objects.get(name))
                    if self._stop.is_set():
                        return
            except ClusterError:
                self._stop.wait(_RETRY_SECONDS)

    def _see_lease(self, raw: Mapping[str, Any] | None) -> None:
        seen = LeaseSeen.of(raw, time.time())
        with self._lock:
            if self._leases and self._leases[-1].same(seen):
                return
            self._leases.append(seen)
            self._lines.append((seen.at, f"Lease: {seen}"))

    def _see_switch(self, raw: Mapping[str, Any] | None) -> None:
        if raw is None:
            text = "there is no switch"
        else:
            live = LiveSwitch.of(raw)
            self._phase = live.phase
            ready = live.ready
            said = (live.active, live.generation) if live.holds(ready) else ("", 0)
            with self._lock:
                if not self._ready or self._ready[-1][1:] != said:
                    self._ready.append((time.time(), *said))
            text = f"switch: {live.describe()}"
            text += f", Ready {ready.status} ({ready.reason})" if ready else ", Ready unknown"
        with self._lock:
            last = next((line for _, line in reversed(self._lines) if not line.startswith("Lease")), "")
            if text != last:
                self._lines.append((time.time(), text))
