"""The explicit-state search: breadth first over all states, in arrays of numbers.

A state is one 64-bit number made of four: what is left of the faults, the core, blue's slots, green's slots (each an
interned value, the slots of a colour in sorted order because they are interchangeable). The steps of the parts are
computed by `world` once per part and tabulated; a level of the search is then a few look-ups and sorts of whole arrays.

The same world with fewer faults left is not searched again: whatever can follow from it follows from the one with more
left, in as many steps. So every world is seen, and the shortest history of each stays the shortest; only the reckoning
of how it was paid for is not repeated.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tests.protocol.invariants import InvariantBroken
from tests.protocol.parts import Core, Slot, pictured, told
from tests.protocol.steps import LONGEST_WAY_HOME, Steps, holder
from tests.protocol.tables import Column, Interned, Numbers, States, Table, distinct, mask, merge, new
from tests.protocol.world import World

CHUNK = 250_000


@dataclass
class Result:
    """What a search saw.

    states: worlds, whatever is left of their faults. steps: out of them. ends: how many states the fair schedule leads
    to which end.
    """

    states: int = 0
    steps: int = 0
    depth: int = 0
    ends: dict[str, int] = field(default_factory=dict)


class Search:
    """Visits every reachable state of a world. Its many attributes are one table or numbering each."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.steps = Steps(world)
        self._left()
        bits = self._bits = self.steps.group_bits
        self._broker_shift = 2 * bits
        self._core_shift = 2 * bits + self.steps.broker_bits
        self._left_shift = 64 - max(1, (len(self._lefts.values) - 1).bit_length())
        self._lease_of = Column(self.steps.cores, lambda core: self.steps.leases.id(core.lease))
        self._wrong_core = Column(self.steps.cores, lambda core: bool(world.wrong_lease(core.lease)))
        self._holder = Column(self.steps.cores, holder)
        self._active = Column(self.steps.groups, self.steps.any_active)
        self._known_of = Column(self.steps.groups, self.steps.known_by_all)
        # rows: kind of fault, the colour's slots afterwards, label
        self._group_table = Table(3, self.steps.group_rows, free_first=True)
        # rows: kind of fault, core, what becomes of both colours' slots (see Steps.changed), label
        self._core_table = Table(4, self.steps.core_rows, free_first=True)
        self._change_table = Table(1, lambda key: [(self.steps.changed(key & mask(bits), key >> bits),)])
        # rows: kind of fault, the colour's slots afterwards, the broker afterwards, label
        self._data_table = Table(4, self.steps.data_rows, free_first=True)
        # rows: the colour's slots and the broker at rest
        self._rest_table = Table(2, self.steps.resting_rows)
        # rows: core, what becomes of both colours' slots; none: nothing is due
        self._due_table = Table(2, self.steps.due_rows)

    # -- numbers -------------------------------------------------------------------------------------------------------

    def _left(self) -> None:
        """Number what can be left of the faults, and tabulate what each fault leaves (-1: not allowed any more)."""
        bounds = self.world.bounds
        counts = dict(bounds.faults)
        self._lefts: Interned[tuple[int, ...]] = Interned()
        # The first number means that nothing is left: a state without its faults is the number without its top.
        self._lefts.id((0,) * (len(self.steps.kinds) - 1) + (0,))
        self._all = self._lefts.id((*(counts.get(kind, 0) for kind in self.steps.kinds[1:]), bounds.total))
        table: list[list[int]] = []
        for left in self._lefts.values:  # grows while we look
            row = [len(table)]
            for slot in range(len(self.steps.kinds) - 1):
                rest = (*left[:slot], left[slot] - 1, *left[slot + 1 : -1], left[-1] - 1)
                row.append(self._lefts.id(rest if rest[-1] else (0,) * len(rest)) if min(rest) >= 0 else -1)
            table.append(row)
        self._pay: Numbers = np.array(table, np.int64)
        have = np.array(self._lefts.values, np.int64)
        self._richer = [np.flatnonzero((have >= mine).all(axis=1)).tolist() for mine in have]
        """Per number: those with as much left of everything or more, itself included."""
        self._by_wealth = sorted(range(len(have)), key=lambda left: len(self._richer[left]))
        """All numbers, none before one that is richer."""

    def _pack(self, left: Numbers, core: Numbers, broker: Numbers, blue: Numbers, green: Numbers) -> States:
        steps, core_bits = self.steps, self._left_shift - self._core_shift
        sizes = (len(steps.groups.values), len(steps.brokers.values) - 1, len(steps.cores.values))
        if any(size >> bits for size, bits in zip(sizes, (self._bits, steps.broker_bits, core_bits), strict=True)):
            raise RuntimeError("more values than the packed state has room for; narrow the bounds")
        packed = left.astype(np.uint64) << np.uint64(self._left_shift)
        shifts = (self._core_shift, self._broker_shift, self._bits, 0)
        for part, shift in zip((core, broker, blue, green), shifts, strict=True):
            packed |= part.astype(np.uint64) << np.uint64(shift)
        return packed

    def _unpack(self, states: States) -> tuple[Numbers, Numbers, Numbers, Numbers, Numbers]:
        """What is left, core, broker, blue's slots and green's."""

        def part(shift: int, end: int) -> Numbers:
            return ((states >> np.uint64(shift)) & np.uint64(mask(end - shift))).astype(np.int64)

        return (
            (states >> np.uint64(self._left_shift)).astype(np.int64),
            part(self._core_shift, self._left_shift),
            part(self._broker_shift, self._core_shift),
            part(self._bits, self._broker_shift),
            part(0, self._bits),
        )

    def _key_of_core(self, core: Numbers, blue: Numbers, green: Numbers) -> States:
        known = self._known_of.array()
        if len(self.steps.known.values) >> self._bits:
            raise RuntimeError("more views of the pods than the packed key has room for; narrow the bounds")
        return ((core << 2 * self._bits) | (known[blue] << self._bits) | known[green]).astype(np.uint64)

    # -- one level -------------------------------------------------------------------------------------------------------

    def _expand(self, states: States) -> Iterator[tuple[Numbers, States, Numbers]]:
        """All steps out of `states`, in parts: positions in `states`, states reached, labels."""
        left, core, broker, blue, green = self._unpack(states)
        lease = self._lease_of.array()[core]
        for mine, other, swap in ((blue, green, False), (green, blue, True)):
            source, at, paid = self._rows(self._group_table, (lease << self._bits) | mine, left)
            after, same = self._group_table.column(1)[at], other[source]
            pair = (same, after) if swap else (after, same)
            yield source, self._pack(paid, core[source], broker[source], *pair), self._group_table.column(2)[at]
            if self.steps.broker_bits:
                table = self._data_table
                source, at, paid = self._rows(table, (broker << self._bits) | mine, left)
                after, same = table.column(1)[at], other[source]
                pair = (same, after) if swap else (after, same)
                yield source, self._pack(paid, core[source], table.column(2)[at], *pair), table.column(3)[at]
        table = self._core_table
        source, at, paid = self._rows(table, self._key_of_core(core, blue, green), left)
        change = table.column(2)[at]
        pair = (self._change(blue[source], change), self._change(green[source], change))
        yield source, self._pack(paid, table.column(1)[at], broker[source], *pair), table.column(3)[at]

    def _rows(self, table: Table, keys: Numbers | States, left: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """Positions in `keys`, of the rows of each that can be paid for, and what is left after them."""
        source, at = table.find(keys.astype(np.uint64), poor=left == 0)
        paid = self._pay[left[source], table.column(0)[at]]
        ok = paid >= 0
        return source[ok], at[ok], paid[ok]

    def _change(self, groups: Numbers, change: Numbers) -> Numbers:
        changed = groups.copy()
        some = np.flatnonzero(change)
        _, at = self._change_table.find(
            ((change[some].astype(np.int64) << self._bits) | groups[some]).astype(np.uint64)
        )
        changed[some] = self._change_table.column(0)[at]
        return changed

    def _broken(self, states: States) -> npt.NDArray[np.bool_]:
        _, core, _, blue, green = self._unpack(states)
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
        groups = [self.steps.group([self.steps.slots.id(slot) for slot in slots]) for slots in (blue, green)]
        parts = (self._all, self.steps.cores.id(core), self.steps.brokers.id(self.world.broker()), *groups)
        first = self._pack(*(np.array([number]) for number in parts))
        levels: list[States] = []
        visited = [np.zeros(0, np.uint64) for _ in self._lefts.values]
        result = Result()
        found = self._unseen(first, visited)
        while len(found):
            levels.append(found)
            self._check(levels)
            reached = []
            for begin in range(0, len(found), CHUNK):
                chunk = found[begin : begin + CHUNK]
                for source, after, labels in self._expand(chunk):
                    result.steps += len(after)
                    self._check_steps(levels, chunk, source, labels)
                    reached.append(distinct(after))
            found = self._unseen(distinct(np.concatenate(reached)), visited)
            if sum(map(len, visited)) > limit:
                raise RuntimeError(f"more than {limit} states; narrow the bounds")
        worlds = distinct(np.concatenate(visited))
        result.states, result.depth = len(worlds), len(levels) - 1
        if ends:
            result.ends = self._settle(levels, worlds)
        return result

    def _unseen(self, reached: States, visited: list[States]) -> States:
        """Those of `reached` that were not visited with as much left, or more; they count as visited from now on.

        reached: sorted, each once. visited: per number of what is left, the worlds visited with it, sorted.
        """
        begins = np.searchsorted(reached, np.arange(len(visited), dtype=np.uint64) << np.uint64(self._left_shift))
        ends = [*begins[1:], len(reached)]
        found: list[States] = []
        for left in self._by_wealth:
            worlds = reached[begins[left] : ends[left]] & np.uint64(mask(self._left_shift))
            for richer in self._richer[left]:
                worlds = new(worlds, visited[richer])
            visited[left] = merge(visited[left], worlds)
            found.append(worlds | np.uint64(left << self._left_shift))
        return np.concatenate(found)

    def _check(self, levels: list[States]) -> None:
        broken = self._broken(levels[-1])
        if broken.any():
            state = levels[-1][np.argmax(broken)]
            raise InvariantBroken(f"{self._complaint(state)}\n{self._history(levels, state)}")

    def _check_steps(self, levels: list[States], chunk: States, source: Numbers, labels: Numbers) -> None:
        bad = [number for number in range(len(self.steps.labels.values)) if self.steps.labels.values[number][1]]
        if bad:
            hit = np.isin(labels, bad)
            if hit.any():
                at = int(np.argmax(hit))
                what, wrong = self.steps.labels.values[int(labels[at])]
                history = self._history(levels, chunk[source[at]])
                raise InvariantBroken(f"{wrong}\n{history}\n      {what}")

    # -- the end: no more faults, everybody is back and does what is due ---------------------------------------------------

    def _next(self, states: States) -> States:
        """One step of a fair schedule: all slots come to rest; when they are at rest, the core takes a step."""
        left, core, broker, blue, green = self._unpack(states)
        lease = self._lease_of.array()[core] << self.steps.broker_bits
        after: list[Numbers] = []
        broker_ = broker
        for group in (blue, green):
            _, at = self._rest_table.find((((lease | broker_) << self._bits) | group).astype(np.uint64))
            after.append(self._rest_table.column(0)[at].astype(np.int64))
            broker_ = self._rest_table.column(1)[at].astype(np.int64)
        blue_, green_ = after
        core_ = core.copy()
        still = np.flatnonzero((blue_ == blue) & (green_ == green) & (broker_ == broker))
        source, at = self._due_table.find(self._key_of_core(core[still], blue[still], green[still]))
        moved, change = still[source], self._due_table.column(1)[at]
        core_[moved] = self._due_table.column(0)[at]
        blue_[moved] = self._change(blue[moved], change)
        green_[moved] = self._change(green[moved], change)
        return self._pack(left, core_, broker_, blue_, green_)

    def _settle(self, levels: list[States], worlds: States) -> dict[str, int]:
        """How many worlds lead where by themselves. Raises InvariantBroken for one that leads to no good end.

        worlds: sorted, each once; a world is a state with nothing left of its faults.
        """
        known = worlds
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
            further = leads[leads]
            if np.array_equal(further, leads):
                break
            leads = further
            step *= 2
        broken = self._broken(known)
        ends, counts = np.unique(leads[np.searchsorted(known, worlds)], return_counts=True)
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
        _, core, _, blue, green = (int(part[0]) for part in self._unpack(np.array([state], np.uint64)))
        numbers = (*self.steps.groups.values[blue], *self.steps.groups.values[green])
        return self.steps.cores.values[core], tuple(self.steps.slots.values[number] for number in numbers)

    def _complaint(self, state: np.uint64) -> str:
        core, slots = self._values(state)
        active = sorted({slot.color.value for slot in slots if self.world.active(slot)})
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
            lines.append(self.steps.labels.values[label][0])
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
