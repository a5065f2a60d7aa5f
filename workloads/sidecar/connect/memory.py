"""What an agent remembers between two commands, and what it reports."""

import threading
from dataclasses import dataclass, replace

from workloads.common.report import Report
from workloads.common.states import State
from workloads.sidecar.connect.core import not_whole
from workloads.sidecar.connect.seen import RUNNING, STOPPED, Connector, Member


@dataclass(frozen=True, slots=True)
class Goal:
    """What an active connector owns: partitions 0 … partitions - 1 of the topic."""

    topic: str
    partitions: int


@dataclass(frozen=True, slots=True)
class Facts:
    """order: of the newest command, as (epoch, whether it is a pause): at one epoch a pause beats a resume, for good.

    halted: all that PAUSED means was seen since the connector last ran. paused: under which pause, None: under none.
    committed: that pause's. moves: how often it was about to be started, or seen not stopped.
    heard: the newest epoch that the other colour's connector was seen to bear.
    blocked: what the newest command was waiting for when its time was over.
    """

    order: tuple[int, bool] = (-1, False)
    halted: bool = False
    paused: int | None = None
    committed: bool = True
    moves: int = 0
    heard: int = 0
    blocked: str = ""


class Memory:
    """Safe for threads. It is lost with the process; what must not be forgotten is in the connector."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._facts = Facts()

    @property
    def facts(self) -> Facts:
        """What is remembered now."""
        return self._facts

    def accept(self, epoch: int, *, pause: bool) -> bool:
        """A command has come; whether it is at least as new as all others."""
        with self._lock:
            fresh = (epoch, pause) >= self._facts.order
            if fresh:
                self._facts = replace(self._facts, order=(epoch, pause))
            return fresh

    def is_newest(self, epoch: int, *, pause: bool) -> bool:
        """Whether no newer command has come since."""
        return self._facts.order == (epoch, pause)

    def moves(self) -> None:
        """It is about to be started: what was seen of its standing is void."""
        with self._lock:
            self._facts = replace(self._facts, halted=False, paused=None, moves=self._facts.moves + 1)

    def seen_moving(self, before: Facts) -> None:
        """It was seen not stopped, by a look that began when `before` was remembered."""
        with self._lock:
            if before.halted and self._facts.moves == before.moves:
                self._facts = replace(self._facts, halted=False, paused=None, moves=before.moves + 1)

    def halted(self, moves: int) -> None:
        """Everything that PAUSED means was seen, in a round that began after so many moves."""
        with self._lock:
            if self._facts.moves == moves:
                self._facts = replace(self._facts, halted=True)

    def hears(self, epoch: int) -> None:
        """The other colour's connector bears it."""
        with self._lock:
            self._facts = replace(self._facts, heard=max(self._facts.heard, epoch))

    def done(self) -> None:
        """The newest command came to its end."""
        with self._lock:
            self._facts = replace(self._facts, blocked="")

    def paused(self, epoch: int, moves: int, *, committed: bool) -> None:
        """It is paused under this epoch, as seen after so many moves."""
        with self._lock:
            if self._facts.moves == moves:
                self._facts = replace(self._facts, halted=True, paused=epoch, committed=committed, blocked="")

    def is_blocked(self, why: str) -> None:
        """The newest command's time was over."""
        with self._lock:
            self._facts = replace(self._facts, blocked=why)


def interference(facts: Facts, own: Connector) -> str:
    """Who asks for another state than the newest command has brought about; empty when nobody does.

    Before a resume has given the connector its epoch, the state is still whoever's it was: the stack makes it.
    """
    epoch, pause = facts.order
    if not own.asked_by or epoch < 0 or own.asked == (STOPPED if pause else RUNNING):
        return ""
    if not pause and own.epoch != epoch:
        return ""
    return f"Interference: {own.asked_by} asks for {own.name} to be {own.asked}"


def report(boot_id: str, facts: Facts, own: Connector, members: tuple[Member, ...], goal: Goal) -> Report:
    """What the agent says of its connector.

    PAUSED only by a pause of this process that was seen through; the report of a process that has not been told to
    pause yet confirms nothing. With it the connector's group has no member. ACTIVE when all of it runs and owns every
    partition; else DRAINING: neither. What has failed by then is named: nobody starts it again.

    What either connector was seen to bear has been heard of. It may be of an earlier life of the Lease, which an agent
    cannot outrank: the controller makes the Lease again above it.
    """
    epoch = max(own.epoch, 0)
    seen_epoch = max(facts.order[0], facts.heard, epoch)
    obstacle = f"ConnectorRefused: {own.refused}" if own.refused else ""
    meddled = interference(facts, own)
    owned = tuple(sorted(number for member in members for name, number in member.partitions if name == goal.topic))
    if own.stopped and facts.halted and facts.paused is not None:
        return Report(boot_id, State.PAUSED, facts.paused, seen_epoch, facts.committed, (), obstacle, left=True)
    if own.running and not not_whole(members, goal.topic, goal.partitions):
        return Report(boot_id, State.ACTIVE, epoch, seen_epoch, True, owned, obstacle or meddled)
    blocked = f"NotYet: {facts.blocked}" if facts.blocked else ""
    failed = own.told() if own.failed else ""
    why = obstacle or "; ".join(filter(None, (meddled, blocked)))
    return Report(boot_id, State.DRAINING, epoch, seen_epoch, True, owned, why, failed)
