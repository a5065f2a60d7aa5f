"""What a strategy's two colours consist of when they run, as values: for whoever waits for it, reads it or disturbs it.

No strategy by itself: nothing in here registers one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from components import names
from components.names import Color
from components.settings.models import StrategySettings

_OURS = ("POD_NAME={pod}", "POD_NAMESPACE={namespace}")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of objects of the API server."""

    kind: str
    group: str
    version: str
    plural: str

    def path(self, namespace: str, name: str = "") -> str:
        """Where an object of that name is, or their list."""
        collection = f"/apis/{self.group}/{self.version}/namespaces/{namespace}/{self.plural}"
        return f"{collection}/{name}" if name else collection

    def named(self, name: str) -> str:
        """The object as kubectl is told of it."""
        return f"{self.plural}.{self.group}/{name}"


#: How many of a kind of pods a colour has: as many as it is told to, one where it has any, or always one.
Count = Literal["Each", "OneIfAny", "One"]
_COUNTED: Mapping[Count, Callable[[int], int]] = {
    "Each": lambda number: number,
    "OneIfAny": lambda number: min(1, number),
    "One": lambda _: 1,
}

STATEFUL_SET = Kind("StatefulSet", "apps", "v1", "statefulsets")


@dataclass(frozen=True, slots=True)
class Program:
    """What runs in a container, and how its process is told from all others of its node.

    command: what its command line has in it. environment: variables that it has, with {pod}, {set} (the pod's name
    before its number) and {namespace} in their values.
    """

    container: str
    command: str
    environment: tuple[str, ...] = _OURS

    def variables(self, pod: str, namespace: str) -> frozenset[bytes]:
        """Those of its process in a pod, as /proc has them."""
        told = {"pod": pod, "set": pod.rpartition("-")[0], "namespace": namespace}
        return frozenset(text.format(**told).encode() for text in self.environment)


def ours(name: str) -> Program:
    """One of our own programs, `workloads.<name>`, in a container of its name."""
    return Program(name, f"workloads.{name}")


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of a colour's pods.

    app: the value of their label `app.kubernetes.io/name`. sets: by colour, what their names begin with, before their
    number; the same one for both colours when these share them. count: how many there are for a colour's number.
    kind, objects: what says how many there are, at `spec.replicas`, and its name by colour (the sets' own, if None).
    answers: port and path at which each says how far it is, with its node's `time` in nanoseconds; None: it does not.
    """

    app: str
    sets: Mapping[Color, str]
    program: Program
    count: Count = "Each"
    kind: Kind = STATEFUL_SET
    objects: Mapping[Color, str] | None = None
    answers: tuple[int, str] | None = None

    @property
    def selector(self) -> str:
        """The label that all of them have, of both colours, and nothing else in their namespace."""
        return f"{names.NAME_LABEL}={self.app}"

    @property
    def shared(self) -> bool:
        """Whether the colours have the same ones."""
        return len(set(self.sets.values())) < len(self.sets)

    def pod(self, color: Color, number: int) -> str:
        """The name of one of them."""
        return f"{self.sets[color]}-{number}"

    def object(self, color: Color) -> str:
        """The name of what says how many a colour has."""
        return (self.objects or self.sets)[color]

    def paths(self, namespace: str) -> dict[Color, str]:
        """Where the API server has what says how many a colour has; empty where the colours share it."""
        return {} if self.shared else {color: self.kind.path(namespace, self.object(color)) for color in self.sets}

    def wanted(self, numbers: Mapping[Color, int]) -> dict[str, int]:
        """How many there have to be, by set, when the colours have these numbers."""
        found: dict[str, int] = {}
        for color, number in numbers.items():
            name = self.sets[color]
            found[name] = max(_COUNTED[self.count](number), found.get(name, 0))
        return found


@dataclass(frozen=True, slots=True)
class Connectors:
    """The connectors of a strategy whose colours are connectors.

    names: by colour, in Connect and, where they are resources, of these. by_resource: whether they are moved by their
    resources, and not by Connect's REST API. rest_port: of every worker. resources: the kind of their resources.
    writers: the field managers whose writes of a connector's resource are the protocol. commit_seconds: how often the
    workers commit. operator: the label of a stand-in operator's pods and the port and path of its metrics.
    """

    names: Mapping[Color, str]
    by_resource: bool
    rest_port: int
    resources: Kind
    writers: frozenset[str]
    commit_seconds: float
    operator: tuple[str, int, str]


@dataclass(frozen=True, slots=True)
class Parts:
    """What both colours consist of.

    members: the pods that report on a colour. workers: those that do its work, where its members only have it done.
    recorder: those that write down what was handled, where its members do not. Both None: the members do it all.
    logged: of the pods whose logs a run keeps, besides broker and controller, the label `app.kubernetes.io/name`.
    """

    members: Part
    workers: Part | None = None
    recorder: Part | None = None
    connectors: Connectors | None = None
    logged: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[Part, ...]:
        """Every kind of pods."""
        return tuple(part for part in (self.members, self.workers, self.recorder) if part is not None)

    @property
    def at_work(self) -> Part:
        """The pods that do the work, and of which a colour has as many as it is told to."""
        return self.workers or self.members

    @property
    def writers(self) -> tuple[Part, ...]:
        """The pods that have record logs."""
        return (self.members,) if self.recorder is None else (self.recorder, self.members)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of objects by which a colour's numbers are said."""
        return tuple(dict.fromkeys(part.kind for part in self.all))


def numbers(settings: StrategySettings) -> dict[Color, int]:
    """How many pods at work each colour is configured to have."""
    return {"blue": settings.replicas_of("blue"), "green": settings.replicas_of("green")}
