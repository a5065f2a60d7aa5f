"""ConfigMaps with offsets, from which an operator alters those of a connector: written, and removed when spent.

One is of one epoch, and of no use once its connector is stopped again. It is removed then, while the operator is waited
for; so a connector has one at most, and one more for each agent that ended before it got to that.
"""

import logging
import threading
from collections.abc import Mapping
from typing import Any

from workloads.common.kube import ApiError, Kube, KubeError, Object
from workloads.common.logs import fields

logger = logging.getLogger(__name__)

CONFIG_MAPS = "/api/v1/namespaces/{}/configmaps"
OFFSETS_KEY = "offsets.json"
REMOVAL_SECONDS = 1.0


class OffsetMaps:
    """Those of one connector, for threads that write, and threads that wait."""

    def __init__(self, kube: Kube, namespace: str, connector: str, query: str, content_type: str) -> None:
        """query, content_type: of a write: its field manager, and a merge patch's."""
        self._kube = kube
        self._collection = CONFIG_MAPS.format(namespace)
        self._prefix = f"{connector}-offsets-"
        self._query = query
        self._content_type = content_type
        self._spent: set[str] = set()
        self._lock = threading.Lock()

    def put(self, epoch: int, text: str, owner: Object, deadline: float) -> str:
        """Write the offsets of an epoch; gives the ConfigMap's name. owner: of a new one, as a reference; empty for
        none. Raises KubeError.
        """
        name = f"{self._prefix}{epoch}"
        metadata: Object = {"name": name, **({"ownerReferences": [owner]} if owner else {})}
        content = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {OFFSETS_KEY: text}}
        with self._lock:
            self._spent.discard(name)
            try:
                self._kube.post(self._collection + self._query, content, deadline=deadline)
            except ApiError as error:
                if error.status != 409:
                    raise
                path = f"{self._collection}/{name}{self._query}"
                self._kube.patch(path, {"data": content["data"]}, content_type=self._content_type, deadline=deadline)
        return name

    def replaced(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """The connector's resource was written: what it named before, and does not now, is spent."""
        name = named(before.get("spec") or {})
        with self._lock:
            if name.startswith(self._prefix) and name != named(after.get("spec") or {}):
                self._spent.add(name)

    def remove_spent(self) -> None:
        """Raises nothing: what cannot be removed stays."""
        with self._lock:
            while self._spent:
                name = self._spent.pop()
                try:
                    self._kube.delete(f"{self._collection}/{name}", deadline=REMOVAL_SECONDS)
                except KubeError as error:
                    if not (isinstance(error, ApiError) and error.status == 404):
                        logger.warning("offsets stay", extra=fields(config_map=name, error=str(error)))


def named(spec: Mapping[str, Any]) -> str:
    """The ConfigMap that offsets are altered from, by a connector's resource; empty for none."""
    return str(((spec.get("alterOffsets") or {}).get("fromConfigMap") or {}).get("name") or "")
