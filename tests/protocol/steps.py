"""The parts of the world and their steps as numbers: each value is interned, each part's steps are computed once."""

from tests.protocol.carrying import Broker
from tests.protocol.invariants import InvariantBroken
from tests.protocol.parts import Core, CoreMove, Known, Seen, Slot
from tests.protocol.tables import Interned, mask
from tests.protocol.world import World
from workloads.common.lease import Grant
from workloads.common.states import Color

LONGEST_WAY_HOME = 1 << 12


class Steps:
    """Numbers for the parts of a world, and rows of numbers for what they do. Its attributes are one numbering each."""

    def __init__(self, world: World) -> None:
        self.world = world
        # Where nothing is carried over, there is one broker.
        self.group_bits, self.broker_bits = (17, 13) if world.bounds.records else (20, 0)
        self.cores: Interned[Core] = Interned()
        self.leases: Interned[Grant | None] = Interned()
        self.brokers: Interned[Broker] = Interned()
        self.slots: Interned[Slot] = Interned()
        self.groups: Interned[tuple[int, ...]] = Interned()
        self.seen: Interned[Seen] = Interned()
        self.known: Interned[tuple[Known, ...]] = Interned()
        self.labels: Interned[tuple[str, str]] = Interned()
        self.kinds = ("", *sorted(world.kinds | {"deadline"}))
        self._slot_moves: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
        self._slot_due: dict[tuple[int, int], int | None] = {}
        self._data_moves: dict[tuple[int, int], list[tuple[int, int, int, int]]] = {}
        self._data_due: dict[tuple[int, int], tuple[int, int] | None] = {}
        self._core_due: dict[int, list[tuple[int, ...]]] = {}
        self._rest: dict[tuple[int, int, int], tuple[int, int]] = {}

    # -- numbers -------------------------------------------------------------------------------------------------------

    def group(self, slots: list[int]) -> int:
        return self.groups.id(tuple(sorted(slots)))

    def any_active(self, group: tuple[int, ...]) -> bool:
        return any(self.world.active(self.slots.values[number]) for number in group)

    def known_by_all(self, group: tuple[int, ...]) -> int:
        known: list[Known] = []
        for controller in range(self.world.bounds.controllers):
            pods = sorted(number for slot in group if (number := self._known_of_slot(slot, controller)) is not None)
            known.append(tuple(self.seen.values[number] for number in pods))
        return self.known.id(tuple(known))

    def _known_of_slot(self, slot: int, controller: int) -> int | None:
        seen = self.world.known(self.slots.values[slot], controller)
        return None if seen is None else self.seen.id(seen)

    # -- the tables' rows ------------------------------------------------------------------------------------------------

    def _moves_of_slot(self, slot_id: int, lease_id: int) -> list[tuple[int, int, int]]:
        """(kind of fault, slot afterwards, label); a fair schedule takes the first move that is due."""
        found = self._slot_moves.get((slot_id, lease_id))
        if found is None:
            moves = list(self.world.slot_moves(self.slots.values[slot_id], self.leases.values[lease_id]))
            found = [
                (self.kinds.index(move.fault), self.slots.id(move.after), self.labels.id((move.what, move.wrong)))
                for move in moves
            ]
            due = (after for move, (_, after, _) in zip(moves, found, strict=True) if move.due)
            self._slot_moves[slot_id, lease_id] = found
            self._slot_due[slot_id, lease_id] = next(due, None)
        return found

    def group_rows(self, key: int) -> list[tuple[int, ...]]:
        group, lease = self.groups.values[key & mask(self.group_bits)], key >> self.group_bits
        rows: list[tuple[int, ...]] = []
        for place, slot in enumerate(group):
            if place and group[place - 1] == slot:
                continue  # interchangeable with the one before
            for kind, after, label in self._moves_of_slot(slot, lease):
                rows.append((kind, self.group([*group[:place], after, *group[place + 1 :]]), label))
        return rows

    def _moves_of_data(self, slot_id: int, broker_id: int) -> list[tuple[int, int, int, int]]:
        """(kind of fault, slot afterwards, broker afterwards, label), as above."""
        found = self._data_moves.get((slot_id, broker_id))
        if found is None:
            moves = list(self.world.data_moves(self.slots.values[slot_id], self.brokers.values[broker_id]))
            found = [
                (
                    self.kinds.index(m.fault),
                    self.slots.id(m.after),
                    self.brokers.id(m.broker),
                    self.labels.id((m.what, m.wrong)),
                )
                for m in moves
            ]
            due = ((slot, broker) for move, (_, slot, broker, _) in zip(moves, found, strict=True) if move.due)
            self._data_moves[slot_id, broker_id] = found
            self._data_due[slot_id, broker_id] = next(due, None)
        return found

    def data_rows(self, key: int) -> list[tuple[int, ...]]:
        """What a colour's slots do with the broker: (kind of fault, slots afterwards, broker afterwards, label)."""
        group, broker = self.groups.values[key & mask(self.group_bits)], key >> self.group_bits
        return [
            (kind, self.group([*group[:place], after, *group[place + 1 :]]), broker_after, label)
            for place, slot in enumerate(group)
            for kind, after, broker_after, label in self._moves_of_data(slot, broker)
        ]

    def core_moves(self, key: int) -> list[CoreMove]:
        core = self.cores.values[key >> 2 * self.group_bits]
        blue = self.known.values[(key >> self.group_bits) & mask(self.group_bits)]
        green = self.known.values[key & mask(self.group_bits)]
        return list(self.world.core_moves(core, tuple(zip(blue, green, strict=True))))

    def core_rows(self, key: int) -> list[tuple[int, ...]]:
        moves = self.core_moves(key)
        rows: list[tuple[int, ...]] = [
            (self.kinds.index(m.fault), self.cores.id(m.after), _change(m), self.labels.id((m.what, m.wrong)))
            for m in moves
        ]
        due = [row for row, m in zip(rows, moves, strict=True) if m.due]
        due = due or [row for row, m in zip(rows, moves, strict=True) if m.fault == "deadline"]
        self._core_due[key] = [(core, change) for _, core, change, _ in due[:1]]
        return rows

    def due_rows(self, key: int) -> list[tuple[int, ...]]:
        """What a fair schedule does outside the slots; a deadline passes when nothing else is left to do."""
        if key not in self._core_due:
            self.core_rows(key)
        return self._core_due[key]

    def changed(self, group_id: int, change: int) -> int:
        """A colour's slots after a controller listed (odd changes) or forgot (even ones) all pods; 0: as they were."""
        if change == 0:
            return group_id
        controller, listed = (change - 1) // 2, change % 2 == 1
        act = self.world.listed if listed else self.world.forgotten
        slots = [self.slots.values[number] for number in self.groups.values[group_id]]
        return self.group([self.slots.id(act(slot, controller)) for slot in slots])

    def resting_rows(self, key: int) -> list[tuple[int, ...]]:
        """Where a fair schedule leads a colour's slots, one after the other: (slots, broker) under this Lease."""
        group = self.groups.values[key & mask(self.group_bits)]
        lease, broker = divmod(key >> self.group_bits, 1 << self.broker_bits)
        rested: list[int] = []
        for slot in group:
            now, broker = self._resting(slot, lease, broker)
            rested.append(now)
        return [(self.group(rested), broker)]

    def _resting(self, slot_id: int, lease_id: int, broker_id: int) -> tuple[int, int]:
        path: list[tuple[int, int]] = []
        now = (slot_id, broker_id)
        while (found := self._rest.get((*now, lease_id))) is None:
            path.append(now)
            slot, broker = now
            self._moves_of_slot(slot, lease_id)
            after = self._slot_due[slot, lease_id]
            following = None if after is None else (after, broker)
            if following is None:
                self._moves_of_data(slot, broker)
                following = self._data_due[slot, broker]
            if following is None:
                found = now
                break
            now = following
            if len(path) > LONGEST_WAY_HOME:
                raise InvariantBroken(f"a slot does not come to rest: {self.slots.values[slot]}")
        for passed in path:
            self._rest[(*passed, lease_id)] = found
        return found


def holder(core: Core) -> int:
    if core.lease is None or core.lease.holder is None:
        return 0
    return 1 if core.lease.holder is Color.BLUE else 2


def _change(move: CoreMove) -> int:
    if move.lists is not None:
        return 1 + 2 * move.lists
    return 0 if move.forgets is None else 2 + 2 * move.forgets
