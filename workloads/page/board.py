"""The newest of everything, for whoever looks: fed by several threads, told to several.

A change of the Lease is told at once. What is told is always the whole state, so whoever missed some of it misses
nothing; only figures are told one after the other.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from workloads.common.kube import Event, Object, version_of
from workloads.page.figures import KEPT_SECONDS, Point
from workloads.page.handoff import Handoff, advanced, seconds
from workloads.page.model import Seen, grant_of, members_of, phase_of, view

Alerts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What there is to tell at one moment. version: of the state; state: as JSON. points: the figures kept, oldest
    first; newest: how many there ever were, so that each is told once. figures_problem: why there are none.
    """

    version: int
    state: bytes
    points: tuple[Point, ...]
    newest: int


class Board:
    """Safe to use from any thread. failing: since when the API server does not answer, in monotonic seconds."""

    def __init__(self, namespace: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._namespace = namespace
        self._switch: Object | None = None
        self._lease: Object | None = None
        self._pods: dict[str, Object] = {}
        self._read: set[str] = set()
        self._handoff: Handoff | None = None
        self._phase = ""
        self._phase_since = clock()
        self._points: deque[Point] = deque(maxlen=KEPT_SECONDS)
        self._newest = 0
        self._alerts: Alerts = {"configured": False, "alerts": []}
        self._figures_problem = ""
        self._version = 0
        self._viewers = 0
        self.failing: Callable[[], float | None] = lambda: None

    # -- the watches' side ---------------------------------------------------------------------------------------------

    def switch_is(self, obj: Object | None) -> None:
        """The KafkaConsumerSwitch as it was read; None: there is none."""
        with self._changed:
            if obj is None or (self._switch or {}).get("metadata", {}).get("uid") != obj["metadata"]["uid"]:
                self._handoff = None  # another object, whose generations are others
            self._switch = obj
            self._look("switch")

    def lease_is(self, obj: Object | None) -> None:
        """The Lease as it was read, or None."""
        with self._changed:
            if obj is None or self._lease is None or version_of(obj) >= version_of(self._lease):
                self._lease = obj
                self._look("lease")

    def pods_listed(self, found: list[Object], _: int | None) -> None:
        """All pods, as a watch begins with them."""
        with self._changed:
            self._pods = {obj["metadata"]["uid"]: obj for obj in found}
            self._look("pods")

    def pod_changed(self, event: Event) -> None:
        """One event of the pods' watch."""
        with self._changed:
            uid = event.object["metadata"]["uid"]
            if event.kind == "DELETED":
                self._pods.pop(uid, None)
            else:
                self._pods[uid] = event.object
            self._look("pods")

    def _look(self, what: str) -> None:
        """Take in what has changed; the lock is held."""
        self._read.add(what)
        grant, _ = grant_of(self._switch, self._lease)
        members = members_of(self._switch, self._pods.values())
        written = seconds(((self._lease or {}).get("spec") or {}).get("renewTime")) or time.time()
        self._handoff = advanced(self._handoff, grant, written, members)
        phase = phase_of(self._switch, grant, members)
        if phase != self._phase:
            self._phase, self._phase_since = phase, self._clock()
        self._notify()

    # -- the figures' side ---------------------------------------------------------------------------------------------

    def figures_are(self, points: list[Point], problem: str = "") -> None:
        """Further points, oldest first. problem: why there are none."""
        with self._changed:
            last = self._points[-1]["t"] if self._points else 0.0
            new = [point for point in points if point["t"] > last]
            self._points.extend(new)
            self._newest += len(new)
            self._figures_problem = problem
            self._notify()

    def alerts_are(self, alerts: Alerts) -> None:
        """What `figures.alerts` made of an answer."""
        with self._changed:
            if alerts != self._alerts:
                self._alerts = alerts
                self._notify()

    @property
    def viewers(self) -> int:
        """How many are told."""
        return self._viewers

    def wait_for_viewer(self, timeout: float) -> bool:
        """Wait until somebody looks."""
        with self._changed:
            return self._changed.wait_for(lambda: self._viewers > 0, timeout)

    # -- the viewers' side ---------------------------------------------------------------------------------------------

    def enter(self, most: int) -> bool:
        """One viewer more, if there are fewer than `most`; each has to `leave`."""
        with self._changed:
            if self._viewers >= most:
                return False
            self._viewers += 1
            self._notify()
            return True

    def leave(self) -> None:
        """One viewer fewer."""
        with self._changed:
            self._viewers -= 1

    def told(self, seen: int = -1, timeout: float = 0.0) -> Told:
        """What there is to tell; waits until it is newer than `seen`, for `timeout` seconds at most."""
        with self._changed:
            self._changed.wait_for(lambda: self._version != seen, timeout)
            failing = self.failing()
            state = view(
                Seen(
                    namespace=self._namespace,
                    switch=self._switch,
                    lease=self._lease,
                    pods=tuple(self._pods.values()),
                    handoff=self._handoff,
                    read=self._read >= {"switch", "lease", "pods"},
                    lost_seconds=None if failing is None else self._clock() - failing,
                    phase_seconds=self._clock() - self._phase_since,
                )
            )
            state["alerts"] = self._alerts
            state["figuresProblem"] = self._figures_problem
            return Told(self._version, orjson.dumps(state), tuple(self._points), self._newest)

    @property
    def complete(self) -> bool:
        """Whether everything has been read once."""
        return self._read >= {"switch", "lease", "pods"}

    def _notify(self) -> None:
        self._version += 1
        self._changed.notify_all()
