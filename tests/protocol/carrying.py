"""Strategy B in the adversary's world: one partition, both groups' commits of it, and what its two consumers, and their
zombies, do with them. A step here changes a slot and the broker together.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from tests.protocol.parts import Part, Slot, replace
from tests.protocol.slots import Slots, without
from workloads.common.states import Color, State
from workloads.handling.carry import Commit, Found, Start, stands
from workloads.member import lifecycle as lc

CRASHES = frozenset({"consumer-crash", "pod-delete", "lost", "commit-fails", "zombie"})
"""Faults after which a record may be handled twice."""


Place = tuple[Color, bool]
"""A process: whose colour, and whether it is that colour's zombie."""


@dataclass(frozen=True, slots=True)
class Broker:
    """What the broker and the log know of the partition.

    commits: of blue's group and of green's, as everybody reads them. pending: acknowledged, and not to be seen before
    the markers of their transaction are written. owner: who initialised the transactional id last. done: records before this one were handled. newest: where the work stands by
    the last commit that a consumer under the newest epoch was told is there.
    """

    commits: tuple[Commit | None, Commit | None]
    owner: Place
    done: int
    newest: int
    pending: tuple[Commit | None, Commit | None] = (None, None)

    def seen_by(self, color: Color) -> tuple[Commit | None, Commit | None]:
        """What a read gives: the own group's commit, and the other's."""
        return self.commits if color is Color.BLUE else self.commits[::-1]

    def stored(self, color: Color, commit: Commit) -> "Broker":
        """After a plain commit."""
        return replace(self, commits=_instead(self.commits, color, commit))

    def transacted(self, color: Color, commit: Commit) -> "Broker":
        """After a transaction's commit was answered."""
        return replace(self, pending=_instead(self.pending, color, commit))

    def marked(self) -> "Broker":
        """After all markers were written."""
        blue, green = (new or old for new, old in zip(self.pending, self.commits, strict=True))
        return replace(self, commits=(blue, green), pending=(None, None))

    def started_after(self, epoch: int) -> bool:
        """Whether somebody has begun to work under a newer epoch."""
        return any(one and not one.copy and one.epoch > epoch for one in (*self.commits, *self.pending))


class DataMove(NamedTuple):
    """A step of a slot and the broker. fault, due, wrong: as in SlotMove."""

    what: str
    fault: str
    due: bool
    after: Slot
    broker: Broker
    wrong: str = ""


