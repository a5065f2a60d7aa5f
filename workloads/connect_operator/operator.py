"""Everything that happens is led to the lane of the Connect cluster that it concerns.

An event is carried out with the resource that it brought, however long it waits for its turn (attack 19 of the design's
list lives here on purpose: it is what Strimzi does); the periodic reconcile, and an event of a KafkaConnect, read the
resources anew when it is their turn.
"""

import logging
import threading
from collections.abc import Callable
from functools import partial

from workloads.common.kube import ApiError, Event, Follower, Kube, KubeError, Object
from workloads.common.logs import fields
from workloads.connect_operator import cluster, connector, names, status
from workloads.connect_operator.errors import InvalidResourceError
from workloads.connect_operator.lane import Lane
from workloads.connect_operator.reconciler import Reconciler
from workloads.connect_operator.tally import Tally
from workloads.connect_operator.workers import Rollouts

logger = logging.getLogger(__name__)


class Lanes:
    """The lane of each Connect cluster, made when it is first asked for, with a reconciler of its own. Any thread."""

    def __init__(self, reconciler: Callable[[], Reconciler], tally: Tally, limit: float) -> None:
        self._make = reconciler
        self._dropped = partial(tally.locked, names.CONNECT_KIND)
        self._limit = limit
        self._lock = threading.Lock()
        self._known: dict[str, tuple[Lane, Reconciler]] = {}

    def of(self, name: str) -> tuple[Lane, Reconciler]:
        """That of a cluster, running."""
        with self._lock:
            found = self._known.get(name)
            if found is None:
                lane = Lane(name, self._dropped, self._limit)
                found = self._known[name] = (lane, self._make())
                lane.thread.start()
            return found

    def all(self) -> list[Lane]:
        """Those that there are by now."""
        with self._lock:
            return [lane for lane, _ in self._known.values()]


class Operator:
    """Runs from `start` to `stop`."""

    def __init__(
        self,
        kube: Kube,
        namespace: str,
        *,
        reconciler: Callable[[], Reconciler],
        rollouts: Rollouts,
        tally: Tally,
        lock_timeout: float,
        period: float,
        stopping: threading.Event,
    ) -> None:
        """reconciler: makes one for each thread that needs one, with connections of its own. lock_timeout: see `Lane`.
        period: seconds from one reconcile of everything to the next.
        """
        self._kube = kube.sibling()
        self._connects = names.CONNECTS.format(namespace)
        self._reconciler = reconciler()
        self._tally = tally
        self._period = period
        self._stopping = stopping
        self._lanes = Lanes(reconciler, tally, lock_timeout)
        self.followers = [
            Follower(
                kube.sibling(),
                names.STATEFUL_SETS.format(namespace),
                on_read=rollouts.listed,
                on_change=rollouts.told,
                labels_are=f"{names.KIND_LABEL}={names.CONNECT_KIND}",
            ),
            Follower(kube.sibling(), self._connects, on_read=self._connects_listed, on_change=self._connect_changed),
            Follower(
                kube.sibling(),
                names.CONNECTORS.format(namespace),
                on_read=self._connectors_listed,
                on_change=self._connector_changed,
            ),
        ]
        self._unread = {names.CONNECT_KIND, names.CONNECTOR_KIND}
        self.timer = threading.Thread(target=self._periodically, name="timer", daemon=True)

    def start(self) -> None:
        """Follow the resources, and reconcile them all every period."""
        for follower in self.followers:
            follower.start()
        self.timer.start()

    def stop(self) -> None:
        """Begin nothing more. What is under way ends with the process: the next one does it again."""
        self._stopping.set()
        for lane in self.lanes:
            lane.end()

    @property
    def lanes(self) -> list[Lane]:
        """Those that there are by now."""
        return self._lanes.all()

    @property
    def following(self) -> bool:
        """Whether every resource has been read once, and no watch has failed since."""
        return not self._unread and all(follower.failing_since is None for follower in self.followers)

    # -- events --------------------------------------------------------------------------------------------------------

    def _connects_listed(self, found: list[Object], _: int | None) -> None:
        self._tally.resources(names.CONNECT_KIND, len(found))
        for resource in found:
            self._submit_cluster(resource["metadata"]["name"], "listed")
        self._unread.discard(names.CONNECT_KIND)

    def _connect_changed(self, event: Event) -> None:
        self._submit_cluster(event.object["metadata"]["name"], event.kind)

    def _connectors_listed(self, found: list[Object], _: int | None) -> None:
        self._tally.resources(names.CONNECTOR_KIND, len(found))
        for resource in found:
            self._connector_changed(Event("ADDED", {"kind": names.CONNECTOR_KIND, **resource}))
        self._unread.discard(names.CONNECTOR_KIND)

    def _connector_changed(self, event: Event) -> None:
        resource = event.object
        name, of = resource["metadata"]["name"], connector.cluster_of(resource)
        if of is None:
            if event.kind != "DELETED":
                error = InvalidResourceError(f"label {names.CLUSTER_LABEL} is missing: it names the KafkaConnect")
                self._reconciler.refuse(resource, error)
            return
        try:
            connect = self._kube.get(f"{self._connects}/{of}")
        except ApiError as failure:
            if failure.status != 404:
                raise
            if event.kind != "DELETED":
                self._reconciler.orphaned(resource, of)
            return
        self._submit_connector(event, name, of, connect)

    def _submit_connector(self, event: Event, name: str, of: str, connect: Object) -> None:
        what = f"{names.CONNECTOR_KIND} {name} {event.kind}"
        uses = connector.is_true(connect, names.USE_RESOURCES)
        resource = event.object
        lane, reconciler = self._lanes.of(of)
        if not cluster.replicas_of(connect) and not status.is_paused(resource):
            run = partial(reconciler.without_workers, resource, of)
        elif event.kind == "DELETED":
            run = partial(reconciler.deleted, name, of, uses_resources=uses)
        else:
            run = partial(reconciler.connector, resource, of, uses_resources=uses)
        lane.submit(what, run)

    def _submit_cluster(self, name: str, why: str) -> None:
        lane, reconciler = self._lanes.of(name)
        lane.submit(f"{names.CONNECT_KIND} {name} {why}", partial(reconciler.cluster, name))

    # -- everything, every now and then --------------------------------------------------------------------------------

    def _periodically(self) -> None:
        while not self._stopping.wait(self._period):
            self._tally.periodical(names.CONNECT_KIND)
            try:
                found = self._kube.list(self._connects)["items"] or []
            except KubeError as error:
                logger.warning("the periodic reconcile is left out", extra=fields(error=str(error)))
                continue
            self._tally.resources(names.CONNECT_KIND, len(found))
            for resource in found:
                self._submit_cluster(resource["metadata"]["name"], "timer")
