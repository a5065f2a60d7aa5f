"""What a fault is, whom it hits and when: plain data, of which `catalogue` makes the list."""

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """When a fault hits a switch. All but the first and the last are held open until it has (see `carry`)."""

    STEADY = "steady"  # before the command, which then comes while the fault lasts
    WAITING = "waiting"  # the switch waits for the lag of a member that stands still
    PAUSING = "pausing"  # the grant is withdrawn, a member has not confirmed
    RESUMING = "resuming"  # the other colour is granted, a member of it has not come to work
    ROLLING_BACK = "rolling-back"  # it did not in time, and the grant was withdrawn from it
    MOMENT = "moment"  # some milliseconds after the command, wherever the switch is then


HELD = (Phase.WAITING, Phase.PAUSING, Phase.RESUMING, Phase.ROLLING_BACK)


class Role(StrEnum):
    """Whom a fault hits. WORKER: a pod that does a colour's work. MOVER: what moves it, a sidecar or an agent.
    HANDLER: a worker that handles records itself, and takes the faults of design §5.4. AGENT: a mover that is a pod by
    itself.
    """

    WORKER = "worker"
    MOVER = "mover"
    HANDLER = "handler"
    AGENT = "agent"
    CONTROLLER = "controller"
    BROKER = "broker"
    PLANE = "control plane"
    LEASE = "Lease"
    SWITCH = "switch"
    GROUP = "group"


#: Whose victim is a pod of a colour, which has a side and a number.
OF_PODS = frozenset({Role.WORKER, Role.HANDLER, Role.MOVER, Role.AGENT})
#: Of these there is one, which everybody shares.
SHARED = frozenset({Role.BROKER, Role.PLANE, Role.CONTROLLER, Role.LEASE, Role.SWITCH, Role.GROUP})


class Takes(StrEnum):
    """What a fault takes from its victim. Two that take the same from one victim would be one fault; and from a process
    that is gone, or stands still, nothing else can be taken.
    """

    PROCESS = "process"
    API = "api"  # its way to the API server
    BROKER = "broker"  # its way to the broker
    CONNECT = "connect"  # its way to the Connect workers
    SIDECAR = "sidecar"  # its sidecar's way to it
    WORK = "work"  # what it does with records
    CLOCK = "clock"
    ALONE = "alone"  # that it is the only one
    CONTENT = "content"  # what an object says


@dataclass(frozen=True, slots=True)
class Way:
    """One way to inject a fault into the running system.

    place: the module of this package that does it. undone: how it ends. seconds: the least and the most that it lasts;
    0 for what only happens. repeats: whether a record may be handled twice by it, because it can lie between
    an effect and its commit (invariant 5). deadline: seconds after its end within which everything has to be well.
    takes: what of whom it hits.
    """

    name: str
    role: Role
    what: str
    place: str
    undone: str
    seconds: tuple[float, float] = (0.0, 0.0)
    repeats: bool = False
    deadline: float = 90.0
    phases: tuple[Phase, ...] = tuple(Phase)
    takes: Takes = Takes.PROCESS


@dataclass(frozen=True, slots=True)
class Fault:
    """What may go wrong.

    model: the module of `tests/protocol` that injects it, or empty; then not_modelled says why. not_injected: why there
    is no way to inject it here, and what looks at it instead.
    """

    name: str
    what: str
    model: str = ""
    ways: tuple[Way, ...] = ()
    not_modelled: str = ""
    not_injected: str = ""
