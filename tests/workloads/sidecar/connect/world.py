"""A Connect cluster of two workers in a few values, for walks through everything that can happen to an agent.

Worker 0 leads and has the connector itself; worker 1 can be frozen, expelled from the consumer group, and thawed. Each
acts on what it has heard last (`view`, of generation `generation`), which may be old.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from workloads.sidecar.connect.core import Bear, Doing, Sight, Start, Stop
from workloads.sidecar.connect.seen import RUNNING, STOPPED, Connector, Member, Seen, Worker

TOPIC = "t"


@dataclass(frozen=True)
class One:
    """A worker. view: whether the connector is to run, as it has heard; task: whether it runs one."""

    generation: int
    view: bool
    task: bool
    member: bool
    frozen: bool = False


@dataclass(frozen=True)
class World:
    """wanted: whether the connector is to run, as the configuration topic says, in which generation. state: of the
    connector, as the leader reported last. pending: a start that nobody answered. stopped: a stop was accepted after
    every start had its answer. freezes: how often one may yet freeze.
    """

    wanted: bool
    workers: tuple[One, One]
    generation: int = 1
    state: str = RUNNING
    epoch: int = 3
    offset: int = 0
    pending: bool = False
    stopped: bool = False
    freezes: int = 1
    other_epoch: int = 5
    other_offset: int = 7

    def turn(self, number: int, **change: object) -> "World":
        workers = list(self.workers)
        workers[number] = replace(workers[number], **change)  # type: ignore[arg-type]
        return replace(self, workers=(workers[0], workers[1]))

    def asked(self, *, run: bool) -> "World":
        return self if self.wanted == run else replace(self, wanted=run, generation=self.generation + 1)

    def happenings(self) -> Iterator[tuple[str, "World"]]:
        """What may happen next by itself."""
        for number, one in enumerate(self.workers):
            yield from self._frozen(number, one) if one.frozen else self._awake(number, one)
        if self.pending:
            yield "the start comes true", replace(self.asked(run=True), pending=False)

    def _frozen(self, number: int, one: One) -> Iterator[tuple[str, "World"]]:
        yield f"{number} thaws", self.turn(number, frozen=False)
        if one.member:
            yield f"{number} is expelled", self.turn(number, member=False)

    def _awake(self, number: int, one: One) -> Iterator[tuple[str, "World"]]:
        if number and self.freezes:
            yield f"{number} freezes", replace(self.turn(number, frozen=True), freezes=self.freezes - 1)
        if one.task and not one.member:
            yield f"{number} joins", self.turn(number, member=True)
        if one.view and not one.task:
            yield f"{number} begins", self.turn(number, task=True)
        if (one.generation, one.view) != (self.generation, self.wanted):
            yield f"{number} hears", self.turn(number, generation=self.generation, view=self.wanted)
        elif not one.view and (one.task or one.member):
            yield f"{number} ends its task", self.turn(number, task=False, member=False)
        elif number == 0 and self.state != (RUNNING if one.view else STOPPED):
            yield "the leader reports", replace(self, state=RUNNING if one.view else STOPPED)

    def look(self, seen: Seen, at: Sight) -> Seen:
        """What an agent sees."""
        match at:
            case Sight.OWN:
                return replace(seen, own=self.own(), unanswered=("start at 1",) if self.pending else ())
            case Sight.OTHER:
                return replace(seen, other=Connector("other", STOPPED, epoch=self.other_epoch, group="go"))
            case Sight.MEMBERS:
                owners = [number for number, one in enumerate(self.workers) if one.member]
                share = {0: [0, 1] if len(owners) == 1 else [0], 1: [0, 1] if len(owners) == 1 else [1]}
                found = tuple(Member(f"c-{n}", "/h", tuple((TOPIC, p) for p in share[n])) for n in owners)
                return replace(seen, members=found)
            case Sight.WORKERS:
                return replace(seen, workers=tuple(self._worker(number) for number in (0, 1)))
            case Sight.OFFSETS:
                return replace(
                    seen, own_offsets={(TOPIC, 0): self.offset}, source_offsets={(TOPIC, 0): self.other_offset}
                )
            case Sight.COMMITTED:
                return replace(seen, committed=True)

    def own(self) -> Connector:
        tasks = () if self.state == STOPPED else tuple((n, RUNNING) for n, one in enumerate(self.workers) if one.task)
        asked = STOPPED if self.stopped and self.state == STOPPED else ""
        return Connector("own", self.state, tasks, self.epoch, "g", asked)

    def _worker(self, number: int) -> Worker:
        one = self.workers[number]
        if one.frozen:
            return Worker(str(number), problem="does not answer")
        return Worker(str(number), (number,) if one.task else (), "", one.generation)

    def done(self, step: Doing) -> "World":
        """What a step that is accepted does at once."""
        match step:
            case Stop():
                after = replace(self.asked(run=False), stopped=not self.pending)
                return after.turn(0, generation=after.generation, view=False)
            case Start():
                return replace(self.asked(run=True), stopped=False)
            case Bear(epoch):
                return replace(self, epoch=epoch)
        offsets = getattr(step, "offsets", None)
        assert offsets is not None, f"{step} has no place in this world"
        return replace(self, offset=offsets[TOPIC, 0])

    @property
    def stands(self) -> bool:
        """Whether nothing runs, and nothing can begin to."""
        return not self.wanted and not self.pending and not any(one.task or one.view for one in self.workers)


def running(**change: object) -> World:
    """Both workers at work."""
    one = One(1, view=True, task=True, member=True)
    return replace(World(True, (one, one)), **change)  # type: ignore[arg-type]


def standing(**change: object) -> World:
    """Nothing runs, and everybody knows."""
    one = One(1, view=False, task=False, member=False)
    return replace(World(False, (one, one), state=STOPPED), **change)  # type: ignore[arg-type]
