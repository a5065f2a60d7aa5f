"""The adversary's world around the three pure functions: its parts, its beginning, and every step they can take.

Two kinds of parts take steps. A *slot* is one place in a colour's StatefulSet: the pod there, the consumer and the
sidecar in it, what is under way between them, and what each controller knows of it. The *core* is everything else: the
Lease, the specification, the status, and the controllers. A slot's steps depend on the slot and the Lease alone; the
core's on the core and on what the controllers know of the slots. So either can be tabulated (see `search`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from workloads.common.lease import Grant
from workloads.common.report import Report
from workloads.common.states import Color, GroupProtocol, Membership, Outcome, State
from workloads.controller import decide as dc
from workloads.controller import terms as tm
from workloads.member import lifecycle as lc
from workloads.sidecar import step as sc


@dataclass(frozen=True)
class Rules:
    """The three functions under test; the tests put broken copies in their place."""

    decide: Callable[[tm.Observation], tm.Decision] = dc.decide
    sidecar: Callable[[sc.View], sc.Next] = sc.step
    lifecycle: Callable[[lc.Lifecycle, lc.Event], lc.Step] = lc.step


FAULTS = {
    "consumer-crash": "a consumer process dies, and starts again some time later",
    "sidecar-crash": "a sidecar forgets everything",
    "controller-crash": "a controller forgets everything but the status, which may be old",
    "freeze": "a pod stands still, and thaws some time later",
    "pod-delete": "a pod is gone, and made again some time later",
    "lost": "a consumer loses its partitions, or is fenced while it is ACTIVE",
    "commit-fails": "the commit of a drain is not acknowledged",
    "unanswered": "a consumer does not answer its sidecar for a while",
    "deadline": "a deadline of the controller passes, however early",
    "report-again": "a report that was written is written again, once or more often, at any later time",
    "spec-flip": "the specification asks for the other colour again, as a new generation",
    "lease-delete": "somebody deletes the Lease",
    "unready": "a pod is not Ready for a while; new ones are not at first",
    "revoked": "the group takes the partitions of an ACTIVE consumer, and gives them back some time later",
    "analysis-fails": "the analysis finds too many failures",
    "analysis-empty": "the analysis shows nothing",
}

LATE = 1e9
"""Seconds after which every deadline has passed."""


@dataclass(frozen=True)
class Bounds:
    """How much may go wrong in one history, and how large the world is.

    faults: the kinds allowed, each with how often. total: how many altogether. pods: per colour.
    fine: every view ages by itself (see `model`). controllers: how many run at the same time.
    lag: a switch waits until the holder has caught up. analysis: it has to pass one. absence: of a pod from a list.
    """

    faults: tuple[tuple[str, int], ...] = ()
    total: int = 1
    pods: int = 2
    fine: bool = False
    membership: Membership = Membership.TAKEOVER
    protocol: GroupProtocol = GroupProtocol.CLASSIC
    controllers: int = 1
    lag: bool = False
    analysis: bool = False
    absence: tm.Absence = tm.Absence.GONE

    def __str__(self) -> str:
        kinds = " ".join(f"{kind}*{count}" if count > 1 else kind for kind, count in self.faults)
        parts = [f"{self.pods}+{self.pods} pods", "fine" if self.fine else "coarse", f"{self.membership}"]
        if self.protocol is not GroupProtocol.CLASSIC:
            parts.append(f"{self.protocol} protocol")
        parts += [name for name, asked in (("lag", self.lag), ("analysis", self.analysis)) if asked]
        if self.absence is tm.Absence.UNKNOWN:
            parts.append("absence tells nothing")
        if self.controllers > 1:
            parts.append(f"{self.controllers} controllers")
        return f"{', '.join(parts)}; at most {self.total} of: {kinds or 'nothing'}"


class Seen(NamedTuple):
    """What a controller knows of a slot. report, ready: coarse grain: the pod's newest ones count, not these."""

    uid: int
    report: Report | None
    ready: bool = True


