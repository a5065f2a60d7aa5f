"""One place in a colour's StatefulSet in the adversary's world: every step that its pod, its consumer and its sidecar can
take, and what controllers know of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.protocol.names import forgetful, renamed
from tests.protocol.parts import (
    FAULTS,
    REAL,
    SHARE,
    Bounds,
    Hand,
    Rules,
    Seen,
    Slot,
    SlotMove,
    in_order,
    replace,
    said,
    told,
)
from workloads.common.lease import Grant
from workloads.common.report import Report
from workloads.common.states import Color, State
from workloads.controller.terms import Absence
from workloads.member import lifecycle as lc
from workloads.sidecar import step as sc


@dataclass
class Slots:
    """The steps of slots within `bounds`, by `rules`."""

    bounds: Bounds
    rules: Rules = REAL
    kinds: frozenset[str] = field(init=False)
    share: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.kinds = frozenset(kind for kind, _ in self.bounds.faults)
        self.share = SHARE if "revoked" in self.kinds else ()
        unknown = self.kinds - FAULTS.keys()
        if unknown:
            raise ValueError(f"unknown kinds of faults: {sorted(unknown)}; there are {sorted(FAULTS)}")

    def fresh(self, color: Color, uid: int, seen: tuple[Seen | None, ...]) -> Slot:
        begun = self._begun()
        ready = "unready" not in self.kinds
        return self._after(Slot(color, uid, 0, begun.lifecycle, sc.View(color), seen, ready=ready), begun)

    def _begun(self) -> lc.Step:
        begun = lc.start(self.bounds.membership, self.bounds.protocol)
        return replace(begun, lifecycle=self._life(begun.lifecycle))

    def _life(self, life: lc.Lifecycle) -> lc.Lifecycle:
        """What is remembered of it: where nobody is asked to leave, nobody asks who has left."""
        return forgetful(life) if self.bounds.leaves else replace(forgetful(life), left=False)

    @property
    def outlives(self) -> bool:
        """Whether what a pod moves (a connector, say) runs on without it, and its commands may yet come true."""
        return self.bounds.absence is Absence.UNKNOWN

    def active(self, slot: Slot) -> bool:
        """Whether something is processed by this slot now."""
        return slot.life.state is State.ACTIVE and (slot.exists or self.outlives)

    # -- what the controllers know -----------------------------------------------------------------------------------

    def actual(self, slot: Slot) -> Seen | None:
        """What a consistent read shows of a slot."""
        if not slot.exists:
            return None
        return Seen(slot.uid, slot.stored, slot.ready) if self.bounds.fine else Seen(slot.uid, None)

    def known(self, slot: Slot, controller: int) -> Seen | None:
        """What a controller believes of a slot."""
        seen = slot.seen[controller]
        if seen is None or self.bounds.fine or not slot.exists or seen.uid != slot.uid:
            return seen
        return Seen(seen.uid, slot.stored, slot.ready)

    def listed(self, slot: Slot, controller: int) -> Slot:
        """The slot after a controller listed all pods."""
        return renamed(_seen(slot, controller, self.actual(slot)))

    def forgotten(self, slot: Slot, controller: int) -> Slot:
        """The slot after a controller crashed."""
        return renamed(_seen(slot, controller, None))

    # -- steps of a slot -----------------------------------------------------------------------------------------------

    def slot_moves(self, slot: Slot, lease: Grant | None) -> Iterator[SlotMove]:
        """Everything that can happen in this slot next."""
        for move in self._slot_moves(slot, lease):
            if move.after == slot or (move.fault and move.fault not in self.kinds):
                continue
            after = move.after
            same_process = after.exists and after.up and (after.uid, after.boot) == (slot.uid, slot.boot)
            if same_process and (after.life.epoch < slot.life.epoch or after.life.seen_epoch < slot.life.seen_epoch):
                move = move._replace(wrong="the epoch of a consumer process fell")
            if said_too_early(slot, after, lease):
                move = move._replace(wrong="a consumer that says that it has left is in the group")
            yield move._replace(after=renamed(after))

    def _slot_moves(self, slot: Slot, lease: Grant | None) -> Iterator[SlotMove]:
        name = slot.color.value
        for number, seen in enumerate(slot.seen):
            actual = self.actual(slot)
            if (actual != seen) if self.bounds.fine else ((actual and actual.uid) != (seen and seen.uid)):
                who = "the controller" if len(slot.seen) == 1 else f"controller {number}"
                yield SlotMove(f"{who} sees a {name} pod", "", True, _seen(slot, number, actual))
        if slot.ghost is not None:
            yield from self._ghost_moves(slot, slot.ghost)
        if not slot.exists and self.outlives:
            yield SlotMove(f"a {name} agent is created", "", True, replace(slot, exists=True, uid=slot.uid + 1))
            yield from self._consumer_moves(slot, name, lease)
            return
        if not slot.exists:
            made = replace(self.fresh(slot.color, slot.uid + 1, slot.seen), ghost=slot.ghost)
            yield SlotMove(f"a {name} pod is created", "", True, made)
            return
        yield SlotMove(f"a {name} pod is deleted", "pod-delete", False, self.gone(slot))
        if slot.kept is not None:
            again = f"an old report of a {name} pod is written again: {said(slot.kept)}"
            yield SlotMove(again, "", False, replace(slot, stored=slot.kept))
        elif slot.stored is not None:
            yield SlotMove(f"the last report of a {name} pod is under way once more", "report-again", False,
                           replace(slot, kept=slot.stored))  # fmt: skip
        if slot.frozen:
            thawed = replace(slot, frozen=False)
            yield SlotMove(f"a {name} pod thaws", "", True, self.feed(thawed, lc.Stalled()) if slot.up else thawed)
            return
        if slot.ready:
            yield SlotMove(f"a {name} pod is not Ready", "unready", False, replace(slot, ready=False))
        else:
            yield SlotMove(f"a {name} pod is Ready", "", True, replace(slot, ready=True))
        yield SlotMove(f"a {name} pod freezes", "freeze", False, replace(slot, frozen=True))
        yield from self._sidecar_moves(slot, name, lease)
        yield from self._consumer_moves(slot, name, lease)

    def _ghost_moves(self, slot: Slot, ghost: Slot) -> Iterator[SlotMove]:
        """What is left of a pod that was deleted by force. Its sidecar's token died with the pod: it is cut off, and
        has nothing but what it remembers. What it does is its own matter: a fair schedule leaves it alone. While it
        stands still it takes no step, as one that has thawed may.
        """
        name = f"{slot.color} zombie"
        if ghost.dazed:
            aware = replace(self.feed(ghost, lc.Stalled()), dazed=False)
            yield SlotMove(f"a {name} sees that it stood still", "", True, self.haunted(slot, aware))
        for move in (*self._hears(ghost, name, ghost.truth()), *self._consumer_moves(ghost, name, None)):
            if move.fault != "consumer-crash":
                yield move._replace(due=False, after=self.haunted(slot, move.after))

    def haunted(self, slot: Slot, ghost: Slot) -> Slot:
        """The slot with this zombie, unless that will never do anything again."""
        ghost = replace(ghost, stored=None, view=replace(ghost.view, reported=None))
        if not self._resumable(ghost):
            if ghost.life.state is State.PAUSED and not ghost.life.wanted:
                return replace(slot, ghost=None)
            ghost = replace(ghost, view=sc.View(ghost.color), inflight=frozenset())
        return replace(slot, ghost=renamed(ghost))

    def _resumable(self, ghost: Slot) -> bool:
        """Whether anything that its sidecar remembers, or has posted, can still resume this zombie."""
        if ghost.dazed:
            return bool(ghost.inflight) or self._command(ghost.view) is not None
        remembered = self._command(replace(ghost.view, consumer=ghost.truth()))
        commands = {*ghost.inflight, remembered} - {None}
        resumes = [command for command in commands if isinstance(command, lc.Resume)]
        return any(not self.rules.lifecycle(ghost.life, resume).refused for resume in resumes)

    def _consumer_moves(self, slot: Slot, name: str, lease: Grant | None) -> Iterator[SlotMove]:
        begun = self._begun()
        if not slot.up:
            started = replace(slot, up=True, boot=slot.boot + 1, life=begun.lifecycle)
            yield SlotMove(f"a {name} consumer starts", "", True, self._after(started, begun))
            return
        for effect in slot.todo:
            done = without(slot, effect)
            match effect:
                case lc.Effect.JOIN if self.bounds.records:
                    owned = self.feed(done, lc.Owned(self.share))
                    yield SlotMove(f"a {name} consumer is a member", "", True, owned)
                case lc.Effect.COMMIT | lc.Effect.REWIND if self.bounds.records:
                    pass  # `Carrying` has them
                case lc.Effect.COMMIT:
                    yield SlotMove(f"a {name} consumer commits", "", True, self.feed(done, lc.CommitEnded(True)))
                    failed = self.feed(done, lc.CommitEnded(False))
                    yield SlotMove(f"a {name} consumer cannot commit", "commit-fails", False, failed)
                case lc.Effect.CLOSE:
                    closed = self.feed(replace(done, inside=False), lc.Closed())
                    yield SlotMove(f"a {name} consumer closes its clients", "", True, closed)
                case lc.Effect.LEAVE:
                    yield SlotMove(f"a {name} consumer leaves the group", "", True, self.feed(done, lc.Left()))
                case lc.Effect.JOIN | lc.Effect.REWIND:
                    assigned = self.feed(done, lc.Assigned(self.share))
                    yield SlotMove(f"a {name} consumer is assigned", "", True, assigned)
        wanted = self._command(slot.view)
        for command in in_order(slot.inflight):
            what = f"a {name} consumer executes {command}"
            yield SlotMove(what, "", command == wanted, self.feed(slot, command))
        yield from self._owner_moves(slot, name, lease)
        crashed = replace(
            slot, up=False, life=begun.lifecycle, todo=(), inflight=frozenset(), hand=Hand(), inside=False
        )
        yield SlotMove(f"a {name} consumer crashes", "consumer-crash", False, crashed)

    def _owner_moves(self, slot: Slot, name: str, lease: Grant | None) -> Iterator[SlotMove]:
        """What the group does to a consumer."""
        if self.share and slot.life.state is State.ACTIVE:
            if slot.life.partitions:
                revoked = self.feed(slot, lc.Revoked(slot.life.partitions))
                yield SlotMove(f"a {name} consumer's partitions are revoked", "revoked", False, revoked)
            else:
                given = self.feed(slot, lc.Assigned(self.share))
                yield SlotMove(f"a {name} consumer is given partitions again", "", True, given)
        if slot.life.client is lc.Client.MEMBER:
            lost = self.feed(replace(slot, todo=()), lc.Lost(slot.hand.position > slot.hand.acked))
            if slot.life.state is not State.PAUSED or slot.life.wanted:
                yield SlotMove(f"a {name} consumer loses its partitions", "lost", False, lost)
            elif lease and lease.holder is slot.color.other and not slot.life.way.member_from_start:
                yield SlotMove(f"a {name} consumer is fenced", "", False, lost)

    def _sidecar_moves(self, slot: Slot, name: str, lease: Grant | None) -> Iterator[SlotMove]:
        view, truth = slot.view, slot.truth()
        silent = replace(view.consumer, state=None) if view.consumer else None
        heard = truth or silent
        yield from self._hears(slot, name, heard)
        if slot.up:
            unheard = self._heard(slot, silent)
            yield SlotMove(f"a {name} sidecar gets no answer from its consumer", "unanswered", False, unheard)
        if lease is not None and view.grant is not None and view.grant != lease:
            sees = self._posted(slot, replace(view, grant=lease))
            yield SlotMove(f"a {name} sidecar sees the Lease: {told(lease)}", "", True, sees)
        call = self.rules.sidecar(view).call
        if isinstance(call, sc.ReadLease) and lease is not None:  # an error or a missing Lease changes nothing
            read = self._posted(slot, replace(view, grant=lease, read_for=call.life))
            yield SlotMove(f"a {name} sidecar reads the Lease: {told(lease)}", "", True, read)
        if self.bounds.fine:
            reported = self._reported(slot)
            yield SlotMove(f"a {name} sidecar reports {said(reported.stored)}", "", True, reported)
            for number, seen in enumerate(slot.seen):  # who has not seen the pod does not know where to ask
                if seen is not None and seen.uid == slot.uid:
                    told_directly = _seen(slot, number, Seen(slot.uid, view.consumer))
                    yield SlotMove(
                        f"a {name} sidecar tells a controller: {said(view.consumer)}", "", False, told_directly
                    )
        if view.reported is not None:  # after an error, and after a while: an older write may have landed on it
            again = f"a {name} sidecar sends its report again: {said(view.reported)}"
            yield SlotMove(again, "", True, replace(slot, stored=view.reported))
        forgot = replace(slot, view=sc.View(slot.color))
        yield SlotMove(f"a {name} sidecar crashes", "sidecar-crash", False, forgot)

    def _hears(self, slot: Slot, name: str, said_now: Report | None) -> Iterator[SlotMove]:
        if slot.view.consumer != said_now:
            heard = self._heard(slot, said_now)
            yield SlotMove(f"a {name} sidecar hears its consumer: {said(said_now)}", "", True, heard)

    def gone(self, slot: Slot) -> Slot:
        """The pod is deleted; a controller that has not seen that goes by its last report."""
        seen = tuple(self.known(slot, number) for number in range(len(slot.seen)))
        if self.outlives:
            return replace(
                slot, exists=False, frozen=False, view=sc.View(slot.color), stored=None, kept=None, seen=seen, ready=True
            )  # fmt: skip
        begun = self._begun()
        return Slot(
            slot.color, slot.uid, 0, begun.lifecycle, sc.View(slot.color), seen, exists=False, ghost=slot.ghost
        )  # fmt: skip

    def _heard(self, slot: Slot, consumer: Report | None) -> Slot:
        after = self._posted(slot, replace(slot.view, consumer=consumer))
        return after if self.bounds.fine else self._reported(after)

    def _command(self, view: sc.View) -> lc.Pause | lc.Resume | None:
        match self.rules.sidecar(view).call:
            case sc.PauseConsumer(epoch, leave):
                return lc.Pause(epoch, leave)
            case sc.ResumeConsumer(epoch, voids):
                return lc.Resume(epoch, voids)
        return None

    def _posted(self, slot: Slot, view: sc.View) -> Slot:
        """The slot whose sidecar has this view now; what it calls is in flight from here on."""
        command = self._command(view)
        if command is None or not slot.up:
            return replace(slot, view=view)
        return self._tidy(replace(slot, view=view, inflight=slot.inflight | {command}))

    def _reported(self, slot: Slot) -> Slot:
        report = self.rules.sidecar(slot.view).report
        if report is None:
            return slot
        return replace(slot, stored=report, view=replace(slot.view, reported=report))

    def feed(self, slot: Slot, event: lc.Event) -> Slot:
        return self._after(slot, self.rules.lifecycle(slot.life, event))

    def _after(self, slot: Slot, step: lc.Step) -> Slot:
        """The slot after its consumer's lifecycle took `step`: effects that answer later are left to do."""
        todo = slot.todo
        for effect in step.effects:
            todo = tuple(e for e in todo if e not in OVERTAKES.get(effect, ()))
            if effect not in todo and effect not in (lc.Effect.REPLACE, lc.Effect.RETIRE):
                todo = (*todo, effect)
        inside = self.bounds.leaves and (slot.inside or lc.Effect.JOIN in step.effects)
        after = self._tidy(replace(slot, life=self._life(step.lifecycle), todo=todo, inside=inside))
        if self.bounds.records:
            after = handed(slot, after, step.effects)
        if not self.bounds.fine:  # how long a drain takes is seen in how late its sidecar hears of it
            if lc.Effect.LEAVE in after.todo:
                return self.feed(without(after, lc.Effect.LEAVE), lc.Left())
            if lc.Effect.COMMIT in after.todo and "commit-fails" not in self.kinds and not self.bounds.records:
                return self.feed(without(after, lc.Effect.COMMIT), lc.CommitEnded(True))
        return after

    def _tidy(self, slot: Slot) -> Slot:
        """Drop the commands that can only be refused for as long as this process lives."""
        now = slot.life
        old = {
            command
            for command in slot.inflight
            if command.epoch < now.seen_epoch or (isinstance(command, lc.Resume) and command.voids != now.voids)
        }
        if not old or not all(self.rules.lifecycle(slot.life, command).refused for command in old):
            return slot
        return replace(slot, inflight=slot.inflight - old)


