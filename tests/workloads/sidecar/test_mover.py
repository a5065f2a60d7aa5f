"""The mover with subjects of another kind, without API server and without HTTP."""

import threading
from dataclasses import dataclass, field

from tests.support.waiting import until
from workloads.common.lease import Grant
from workloads.common.report import Report
from workloads.common.states import Color, State
from workloads.sidecar.announcer import Announcer
from workloads.sidecar.lease import LeaseState
from workloads.sidecar.mover import Mover
from workloads.sidecar.step import View
from workloads.sidecar.subject import Answer, NoAnswerError, Result, Subject

BLUE, GREEN = Color.BLUE, Color.GREEN


@dataclass
class Connector:
    """A subject whose moves are several requests each: it must not be left in the middle of one of them."""

    steps: list[str] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)  # a step ends when it is open
    epoch: int = 0
    state: State = State.PAUSED
    one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def report(self) -> Report:
        return Report("connector", self.state, self.epoch, self.epoch)


class Way:
    """A way to the connector."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._abandoned = False

    def status(self, deadline: float) -> Report:
        return self._connector.report()

    def pause(self, epoch: int, deadline: float, leave: bool = False) -> Answer:
        return self._move(epoch, deadline, State.PAUSED, ("stop", "read offsets"))

    def resume(self, epoch: int, deadline: float, voids: int = 0) -> Answer:
        return self._move(epoch, deadline, State.ACTIVE, ("write offsets", "start"))

    def renew(self) -> None:
        self._abandoned = False

    def abandon(self) -> None:
        self._abandoned = True

    def _move(self, epoch: int, deadline: float, state: State, steps: tuple[str, ...]) -> Answer:
        connector = self._connector
        with connector.one_at_a_time:
            for name in steps:
                if self._abandoned:
                    raise NoAnswerError("abandoned between two steps")
                if epoch < connector.epoch:
                    return Answer(Result.STALE, "stale", connector.report())
                connector.steps.append(f"{name}@{epoch} begins")
                assert connector.gate.wait(15)
                connector.steps.append(f"{name}@{epoch} ends")
            connector.epoch, connector.state = epoch, state
            return Answer(Result.DONE, "done", connector.report())


class Scene:
    """A blue agent; the Lease is what the test says."""

    def __init__(self, connector: Connector) -> None:
        self.lease: LeaseState | None = None
        self.reads = 0
        self.offered: list[Report | None] = []

        def way() -> Subject:
            return Way(connector)

        self.mover = Mover(BLUE, way, self.read, Announcer("u"), lambda report, _hold: self.offered.append(report))
        self.mover.start()
        self.connector = connector

    def read(self) -> LeaseState | None:
        """A read of the Lease itself."""
        self.reads += 1
        return self.lease

    def look(self) -> View:
        """What the status watch does; what is seen then."""
        self.mover.subject_seen(self.connector.report(), self.mover.answers())
        return self.mover.view

    def grant(self, holder: Color | None, epoch: int) -> None:
        """What the Lease's follower does."""
        self.lease = LeaseState(Grant(holder, epoch, BLUE), epoch)
        self.mover.lease_seen(self.lease)


def test_a_newer_lease_waits_for_the_step_in_hand_and_for_no_other() -> None:
    connector = Connector()
    scene = Scene(connector)
    scene.grant(BLUE, 2)
    scene.look()
    until("the first step is in hand", lambda: connector.steps == ["write offsets@2 begins"])
    scene.grant(None, 3)
    until("the older call is abandoned", lambda: scene.mover.view.grant == Grant(None, 3, BLUE))
    assert connector.steps == ["write offsets@2 begins"], "nothing else begins meanwhile"
    connector.gate.set()
    until("it is stopped", lambda: scene.mover.view.consumer == Report("connector", State.PAUSED, 3, 3))
    assert connector.steps == [
        "write offsets@2 begins",
        "write offsets@2 ends",
        "stop@3 begins",
        "stop@3 ends",
        "read offsets@3 begins",
        "read offsets@3 ends",
    ]
    until("both are counted", lambda: len(scene.mover.figures.calls) == 2)
    assert scene.mover.figures.calls == {("resume", "superseded"): 1, ("pause", "done"): 1}
    assert scene.offered[-1] == Report("connector", State.PAUSED, 3, 3)


def test_it_is_resumed_only_by_a_lease_that_was_read_for_it() -> None:
    connector = Connector()
    connector.gate.set()
    scene = Scene(connector)
    scene.grant(BLUE, 2)
    scene.lease = None  # it cannot be read
    scene.look()
    until("it was asked for twice, in vain", lambda: scene.look().read_for is None and scene.reads >= 2)
    assert connector.steps == []
    scene.lease = LeaseState(Grant(GREEN, 4, GREEN), 4)  # what the watch has not told yet
    until("read, and found to be green's", lambda: scene.look().grant == Grant(GREEN, 4, GREEN))
    until("told so", lambda: scene.look().grant is not None and connector.epoch == 4)
    assert connector.state is State.PAUSED
    assert not [step for step in connector.steps if step.startswith("start")]


def test_an_answer_to_a_call_is_newer_than_a_status_asked_for_before_it() -> None:
    connector = Connector()
    connector.gate.set()
    scene = Scene(connector)
    mark, old = scene.mover.answers(), connector.report()
    scene.grant(BLUE, 2)
    scene.look()
    until("it works", lambda: scene.mover.view.consumer == Report("connector", State.ACTIVE, 2, 2))
    scene.mover.subject_seen(old, mark)
    assert scene.mover.view.consumer == Report("connector", State.ACTIVE, 2, 2)


def test_silence_is_told_and_calls_nothing() -> None:
    connector = Connector()
    scene = Scene(connector)
    scene.mover.subject_seen(None, scene.mover.answers())
    assert scene.mover.view.consumer is None
    scene.look()
    scene.mover.subject_seen(None, scene.mover.answers())
    scene.grant(BLUE, 2)
    assert scene.mover.view.consumer == Report("connector", None, 0, 0)
    assert connector.steps == []
