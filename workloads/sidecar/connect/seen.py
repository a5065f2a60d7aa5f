"""What an agent sees, as plain values: connectors, their group's members, their workers, offsets."""

from collections.abc import Mapping
from dataclasses import dataclass

ABSENT = "ABSENT"  # Connect has no such connector; ours, all other states are Connect's words
STOPPED = "STOPPED"
RUNNING = "RUNNING"
PAUSED = "PAUSED"
FAILED = "FAILED"  # for good: Connect starts nothing again that has failed
# Of a task: no worker has it. Workers that end write it last; of a connector that was stopped before its tasks were
# given to others, Connect goes on listing it.
UNASSIGNED = "UNASSIGNED"

# Of a connector that was never granted: older than every grant.
NO_EPOCH = -1

# (topic, partition) -> the offset to go on from.
Offsets = Mapping[tuple[str, int], int]


@dataclass(frozen=True, slots=True)
class Connector:
    """One connector, as Connect or its resource says.

    state: Connect's word, or ABSENT; empty while nothing says it. tasks: (number, state) of each that its status lists.
    epoch: the one in its configuration. group: its consumer group, as its configuration and worker have it.
    asked: the state that is asked for (RUNNING, STOPPED, PAUSED): what its resource says; without one, STOPPED when it
    is stopped and a stop of ours was accepted after every start of ours had its answer; empty: not known.
    asked_by: who asks for that where it is not the agent, by the field's owner in its resource; empty: it is the agent,
    or nobody says.
    pending: what stands between what was asked for and what is seen, for people; empty: nothing.
    altering: the epoch whose offsets are still to be written, by an annotation on its resource; None: none.
    refused: why Connect does not take its configuration; empty: it did. trace: the first line of what failed in it.
    drift: its configuration is another one than the agent was given.
    """

    name: str
    state: str = ""
    tasks: tuple[tuple[int, str], ...] = ()
    epoch: int = NO_EPOCH
    group: str = ""
    asked: str = ""
    asked_by: str = ""
    pending: str = ""
    altering: int | None = None
    refused: str = ""
    trace: str = ""
    drift: bool = False

    @property
    def stopped(self) -> bool:
        """Whether its control says that nothing of it runs. Its workers have not been asked."""
        gone = self.state == STOPPED or (self.state == ABSENT and self.refused != "")
        left = any(state != UNASSIGNED for _, state in self.tasks)
        return gone and not left and not self.pending and self.altering is None

    @property
    def running(self) -> bool:
        """Whether it and each of its tasks run, and nothing else is asked for."""
        at_work = self.state == RUNNING and not self.pending
        return at_work and bool(self.tasks) and all(state == RUNNING for _, state in self.tasks)

    @property
    def failed(self) -> bool:
        """Whether it, or a task of it, has failed while it was asked to run."""
        states = {self.state, *(state for _, state in self.tasks)}
        return FAILED in states and self.asked in ("", RUNNING)

    def told(self) -> str:
        """Its state, for people."""
        tasks = ", ".join(f"task {number} {state}" for number, state in self.tasks) or "no task"
        notes = [note for note in (self.pending, self.trace) if note]
        return f"{self.name} is {self.state or 'without a status'} ({'; '.join([tasks, *notes])})"


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a consumer group, and what it is assigned."""

    client_id: str
    host: str
    partitions: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker's own process, as it says of itself: which tasks of our connector it has.

    problem: why it could not be asked; empty: it answered. generation: of its worker group, None where it does not
    say; rebalancing: it is between two of them.
    """

    pod: str
    tasks: tuple[int, ...] = ()
    problem: str = ""
    generation: int | None = None
    rebalancing: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What the agent has seen since the last thing that it did; None: has not looked.

    A round looks in the order own, members, workers, committed: what is later was asked for after the connector was
    seen stopped. other and source_offsets stay for a whole command: whoever has no grant does not move.

    unanswered: calls of ours whose outcome is not known, as they were before own was looked at. quiet_in: seconds until
    a start of ours cannot come true any more. halted: all that PAUSED means has been seen since the connector last ran.
    committed: whether the group's offsets are not behind what was handled.
    sent: the step that was carried out just now, and need not be repeated yet.
    """

    own: Connector | None = None
    unanswered: tuple[str, ...] = ()
    quiet_in: float = 0.0
    halted: bool = False
    members: tuple[Member, ...] | None = None
    workers: tuple[Worker, ...] | None = None
    committed: bool | None = None
    other: Connector | None = None
    own_offsets: Offsets | None = None
    source_offsets: Offsets | None = None
    sent: object = None
