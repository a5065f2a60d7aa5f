"""The adversary's world around the three pure functions: its parts, its beginning, and every step they can take.

Two kinds of parts take steps. A *slot* is one place in a colour's StatefulSet: the pod there, the consumer and the
sidecar in it, what is under way between them, and what each controller knows of it. The *core* is everything else: the
Lease, the specification, the status, and the controllers. A slot's steps depend on the slot and the Lease alone; the
core's on the core and on what the controllers know of the slots. So either can be tabulated (see `search`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.protocol import invariants
from tests.protocol.carrying import Carrying
from tests.protocol.invariants import unearned, wrong_write
from tests.protocol.parts import (
    LATE,
    SINCE,
    Control,
    Core,
    CoreMove,
    Hand,
    Known,
    Removal,
    Reshape,
    Slot,
    replace,
    told,
)
from workloads.common.lease import Grant
from workloads.common.states import Color, Membership, Outcome, State
from workloads.controller import terms as tm
from workloads.controller.scaled import held
from workloads.member import lifecycle as lc
from workloads.sidecar import step as sc


@dataclass
class World(Carrying):
    """The steps of everything within `bounds`, by `rules`. What is asked for again and again is remembered."""

    _specs: dict[int, tm.Spec] = field(default_factory=dict)
    _decisions: dict[tuple[Control, tuple[Known, Known], bool], tm.Decision] = field(default_factory=dict)

    # -- the beginning: blue is active and settled, everybody knows it; generation 2 asks for something else ----------

    def spec(self, generation: int) -> tm.Spec:
        """What this generation asks for: odd ones blue, even ones green; or of each two the first another shape."""
        found = self._specs.get(generation)
        if found is None:
            found = self._specs[generation] = self._asked_for(generation)
        return found

    def _asked_for(self, generation: int) -> tm.Spec:
        pods = self.bounds.pods
        turn, way = generation, None
        if self.bounds.reshape is Reshape.WITH_SWITCH:
            way = "odd" if generation % 2 else "even"
        paused = self.bounds.reshape is Reshape.PAUSED and generation % 2 == 0
        if self.bounds.reshape is Reshape.PAUSED:
            turn, way = (generation + 1) // 2, "any"
        if self.bounds.reshape is Reshape.ALONE:
            turn, way = (generation + 1) // 2, "even" if generation // 2 % 2 else "odd"
        asked, number = str(generation), None
        if self.bounds.reshape is Reshape.SCALED:
            turn, way, number = generation // 2 + 1, "any", pods
            asked = str(turn)
        return tm.Spec(
            generation=generation, active=Color.BLUE if turn % 2 else Color.GREEN, replicas=(pods, pods),
            partitions=pods * len(self.share), wait_for_lag=self.bounds.lag, analysis=self.bounds.analysis,
            absence=self.bounds.absence, way=way, one_group=self.bounds.membership is not Membership.SEPARATE,
            paused=paused, asked=asked if way else "", replay=self.bounds.replay, number=number,
            rest="" if number is None else asked,
        )  # fmt: skip

    def carried_out(self, me: Control) -> tm.Spec:
        """What a controller carries out now of what is asked for."""
        return held(self.spec(me.generation), me.grant)

    def initial(self) -> tuple[Core, tuple[Slot, ...], tuple[Slot, ...]]:
        """The core, blue's slots and green's."""
        if self.bounds.earlier:
            return self._begun_anew()
        first = self.spec(1)
        grant = Grant(
            Color.BLUE, 2, Color.BLUE, None, 1, Outcome.SWITCHED, shape=first.shape(Color.BLUE), asked=first.asked
        )
        memory = tm.Memory(2, Color.BLUE, 1, Outcome.SWITCHED)
        control = Control(True, grant, 1, None, memory)
        core = Core(grant, 2, memory, (control,) * self.bounds.controllers)
        blue, green = (((self._settled(color, grant),) * self.bounds.pods) for color in Color)
        return core, blue, green

    def _begun_anew(self) -> tuple[Core, tuple[Slot, ...], tuple[Slot, ...]]:
        """No Lease, a new object and new processes: generation 2 asks for green, whoever was active once."""
        control = Control(True, None, 2, None, tm.Memory())
        core = Core(None, 2, tm.Memory(), (control,) * self.bounds.controllers)
        fresh = (self.fresh(color, uid=0, seen=()) for color in Color)
        blue, green = (
            (replace(slot, seen=(self.actual(slot),) * self.bounds.controllers),) * self.bounds.pods for slot in fresh
        )
        return core, blue, green

    def _settled(self, color: Color, grant: Grant) -> Slot:
        slot = self.fresh(color, uid=0, seen=())
        if color is grant.holder:
            life = replace(
                slot.life, state=State.ACTIVE, epoch=2, seen_epoch=2, wanted=True, client=lc.Client.MEMBER,
                partitions=self.share, left=False,
            )  # fmt: skip
            slot = replace(slot, inside=self.bounds.leaves)
        else:
            life = replace(slot.life, epoch=2, seen_epoch=2, paused_epoch=2)
        if self.bounds.records and color is grant.holder:
            slot = replace(slot, hand=Hand(position=1, acked=1, epoch=2, initialised=True))
        slot = replace(slot, life=life, todo=(), ready=True)
        truth = slot.truth()
        view = sc.View(color, grant, "0.0", truth, truth)
        slot = replace(slot, view=view, stored=truth)
        return replace(slot, seen=(self.actual(slot),) * self.bounds.controllers)

    # -- steps of the core ---------------------------------------------------------------------------------------------

    def core_moves(self, core: Core, known: tuple[tuple[Known, Known], ...]) -> Iterator[CoreMove]:
        """Everything that can happen outside the slots next; known: per controller, blue's pods and green's."""
        for number, me in enumerate(core.controls):
            for move in self._control_moves(core, number, me, known[number]):
                if not move.fault or move.fault in self.kinds | {"deadline"}:
                    yield move
        if "spec-flip" in self.kinds:
            flipped = replace(core, generation=core.generation + 1)
            yield CoreMove("the specification asks for something else", "spec-flip", False, flipped)
        if "lease-delete" in self.kinds and core.lease is not None:
            yield CoreMove("the Lease is deleted", "lease-delete", False, replace(core, lease=None))

    def _control_moves(self, core: Core, number: int, me: Control, known: tuple[Known, Known]) -> Iterator[CoreMove]:
        who = "the controller" if len(core.controls) == 1 else f"controller {number}"

        def becomes(after: Control) -> Core:
            after = self._tidied(after)
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
            after = self._tidied(after)
            controls = (*core.controls[:number], after, *core.controls[number + 1 :])
            return replace(core, lease=lease, controls=controls)

        if decision.write is not None:
            write = plain(decision.write)
            if write != me.grant and core.lease == me.grant:  # else the compare-and-swap fails and changes nothing
                what = f"{'a deadline passes; ' if fault else ''}{who} writes the Lease: {told(write)}"
                lasts = "lease-delete" not in self.kinds and not self.bounds.earlier
                wrong = wrong_write(core.lease, write, lasts=lasts) or unearned(
                    me, known, write, spec=self.carried_out(me), share=self.share
                )
                after = becomes(_remember(replace(me, grant=write, measured=None)), write)
                yield CoreMove(what, fault, not fault, after, wrong=wrong)
        elif decision.need_list:
            key = tm.phase_key(self.carried_out(me), me.grant)
            yield CoreMove(
                f"{who} lists the pods", "", True, becomes(replace(me, listed=key), core.lease), lists=number
            )
        if decision.write is None and not fault:
            for measured, kind in self._measurements(decision):
                what = f"{who} measures: {type(measured).__name__.lower()} {measured}"
                yield CoreMove(what, kind, not kind, becomes(replace(me, measured=measured), core.lease))

    def _tidied(self, me: Control) -> Control:
        """The controller without a list of a phase that is over. Where a Lease can be lost a phase may come again."""
        if me.listed is None or "lease-delete" in self.kinds:
            return me
        return me if me.listed == tm.phase_key(self.carried_out(me), me.grant) else replace(me, listed=None)

    def _measurements(self, decision: tm.Decision) -> Iterator[tuple[tm.Lag | tm.Analysis | Removal, str]]:
        """What can come of the measurement that is asked for, each with the kind of fault that it is."""
        if decision.need_lag:
            yield tm.Lag.CAUGHT_UP, ""
        if decision.need_removal:
            yield Removal.DONE, ""
        if decision.need_since:
            yield Removal.READ, ""
        if decision.need_rewind:
            yield Removal.REWOUND, ""
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
        found = self._decisions.get((me, known, late))
        if found is None:
            found = self._decisions[me, known, late] = self._decided(me, known, late)
        return found

    def _decided(self, me: Control, known: tuple[Known, Known], late: bool) -> tm.Decision:
        spec = self.carried_out(me)
        return self.rules.decide(
            tm.Observation(
                spec,
                me.grant,
                self.members(known),
                listed=me.listed == tm.phase_key(spec, me.grant),
                elapsed=LATE if late else 0.0,
                ready_for=LATE if late else 0.0,
                memory=me.memory,
                lag=me.measured if isinstance(me.measured, tm.Lag) else tm.Lag.UNKNOWN,
                analysis=me.measured if isinstance(me.measured, tm.Analysis) else tm.Analysis.PENDING,
                removed=isinstance(me.measured, Removal),  # the last that is done of what is asked for in order
                since=SINCE if me.measured is Removal.READ else None,
                rewound=me.measured is Removal.REWOUND,
            )
        )

    # -- what must be --------------------------------------------------------------------------------------------------

    def wrong_lease(self, lease: Grant | None) -> str:
        """Which invariant this Lease breaks by itself; empty when none."""
        return invariants.wrong_lease(lease, self.spec)

    def end(self, core: Core, slots: tuple[Slot, ...]) -> str:
        """How a world that has come to rest ended: 'good …', or what is wrong."""
        return invariants.end(core, slots, self.share, self.spec)


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
