"""The explicit-state search: breadth first over all states, in arrays of numbers.

A state is one 64-bit number made of four: what is left of the faults, the core, blue's slots, green's slots (each an
interned value, the slots of a colour in sorted order because they are interchangeable). The steps of the parts are
computed by `world` once per part and tabulated; a level of the search is then a few look-ups and sorts of whole arrays.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tests.protocol.invariants import InvariantBroken
from tests.protocol.parts import Core, CoreMove, Known, Slot, pictured, told
from tests.protocol.tables import Column, Interned, Numbers, States, Table, distinct, mask, merge, new
from tests.protocol.world import World
from workloads.common.lease import Grant
from workloads.common.states import Color, State

GROUP_BITS = 20
CHUNK = 250_000
LONGEST_WAY_HOME = 1 << 12


@dataclass
class Result:
    """What a search saw. ends: how many states the fair schedule leads to which end."""

    states: int = 0
    steps: int = 0
    depth: int = 0
    ends: dict[str, int] = field(default_factory=dict)


class Search:
    """Visits every reachable state of a world. Its many attributes are one table or numbering each."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cores: Interned[Core] = Interned()
        self.leases: Interned[Grant | None] = Interned()
        self.slots: Interned[Slot] = Interned()
        self.groups: Interned[tuple[int, ...]] = Interned()
        self.known: Interned[tuple[Known, ...]] = Interned()
        self.labels: Interned[tuple[str, str]] = Interned()
        self._slot_moves: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
        self._rest: dict[tuple[int, int], int] = {}
        self._kinds = ("", *sorted(world.kinds | {"deadline"}))
        self._left()
        self._core_shift = 2 * GROUP_BITS
        self._left_shift = 64 - max(1, (len(self._lefts.values) - 1).bit_length())
        self._lease_of = Column(self.cores, lambda core: self.leases.id(core.lease))
        self._wrong_core = Column(self.cores, lambda core: bool(world.wrong_lease(core.lease)))
        self._holder = Column(self.cores, _holder)
        self._active = Column(self.groups, lambda group: any(self._is_active(slot) for slot in group))
        self._known_of = Column(self.groups, self._known_by_all)
        # rows: kind of fault, the colour's slots afterwards, label
        self._group_table = Table(3, self._group_rows)
        # rows: kind of fault, core, what becomes of both colours' slots (see _changed), label
        self._core_table = Table(4, self._core_rows)
        self._change_table = Table(1, lambda key: [(self._changed(key & mask(GROUP_BITS), key >> GROUP_BITS),)])
        self._rest_table = Table(1, lambda key: [(self._resting_group(key & mask(GROUP_BITS), key >> GROUP_BITS),)])
        # rows: core, what becomes of both colours' slots; none: nothing is due
        self._due_table = Table(2, self._due_rows)

    # -- numbers -------------------------------------------------------------------------------------------------------

    def _left(self) -> None:
        """Number what can be left of the faults, and tabulate what each fault leaves (-1: not allowed any more)."""
        bounds = self.world.bounds
        counts = dict(bounds.faults)
        self._lefts: Interned[tuple[int, ...]] = Interned()
        # The first number means that nothing is left: a state without its faults is the number without its top.
        self._lefts.id((0,) * (len(self._kinds) - 1) + (0,))
        self._all = self._lefts.id((*(counts.get(kind, 0) for kind in self._kinds[1:]), bounds.total))
        table: list[list[int]] = []
        for left in self._lefts.values:  # grows while we look
            row = [len(table)]
            for slot in range(len(self._kinds) - 1):
                rest = (*left[:slot], left[slot] - 1, *left[slot + 1 : -1], left[-1] - 1)
                row.append(self._lefts.id(rest if rest[-1] else (0,) * len(rest)) if min(rest) >= 0 else -1)
            table.append(row)
        self._pay: Numbers = np.array(table, np.int64)

    def _pack(self, left: Numbers, core: Numbers, blue: Numbers, green: Numbers) -> States:
        if len(self.groups.values) >> GROUP_BITS or len(self.cores.values) >> (self._left_shift - self._core_shift):
            raise RuntimeError("more values than the packed state has room for; narrow the bounds")
        packed = (left << self._left_shift) | (core << self._core_shift) | (blue << GROUP_BITS) | green
        return packed.astype(np.uint64)

    def _unpack(self, states: States) -> tuple[Numbers, Numbers, Numbers, Numbers]:
        def part(shift: int, bits: int) -> Numbers:
            return ((states >> np.uint64(shift)) & np.uint64(mask(bits))).astype(np.int64)

        core_bits = self._left_shift - self._core_shift
        return (
            part(self._left_shift, 64 - self._left_shift),
            part(self._core_shift, core_bits),
            part(GROUP_BITS, GROUP_BITS),
            part(0, GROUP_BITS),
        )

    def _group(self, slots: list[int]) -> int:
        return self.groups.id(tuple(sorted(slots)))

    def _is_active(self, slot_id: int) -> bool:
        slot = self.slots.values[slot_id]
        return slot.exists and slot.life.state is State.ACTIVE

    def _known_by_all(self, group: tuple[int, ...]) -> int:
        slots = [self.slots.values[number] for number in group]
        known: list[Known] = []
        for number in range(self.world.bounds.controllers):
            pods = [seen for slot in slots if (seen := self.world.known(slot, number)) is not None]
            known.append(tuple(sorted(pods, key=repr)))
        return self.known.id(tuple(known))

    # -- the tables' rows ------------------------------------------------------------------------------------------------

    def _moves_of_slot(self, slot_id: int, lease_id: int) -> list[tuple[int, int, int]]:
        """(kind of fault, slot afterwards, label); a fair schedule takes the first row that is marked due."""
        found = self._slot_moves.get((slot_id, lease_id))
        if found is None:
            lease = self.leases.values[lease_id]
            found = [
                (self._kinds.index(move.fault), self.slots.id(move.after), self.labels.id((move.what, move.wrong)))
                for move in self.world.slot_moves(self.slots.values[slot_id], lease)
            ]
            self._slot_moves[slot_id, lease_id] = found
        return found

    def _group_rows(self, key: int) -> list[tuple[int, ...]]:
        group, lease = self.groups.values[key & mask(GROUP_BITS)], key >> GROUP_BITS
        rows: list[tuple[int, ...]] = []
        for place, slot in enumerate(group):
            if place and group[place - 1] == slot:
                continue  # interchangeable with the one before
            for kind, after, label in self._moves_of_slot(slot, lease):
                rows.append((kind, self._group([*group[:place], after, *group[place + 1 :]]), label))
        return rows

    def _key_of_core(self, core: Numbers, blue: Numbers, green: Numbers) -> States:
        known = self._known_of.array()
        if len(self.known.values) >> GROUP_BITS:
            raise RuntimeError("more views of the pods than the packed key has room for; narrow the bounds")
        return ((core << 2 * GROUP_BITS) | (known[blue] << GROUP_BITS) | known[green]).astype(np.uint64)

    def _core_moves(self, key: int) -> list[CoreMove]:
        core = self.cores.values[key >> 2 * GROUP_BITS]
        blue = self.known.values[(key >> GROUP_BITS) & mask(GROUP_BITS)]
        green = self.known.values[key & mask(GROUP_BITS)]
        return list(self.world.core_moves(core, tuple(zip(blue, green, strict=True))))

    def _core_rows(self, key: int) -> list[tuple[int, ...]]:
        return [
            (self._kinds.index(m.fault), self.cores.id(m.after), _change(m), self.labels.id((m.what, m.wrong)))
            for m in self._core_moves(key)
        ]

    def _due_rows(self, key: int) -> list[tuple[int, ...]]:
        """What a fair schedule does outside the slots; a deadline passes when nothing else is left to do."""
        moves = self._core_moves(key)
        due = [m for m in moves if m.due] or [m for m in moves if m.fault == "deadline"]
        return [(self.cores.id(m.after), _change(m)) for m in due[:1]]

    def _changed(self, group_id: int, change: int) -> int:
        """A colour's slots after a controller listed (odd changes) or forgot (even ones) all pods; 0: as they were."""
        if change == 0:
            return group_id
        controller, listed = divmod(change - 1, 2)[0], change % 2 == 1
        act = self.world.listed if listed else self.world.forgotten
        slots = [self.slots.values[number] for number in self.groups.values[group_id]]
        return self._group([self.slots.id(act(slot, controller)) for slot in slots])

    def _resting_group(self, group_id: int, lease_id: int) -> int:
        return self._group([self._resting(slot, lease_id) for slot in self.groups.values[group_id]])

    def _resting(self, slot_id: int, lease_id: int) -> int:
        """Where a fair schedule leads this slot under this Lease."""
        path: list[int] = []
        now = slot_id
        while (found := self._rest.get((now, lease_id))) is None:
            path.append(now)
            moves = self.world.slot_moves(self.slots.values[now], self.leases.values[lease_id])
            after = next((move.after for move in moves if move.due), None)
            if after is None:
                found = now
                break
            now = self.slots.id(after)
            if len(path) > LONGEST_WAY_HOME:
                raise InvariantBroken(f"a slot does not come to rest: {self.slots.values[now]}")
        for passed in path:
            self._rest[passed, lease_id] = found
        return found

    # -- one level -------------------------------------------------------------------------------------------------------

    def _expand(self, states: States) -> Iterator[tuple[Numbers, States, Numbers]]:
        """All steps out of `states`, in parts: positions in `states`, states reached, labels."""
        left, core, blue, green = self._unpack(states)
        lease = self._lease_of.array()[core]
        for mine, other, swap in ((blue, green, False), (green, blue, True)):
            source, at = self._group_table.find(((lease << GROUP_BITS) | mine).astype(np.uint64))
            rows = self._group_table.entries()[at]
            paid = self._pay[left[source], rows[:, 0]]
            ok = paid >= 0
            source, rows, paid = source[ok], rows[ok], paid[ok]
            after, same = rows[:, 1], other[source]
            pair = (same, after) if swap else (after, same)
            yield source, self._pack(paid, core[source], *pair), rows[:, 2]
        source, at = self._core_table.find(self._key_of_core(core, blue, green))
        rows = self._core_table.entries()[at]
        paid = self._pay[left[source], rows[:, 0]]
        ok = paid >= 0
        source, rows, paid = source[ok], rows[ok], paid[ok]
        change = rows[:, 2]
        yield (
            source,
            self._pack(paid, rows[:, 1], self._change(blue[source], change), self._change(green[source], change)),
            rows[:, 3],
        )

    def _change(self, groups: Numbers, change: Numbers) -> Numbers:
        _, at = self._change_table.find(((change << GROUP_BITS) | groups).astype(np.uint64))
        changed: Numbers = self._change_table.entries()[at, 0]
        return changed

    def _broken(self, states: States) -> npt.NDArray[np.bool_]:
        _, core, blue, green = self._unpack(states)
        active, holder = self._active.array(), self._holder.array()[core]
        blue_active, green_active = active[blue] > 0, active[green] > 0
        wrong = self._wrong_core.array()[core] > 0
        both = blue_active & green_active
        found: npt.NDArray[np.bool_] = wrong | both | ((holder == 1) & green_active) | ((holder == 2) & blue_active)
        return found

    def run(self, limit: int = 30_000_000, ends: bool = True) -> Result:
        """Visit every reachable state, and (unless not `ends`) see that a fair schedule leads from each to a good end.

        Raises InvariantBroken with the shortest history, RuntimeError beyond `limit` states.
        """
        core, blue, green = self.world.initial()
        groups = [self._group([self.slots.id(slot) for slot in slots]) for slots in (blue, green)]
        first = self._pack(*(np.array([n]) for n in (self._all, self.cores.id(core), *groups)))
        levels = [first]
        visited = first
        result = Result()
        while len(levels[-1]):
            self._check(levels)
            reached = []
            for begin in range(0, len(levels[-1]), CHUNK):
                chunk = levels[-1][begin : begin + CHUNK]
                for source, after, labels in self._expand(chunk):
                    result.steps += len(after)
                    self._check_steps(levels, chunk, source, labels)
                    reached.append(new(distinct(after), visited))
            levels.append(distinct(np.concatenate(reached)))
            visited = merge(visited, levels[-1])
            if len(visited) > limit:
                raise RuntimeError(f"more than {limit} states; narrow the bounds")
        levels.pop()
        result.states, result.depth = len(visited), len(levels) - 1
        if ends:
            result.ends = self._settle(levels, visited)
        return result

    def _check(self, levels: list[States]) -> None:
        broken = self._broken(levels[-1])
        if broken.any():
            state = levels[-1][np.argmax(broken)]
            raise InvariantBroken(f"{self._complaint(state)}\n{self._history(levels, state)}")

    def _check_steps(self, levels: list[States], chunk: States, source: Numbers, labels: Numbers) -> None:
        bad = [number for number in range(len(self.labels.values)) if self.labels.values[number][1]]
        if bad:
            hit = np.isin(labels, bad)
            if hit.any():
                at = int(np.argmax(hit))
                what, wrong = self.labels.values[int(labels[at])]
                history = self._history(levels, chunk[source[at]])
                raise InvariantBroken(f"{wrong}\n{history}\n      {what}")

    # -- the end: no more faults, everybody is back and does what is due ---------------------------------------------------

    def _next(self, states: States) -> States:
        """One step of a fair schedule: all slots come to rest; when they are at rest, the core takes a step."""
        left, core, blue, green = self._unpack(states)
        lease = self._lease_of.array()[core] << GROUP_BITS
        _, at = self._rest_table.find((lease | blue).astype(np.uint64))
        blue_ = self._rest_table.entries()[at, 0]
        _, at = self._rest_table.find((lease | green).astype(np.uint64))
        green_ = self._rest_table.entries()[at, 0]
        core_ = core.copy()
        still = np.flatnonzero((blue_ == blue) & (green_ == green))
        source, at = self._due_table.find(self._key_of_core(core[still], blue[still], green[still]))
        rows = self._due_table.entries()[at]
        moved = still[source]
        core_[moved] = rows[:, 0]
        blue_[moved] = self._change(blue[moved], rows[:, 1])
        green_[moved] = self._change(green[moved], rows[:, 1])
        return self._pack(left, core_, blue_, green_)

    def _settle(self, levels: list[States], visited: States) -> dict[str, int]:
        """How many states lead where by themselves. Raises InvariantBroken for a state that leads to no good end."""
        faultless = np.uint64(mask(self._left_shift))
        known = distinct(visited & faultless)
        frontier, befores, afters = known, [], []
        while len(frontier):
            reached = np.concatenate([self._next(frontier[i : i + CHUNK]) for i in range(0, len(frontier), CHUNK)])
            befores.append(frontier)
            afters.append(reached)
            frontier = new(distinct(reached), known)
            known = merge(known, frontier)
        before, after = np.concatenate(befores), np.concatenate(afters)
        order = np.argsort(before)
        leads = np.searchsorted(known, after[order])
        step = 1
        while step < LONGEST_WAY_HOME:
            leads = leads[leads]
            step *= 2
        broken = self._broken(known)
        ends, counts = np.unique(leads[np.searchsorted(known, visited & faultless)], return_counts=True)
        judged: dict[str, int] = {}
        after_sorted = after[order]
        for end, count in zip(ends.tolist(), counts.tolist(), strict=True):
            verdict = "it goes round in circles" if after_sorted[end] != known[end] else self._judge(known[end])
            if not verdict.startswith("good"):
                self._raise_bad_end(levels, known, leads, end, verdict)
            judged[verdict] = judged.get(verdict, 0) + count
        if broken.any():
            state = known[np.argmax(broken)]
            raise InvariantBroken(f"on the way to the end: {self._complaint(state)}\n{self._picture(state)}")
        return judged

    def _judge(self, state: np.uint64) -> str:
        core, slots = self._values(state)
        return self.world.end(core, slots)

    def _raise_bad_end(self, levels: list[States], known: States, leads: Numbers, end: int, verdict: str) -> None:
        faultless = np.uint64(mask(self._left_shift))
        for depth, level in enumerate(levels):
            hit = leads[np.searchsorted(known, level & faultless)] == end
            if hit.any():
                state = level[np.argmax(hit)]
                history = self._history(levels[: depth + 1], state)
                raise InvariantBroken(
                    f"no good end: {verdict}\n{history}\n  and in the end\n{self._picture(known[end])}"
                )

    # -- for people ------------------------------------------------------------------------------------------------------

    def _values(self, state: np.uint64) -> tuple[Core, tuple[Slot, ...]]:
        _, core, blue, green = (int(part[0]) for part in self._unpack(np.array([state], np.uint64)))
        numbers = (*self.groups.values[blue], *self.groups.values[green])
        return self.cores.values[core], tuple(self.slots.values[number] for number in numbers)

    def _complaint(self, state: np.uint64) -> str:
        core, slots = self._values(state)
        active = sorted({slot.color.value for slot in slots if slot.exists and slot.life.state is State.ACTIVE})
        wrong = self.world.wrong_lease(core.lease)
        return wrong or f"{' and '.join(active)} ACTIVE under {told(core.lease)}"

    def _picture(self, state: np.uint64) -> str:
        core, slots = self._values(state)
        lines = [f"Lease: {told(core.lease)}; generation {core.generation}", *map(pictured, slots)]
        return "\n".join(f"      {line}" for line in lines)

    def _history(self, levels: list[States], state: np.uint64) -> str:
        """One of the shortest ways from the beginning to a state of the last level, found backwards."""
        lines: list[str] = []
        target = state
        for level in reversed(levels[:-1]):
            target, label = self._before(level, target)
            lines.append(self.labels.values[label][0])
        told_lines = [f"  {number:3} {line}" for number, line in enumerate(reversed(lines), 1)]
        return "\n".join([*told_lines, self._picture(state)])

    def _before(self, level: States, target: np.uint64) -> tuple[np.uint64, int]:
        for begin in range(0, len(level), CHUNK):
            chunk = level[begin : begin + CHUNK]
            for source, after, labels in self._expand(chunk):
                hit = np.flatnonzero(after == target)
                if len(hit):
                    return chunk[source[hit[0]]], int(labels[hit[0]])
        raise AssertionError("a state of the next level has no state before it")


def _holder(core: Core) -> int:
    if core.lease is None or core.lease.holder is None:
        return 0
    return 1 if core.lease.holder is Color.BLUE else 2


def _change(move: CoreMove) -> int:
    if move.lists is not None:
        return 1 + 2 * move.lists
    return 0 if move.forgets is None else 2 + 2 * move.forgets
