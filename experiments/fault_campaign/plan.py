"""What a campaign does, made from a seed alone: the same seed gives the same sequence, and a longer campaign begins as
a shorter one does.

Nobody is asked what came of the switches before: which colour is left is said as old and new, so that a sequence can
be made shorter and still means the same.
"""

import random
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Literal

from experiments.fault_campaign.catalogue import WAYS
from experiments.fault_campaign.kinds import HELD, SHARED, Phase, Role, Way

Side = Literal["old", "new"]
Commanded = Literal["up", "patch"]

#: Of the switches whose phase is not held, so many are commanded by `pulumi up`; all others by hand, in a tenth of the
#: time: a member that stands still to hold a phase would do so for a whole update, longer than a session.
_UP_SHARE = 0.75
_THREE_SHARE = 0.25
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
    """One switch. number: from 1. phase: when its faults hit it."""

    number: int
    phase: Phase
    commanded: Commanded
    injections: tuple[Injection, ...]

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
        return cls(int(raw["number"]), Phase(raw["phase"]), raw["commanded"], injections)


Cell = tuple[str, Phase]


def cells(roles: Collection[Role], only: Collection[str] = ()) -> list[Cell]:
    """Everything that can be hit: each way, of those whose role there is, in each of its phases."""
    return [
        (way.name, phase)
        for way in WAYS.values()
        if way.role in roles and (not only or way.name in only)
        for phase in way.phases
    ]


def steps(seed: int, roles: Collection[Role], only: Collection[str] = ()) -> Iterator[Step]:
    """The endless sequence of a seed, for a pair that has these roles. only: these ways; all by default.

    Each switch has two faults, one in four has three. Those come first that came least so far, so that every cell has
    its turn; which of them, where and how long is the seed's. Raises ValueError where there is nothing to inject.
    """
    drawn = random.Random(seed)  # noqa: S311 - it has to be the same again
    everything = cells(roles, only)
    if not everything:
        raise ValueError(f"none of {', '.join(sorted(only)) or 'the faults'} can be injected into this strategy")
    seen: Counter[Cell] = Counter()
    number = 0
    while True:
        number += 1
        phase = _phase(drawn, everything, seen)
        wanted = 3 if drawn.random() < _THREE_SHARE else 2
        chosen = _ways(drawn, [way for way, at in everything if at is phase], phase, seen, wanted)
        commanded: Commanded = "up" if drawn.random() < _UP_SHARE and phase not in HELD else "patch"
        yield Step(number, phase, commanded, tuple(_injection(drawn, WAYS[name], phase) for name in chosen))


def planned(seed: int, switches: int, roles: Collection[Role], only: Collection[str] = ()) -> list[Step]:
    """The first so many."""
    return list(islice(steps(seed, roles, only), switches))


def _phase(drawn: random.Random, everything: Sequence[Cell], seen: Counter[Cell]) -> Phase:
    """The phase whose cells came least, in proportion to how many it has."""
    least: dict[Phase, float] = {}
    for phase in Phase:
        own = [cell for cell in everything if cell[1] is phase]
        if own:
            least[phase] = sum(seen[cell] for cell in own) / len(own)
    lowest = min(least.values())
    return drawn.choice([phase for phase, share in least.items() if share == lowest])


def _ways(drawn: random.Random, names: list[str], phase: Phase, seen: Counter[Cell], wanted: int) -> list[str]:
    chosen: list[str] = []
    while names and len(chosen) < wanted:
        lowest = min(seen[name, phase] for name in names)
        name = drawn.choice([name for name in names if seen[name, phase] == lowest])
        seen[name, phase] += 1
        chosen.append(name)
        names = [other for other in names if other != name and not _excludes(WAYS[name], WAYS[other])]
    return chosen


def _excludes(one: Way, other: Way) -> bool:
    """Of what everybody shares, one fault at a time; one long one, or nothing of the switch is left to see; and nobody
    is asked for faults of its own through the connection that another one cuts.
    """
    if one.role in SHARED and one.role is other.role:
        return True
    if one.role is other.role is Role.HANDLER and one.place != other.place:
        return True
    return min(one.seconds[1], other.seconds[1]) > _LONG_SECONDS


def _injection(drawn: random.Random, way: Way, phase: Phase) -> Injection:
    """In a phase that is held open the first pod of its colour stands still for that: what lasts hits the second."""
    low, high = way.seconds
    number = drawn.randrange(2)
    held = phase in HELD and high > 0 and way.role in (Role.WORKER, Role.HANDLER)
    return Injection(
        way=way.name,
        side=drawn.choice(("old", "new")),
        number=1 if held else number,
        seconds=round(drawn.uniform(low, high), 1),
        after=round(drawn.uniform(0, _MOMENT_SECONDS), 3),
    )


def coverage(hits: Collection[Cell], everything: Collection[Cell]) -> dict[str, dict[str, int]]:
    """How often each way hit in each phase, zeros included: by way, by phase."""
    counted = Counter(hits)
    table: dict[str, dict[str, int]] = {}
    for name, phase in everything:
        table.setdefault(name, {})[str(phase)] = counted[name, phase]
    return table


def least(table: Mapping[str, Mapping[str, int]]) -> int:
    """The lowest number in a table of coverage; 0 of an empty one."""
    return min((count for row in table.values() for count in row.values()), default=0)
