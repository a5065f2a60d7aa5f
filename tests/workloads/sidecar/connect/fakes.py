"""A connector that does what it is told after a while, and everything else that an agent reaches."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from workloads.sidecar.connect.account import Account
from workloads.sidecar.connect.agent import Agent, AgentWay
from workloads.sidecar.connect.command import Hands
from workloads.sidecar.connect.control import SilentError
from workloads.sidecar.connect.journal import Journal
from workloads.sidecar.connect.memory import Goal
from workloads.sidecar.connect.recorders import Handled
from workloads.sidecar.connect.seen import NO_EPOCH, RUNNING, STOPPED, Connector, Member, Worker
from workloads.sidecar.connect.workers import Counts, TaskAt

TOPIC = "t"
GOAL = Goal(TOPIC, 2)


@dataclass
class FakeControl:
    """Moves one connector at once. gate: shut, a change waits for it. problems: raised by the next calls."""

    connector: Connector = field(default_factory=lambda: Connector("green", STOPPED, epoch=NO_EPOCH, group="cg"))
    partner: Connector = field(default_factory=lambda: Connector("blue", STOPPED, epoch=NO_EPOCH, group="cb"))
    offsets: dict[str, dict[tuple[str, int], int]] = field(default_factory=lambda: {"cg": {}, "cb": {}})
    calls: list[str] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    problems: list[Exception] = field(default_factory=list)
    open_calls: tuple[str, ...] = ()
    quiet_at: float = 0.0
    reading: bool = True

    def __post_init__(self) -> None:
        self.gate.set()

    def own(self, deadline: float) -> Connector:
        if not self.reading:
            raise SilentError("no worker answers")
        return self.connector

    def other(self, deadline: float) -> Connector:
        return self.partner

    def create(self, deadline: float) -> None:
        self._change("create", state=STOPPED)

    def configure(self, deadline: float) -> None:
        self._change("configure", drift=False)

    def stop(self, epoch: int, deadline: float) -> None:
        self._change(f"stop@{epoch}", state=STOPPED, tasks=(), asked=STOPPED)

    def alter(self, epoch: int, offsets: Mapping[tuple[str, int], int | None], deadline: float) -> None:
        self._change(f"alter@{epoch}")
        mine = self.offsets[self.connector.group]
        for place, offset in offsets.items():
            if offset is None:
                mine.pop(place, None)
            else:
                mine[place] = offset

    def bear(self, epoch: int, deadline: float) -> None:
        self._change(f"bear@{epoch}", epoch=epoch)

    def start(self, epoch: int, deadline: float) -> None:
        self._change(f"start@{epoch}", state=RUNNING, tasks=((0, RUNNING), (1, RUNNING)), asked="")

    def unanswered(self) -> tuple[str, ...]:
        return self.open_calls

    def quiet_in(self) -> float:
        return self.quiet_at

    def wait(self, seconds: float) -> None:
        time.sleep(min(seconds, 0.002))

    def _change(self, what: str, **change: Any) -> None:
        self.calls.append(what)
        assert self.gate.wait(15)
        if self.problems:
            raise self.problems.pop(0)
        self.connector = replace(self.connector, **change)


@dataclass
class FakeGroups:
    control: FakeControl
    stray: tuple[Member, ...] = ()

    def members(self, group: str, deadline: float) -> tuple[Member, ...]:
        if self.control.connector.state != RUNNING:
            return self.stray
        return (Member("c-0", "/h", ((TOPIC, 0),)), Member("c-1", "/h", ((TOPIC, 1),)))

    def offsets(self, group: str, deadline: float) -> Mapping[tuple[str, int], int]:
        return dict(self.control.offsets[group])


@dataclass
class FakeWorkers:
    found: tuple[Worker, ...] = (Worker("w-0"), Worker("w-1"))
    asked: int = 0
    counted: dict[TaskAt, Counts] = field(default_factory=dict)

    def counts(self, connector: str, deadline: float) -> Mapping[TaskAt, Counts]:
        return dict(self.counted)

    def ask(self, connector: str, deadline: float) -> tuple[Worker, ...]:
        self.asked += 1
        return self.found


@dataclass
class FakeRecorders:
    handled: Handled | Exception | None = None

    def mark(self, epoch: int, deadline: float) -> Handled | None:
        if isinstance(self.handled, Exception):
            raise self.handled
        return self.handled


class Scene:
    """One agent and what it reaches."""

    def __init__(self) -> None:
        self.control = FakeControl()
        self.groups = FakeGroups(self.control)
        self.workers = FakeWorkers()
        self.recorders = FakeRecorders()
        self.journal = Journal(None, TOPIC)
        self.restart()

    def restart(self) -> None:
        """Another agent process, with the same connector."""
        hands = Hands(self.control, self.groups, self.workers, self.recorders, self.journal)  # type: ignore[arg-type]
        self.agent = Agent(hands, GOAL, Account(self.workers, "green"))
        self.way: Callable[[], AgentWay] = lambda: AgentWay(self.agent)
