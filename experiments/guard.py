"""That what happens to the stack during a run is the run's own doing, and nobody else's.

Of every object that a switch rests on, the generation is taken down: the API server raises it with every change of a
spec, so two of them tell whether anything was changed between two moments, there and back included. Who wrote last is
in `metadata.managedFields`
(https://kubernetes.io/docs/reference/using-api/server-side-apply/#managed-fields).

Where the run itself has written meanwhile, the writers are compared, too: neither its own update nor its own hand
(`by_hand`) excuses anybody else.

A ConfigMap has no generation. Of those with a workload's settings every write counts, by its `resourceVersion`: nobody
but the stack's own updates writes them, and some settings are read again without a roll of the pods. The Lease has no
generation either, and the controller writes it all the time; there the other writers' entries are compared, and so they
are for a connector's resource, which its agent writes, and for what a scaler's number makes generations of: nothing can
be counted there.

What belongs to another object (`ownerReferences`) follows from it, and is not looked at.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components.names import LEASE_NAME, SETTINGS_FILE, SWITCH_KIND, SWITCH_NAME
from components.settings import StrategySettings
from components.strategies.parts import STATEFUL_SET, Connectors, Kind
from experiments import by_hand
from experiments.cluster import Cluster
from experiments.errors import ExperimentError

CONTROLLERS_MANAGER = "kafka-bluegreen-controller"
"""The field manager of the controller's writes: the first part of its user agent."""
PULUMIS_MANAGER = "pulumi-kubernetes"
"""The beginning of the name under which Pulumi's provider writes; the rest is the object's own."""

Key = tuple[str, str]
SWITCH: Key = (SWITCH_KIND, SWITCH_NAME)
LEASE: Key = ("Lease", LEASE_NAME)
_DEPLOYMENT = Kind("Deployment", "apps", "v1", "deployments")


class ForeignChangeError(ExperimentError):
    """Something else than the run changed the stack: what was measured says nothing of this run's doing."""

    def __init__(self, changes: Iterable[str]) -> None:
        super().__init__(
            f"something else changed the stack during the run: {'; '.join(changes)}; end what does that, and run again"
        )


@dataclass(frozen=True, slots=True)
class Mark:
    """One object at one moment. `writers`: field managers, each with the time of its last write, status left out.
    `version`: the `resourceVersion` of what has no generation.
    """

    uid: str
    generation: int | None
    writers: Mapping[str, str] = field(default_factory=dict)
    version: str = ""

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> "Mark":
        metadata = raw["metadata"]
        writers: dict[str, str] = {}
        for entry in metadata.get("managedFields", []):
            if not entry.get("subresource"):
                name, at = str(entry.get("manager", "")), str(entry.get("time", ""))
                writers[name] = max(at, writers.get(name, ""))
        generation = metadata.get("generation")
        version = "" if generation is not None else str(metadata.get("resourceVersion", ""))
        return cls(metadata["uid"], generation, writers, version)

    @property
    def last_writer(self) -> str:
        if not self.writers:
            return "by an unknown field manager"
        name = max(self.writers, key=lambda writer: self.writers[writer])
        return f"last written by field manager {name!r} at {self.writers[name]}"


Marks = Mapping[Key, Mark]


def foreign(
    before: Marks, after: Marks, own: Mapping[Key, int], writers: Mapping[str, Collection[str]] | None = None
) -> list[str]:
    """What changed between two moments and was not this run's doing, one text each.

    own: how often the run itself may have written an object meanwhile. writers: kinds of objects that the protocol
    writes, with its field managers; the Lease's is known.
    """
    protocol = {LEASE[0]: frozenset({CONTROLLERS_MANAGER}), **(writers or {})}
    found = []
    for key in sorted({*before, *after}):
        name = " ".join(key)
        old, new = before.get(key), after.get(key)
        if old is None or new is None:
            found.append(f"{name} {'appeared' if old is None else 'was deleted'}")
        elif old.uid != new.uid:
            found.append(f"{name} was deleted and made again ({new.last_writer})")
        elif key[0] in protocol:
            found += _other_writers(name, old, new, protocol[key[0]], by_run=bool(own.get(key)))
        elif old.generation is not None and new.generation is not None:
            times = new.generation - old.generation
            if not 0 <= times <= own.get(key, 0):
                allowed = f", of which this run made {own[key]}" if key in own else ""
                found.append(f"{name}: generation {old.generation} -> {new.generation}{allowed} ({new.last_writer})")
            elif times:
                found += _other_writers(name, old, new, (), by_run=True)
        elif old.version != new.version and not own.get(key):
            found.append(f"{name} was written ({new.last_writer})")
    return found


def _other_writers(name: str, old: Mark, new: Mark, protocol: Collection[str], *, by_run: bool) -> list[str]:
    """Who wrote meanwhile and is not of the protocol. by_run: nor the run itself, which has written, too."""
    return [
        f"{name} was written by field manager {writer!r} at {at}"
        for writer, at in sorted(new.writers.items())
        if writer not in protocol and old.writers.get(writer) != at and not (by_run and _is_the_runs(writer))
    ]


def _is_the_runs(writer: str) -> bool:
    return writer == by_hand.MANAGER or writer.startswith(PULUMIS_MANAGER)


def writers_of(settings: StrategySettings, connectors: Connectors | None) -> dict[str, frozenset[str]]:
    """The kinds of a stack's objects that the protocol writes, with its field managers. A scaler and the controller
    write the scale of the switch and of the sets, which counts as nobody's write.
    """
    scaled = (SWITCH[0], STATEFUL_SET.kind) if settings.scaling is not None else ()
    moved = {connectors.resources.kind: connectors.writers} if connectors else {}
    return {**dict.fromkeys(scaled, frozenset()), **moved}


class Guard:
    """Watches over one strategy stack's namespace from `begin` on.

    kinds: of objects besides StatefulSets and Deployments. writers: those of them that the protocol writes, by their
    kind, with its field managers.
    """

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        kinds: Sequence[Kind] = (),
        writers: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._kinds = tuple(dict.fromkeys((STATEFUL_SET, _DEPLOYMENT, *kinds)))
        self._writers = dict(writers or {})
        self._known: Marks | None = None

    def begin(self) -> None:
        """Take the present state for the run's beginning."""
        self._known = self._marks()

    def check(self, own: Mapping[Key, int] | None = None) -> Marks:
        """Compare with the last moment, and take the present one for the next comparison; returns it.

        Raises ForeignChangeError with everything that changed beyond `own`, which is how often the run itself may have
        written each object since.
        """
        now = self._marks()
        if self._known is not None and (changes := foreign(self._known, now, own or {}, self._writers)):
            raise ForeignChangeError(changes)
        self._known = now
        return now

    def _marks(self) -> Marks:
        namespace, found = self._namespace, {}
        for kind in self._kinds:
            for raw in self._cluster.get(kind.path(namespace))["items"]:
                if not raw["metadata"].get("ownerReferences"):
                    found[kind.kind, str(raw["metadata"]["name"])] = Mark.of(raw)
        for raw in self._cluster.get(f"/api/v1/namespaces/{namespace}/configmaps")["items"]:
            if SETTINGS_FILE in raw.get("data", {}):
                found["ConfigMap", str(raw["metadata"]["name"])] = Mark.of(raw)
        found[SWITCH] = Mark.of(self._cluster.switch(namespace).raw)
        found[LEASE] = Mark.of(self._cluster.lease(namespace))
        return found
