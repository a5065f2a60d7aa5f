"""The switches that have ended: what `status.history` says, newest first.

It stands in the object's own status, so it outlives this process, its log and the events (which the API server forgets
after an hour). Each generation of an object is one switch at most; one whose end is told anew, as a blocked rollback
that goes through later, takes the place of what was told before.

Who asked is the field manager that owns what was asked for: the API server keeps the names of clients, such as
`kubectl-patch`, and not of people (https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management);
those are in its audit log.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from workloads.common.kube import Object
from workloads.common.states import Color
from workloads.controller.history import Switching

KEPT = 20
#: A status is read by everybody who watches: a reason of twenty switches is no place for a whole stack.
REASON_CHARACTERS = 512
_ASKED = ("f:active", "f:attempt")

Entry = Mapping[str, Any]


class Past:
    """Belongs to the loop's thread. What stands in the object already need not be known here (see `merged`)."""

    def __init__(self) -> None:
        self._asked: dict[int, dict[str, Any]] = {}
        self.entries: tuple[Entry, ...] = ()

    def asked(self, obj: Object) -> None:
        """A generation is seen first: note which versions it is between, and who asked for it."""
        generation = int(obj["metadata"]["generation"])
        versions = {str(color): str(obj["spec"][str(color)].get("version") or "") for color in Color}
        self._asked[generation] = {"versions": versions, "askedBy": asked_by(obj)}
        for old in sorted(self._asked)[:-KEPT]:
            del self._asked[old]

    def ended(self, switching: Switching) -> None:
        """A switch has ended, or its end is told anew. One that moves nothing is none."""
        if not switching.moves:
            return
        known = self._asked.get(switching.generation, {})
        versions = known.get("versions", {})
        entry = switching.as_status()
        entry |= {
            "reason": switching.reason[:REASON_CHARACTERS],
            "fromVersion": versions.get(str(switching.origin), ""),
            "toVersion": versions.get(str(switching.target), ""),
            "askedBy": known.get("askedBy", ""),
        }
        self.entries = tuple(merged((entry,), self.entries))


def merged(newer: Iterable[Entry], older: Iterable[Entry]) -> list[Entry]:
    """Both lists as one, newest first, at most `KEPT`; of one generation what `newer` says."""
    found = {int(entry.get("generation") or 0): entry for entry in older}
    found |= {int(entry.get("generation") or 0): entry for entry in newer}
    return [found[generation] for generation in sorted(found, reverse=True)[:KEPT]]


def asked_by(obj: Object) -> str:
    """The field manager that owns what is asked for, the latest to write of several; empty where none is told."""
    owners = [
        (str(entry.get("time") or ""), str(entry.get("manager") or ""))
        for entry in obj["metadata"].get("managedFields") or ()
        if not entry.get("subresource") and any(name in _spec(entry) for name in _ASKED)
    ]
    return max(owners, default=("", ""))[1]


def _spec(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    return (entry.get("fieldsV1") or {}).get("f:spec") or {}
