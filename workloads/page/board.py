"""The newest of everything, for whoever looks: fed by several threads, told to several.

A change of the Lease is told at once. What is told is always the whole state, so whoever missed some of it misses
nothing; only figures are told one after the other.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from workloads.common.kube import Event, Object, version_of
from workloads.common.report import Report
from workloads.page.figures import KEPT_SECONDS, Point
from workloads.page.handoff import Handoff, advanced, seconds
from workloads.page.model import Snapshot, color_of, grant_of, members_of, phase_of, view

Alerts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BoardState:
    """What there is to tell at one moment. version: of the state; state: as JSON. points: the figures kept, oldest
    first; newest: how many there ever were, so that each is told once. figures_problem: why there are none.
    """

    version: int
    state: bytes
    points: tuple[Point, ...]
    newest: int


@dataclass(slots=True)
class _Cluster:
    """What the API server has: the objects, which of them were read, and what follows from their changes."""

    phase_since: float
    switch: Object | None = None
    lease: Object | None = None
    pods: dict[str, Object] = field(default_factory=dict)
    heard: dict[str, Report] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)
    handoff: Handoff | None = None
    phase: str = ""


@dataclass(slots=True)
class _Flow:
    """What the metrics store has. newest: how many points there ever were."""

    points: deque[Point] = field(default_factory=lambda: deque(maxlen=KEPT_SECONDS))
    newest: int = 0
    problem: str = ""
    alerts: Alerts = field(default_factory=lambda: {"configured": False, "alerts": []})


class Board:
    """Safe to use from any thread. failing: since when the API server does not answer, in monotonic seconds."""

    def __init__(self, namespace: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._namespace = namespace
        self._clock = clock
        self._changed = threading.Condition()
        self._cluster = _Cluster(clock())
        self._flow = _Flow()
        self._version = 0
        self._viewers = 0
        self.failing: Callable[[], float | None] = lambda: None

    # -- the watches' side ---------------------------------------------------------------------------------------------

    def switch_is(self, obj: Object | None) -> None:
        """The KafkaConsumerSwitch as it was read; None: there is none."""
        with self._changed:
            if obj is None or (self._cluster.switch or {}).get("metadata", {}).get("uid") != obj["metadata"]["uid"]:
                self._cluster.handoff = None  # another object, whose generations are others
            self._cluster.switch = obj
            self._look("switch")

    def lease_is(self, obj: Object | None) -> None:
        """The Lease as it was read, or None."""
        with self._changed:
            if obj is None or self._cluster.lease is None or version_of(obj) >= version_of(self._cluster.lease):
                self._cluster.lease = obj
                self._look("lease")

    def pods_listed(self, found: list[Object], _: int | None) -> None:
        """All pods, as a watch begins with them."""
        with self._changed:
            self._cluster.pods = {obj["metadata"]["uid"]: obj for obj in found}
            heard = self._cluster.heard
            self._cluster.heard = {uid: report for uid, report in heard.items() if uid in self._cluster.pods}
            self._look("pods")

    def pod_changed(self, event: Event) -> None:
        """One event of the pods' watch."""
        with self._changed:
            uid = event.object["metadata"]["uid"]
            if event.kind == "DELETED":
                self._cluster.pods.pop(uid, None)
                self._cluster.heard.pop(uid, None)
            else:
                self._cluster.pods[uid] = event.object
            self._look("pods")

    def heard(self, uid: str, report: Report | None) -> None:
        """What a pod's sidecar says directly; None: it is not heard."""
        with self._changed:
            before = self._cluster.heard.pop(uid, None)
            if report is not None and uid in self._cluster.pods:
                self._cluster.heard[uid] = report
            if before != report:
                self._look()

    def members(self) -> dict[str, Object]:
        """The pods of both colours, by UID."""
        with self._changed:
            switch, pods = self._cluster.switch, self._cluster.pods
            return {uid: pod for uid, pod in pods.items() if color_of(switch, pod) is not None}

    def _look(self, what: str = "") -> None:
        """Take in what has changed; the lock is held. what: was read."""
        if what:
            self._cluster.read.add(what)
        grant, _ = grant_of(self._cluster.switch, self._cluster.lease)
        members = members_of(self._cluster.switch, self._cluster.pods.values(), self._cluster.heard)
        written = seconds(((self._cluster.lease or {}).get("spec") or {}).get("renewTime")) or time.time()
        self._cluster.handoff = advanced(self._cluster.handoff, grant, written, members)
        phase = phase_of(self._cluster.switch, grant, members)
        if phase != self._cluster.phase:
            self._cluster.phase, self._cluster.phase_since = phase, self._clock()
        self._notify()

    # -- the figures' side ---------------------------------------------------------------------------------------------

    def figures_are(self, points: list[Point], problem: str = "") -> None:
        """Further points, oldest first. problem: why there are none."""
        with self._changed:
            last = self._flow.points[-1]["t"] if self._flow.points else 0.0
            new = [point for point in points if point["t"] > last]
            self._flow.points.extend(new)
            self._flow.newest += len(new)
            self._flow.problem = problem
            self._notify()

    def alerts_are(self, alerts: Alerts) -> None:
        """What `figures.alerts` made of an answer."""
        with self._changed:
            if alerts != self._flow.alerts:
                self._flow.alerts = alerts
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

    def told(self, seen: int = -1, timeout: float = 0.0) -> BoardState:
        """What there is to tell; waits until it is newer than `seen`, for `timeout` seconds at most."""
        with self._changed:
            self._changed.wait_for(lambda: self._version != seen, timeout)
            failing = self.failing()
            state = view(
                Snapshot(
                    namespace=self._namespace,
                    switch=self._cluster.switch,
                    lease=self._cluster.lease,
                    pods=tuple(self._cluster.pods.values()),
                    heard=dict(self._cluster.heard),
                    handoff=self._cluster.handoff,
                    read=self._cluster.read >= {"switch", "lease", "pods"},
                    lost_seconds=None if failing is None else self._clock() - failing,
                    phase_seconds=self._clock() - self._cluster.phase_since,
                )
            )
            state["alerts"] = self._flow.alerts
            state["figuresProblem"] = self._flow.problem
            return BoardState(self._version, orjson.dumps(state), tuple(self._flow.points), self._flow.newest)

    @property
    def complete(self) -> bool:
        """Whether everything has been read once."""
        return self._cluster.read >= {"switch", "lease", "pods"}

    def _notify(self) -> None:
        self._version += 1
        self._changed.notify_all()