@dataclass(frozen=True, slots=True)
class Slot:
    """One place in a StatefulSet.

    uid, boot: numbers of the pod and of the consumer process in it. up: the consumer process runs.
    life: what the consumer knows of itself. todo: effects that it has begun and that have not ended.
    inflight: commands that were posted to this process. view: the sidecar's. stored: the report on the Pod object.
    kept: an old report that may be written again. seen: what each controller knows; None: no pod. ready: as probed.
    """

    color: Color
    uid: int
    boot: int
    life: lc.Lifecycle
    view: sc.View
    seen: tuple[Seen | None, ...]
    exists: bool = True
    frozen: bool = False
    up: bool = True
    todo: tuple[lc.Effect, ...] = ()
    inflight: frozenset[lc.Event] = frozenset()
    stored: Report | None = None
    kept: Report | None = None
    ready: bool = True

    def truth(self) -> Report | None:
        """What the consumer would answer now; None when nothing."""
        life = self.life
        if not self.up:
            return None
        return Report(
            f"{self.uid}.{self.boot}", life.state, life.epoch, life.seen_epoch, life.committed, life.partitions
        )


@dataclass(frozen=True, slots=True)
class Control:
    """One controller process: everything in it is a view, possibly an old one. What it knows of pods is in the slots.

    knows: it has read the Lease. listed: the phase in which its last consistent list was begun.
    measured: what was measured in the present phase.
    """

    knows: bool
    grant: Grant | None
    generation: int
    listed: tuple[object, ...] | None
    memory: tm.Memory
    measured: tm.Lag | tm.Analysis | None = None


@dataclass(frozen=True, slots=True)
class Core:
    """The world besides the slots. lease: None when it does not exist. status: what a restarted controller reads."""

    lease: Grant | None
    generation: int
    status: tm.Memory
    controls: tuple[Control, ...]


class SlotMove(NamedTuple):
    """A step of one slot. fault: its kind, or empty. due: whether a fair schedule takes it. wrong: what it breaks."""

    what: str
    fault: str
    due: bool
    after: Slot
    wrong: str = ""


class CoreMove(NamedTuple):
    """A step of the core. lists, forgets: the number of the controller that lists all pods, or forgets them."""

    what: str
    fault: str
    due: bool
    after: Core
    lists: int | None = None
    forgets: int | None = None
    wrong: str = ""


Known = tuple[Seen, ...]
"""What a controller believes to be the pods of one colour."""

SHARE = (0,)
"""A slot's share of the topic: one partition. Which one it is follows from the others that own one (see `World.members`):
slots are interchangeable, so no two ever own the same. Where nothing can be revoked the topic has no partitions."""


