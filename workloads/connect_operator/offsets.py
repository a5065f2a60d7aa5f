"""A connector's offsets, as the annotation asks: listed into a ConfigMap, altered from one, or reset.

Nothing of this ends a reconcile: what went wrong is a warning, the annotation stays, and the next reconcile tries
again. What succeeded takes the annotation away.
"""

import json
from collections.abc import Mapping
from typing import Any

from workloads.common.kube import KubeError
from workloads.connect_operator import asking, names
from workloads.connect_operator.connector import Connector
from workloads.connect_operator.errors import ReconcileError
from workloads.connect_operator.terms import Plan, ReadConfigMap, RemoveAnnotation, Warn, WriteConfigMap

LIST, ALTER, RESET = "list", "alter", "reset"
_REASONS = {LIST: "ListOffsets", ALTER: "AlterOffsets", RESET: "ResetOffsets"}


def manage(connector: Connector) -> Plan[tuple[Warn, ...]]:
    """Do what the annotation asks; the warnings that came of it. Raises nothing that the requests raise."""
    asked = connector.annotations.get(names.OFFSETS)
    if asked is None:
        return ()
    if asked not in _REASONS:
        known = ", ".join(_REASONS)
        return (Warn("ManageOffsets", f"annotation {names.OFFSETS} is {asked!r}; it can be {known}"),)
    try:
        if asked == LIST:
            yield from _list(connector)
        elif asked == ALTER:
            yield from _alter(connector)
        else:
            yield from _stopped(connector)
            yield asking.reset_offsets(connector.name)
        yield RemoveAnnotation(names.OFFSETS)
    except (ReconcileError, KubeError) as error:
        return (Warn(_REASONS[asked], f"could not {asked} the connector's offsets: {error}"),)
    return ()


def _list(connector: Connector) -> Plan[None]:
    if connector.list_to is None:
        raise ReconcileError("spec.listOffsets.toConfigMap.name is missing")
    found = yield asking.offsets(connector.name)
    known = yield ReadConfigMap(connector.list_to)
    yield WriteConfigMap(_listed(connector, connector.list_to, known, json.dumps(found, indent=2)))


def _alter(connector: Connector) -> Plan[None]:
    if connector.alter_from is None:
        raise ReconcileError("spec.alterOffsets.fromConfigMap.name is missing")
    yield from _stopped(connector)
    known = yield ReadConfigMap(connector.alter_from)
    if known is None:
        raise ReconcileError(f"ConfigMap {connector.alter_from} does not exist")
    text = (known.get("data") or {}).get(names.OFFSETS_KEY)
    if text is None:
        raise ReconcileError(f"ConfigMap {connector.alter_from} has no {names.OFFSETS_KEY}")
    try:
        body = json.loads(text)
    except ValueError as error:
        raise ReconcileError(f"{names.OFFSETS_KEY} of ConfigMap {connector.alter_from} is not JSON: {error}") from error
    yield asking.alter_offsets(connector.name, body)


def _stopped(connector: Connector) -> Plan[None]:
    """Ends if Connect says so itself; what the resource asks for does not count."""
    told = yield asking.status(connector.name)
    state = (told.get("connector") or {}).get("state")
    if state != "STOPPED":
        raise ReconcileError(f"the connector must be STOPPED, and is {state}")


def _listed(connector: Connector, name: str, known: Mapping[str, Any] | None, text: str) -> Mapping[str, Any]:
    """The ConfigMap with the offsets. Of one that exists everything else stays, and an owner that it has."""
    metadata: dict[str, Any]
    if known is None:
        metadata = {"name": name, "labels": dict(connector.labels), "ownerReferences": [connector.owner]}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {names.OFFSETS_KEY: text}}
    metadata = {key: value for key, value in known["metadata"].items() if key != "managedFields"}
    metadata["labels"] = {**(metadata.get("labels") or {}), **connector.labels}
    metadata["ownerReferences"] = metadata.get("ownerReferences") or [connector.owner]
    return {**known, "metadata": metadata, "data": {**(known.get("data") or {}), names.OFFSETS_KEY: text}}