class Carrying(Slots):
    """The steps of slots that change what the broker knows, or depend on it."""

    @property
    def strict(self) -> bool:
        """Whether nothing may be handled twice in this world."""
        return not self.kinds & CRASHES

    def broker(self) -> Broker:
        """Blue has handled one record and committed it; green's group has a commit of an earlier reign, or none."""
        epoch = self.bounds.earlier or 2
        before = Commit(0, epoch - 1) if self.bounds.reigned else None
        return Broker((Commit(1, epoch), before), (Color.BLUE, False), done=1, newest=1)

    def data_moves(self, slot: Slot, broker: Broker) -> Iterator[DataMove]:
        """Everything that can happen between this slot and the broker next."""
        if not self.bounds.records:
            return
        for move in self._data_moves(slot, broker):
            if (move.after, move.broker) != (slot, broker) and (not move.fault or move.fault in self.kinds):
                yield move

    def _data_moves(self, slot: Slot, broker: Broker) -> Iterator[DataMove]:
        name = slot.color.value
        if broker.pending != (None, None):
            yield DataMove("the markers of a transaction are written", "", True, slot, broker.marked())
        if slot.exists and slot.up and not slot.frozen:
            yield from self._of_process(slot, broker, (slot.color, False), name)
            if slot.ghost is None and "zombie" in self.kinds:
                ghost = replace(slot, dazed=True, stored=None, kept=None, seen=())
                mine = broker.owner == (slot.color, False) and slot.hand.initialised
                after = replace(broker, owner=(slot.color, True)) if mine else broker
                what = f"a {name} pod freezes and is deleted by force: its processes live"
                left = self.haunted(self.gone(slot), ghost)
                if left.ghost is not None:  # else it is a pod that was deleted, and that world is another
                    yield DataMove(what, "zombie", False, left, after)
        if slot.ghost is not None:
            for move in self._of_process(slot.ghost, broker, (slot.color, True), f"{name} zombie"):
                yield move._replace(after=self.haunted(slot, move.after))

    def _of_process(self, slot: Slot, broker: Broker, me: Place, name: str) -> Iterator[DataMove]:
        life, hand = slot.life, slot.hand
        if hand.copying is not None:
            answered = replace(slot, hand=replace(hand, copying=None))
            stored = broker.stored(slot.color, hand.copying)
            yield DataMove(f"a {name} copy is answered: {hand.copying}", "", True, answered, stored)
        elif life.state is State.PAUSED and not slot.todo and not me[1]:
            found = {0: self._found(broker, slot.color)}
            heard, what = self._hears_of(slot, found)
            yield DataMove(f"a {name} consumer {what}", "", True, heard, broker)
            copied = self.rules.copies(found).get(0)
            if copied is not None:
                copied = Commit(copied.offset, copied.epoch, copy=True)
                begun = replace(heard, hand=replace(heard.hand, copying=copied))
                yield DataMove(f"a {name} consumer begins a copy: {copied}", "", False, begun, broker)
        if lc.Effect.REWIND in slot.todo and lc.Effect.JOIN not in slot.todo:
            yield from self._start(slot, broker, me, name)
        if life.state is State.ACTIVE:
            yield from self._work(slot, broker, me, name)
        if lc.Effect.COMMIT in slot.todo:
            yield from self._drain(slot, broker, me, name)

    def _work(self, slot: Slot, broker: Broker, me: Place, name: str) -> Iterator[DataMove]:
        hand = slot.hand
        if hand.position <= self.bounds.records:
            wrong = ""
            if hand.position < 0:
                wrong = f"a {name} consumer is ACTIVE and was started nowhere"
            elif self.strict and hand.position < broker.done:
                wrong = f"a {name} consumer handles record {hand.position} again"
            handled = replace(slot, hand=replace(hand, position=hand.position + 1))
            done = replace(broker, done=max(broker.done, hand.position + 1))
            yield DataMove(f"a {name} consumer handles record {hand.position}", "", False, handled, done, wrong)
        if hand.position > hand.acked:
            for acked, after, wrong in self._commit(slot, broker, me, Commit(hand.position, hand.epoch)):
                yield DataMove(f"a {name} consumer commits {hand.position}", "", False, acked, after, wrong)

    def _drain(self, slot: Slot, broker: Broker, me: Place, name: str) -> Iterator[DataMove]:
        hand = slot.hand
        ended = self.feed(without(slot, lc.Effect.COMMIT), lc.CommitEnded(True))
        if hand.position <= hand.acked:
            yield DataMove(f"a {name} consumer has nothing to commit", "", True, ended, broker)
            return
        for acked, after, wrong in self._commit(slot, broker, me, Commit(hand.position, hand.epoch)):
            drained = acked
            if acked.life == slot.life:
                drained = self.feed(without(acked, lc.Effect.COMMIT), lc.CommitEnded(True))
            yield DataMove(
                f"a {name} consumer commits {hand.position} and has drained", "", True, drained, after, wrong
            )
            failed = self.feed(without(slot, lc.Effect.COMMIT), lc.CommitEnded(False))
            yield DataMove(
                f"a {name} consumer's commit is stored, not answered", "commit-fails", False, failed, after, wrong
            )
            yield DataMove(f"a {name} consumer cannot commit", "commit-fails", False, failed, broker)

    def _commit(self, slot: Slot, broker: Broker, me: Place, commit: Commit) -> Iterator[tuple[Slot, Broker, str]]:
        """The slot and the broker after this commit, and what is wrong with it; none: it has to wait for markers."""
        late = broker.started_after(commit.epoch)
        wrong = f"{commit} went through after somebody had started under a newer epoch" if late else ""
        acked = replace(slot, hand=replace(slot.hand, acked=commit.offset))
        told = broker if me[1] else replace(broker, newest=commit.offset)
        if not self.bounds.fenced:
            yield acked, told.stored(me[0], commit), "" if me[1] else wrong
        elif not slot.hand.initialised or (broker.owner != me and self.rules.one_id):
            uncommitted = slot.hand.position > slot.hand.acked
            yield self.feed(replace(slot, todo=()), lc.Lost(uncommitted)), broker, ""
        elif broker.pending == (None, None):
            yield acked, told.transacted(me[0], commit), wrong

    def _start(self, slot: Slot, broker: Broker, me: Place, name: str) -> Iterator[DataMove]:
        """The next part of a start that is under way."""
        hand, parts = slot.hand, self.rules.parts(self.bounds.fenced)
        place = hand.part
        if parts[place] is Part.ANSWERED:
            if hand.copying is not None:
                return
            place += 1
        further = replace(slot, hand=replace(hand, part=place + 1))
        match parts[place]:
            case Part.INITIALISE:
                mine = replace(further, hand=replace(further.hand, initialised=True))
                after = replace(broker.marked(), owner=me)
                yield DataMove(f"a {name} consumer initialises the id", "", True, mine, after)
            case Part.READ if broker.pending == (None, None) or not self.rules.stable:
                found = self._found(broker, slot.color)
                heard, what = self._hears_of(slot, {0: found})
                if heard != slot:
                    yield DataMove(f"a {name} consumer is to start, and {what}", "", True, heard, broker)
                    return
                chosen = self.rules.start(found, slot.life.seen_epoch)
                read = replace(further, hand=replace(further.hand, chosen=chosen))
                what = (
                    f"a {name} consumer under {slot.life.seen_epoch} is to start at {chosen.offset}, by {chosen.source}"
                )
                yield DataMove(what, "", True, read, broker)
            case Part.COMMIT if hand.chosen is not None:
                yield from self._begin(slot, broker, me, name, hand.chosen)

    def _hears_of(self, slot: Slot, found: Mapping[int, Found]) -> tuple[Slot, str]:
        """The slot when its consumer has heard of what the groups bear, as it was if that is nothing new."""
        newest = self.rules.newest(found)
        return self.feed(slot, lc.Heard(newest)), f"hears of epoch {newest}"

    def _found(self, broker: Broker, color: Color) -> Found:
        own, other = broker.seen_by(color)
        return Found(own, other, 0, self.bounds.records + 1)

    def _begin(self, slot: Slot, broker: Broker, me: Place, name: str, chosen: Start) -> Iterator[DataMove]:
        """The start is committed, unless it stands there already, and the partition is assigned at it."""
        epoch, where = slot.life.seen_epoch, chosen.offset
        commits = self._commit(slot, broker, me, Commit(where, epoch))
        for committed, after, wrong in ((slot, broker, ""),) if stands(chosen, epoch) else commits:
            started = committed
            if committed.life == slot.life:  # else it is fenced
                started = self.feed(without(committed, lc.Effect.REWIND), lc.Assigned(self.share))
                started = replace(started, hand=replace(started.hand, position=where, acked=where, part=0, chosen=None))
                wrong = wrong or self._misplaced(broker, me, where)
            yield DataMove(f"a {name} consumer starts at {where} under {epoch}", "", True, started, after, wrong)

    def _misplaced(self, broker: Broker, me: Place, chosen: int) -> str:
        """What is wrong with a start there; empty when nothing is."""
        if chosen > broker.done:
            return f"records are lost: a start at {chosen}, handled up to {broker.done}"
        if self.strict and chosen != broker.done:
            return f"the offset difference is {chosen - broker.done}: a start at {chosen}, handled up to {broker.done}"
        if chosen < broker.newest and not me[1] and (self.bounds.fenced or "zombie" not in self.kinds):
            return f"a start goes back: to {chosen}, behind {broker.newest}, which was committed"
        return ""


def _instead(
    pair: tuple[Commit | None, Commit | None], color: Color, commit: Commit
) -> tuple[Commit | None, Commit | None]:
    return (commit, pair[1]) if color is Color.BLUE else (pair[0], commit)
