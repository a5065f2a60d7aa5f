"""The controller's one write that matters: the Lease, always on condition that nobody else has written it since."""

import logging
import threading

from workloads.common.kube import ApiError, Kube, Object, version_of
from workloads.common.lease import Grant, for_object, to_lease
from workloads.common.logs import fields
from workloads.controller.moments import Moment, rfc3339
from workloads.controller.observe import Switch
from workloads.controller.sight import Store

logger = logging.getLogger(__name__)

WRITE_SECONDS = 3.0


class LeaseWriter:
    """Writes the Lease in the caller's thread, and tells the store what stands there afterwards."""

    def __init__(self, kube: Kube, path: str, store: Store) -> None:
        """`path`: of the namespace's Leases."""
        self._kube = kube
        self._path = path
        self._store = store
        self._asker = kube.sibling()
        self._asking = threading.Lock()

    def write(self, switch: Switch, lease: Object | None, wanted: Grant, now: Moment) -> bool:
        """Write `wanted` in the place of `lease` (None: make it). Returns False when somebody else was faster.

        Raises KubeError when no answer came: the same write is tried again then, on the same condition.
        """
        body = to_lease(wanted, switch.lease_name, rfc3339(now.wall), lease, switch_uid=switch.uid)
        try:
            if lease is None:
                answer = self._kube.post(self._path, body, deadline=WRITE_SECONDS)
            else:
                answer = self._kube.put(f"{self._path}/{switch.lease_name}", body, deadline=WRITE_SECONDS)
        except ApiError as error:
            if error.status not in {404, 409}:
                raise
            logger.info("somebody else wrote the Lease", extra=fields(error=str(error), epoch=wanted.epoch))
            self._read(switch.lease_name)
            return False
        self._store.lease_is(answer, version_of(answer))
        return True

    def stands(self, switch: Switch, grant: Grant | None) -> bool:
        """Whether the Lease still says `grant`, by a read of its own. For another thread than the writer's. Raises
        KubeError.
        """
        with self._asking:
            found = self._asker.get(f"{self._path}/{switch.lease_name}")
        return for_object(found, switch.uid) == grant

    def _read(self, name: str) -> None:
        found = self._kube.list(self._path, fields_are=f"metadata.name={name}")
        items = found["items"] or []
        self._store.lease_is(items[0] if items else None, version_of(items[0]) if items else version_of(found))
