"""What an agent does next: pure functions from what it sees to one step. No I/O, no clock, no memory.

A command is carried out by asking again and again: look, or do, or wait, until it is Done. Whatever was done or waited
for makes everything be looked at anew, so no step rests on what was true before it, and a command that was cut off at
any place (the agent restarted, a newer Lease) is taken up where the connectors are.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from workloads.sidecar.connect.seen import ABSENT, PAUSED, RUNNING, STOPPED, Connector, Member, Offsets, Seen, Worker


class Sight(Enum):
    """What can be looked at."""

    OWN = auto()
    OTHER = auto()
    MEMBERS = auto()
    WORKERS = auto()
    COMMITTED = auto()
    OFFSETS = auto()


@dataclass(frozen=True, slots=True)
class Look:
    """Look at this."""

    at: Sight


@dataclass(frozen=True, slots=True)
class Create:
    """Make the connector, stopped."""


@dataclass(frozen=True, slots=True)
class Configure:
    """Give the stopped connector the configuration that the agent was given; its epoch stays."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop the connector, and take back what was still to be altered."""


@dataclass(frozen=True, slots=True)
class Alter:
    """Write these offsets, all of them; None removes what the connector has there."""

    offsets: Mapping[tuple[str, int], int | None]

    def __hash__(self) -> int:
        return hash(frozenset(self.offsets.items()))


@dataclass(frozen=True, slots=True)
class Bear:
    """Write the epoch into the connector's configuration."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Start:
    """Let the connector run."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing can be done before something changes by itself; why."""

    why: str


@dataclass(frozen=True, slots=True)
class Done:
    """What was asked for is true. committed: everything that was handled is (of a pause)."""

    committed: bool = True


@dataclass(frozen=True, slots=True)
class Stale:
    """A connector bears a newer epoch than the command: whoever asks is behind."""

    why: str


Doing = Create | Configure | Stop | Alter | Bear | Start
Step = Look | Doing | Wait | Done | Stale


def pausing(seen: Seen) -> Step:
    """Towards PAUSED (design: the connector is STOPPED, its status lists no task that a worker has, its group has no
    member, each worker's own process says after the stop that it runs none of its tasks, no call of the agent is
    unanswered, the operator cannot act on an older word).
    """
    step = _halting(seen, None)
    if step is not None:
        return step
    if seen.committed is None:
        return Look(Sight.COMMITTED)
    return Done(seen.committed)


def resuming(seen: Seen, epoch: int, topic: str, partitions: int) -> Step:
    """Towards ACTIVE under this epoch: every task RUNNING, every partition of the topic assigned.

    A connector that bears the epoch is only started, or left running. One that does not is stopped first; then it gets
    the offsets of the colour with the higher epoch, which stands, and the epoch when they are seen in place. Where
    nobody can say whose epoch is higher (resources that were made anew bear none, and a cluster without workers tells
    none), it gets the further one of each partition: both groups went on from one position without gaps, so all that
    lies below has been handled.
    """
    own = seen.own
    if own is None:
        return Look(Sight.OWN)
    if own.epoch > epoch:
        return Stale(f"{own.name} bears epoch {own.epoch}")
    if own.epoch == epoch and own.state != ABSENT:
        return _starting(seen, own, topic, partitions)
    step = _halting(seen, epoch)
    if step is not None:
        return step
    if own.refused:
        return Wait(f"Connect refuses {own.name}: {own.refused}")
    return _placing(seen, own, epoch)


def _halting(seen: Seen, epoch: int | None) -> Step | None:
    """What is left to do until nothing of the own connector runs or can; None: nothing. epoch: whose offsets may be
    under way.
    """
    own = seen.own
    if own is None:
        return Look(Sight.OWN)
    step = _stopping(seen, own, epoch)
    if step is None and not seen.halted:
        step = _proving(seen, own)
    if step is None and own.drift and not own.refused:
        step = _once(seen, Configure(), f"{own.name} was configured, and that is not seen yet")
    return step


def _stopping(seen: Seen, own: Connector, epoch: int | None) -> Step | None:
    """Until its control says that it is stopped."""
    if own.state == ABSENT and not own.refused:
        return _once(seen, Create(), f"{own.name} was made, and is not seen yet")
    foreign = own.altering is not None and own.altering != epoch
    # A connector that is seen STOPPED may have been started just now: only a stop that was accepted after every start
    # counts (`asked`), and what is seen then.
    if foreign or (own.state != ABSENT and own.asked != STOPPED):
        return _once(seen, Stop(), f"{own.told()}; it was stopped, and that is not seen yet")
    return None if own.stopped else Wait(own.told())