@dataclass
class World:
    """The steps within `bounds`, by `rules`."""

    bounds: Bounds = Bounds()
    rules: Rules = Rules()
    kinds: frozenset[str] = field(init=False)
    share: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.kinds = frozenset(kind for kind, _ in self.bounds.faults)
        self.share = SHARE if "revoked" in self.kinds else ()
        unknown = self.kinds - FAULTS.keys()
        if unknown:
            raise ValueError(f"unknown kinds of faults: {sorted(unknown)}; there are {sorted(FAULTS)}")

    # -- the beginning: blue is active and settled, everybody knows it; generation 2 asks for green ------------------

    def spec(self, generation: int) -> tm.Spec:
        """What this generation asks for: odd ones blue, even ones green."""
        active = Color.BLUE if generation % 2 else Color.GREEN
        pods = self.bounds.pods
        return tm.Spec(
            generation=generation, active=active, replicas=(pods, pods), partitions=pods * len(self.share), wait_for_lag=self.bounds.lag,
            analysis=self.bounds.analysis, absence=self.bounds.absence,
        )  # fmt: skip

    def initial(self) -> tuple[Core, tuple[Slot, ...], tuple[Slot, ...]]:
        """The core, blue's slots and green's."""
        grant = Grant(Color.BLUE, 2, Color.BLUE, None, 1, Outcome.SWITCHED)
        memory = tm.Memory(2, Color.BLUE, 1, Outcome.SWITCHED)
        control = Control(True, grant, 1, None, memory)
        core = Core(grant, 2, memory, (control,) * self.bounds.controllers)
        blue, green = (((self._settled(color, grant),) * self.bounds.pods) for color in Color)
        return core, blue, green

    def _settled(self, color: Color, grant: Grant) -> Slot:
        slot = self._fresh(color, uid=0, seen=())
        if color is grant.holder:
            life = replace(
                slot.life, state=State.ACTIVE, epoch=2, seen_epoch=2, wanted=True, client=lc.Client.MEMBER,
                partitions=self.share,
            )  # fmt: skip
        else:
            life = replace(slot.life, epoch=2, seen_epoch=2, paused_epoch=2)
        slot = replace(slot, life=life, todo=(), ready=True)
        truth = slot.truth()
        view = sc.View(color, grant, "0.0", truth, truth)
        slot = replace(slot, view=view, stored=truth)
        return replace(slot, seen=(self.actual(slot),) * self.bounds.controllers)

    def _fresh(self, color: Color, uid: int, seen: tuple[Seen | None, ...]) -> Slot:
        begun = lc.start(self.bounds.membership, self.bounds.protocol)
        ready = "unready" not in self.kinds
        return self._after(Slot(color, uid, 0, begun.lifecycle, sc.View(color), seen, ready=ready), begun)

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
        return _seen(slot, controller, self.actual(slot))

    def forgotten(self, slot: Slot, controller: int) -> Slot:
        """The slot after a controller crashed."""
        return _seen(slot, controller, None)

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
            yield move

    def _slot_moves(self, slot: Slot, lease: Grant | None) -> Iterator[SlotMove]:
        name = slot.color.value
        for number, seen in enumerate(slot.seen):
            actual = self.actual(slot)
            if (actual != seen) if self.bounds.fine else ((actual and actual.uid) != (seen and seen.uid)):
                who = "the controller" if len(slot.seen) == 1 else f"controller {number}"
                yield SlotMove(f"{who} sees a {name} pod", "", True, _seen(slot, number, actual))
        if not slot.exists:
            yield SlotMove(f"a {name} pod is created", "", True, self._fresh(slot.color, slot.uid + 1, slot.seen))
            return
        yield SlotMove(f"a {name} pod is deleted", "pod-delete", False, self._gone(slot))
        if slot.kept is not None:
            again = f"an old report of a {name} pod is written again: {_said(slot.kept)}"
            yield SlotMove(again, "", False, replace(slot, stored=slot.kept))
        elif slot.stored is not None:
            yield SlotMove(f"the last report of a {name} pod is under way once more", "report-again", False,
                           replace(slot, kept=slot.stored))  # fmt: skip
        if slot.frozen:
            thawed = replace(slot, frozen=False)
            yield SlotMove(f"a {name} pod thaws", "", True, self._feed(thawed, lc.Stalled()) if slot.up else thawed)
            return
        if slot.ready:
            yield SlotMove(f"a {name} pod is not Ready", "unready", False, replace(slot, ready=False))
        else:
            yield SlotMove(f"a {name} pod is Ready", "", True, replace(slot, ready=True))
        yield SlotMove(f"a {name} pod freezes", "freeze", False, replace(slot, frozen=True))
        yield from self._sidecar_moves(slot, name, lease)
        yield from self._consumer_moves(slot, name, lease)

    def _consumer_moves(self, slot: Slot, name: str, lease: Grant | None) -> Iterator[SlotMove]:
        begun = lc.start(self.bounds.membership, self.bounds.protocol)
        if not slot.up:
            started = replace(slot, up=True, boot=slot.boot + 1, life=begun.lifecycle)
            yield SlotMove(f"a {name} consumer starts", "", True, self._after(started, begun))
            return
        for effect in slot.todo:
            done = _without(slot, effect)
            match effect:
                case lc.Effect.COMMIT:
                    yield SlotMove(f"a {name} consumer commits", "", True, self._feed(done, lc.CommitEnded(True)))
                    failed = self._feed(done, lc.CommitEnded(False))
                    yield SlotMove(f"a {name} consumer cannot commit", "commit-fails", False, failed)
                case lc.Effect.LEAVE:
                    yield SlotMove(f"a {name} consumer leaves the group", "", True, self._feed(done, lc.Left()))
                case lc.Effect.JOIN | lc.Effect.REWIND:
                    assigned = self._feed(done, lc.Assigned(self.share))
                    yield SlotMove(f"a {name} consumer is assigned", "", True, assigned)
        wanted = self._command(slot.view)
        for command in sorted(slot.inflight, key=repr):
            what = f"a {name} consumer executes {command}"
            yield SlotMove(what, "", command == wanted, self._feed(slot, command))
        yield from self._owner_moves(slot, name, lease)
        crashed = replace(slot, up=False, life=begun.lifecycle, todo=(), inflight=frozenset())
        yield SlotMove(f"a {name} consumer crashes", "consumer-crash", False, crashed)

    def _owner_moves(self, slot: Slot, name: str, lease: Grant | None) -> Iterator[SlotMove]:
        """What the group does to a consumer."""
        if self.share and slot.life.state is State.ACTIVE:
            if slot.life.partitions:
                revoked = self._feed(slot, lc.Revoked(slot.life.partitions))
                yield SlotMove(f"a {name} consumer's partitions are revoked", "revoked", False, revoked)
            else:
                given = self._feed(slot, lc.Assigned(self.share))
                yield SlotMove(f"a {name} consumer is given partitions again", "", True, given)
        if slot.life.client is lc.Client.MEMBER:
            lost = self._feed(replace(slot, todo=()), lc.Lost())
            if slot.life.state is not State.PAUSED or slot.life.wanted:
                yield SlotMove(f"a {name} consumer loses its partitions", "lost", False, lost)
            elif lease and lease.holder is slot.color.other and self.bounds.membership is not Membership.SHARED:
                yield SlotMove(f"a {name} consumer is fenced", "", False, lost)

    def _sidecar_moves(self, slot: Slot, name: str, lease: Grant | None) -> Iterator[SlotMove]:
        view, truth = slot.view, slot.truth()
        silent = replace(view.consumer, state=None) if view.consumer else None
        heard = truth or silent
        if view.consumer != heard:
            yield SlotMove(f"a {name} sidecar hears its consumer: {_said(heard)}", "", True, self._heard(slot, heard))
        if slot.up:
            unheard = self._heard(slot, silent)
            yield SlotMove(f"a {name} sidecar gets no answer from its consumer", "unanswered", False, unheard)
        if lease is not None and view.grant is not None and view.grant != lease:
            sees = self._posted(slot, replace(view, grant=lease))
            yield SlotMove(f"a {name} sidecar sees the Lease: {told(lease)}", "", True, sees)
        call = self.rules.sidecar(view).call
        if isinstance(call, sc.ReadLease) and lease is not None:  # an error or a missing Lease changes nothing
            read = self._posted(slot, replace(view, grant=lease, read_for=call.boot_id))
            yield SlotMove(f"a {name} sidecar reads the Lease: {told(lease)}", "", True, read)
        if self.bounds.fine:
            reported = self._reported(slot)
            yield SlotMove(f"a {name} sidecar reports {_said(reported.stored)}", "", True, reported)
            for number, seen in enumerate(slot.seen):  # who has not seen the pod does not know where to ask
                if seen is not None and seen.uid == slot.uid:
                    told_directly = _seen(slot, number, Seen(slot.uid, view.consumer))
                    yield SlotMove(
                        f"a {name} sidecar tells a controller: {_said(view.consumer)}", "", False, told_directly
                    )
        if view.reported is not None:  # after an error, and after a while: an older write may have landed on it
            again = f"a {name} sidecar sends its report again: {_said(view.reported)}"
            yield SlotMove(again, "", True, replace(slot, stored=view.reported))
        forgot = replace(slot, view=sc.View(slot.color))
        yield SlotMove(f"a {name} sidecar crashes", "sidecar-crash", False, forgot)

    def _gone(self, slot: Slot) -> Slot:
        """The pod is deleted; a controller that has not seen that goes by its last report."""
        seen = tuple(self.known(slot, number) for number in range(len(slot.seen)))
        begun = lc.start(self.bounds.membership, self.bounds.protocol)
        return Slot(slot.color, slot.uid, 0, begun.lifecycle, sc.View(slot.color), seen, exists=False)

    def _heard(self, slot: Slot, consumer: Report | None) -> Slot:
        after = self._posted(slot, replace(slot.view, consumer=consumer))
        return after if self.bounds.fine else self._reported(after)

    def _command(self, view: sc.View) -> lc.Event | None:
        match self.rules.sidecar(view).call:
            case sc.PauseConsumer(epoch):
                return lc.Pause(epoch)
            case sc.ResumeConsumer(epoch):
                return lc.Resume(epoch)
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

    def _feed(self, slot: Slot, event: lc.Event) -> Slot:
        return self._after(slot, self.rules.lifecycle(slot.life, event))

    def _after(self, slot: Slot, step: lc.Step) -> Slot:
        """The slot after its consumer's lifecycle took `step`: effects that answer later are left to do."""
        todo = slot.todo
        for effect in step.effects:
            if effect in (lc.Effect.REPLACE, lc.Effect.RETIRE):
                todo = tuple(e for e in todo if e not in (lc.Effect.JOIN, lc.Effect.REWIND, lc.Effect.LEAVE))
            elif effect not in todo:
                todo = (*todo, effect)
        after = self._tidy(replace(slot, life=step.lifecycle, todo=todo))
        if not self.bounds.fine:  # how long a drain takes is seen in how late its sidecar hears of it
            if lc.Effect.LEAVE in after.todo:
                return self._feed(_without(after, lc.Effect.LEAVE), lc.Left())
            if lc.Effect.COMMIT in after.todo and "commit-fails" not in self.kinds:
                return self._feed(_without(after, lc.Effect.COMMIT), lc.CommitEnded(True))
        return after

    def _tidy(self, slot: Slot) -> Slot:
        """Drop the commands that can only be refused for as long as this process lives."""
        old = {c for c in slot.inflight if isinstance(c, lc.Pause | lc.Resume) and c.epoch < slot.life.seen_epoch}
        if not old or not all(self.rules.lifecycle(slot.life, command).refused for command in old):
            return slot
        return replace(slot, inflight=slot.inflight - old)

    # -- steps of the core ---------------------------------------------------------------------------------------------

    def core_moves(self, core: Core, known: tuple[tuple[Known, Known], ...]) -> Iterator[CoreMove]:
        """Everything that can happen outside the slots next; known: per controller, blue's pods and green's."""
        for number, me in enumerate(core.controls):
            for move in self._control_moves(core, number, me, known[number]):
                if not move.fault or move.fault in self.kinds | {"deadline"}:
                    yield move
        if "spec-flip" in self.kinds:
            flipped = replace(core, generation=core.generation + 1)
            yield CoreMove("the specification asks for the other colour", "spec-flip", False, flipped)
        if "lease-delete" in self.kinds and core.lease is not None:
            yield CoreMove("the Lease is deleted", "lease-delete", False, replace(core, lease=None))

    def _control_moves(self, core: Core, number: int, me: Control, known: tuple[Known, Known]) -> Iterator[CoreMove]:
        who = "the controller" if len(core.controls) == 1 else f"controller {number}"

        def becomes(after: Control) -> Core:
            return replace(core, controls=(*core.controls[:number], after, *core.controls[number + 1 :]))

        crashed = becomes(Control(False, None, core.generation, None, core.status))
        yield CoreMove(f"{who} crashes", "controller-crash", False, crashed, forgets=number)
        if not me.knows or me.grant != core.lease:
            sees = becomes(_remember(replace(me, knows=True, grant=core.lease, measured=None)))
            yield CoreMove(f"{who} sees the Lease: {told(core.lease)}", "", True, sees)
        if me.generation != core.generation:
            sees = becomes(replace(me, generation=core.generation, measured=None))
            yield CoreMove(f"{who} sees generation {core.generation}", "", True, sees)
        if me.memory != core.status and {"controller-crash", "lease-delete"} <= self.kinds:
            yield CoreMove(f"{who} writes the status", "", True, replace(core, status=me.memory))
        if not me.knows or (me.grant is not None and me.grant.generation > me.generation):
            return  # it reads the specification before it decides anything
        early = self._decision(me, known, late=False)
        yield from self._carried_out(core, number, me, known, early, "", who)
        late = self._decision(me, known, late=True)
        if late != early:
            yield from self._carried_out(core, number, me, known, late, "deadline", who)

    def _carried_out(
        self,
        core: Core,
        number: int,
        me: Control,
        known: tuple[Known, Known],
        decision: tm.Decision,
        fault: str,
        who: str,
    ) -> Iterator[CoreMove]:
        def becomes(after: Control, lease: Grant | None) -> Core:
            controls = (*core.controls[:number], after, *core.controls[number + 1 :])
            return replace(core, lease=lease, controls=controls)

        if decision.write is not None:
            write = plain(decision.write)
            if write != me.grant and core.lease == me.grant:  # else the compare-and-swap fails and changes nothing
                what = f"{'a deadline passes; ' if fault else ''}{who} writes the Lease: {told(write)}"
                wrong = _wrong_write(core.lease, write) or self._unearned(me, known, write)
                after = becomes(_remember(replace(me, grant=write, measured=None)), write)
                yield CoreMove(what, fault, not fault, after, wrong=wrong)
        elif decision.need_list:
            key = tm.phase_key(self.spec(me.generation), me.grant)
            yield CoreMove(
                f"{who} lists the pods", "", True, becomes(replace(me, listed=key), core.lease), lists=number
            )
        if decision.write is None and not fault:
            for measured, kind in self._measurements(decision):
                what = f"{who} measures: {type(measured).__name__.lower()} {measured}"
                yield CoreMove(what, kind, not kind, becomes(replace(me, measured=measured), core.lease))

    def _measurements(self, decision: tm.Decision) -> Iterator[tuple[tm.Lag | tm.Analysis, str]]:
        """What can come of the measurement that is asked for, each with the kind of fault that it is."""
        if decision.need_lag:
            yield tm.Lag.CAUGHT_UP, ""
        if decision.need_analysis:
            yield tm.Analysis.PASSED, ""
            yield tm.Analysis.FAILED, "analysis-fails"
            yield tm.Analysis.INCONCLUSIVE, "analysis-empty"

    def members(self, known: tuple[Known, Known]) -> tuple[tm.Member, ...]:
        """The pods that a controller knows of, as `decide` gets them: the n-th owner of a share owns partition n."""
        found: list[tm.Member] = []
        for color, pods in zip(Color, known, strict=True):
            owners = 0
            for seen in pods:
                report = seen.report
                if report is not None and report.partitions:
                    report = replace(report, partitions=(owners,))
                    owners += 1
                found.append(tm.Member(f"{color} {seen.uid}", color.value, color, seen.ready, report))
        return tuple(found)

    def _decision(self, me: Control, known: tuple[Known, Known], late: bool) -> tm.Decision:
        spec = self.spec(me.generation)
        return self.rules.decide(
            tm.Observation(
                spec,
                me.grant,
                self.members(known),
                listed=me.listed == tm.phase_key(spec, me.grant),
                elapsed=LATE if late else 0.0,
                memory=me.memory,
                lag=me.measured if isinstance(me.measured, tm.Lag) else tm.Lag.UNKNOWN,
                analysis=me.measured if isinstance(me.measured, tm.Analysis) else tm.Analysis.PENDING,
            )
        )

    # -- what must be --------------------------------------------------------------------------------------------------

    def wrong_lease(self, lease: Grant | None) -> str:
        """Which invariant this Lease breaks by itself; empty when none."""
        if lease is None or lease.holder is None or lease.generation == 0:
            return ""
        asked = self.spec(lease.generation).active
        if lease.outcome is Outcome.SWITCHED and lease.holder is not asked:
            return f"generation {lease.generation} asks for {asked}: {told(lease)}"
        if lease.outcome is Outcome.ROLLBACK_BLOCKED and not lease.blocked_by:
            return f"nobody is named: {told(lease)}"
        if lease.outcome in (Outcome.REFUSED, Outcome.ROLLED_BACK) and lease.holder is asked:
            return f"generation {lease.generation} asks for {asked}: {told(lease)}"
        if lease.outcome is Outcome.FAILED and lease.holder is asked and lease.reason != "ResumeTimeout":
            # Only a colour that held the grant before, and is not ACTIVE in time, fails without a way back.
            return f"generation {lease.generation} asks for {asked}: {told(lease)}"
        return ""

    def _unearned(self, me: Control, known: tuple[Known, Known], write: Grant) -> str:
        """What had to be seen before this write, and was not; empty when nothing is amiss."""
        was, spec = me.grant, self.spec(me.generation)
        if was is None or was.unconfirmed or write.unconfirmed:
            return ""
        by_color = dict(zip(Color, known, strict=True))
        if was.holder is not None and was.outcome is not None and write.holder is None and write.origin is was.holder:
            if any(not seen.ready for seen in by_color[was.holder.other]):
                return f"withdrawn for a colour that is not ready: {told(write)}"
            if spec.wait_for_lag and me.measured is not tm.Lag.CAUGHT_UP:
                return f"withdrawn before the holder had caught up: {told(write)}"
        if was.holder is not None and write.holder is was.holder and write.outcome is Outcome.SWITCHED:
            owners = [seen for seen in by_color[was.holder] if seen.report and seen.report.partitions == self.share]
            if len(owners) != self.bounds.pods:
                return f"a partition has no owner: {told(write)}"
            moved = was.outcome is None and was.origin is not None and was.generation == me.generation
            if moved and spec.analysis and me.measured is not tm.Analysis.PASSED:
                return f"the analysis did not pass: {told(write)}"
        left = was.last_holder
        away = left is not None and was.holder is None and write.holder is left.other
        if away and left is not None and spec.absence is tm.Absence.UNKNOWN and len(by_color[left]) != self.bounds.pods:
            return f"somebody is absent, and confirmed nothing: {told(write)}"
        return ""

    def end(self, core: Core, slots: tuple[Slot, ...]) -> str:
        """How a world that has come to rest ended: 'good …', or what is wrong."""
        lease = core.lease
        if lease is None or lease.holder is None:
            return f"nobody holds the grant: {told(lease)}"
        if lease.generation != core.generation or lease.outcome is None:
            return f"generation {core.generation} has no outcome: {told(lease)}"
        for slot in slots:
            expected = State.ACTIVE if slot.color is lease.holder else State.PAUSED
            if not slot.up or slot.life.state is not expected or slot.life.epoch != lease.epoch:
                return f"a {slot.color} consumer is {_said(slot.truth())} under {told(lease)}"
            if slot.color is lease.holder and slot.life.partitions != self.share:
                return f"a {slot.color} consumer owns nothing under {told(lease)}"
        return f"good: {lease.outcome}"


