"""What a campaign does, made from a seed and from what has hit so far: where everything hits, the same seed gives the
same sequence, and a longer campaign begins as a shorter one does. What missed, or came to a phase that was not reached,
has its turn again.

Nobody is asked how the switches before ended: which colour is left is said as old and new, so that a sequence can be
made shorter and still means the same.
"""

import random
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Literal

from experiments.fault_campaign.catalogue import WAYS
from experiments.fault_campaign.kinds import HELD, OF_PODS, SHARED, Phase, Role, Takes, Way

Side = Literal["old", "new"]
Commanded = Literal["up", "patch"]

#: Of the switches whose phase is not held, so many are commanded by `pulumi up`; all others by hand, in a tenth of the
#: time: a member that stands still to hold a phase would do so for a whole update, longer than a session.
_UP_SHARE = 0.75
_THREE_SHARE = 0.25
#: So often each fault is to hit in each phase of a campaign.
ENOUGH = 5
#: What has missed so often is given up: it is told, and keeps no switches busy.
_GIVEN_UP = 2 * ENOUGH
#: While some have not, a switch has up to so many: more of them, and nothing is left that could go on.
_MOST = 6
_MOST_PODS = 3
#: Every so many switches the pair is given another shape.
_RESHAPED_EVERY = 10
_MORE_PARTITIONS_EVERY = 200
_MORE_PARTITIONS_AT = 85
_REPLICAS = (3, 2)
_MOMENT_SECONDS = 0.05
_LONG_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Injection:
    """One fault of one switch. side: of the colour that is left, or of the one that is asked for. number: of the pod,
    taken modulo how many there are. seconds: how long it lasts. after: seconds from the phase's beginning.
    """

    way: str
    side: Side
    number: int
    seconds: float
    after: float

    @property
    def kind(self) -> Way:
        return WAYS[self.way]


@dataclass(frozen=True, slots=True)
class Step:
    """One switch. number: from 1. phase: when its faults hit it. replicas: pods that each colour is to have from then
    on, by the same command; None: as many as before. partitions: so many more of the topic.
    """

    number: int
    phase: Phase
    commanded: Commanded
    injections: tuple[Injection, ...]
    replicas: int | None = None
    partitions: int = 0

    def as_json(self) -> dict[str, Any]:
        """As it is journaled, and read again by `of`."""
        injections = [asdict(one) for one in self.injections]
        return {**asdict(self), "phase": str(self.phase), "injections": injections}

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> "Step":
        """Raises KeyError, TypeError or ValueError for what is no step, or has a way that there is not."""
        injections = tuple(Injection(**one) for one in raw["injections"])
        for one in injections:
            if one.way not in WAYS:
                raise ValueError(f"{one.way!r} is no way to inject a fault; there are {', '.join(WAYS)}")
        shape = {key: raw[key] for key in ("replicas", "partitions") if key in raw}
        return cls(int(raw["number"]), Phase(raw["phase"]), raw["commanded"], injections, **shape)


Cell = tuple[str, Phase]


def cells(roles: Collection[Role], only: Collection[str] = ()) -> list[Cell]:
    """Everything that can be hit: each way, of those whose role there is, in each of its phases."""
    return [
        (way.name, phase)
        for way in WAYS.values()
        if way.role in roles and (not only or way.name in only)
        for phase in way.phases
    ]