def _proving(seen: Seen, own: Connector) -> Step | None:
    """Until everybody else who has to says so, too."""
    if seen.unanswered:
        return Wait(f"not answered: {', '.join(seen.unanswered)}")
    if seen.quiet_in > 0:
        return Wait("an earlier start can still come true")
    if seen.members is None:
        return Look(Sight.MEMBERS)
    if seen.members:
        return Wait(f"group {own.group} has members: {_clients(seen.members)}")
    if seen.workers is None:
        return Look(Sight.WORKERS)
    problem = at_rest(seen.workers)
    return Wait(problem) if problem else None


def at_rest(workers: tuple[Worker, ...]) -> str:
    """What keeps the workers from vouching that no task of the connector runs; empty: nothing does."""
    if not workers:
        return "no worker's pod is listed; nobody can say that no task runs (is the selector right?)"
    silent = [f"{worker.pod} ({worker.problem})" for worker in workers if worker.problem]
    if silent:
        return f"workers do not answer: {', '.join(silent)}"
    busy = [f"{worker.pod} (task {', '.join(map(str, worker.tasks))})" for worker in workers if worker.tasks]
    if busy:
        return f"workers still have tasks: {', '.join(busy)}"
    moving = [worker.pod for worker in workers if worker.rebalancing]
    if moving:
        return f"workers are rebalancing: {', '.join(moving)}"
    # A worker that was frozen still holds the assignment of an older generation, and would begin what that one gave it.
    generations = {worker.pod: worker.generation for worker in workers if worker.generation is not None}
    if len(set(generations.values())) > 1:
        return f"workers are of different generations: {generations}"
    return ""


def _placing(seen: Seen, own: Connector, epoch: int) -> Step:
    """Offsets from where the higher epoch stands, then the epoch."""
    other = seen.other
    if other is None:
        return Look(Sight.OTHER)
    if other.epoch > epoch:
        return Stale(f"{other.name} bears epoch {other.epoch}")
    if other.epoch >= own.epoch or other.state == ABSENT:
        if not other.stopped:
            return Wait(f"offsets are to be taken over from {other.name}, which does not stand: {other.told()}")
        if seen.own_offsets is None or seen.source_offsets is None:
            return Look(Sight.OFFSETS)
        due = seen.source_offsets if other.epoch > own.epoch else further(seen.source_offsets, seen.own_offsets)
        if seen.own_offsets != due:
            change = Alter(whole_set(due, seen.own_offsets))
            return _once(seen, change, f"offsets were written to {own.name}, and are not there yet")
    if seen.unanswered:  # offsets that are written after they were compared would be started from unseen
        return Wait(f"not answered: {', '.join(seen.unanswered)}")
    return _once(seen, Bear(epoch), f"{own.name} was given epoch {epoch}, and that is not seen yet")


def _starting(seen: Seen, own: Connector, topic: str, partitions: int) -> Step:
    if own.refused:
        return Wait(f"Connect refuses {own.name}: {own.refused}")
    if own.state in (STOPPED, PAUSED) and own.asked != RUNNING:
        return _once(seen, Start(), f"{own.told()}; it was started, and that is not seen yet")
    if not own.running:
        return Wait(own.told())
    if seen.members is None:
        return Look(Sight.MEMBERS)
    problem = not_whole(seen.members, topic, partitions)
    return Wait(f"group {own.group}: {problem}") if problem else Done()


def not_whole(members: Iterable[Member], topic: str, partitions: int) -> str:
    """What the members lack of owning every partition of the topic exactly once; empty: nothing."""
    owners = Counter(number for member in members for name, number in member.partitions if name == topic)
    missing = [number for number in range(partitions) if not owners[number]]
    twice = sorted(number for number, count in owners.items() if count > 1)
    problems = [f"partitions {missing} are not assigned"] if missing else []
    problems += [f"partitions {twice} are assigned twice"] if twice else []
    return "; ".join(problems)


def whole_set(source: Offsets, own: Offsets) -> dict[tuple[str, int], int | None]:
    """Everything that makes `own` the same as `source`."""
    removed: dict[tuple[str, int], int | None] = dict.fromkeys(own.keys() - source.keys())
    return removed | dict(source)


def further(one: Offsets, other: Offsets) -> Offsets:
    """The higher offset of each partition that either has one of."""
    return {place: max(found[place] for found in (one, other) if place in found) for place in one.keys() | other.keys()}


def is_behind(committed: Offsets, handled: Mapping[int, int], topic: str) -> str:
    """Where the committed offsets are behind what a recorder has seen handled (partition -> next offset); empty:
    nowhere.
    """
    late = [
        f"partition {number} is committed up to {committed.get((topic, number), 0)} and handled up to {after}"
        for number, after in sorted(handled.items())
        if committed.get((topic, number), 0) < after
    ]
    return "; ".join(late)


def _once(seen: Seen, step: Doing, otherwise: str) -> Step:
    return Wait(otherwise) if seen.sent == step else step


def _clients(members: Iterable[Member]) -> str:
    return ", ".join(f"{member.client_id} at {member.host}" for member in members)
