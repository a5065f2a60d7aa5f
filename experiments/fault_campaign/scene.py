"""Where a fault is injected: the pair, and who is who in the switch that it hits."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

from components.names import CONSUMER, CONTROLLER, KAFKA, NAME_LABEL, PLATFORM_NAMESPACE, SIDECAR, Color
from components.strategies.parts import Parts, Program, ours
from experiments import faults
from experiments.fault_campaign.kinds import Role
from experiments.fault_campaign.plan import Injection, Side
from experiments.lab import Lab
from experiments.processes import LocalProcesses

#: The broker's process, by what every container's environment has.
BROKER = Program(KAFKA, "kafka.Kafka", ("HOSTNAME={pod}",))


@dataclass(frozen=True, slots=True)
class Scene:
    """One switch of a pair: source is left, target is asked for. bootstrap: where the brokers are. shield: within it
    nobody is interrupted (`Interrupts.shielded`).
    """

    lab: Lab
    bootstrap: str
    source: Color
    target: Color
    shield: Callable[[], AbstractContextManager[None]] = nullcontext

    @property
    def namespace(self) -> str:
        return self.lab.namespace

    @property
    def processes(self) -> LocalProcesses:
        return self.lab.disturbance.processes

    def color(self, side: Side) -> Color:
        return self.source if side == "old" else self.target

    def worker(self, injection: Injection) -> str:
        """The pod at work that is meant."""
        color = self.color(injection.side)
        return self.lab.pod(color, injection.number % self.lab.whole[color])

    def mover(self, injection: Injection) -> tuple[str, Program]:
        """The pod and the program of what moves the one that is meant: its sidecar, or its colour's agent."""
        parts = self.lab.parts
        if parts.workers is None:
            return self.worker(injection), ours(SIDECAR)
        return parts.members.pod(self.color(injection.side), 0), parts.members.program

    def controller(self) -> str:
        """The controller's pod. Raises PreconditionError if there is none."""
        return self.lab.cluster.running(self.namespace, CONTROLLER)

    def broker(self) -> str:
        """A broker's pod. Raises PreconditionError if there is none."""
        return self.lab.cluster.running(PLATFORM_NAMESPACE, KAFKA)


#: What injects a way: the fault is there within the block, which is told whom it hit.
Inject = Callable[[Scene, Injection], AbstractContextManager[str]]
#: What does something once, and says to whom.
Happen = Callable[[Scene, Injection], str]


#: What takes back what a campaign that was killed left of a room's faults: it looks at what is, and says what it found.
TakeBack = Callable[[Lab], Iterator[str]]


def inhabitants(lab: Lab) -> list[tuple[str, Program]]:
    """Every process of the pair that a fault can hit: the pod, and the program in it."""
    found = []
    for part in lab.parts.all:
        for name, number in part.wanted(lab.whole).items():
            pods = [f"{name}-{index}" for index in range(number)]
            found += [(pod, part.program) for pod in pods]
            if part.program.container == CONSUMER:
                found += [(pod, ours(SIDECAR)) for pod in pods]
    controllers = lab.cluster.pods(lab.namespace, f"{NAME_LABEL}={CONTROLLER}")
    return found + [(pod.name, ours(CONTROLLER)) for pod in controllers if not pod.terminating]


def happens(act: Happen) -> Inject:
    """Of a fault that only happens: there is nothing to be undone."""

    @contextmanager
    def inject(scene: Scene, injection: Injection) -> Iterator[str]:
        yield act(scene, injection)

    return inject


def roles(letter: str, parts: Parts) -> frozenset[Role]:
    """Whom a strategy's pair has. A record's own faults are those of members that handle records; and the controller
    looks only at the groups that its members are in themselves, so only there is a member of others a fault of ours.
    Members that have their work done by others are pods by themselves.
    """
    everybody = frozenset(Role) - {Role.HANDLER, Role.GROUP, Role.AGENT}
    handles = {Role.HANDLER, Role.GROUP} if faults.enabled(letter) and parts.workers is None else set()
    return everybody | handles | (set() if parts.workers is None else {Role.AGENT})