class Planner:
    """Plans one switch after the other, for a pair that has these roles. only: these ways; all by default. reshapes:
    whether the pair is given other shapes on the way. Raises ValueError where there is nothing to inject.

    Those come first that hit least so far; which of them, where and how long is the seed's. As long as some have not
    hit often enough, as many as can be told apart are put into one switch: others' victims, or other things of the same
    one. Then a switch has two, one in four three.
    """

    def __init__(
        self, seed: int, roles: Collection[Role], only: Collection[str] = (), *, reshapes: bool = True
    ) -> None:
        self._seed = seed
        self._roles = frozenset(roles)
        self._reshapes = reshapes
        self.cells = cells(roles, only)
        if not self.cells:
            raise ValueError(f"none of {', '.join(sorted(only)) or 'the faults'} can be injected into this strategy")
        self._hits: Counter[Cell] = Counter()
        self._tries: Counter[Cell] = Counter()

    def count(self, step: Step, hits: Collection[Cell]) -> None:
        """A step was carried out, and of its faults these hit, in the phase that they were planned for."""
        self._tries.update(planned_cells(step))
        self._hits.update(hits)

    def step(self, number: int) -> Step:
        """The switch of that number."""
        drawn = random.Random(f"{self._seed}/{number}")  # noqa: S311 - it has to be the same again
        replicas, partitions = self._shape(number)
        reshaped = replicas is not None or partitions > 0
        # By the configuration, so by `up`: a phase would have to be held for all of it.
        phase = self._phase(drawn, [phase for phase in Phase if not reshaped or phase not in HELD])
        chosen = self._chosen(drawn, phase)
        by_up = phase not in HELD and (reshaped or drawn.random() < _UP_SHARE)
        return Step(number, phase, "up" if by_up else "patch", tuple(chosen), replicas, partitions)

    def short(self) -> list[Cell]:
        """What has not hit often enough."""
        return [cell for cell in self.cells if self._hits[cell] < ENOUGH]

    def needed(self, number: int) -> int:
        """How many switches it takes from that number on until all has hit often enough, if everything hits."""
        again = Planner(self._seed, self._roles, {way for way, _ in self.cells}, reshapes=self._reshapes)
        again._hits, again._tries = self._hits.copy(), self._tries.copy()
        taken = 0
        while again.short():
            step = again.step(number + taken)
            again.count(step, planned_cells(step))
            taken += 1
        return taken

    def _lacks(self, cell: Cell) -> int:
        """How often it has to hit yet; what has missed so often is not tried for it any more."""
        given_up = self._tries[cell] - self._hits[cell] >= _GIVEN_UP
        return 0 if given_up else max(0, ENOUGH - self._hits[cell])

    def _turns(self, cell: Cell) -> tuple[bool, float]:
        """What lacks no hit comes last. A miss counts half: it has its turn again sooner, and keeps nobody out."""
        return not self._lacks(cell), (self._hits[cell] + self._tries[cell]) / 2

    def _shape(self, number: int) -> tuple[int | None, int]:
        if not self._reshapes or number % _RESHAPED_EVERY:
            return None, int(self._reshapes and number % _MORE_PARTITIONS_EVERY == _MORE_PARTITIONS_AT)
        return _REPLICAS[(number // _RESHAPED_EVERY - 1) % len(_REPLICAS)], 0

    def _phase(self, drawn: random.Random, allowed: Sequence[Phase]) -> Phase:
        """The phase whose faults lack most; where none lacks any, whose faults came least, on average."""
        own = {phase: [cell for cell in self.cells if cell[1] is phase] for phase in allowed}
        own = {phase: found for phase, found in own.items() if found} or {
            phase: [cell for cell in self.cells if cell[1] is phase] for _, phase in self.cells
        }
        weights = {
            phase: (-sum(map(self._lacks, found)), sum(self._turns(cell)[1] for cell in found) / len(found))
            for phase, found in own.items()
        }
        lowest = min(weights.values())
        return drawn.choice([phase for phase, weight in weights.items() if weight == lowest])

    def _chosen(self, drawn: random.Random, phase: Phase) -> list[Injection]:
        names = [way for way, at in self.cells if at is phase]
        few = 3 if drawn.random() < _THREE_SHARE else 2
        chosen: list[Injection] = []
        while names and len(chosen) < _MOST:
            lowest = min(self._turns((name, phase)) for name in names)
            lacks_none, _ = lowest
            if lacks_none and len(chosen) >= few:
                break
            name = drawn.choice([name for name in names if self._turns((name, phase)) == lowest])
            names.remove(name)
            if (found := self._injection(drawn, WAYS[name], phase, chosen)) is not None:
                chosen.append(found)
        return chosen

    def _injection(
        self, drawn: random.Random, way: Way, phase: Phase, besides: Sequence[Injection]
    ) -> Injection | None:
        """One that can be told from those that there are; None if there is none."""
        if any(_masks(way, other.kind) for other in besides):
            return None
        places = [(side, number) for side in _SIDES for number in (0, 1)]
        if way.role in OF_PODS:
            taken = [one for one in besides if one.kind.role in OF_PODS]
            if len(taken) >= _MOST_PODS:
                return None
            free = {(one.side, one.number) for one in taken}
            places = [place for place in places if place not in free and not self._stands_still(way, phase, *place)]
            if Role.AGENT in self._roles and way.role in (Role.MOVER, Role.AGENT):
                # A colour has one agent, whichever of its workers is meant.
                sides = {one.side for one in taken if one.kind.role in (Role.MOVER, Role.AGENT)}
                places = [(side, number) for side, number in places if side not in sides]
        if not places:
            return None
        side, number = drawn.choice(places)
        low, high = way.seconds
        after = _LAST.get(way.role, _LATER if way.takes is Takes.ALONE else drawn.uniform(0, _MOMENT_SECONDS))
        return Injection(way.name, side, number, round(drawn.uniform(low, high), 1), round(after, 3))

    def _stands_still(self, way: Way, phase: Phase, side: Side, number: int) -> bool:
        """Whether it would last while its victim is held anyway: in a phase that is held open the first pod of a colour
        stands still for that.
        """
        if phase not in HELD or way.seconds[1] == 0:
            return False
        held: Side = "new" if phase in (Phase.RESUMING, Phase.ROLLING_BACK) else "old"
        if Role.AGENT in self._roles and phase is not Phase.WAITING:
            return way.role in (Role.MOVER, Role.AGENT) and side == held
        return way.role in (Role.WORKER, Role.HANDLER) and (side, number) == (held, 0)


_SIDES: tuple[Side, Side] = ("old", "new")
#: What the others need to be injected comes after them: another controller, the broker, the API server.
_LATER = _MOMENT_SECONDS + 0.01
_LAST = {Role.BROKER: _MOMENT_SECONDS + 0.02, Role.PLANE: _MOMENT_SECONDS + 0.03}


def planned_cells(step: Step) -> list[Cell]:
    """What a step is to hit."""
    return [(one.way, step.phase) for one in step.injections]


def steps(seed: int, roles: Collection[Role], only: Collection[str] = (), *, reshapes: bool = True) -> Iterator[Step]:
    """The endless sequence of a seed where everything hits. Raises as `Planner`."""
    planner = Planner(seed, roles, only, reshapes=reshapes)
    number = 0
    while True:
        number += 1
        step = planner.step(number)
        planner.count(step, planned_cells(step))
        yield step


def planned(
    seed: int, switches: int, roles: Collection[Role], only: Collection[str] = (), *, reshapes: bool = True
) -> list[Step]:
    """The first so many."""
    return list(islice(steps(seed, roles, only, reshapes=reshapes), switches))


def _masks(one: Way, other: Way) -> bool:
    """Whether of two faults one would hide the other: of what everybody shares one is hit once, or in two ways that
    have nothing to do with each other; where nobody gets an answer, nobody is cut off from it; and one long one, or
    nothing of the switch is left to see.
    """
    if min(one.seconds[1], other.seconds[1]) > _LONG_SECONDS:
        return True
    if one.role in SHARED and one.role is other.role:
        if one.role is not Role.CONTROLLER or one.takes is other.takes:
            return True
        gone = [way for way in (one, other) if way.takes is Takes.PROCESS]
        return any(way.seconds[1] == 0 for way in gone) or bool(gone and Takes.ALONE not in (one.takes, other.takes))
    roles = {one.role, other.role}
    if roles == {Role.PLANE, Role.BROKER}:
        return True
    takes = {way.takes for way in (one, other) if way.role not in (Role.PLANE, Role.BROKER)}
    return (Role.PLANE in roles and Takes.API in takes) or (
        Role.BROKER in roles and (Takes.BROKER in takes or Role.GROUP in roles)
    )


def coverage(hits: Iterable[Cell], everything: Collection[Cell]) -> dict[str, dict[str, int]]:
    """How often each way hit in each phase, zeros included: by way, by phase."""
    counted = Counter(hits)
    table: dict[str, dict[str, int]] = {}
    for name, phase in everything:
        table.setdefault(name, {})[str(phase)] = counted[name, phase]
    return table


def least(table: Mapping[str, Mapping[str, int]]) -> int:
    """The lowest number in a table of coverage; 0 of an empty one."""
    return min((count for row in table.values() for count in row.values()), default=0)
