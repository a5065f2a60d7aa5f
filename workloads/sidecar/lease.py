"""The Lease, as the sidecar reads and follows it. What is missing or cannot be understood changes nothing."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from workloads.common.kube import ApiError, Event, Follower, Kube, KubeError, Object, version_of
from workloads.common.lease import Grant, LeaseFormatError, from_lease
from workloads.common.logs import fields

logger = logging.getLogger(__name__)

LEASES = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"


@dataclass(frozen=True, slots=True)
class LeaseState:
    """A Lease that was read: what it grants, and the resourceVersion that tells the newer of two."""

    grant: Grant
    version: int


def understood(lease: Object) -> LeaseState | None:
    """What a Lease object says; None, and an error in the log, when it is not of the protocol."""
    try:
        return LeaseState(from_lease(lease), version_of(lease))
    except LeaseFormatError as error:
        logger.error("the Lease cannot be read; going on as before", extra=fields(error=str(error)))
        return None


class LeaseReader:
    """Reads the Lease itself, not a cache: for a consumer process that is newer than every Lease known."""

    def __init__(self, kube: Kube, namespace: str, name: str) -> None:
        self._kube = kube
        self._path = f"{LEASES.format(namespace)}/{name}"

    def read(self) -> LeaseState | None:
        """The Lease, by a read that begins now; None, and a line in the log, when there is none or none to be had."""
        try:
            return understood(self._kube.get(self._path))
        except KubeError as error:
            if not (isinstance(error, ApiError) and error.status == 404):
                logger.warning("reading the Lease failed", extra=fields(error=str(error)))
            return None


class LeaseFollower:
    """Owns the thread that follows the Lease; `seen` gets each state of it, in that thread."""

    def __init__(self, kube: Kube, namespace: str, name: str, seen: Callable[[LeaseState], None]) -> None:
        self._name = name
        self._seen = seen
        self._follower = Follower(
            kube, LEASES.format(namespace), on_read=self._read, on_change=self._changed, name=name, by_get=True
        )
        self.thread = self._follower.thread

    @property
    def up(self) -> bool:
        """Whether the Lease is being followed."""
        return self._follower.failing_since is None

    def _read(self, found: list[Object], _: int | None) -> None:
        if found:
            self._take(found[0])
        else:
            logger.info("there is no Lease", extra=fields(lease=self._name))

    def _changed(self, event: Event) -> None:
        if event.kind == "DELETED":
            logger.warning("the Lease was deleted; going on as before", extra=fields(lease=self._name))
        else:
            self._take(event.object)

    def _take(self, lease: Object) -> None:
        state = understood(lease)
        if state is not None:
            self._seen(state)