def _seen(slot: Slot, controller: int, seen: Seen | None) -> Slot:
    return replace(slot, seen=(*slot.seen[:controller], seen, *slot.seen[controller + 1 :]))


def _without(slot: Slot, effect: lc.Effect) -> Slot:
    return replace(slot, todo=tuple(e for e in slot.todo if e is not effect))


def _remember(me: Control) -> Control:
    """The controller keeps what it saw or wrote last, for the case that the Lease is gone."""
    grant = me.grant
    if grant is None or grant.epoch < me.memory.epoch:
        return me
    memory = tm.Memory(grant.epoch, grant.holder or grant.last_holder, grant.generation, grant.outcome, grant.reason)
    return replace(me, memory=memory)


def plain(grant: Grant) -> Grant:
    """The grant without the details of its reason, which are for people and change no decision (see test_decide)."""
    return replace(grant, reason=grant.reason.split(":")[0].split(";")[0])


def _wrong_write(old: Grant | None, new: Grant) -> str:
    if old is None:
        return ""
    if new.epoch < old.epoch:
        return f"the epoch fell: {told(old)} -> {told(new)}"
    if old.holder is not new.holder and new.epoch == old.epoch:
        return f"the holder changed without a new epoch: {told(old)} -> {told(new)}"
    return ""


def told(grant: Grant | None) -> str:
    """A Lease in a few words, for histories."""
    if grant is None:
        return "no Lease"
    words = [f"{grant.holder or 'nobody'} at epoch {grant.epoch}"]
    if grant.holder is None:
        words.append(f"withdrawn from {grant.last_holder or 'whoever it was'}")
    words.append(f"generation {grant.generation} {grant.outcome or 'under way'}")
    words += [grant.reason] if grant.reason else []
    words += [f"waits for {', '.join(grant.blocked_by)}"] if grant.blocked_by else []
    return ", ".join(words) + (", all unconfirmed" if grant.unconfirmed else "")


def _said(report: Report | None) -> str:
    if report is None:
        return "nothing"
    return f"{report.state or 'no answer'} at epoch {report.epoch}"