OVERTAKES = {
    lc.Effect.REPLACE: (lc.Effect.JOIN, lc.Effect.REWIND, lc.Effect.LEAVE, lc.Effect.CLOSE),
    lc.Effect.RETIRE: (lc.Effect.JOIN, lc.Effect.REWIND, lc.Effect.LEAVE),
    lc.Effect.CLOSE: (lc.Effect.JOIN, lc.Effect.REWIND, lc.Effect.LEAVE),
    lc.Effect.JOIN: (lc.Effect.CLOSE,),
}
"""Which effects that have not ended come to nothing by another."""


def said_too_early(before: Slot, after: Slot, lease: Grant | None) -> bool:
    """Whether a consumer says that it has left and is in its group, or is in it again under the same withdrawal."""
    if after.life.left:
        return after.inside
    said = lease and lease.leave and before.life.left and before.life.epoch == lease.epoch
    return bool(said) and after.exists and after.up and (before.uid, before.boot) == (after.uid, after.boot)


def _seen(slot: Slot, controller: int, seen: Seen | None) -> Slot:
    return replace(slot, seen=(*slot.seen[:controller], seen, *slot.seen[controller + 1 :]))


def without(slot: Slot, effect: lc.Effect) -> Slot:
    return replace(slot, todo=tuple(e for e in slot.todo if e is not effect))


def handed(before: Slot, after: Slot, effects: tuple[lc.Effect, ...]) -> Slot:
    """The slot after a step of its lifecycle, with what its consumer has in hand of the partition."""
    life, hand, todo = after.life, after.hand, after.todo
    if {lc.Effect.REPLACE, lc.Effect.RETIRE, lc.Effect.CLOSE} & {*effects}:
        hand = Hand()
    if life.state is State.PAUSED:
        hand = replace(hand, position=-1, acked=-1, epoch=0)
    if life.state is State.ACTIVE:
        hand = replace(hand, epoch=life.epoch)
    if not life.wanted:
        todo = tuple(effect for effect in todo if effect is not lc.Effect.REWIND)
    if lc.Effect.REWIND in effects or lc.Effect.REWIND not in todo or life.seen_epoch != before.life.seen_epoch:
        hand = replace(hand, part=0, chosen=None)
    return replace(after, hand=hand, todo=todo)
