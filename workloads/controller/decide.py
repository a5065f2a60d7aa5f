"""The controller's decision: a pure function from what is to the one next write of the Lease.

No I/O and no clock: elapsed times come in as numbers. It is level-triggered: it never remembers what it did, it looks
at the Lease, the members and the specification, and takes the next step from there. So a controller that crashed
anywhere, or a second one beside it, goes on correctly.

The Lease is in one of two forms:

    held       holder = X                  settled (outcome set), or X is being verified (outcome empty)
    withdrawn  holder = empty, last = X    nobody may be active; waiting for X's members to confirm PAUSED

and a switch of generation g from X to Y goes: held X -> withdrawn from X (from = X) -> held Y -> outcome Switched.
A rollback goes on: withdrawn from Y (from = X still) -> held X, outcome RolledBack.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from workloads.common.lease import Grant
from workloads.common.report import Report
from workloads.common.states import Color, Outcome, Phase, State


@dataclass(frozen=True, slots=True)
class Spec:
    """What is asked for. replicas: pods per colour, (blue, green). Timeouts in seconds."""

    generation: int
    active: Color
    replicas: tuple[int, int]
    partitions: int
    wait_for_lag: bool = False
    lag_timeout: float = 120.0
    drain_timeout: float = 10.0
    resume_timeout: float = 10.0
    analysis: bool = False

    def count(self, color: Color) -> int:
        """The number of pods that `color` should have."""
        return self.replicas[0 if color is Color.BLUE else 1]


@dataclass(frozen=True, slots=True)
class Member:
    """A pod of one colour and what its sidecar reported; report None: nothing readable yet."""

    uid: str
    pod: str
    color: Color
    ready: bool
    report: Report | None


class Lag(StrEnum):
    """How far the holder is behind the end offsets that were read when the generation was first seen."""

    UNKNOWN = "unknown"
    BEHIND = "behind"
    CAUGHT_UP = "caught-up"


class Analysis(StrEnum):
    """The verdict on the colour that was switched to."""

    PENDING = "pending"
    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Memory:
    """What status (and this process) remembers for the case that the Lease is gone."""

    epoch: int = 0
    last_holder: Color | None = None
    generation: int = 0
    outcome: Outcome | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything that a decision rests on.

    grant: the Lease; None when a read said that there is none.
    members: the pods as known. listed: whether they come from a consistent list (no cache) that was begun in this phase
        (see `phase_key`); only then does a pod's absence mean that it is gone.
    elapsed: seconds on the monotonic clock since this process first saw this phase.
    """

    spec: Spec
    grant: Grant | None
    members: tuple[Member, ...]
    listed: bool
    elapsed: float = 0.0
    memory: Memory = Memory()
    lag: Lag = Lag.UNKNOWN
    lag_detail: str = ""
    analysis: Analysis = Analysis.PENDING
    analysis_detail: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now.

    write: the Lease's next content; None: leave it. Everything else is for the time until the next observation.
    phase, reason, message: what status says. need_list: ask for a consistent list. need_lag, need_analysis: measure
        them.
    deadline: seconds of `elapsed` at which to decide anew even if nothing happens.
    """

    phase: Phase
    write: Grant | None = None
    reason: str = ""
    message: str = ""
    need_list: bool = False
    need_lag: bool = False
    need_analysis: bool = False
    deadline: float | None = None


LOST_EPOCHS = 1000
"""How many epochs may have been lost with a Lease; it is made again at a round number at least half as many higher.

Commands of the lost Lease may still be on their way to consumers, under epochs that nobody has reported: a withdrawal
and the grant after it that took place while status was late. They have to be older than the new withdrawal, or a
consumer that has confirmed it could still execute one. A round number: of two Leases lost in a row the second is made
again at the first one's epoch if nobody has heard of that, and then an epoch still has one meaning, a withdrawal from
everybody.
"""


def phase_key(spec: Spec, grant: Grant | None) -> tuple[object, ...]:
    """Names the phase of timers and lists: it changes with the generation and with every write of the grant."""
    if grant is None:
        return (spec.generation,)
    return (spec.generation, grant.epoch, grant.holder, grant.generation, grant.outcome)


def decide(seen: Observation) -> Decision:
    """The next step. Returns a Decision; raises nothing."""
    grant = seen.grant
    if grant is None:
        return _make_again(seen, seen.memory.epoch)
    if max([seen.memory.epoch, *_epochs(seen.members)]) > grant.epoch:
        # Somebody has heard of a newer epoch than the Lease's: it was lost and made again below it.
        return _make_again(seen, grant.epoch)
    if grant.holder is None:
        return _withdrawn(seen, grant)
    if grant.generation != seen.spec.generation:
        return _new_generation(seen, grant, grant.holder)
    if grant.outcome is None:
        return _verify(seen, grant, grant.holder)
    if grant.outcome is Outcome.ROLLBACK_BLOCKED:
        return _blocked(seen, grant, grant.holder)
    return _settled(seen, grant)


def unconfirmed(members: Iterable[Member], color: Color | None, epoch: int) -> tuple[str, ...]:
    """Names of the pods of `color` (None: of both) that have not confirmed PAUSED at exactly `epoch`."""
    return tuple(m.pod for m in members if (color is None or m.color == color) and not (_paused_at(m, epoch)))


def not_active(spec: Spec, members: Iterable[Member], color: Color, epoch: int) -> str:
    """What is missing for `color` to be ACTIVE on all partitions under `epoch`; empty when nothing is."""
    own = [m for m in members if m.color == color]
    late = [m.pod for m in own if not _active_at(m, epoch)]
    if late:
        return f"not ACTIVE under epoch {epoch}: {', '.join(_told(own, late))}"
    if len(own) != spec.count(color):
        return f"{len(own)} of {spec.count(color)} {color} pods exist"
    owned = sorted(p for m in own if m.report for p in m.report.partitions)
    if owned != list(range(spec.partitions)):
        return f"{color} owns partitions {owned} of {spec.partitions}"
    return ""


# -- the Lease is gone ---------------------------------------------------------------------------------------------


def _make_again(seen: Observation, epoch: int) -> Decision:
    """A new Lease above every epoch that anybody can know of; nobody is granted before both colours have confirmed.

    Status may lag behind the Lease that was lost, so its last holder says where to go back to, not whom to trust.
    """
    if not seen.listed:
        return Decision(Phase.PAUSING, reason="LeaseLost", message="reading all members", need_list=True)
    memory = seen.memory
    grant = seen.grant
    if grant is not None:
        memory = Memory(epoch, grant.holder or grant.last_holder, grant.generation, grant.outcome, grant.reason)
    known = max([epoch, seen.memory.epoch, *_epochs(seen.members)])
    write = Grant(
        holder=None,
        epoch=_above(known),
        last_holder=memory.last_holder,
        generation=memory.generation,
        outcome=memory.outcome,
        reason=memory.reason,
        unconfirmed=True,
    )
    return Decision(Phase.PAUSING, write, "LeaseLost", "the Lease is made again")


def _above(known: int) -> int:
    """The epoch to make a lost Lease again at. At 0 nobody was ever granted: that takes reports of an epoch."""
    return ((known + LOST_EPOCHS // 2) // LOST_EPOCHS + 1) * LOST_EPOCHS if known else 1


# -- nobody holds it -----------------------------------------------------------------------------------------------


def _withdrawn(seen: Observation, grant: Grant) -> Decision:
    spec, last = seen.spec, grant.last_holder
    if grant.unconfirmed or last is None:
        return _after_loss(seen, grant)
    if grant.rolling_back and grant.generation == spec.generation:
        return _roll_back(seen, grant, last)
    if grant.generation != spec.generation:
        refusal = "" if spec.active == last else _cannot_take_over(seen, last)
        if spec.active == last:
            return _grant(grant, last, spec.generation, None, "", origin=None)
        if refusal and not seen.listed:
            return Decision(Phase.PAUSING, reason="Pausing", message="reading all members", need_list=True)
        if refusal:
            return _grant(grant, last, spec.generation, Outcome.REFUSED, refusal, origin=None)
    elif grant.outcome is not None or spec.active == last:
        return _grant(grant, last, grant.generation, grant.outcome, grant.reason, origin=None)
    return _hand_over(seen, grant, last)


def _after_loss(seen: Observation, grant: Grant) -> Decision:
    waiting = unconfirmed(seen.members, None, grant.epoch)
    if not seen.listed or waiting:
        whom = ", ".join(waiting) or "a list"
        message = f"the Lease was made again; waiting for PAUSED at epoch {grant.epoch} from: {whom}"
        return Decision(Phase.PAUSING, None, "Unconfirmed", message, need_list=not seen.listed, deadline=1.0)
    same = grant.generation == seen.spec.generation and grant.outcome is not None
    if same and grant.last_holder is not None:
        if grant.outcome is Outcome.ROLLBACK_BLOCKED:  # nothing blocks it any more: everybody has confirmed
            return _grant(
                grant, grant.last_holder.other, grant.generation, Outcome.ROLLED_BACK, grant.reason, origin=None
            )
        return _grant(grant, grant.last_holder, grant.generation, grant.outcome, grant.reason, origin=None)
    origin = grant.last_holder if grant.last_holder not in (None, seen.spec.active) else None
    return _grant(grant, seen.spec.active, seen.spec.generation, None, "", origin=origin)


def _hand_over(seen: Observation, grant: Grant, last: Color) -> Decision:
    """Forward: every member of the last holder confirms, then the colour asked for is granted."""
    spec = seen.spec
    waiting = unconfirmed(seen.members, last, grant.epoch)
    if seen.listed and not waiting:
        undone = [m.pod for m in seen.members if m.color == last and m.report and not m.report.committed]
        if undone:
            reason = f"CommitUnacknowledged: {', '.join(undone)} could not commit within half the drain timeout"
            return _grant(grant, last, spec.generation, Outcome.FAILED, reason, origin=None)
        return _grant(grant, spec.active, spec.generation, None, "", origin=last)
    if seen.elapsed >= spec.drain_timeout and seen.listed:
        told = ", ".join(_told([m for m in seen.members if m.color == last], waiting))
        reason = f"DrainTimeout: not PAUSED within {spec.drain_timeout:g} s: {told}"
        return _grant(grant, last, spec.generation, Outcome.FAILED, reason, origin=None)
    message = f"waiting for PAUSED at epoch {grant.epoch} from: {', '.join(waiting) or 'a list'}"
    return Decision(Phase.PAUSING, None, "Pausing", message, need_list=not seen.listed, deadline=spec.drain_timeout)


def _roll_back(seen: Observation, grant: Grant, failed: Color) -> Decision:
    """Backward: the failed colour's members confirm (committed or not), then the old colour is granted."""
    spec = seen.spec
    waiting = unconfirmed(seen.members, failed, grant.epoch)
    if seen.listed and not waiting:
        return _grant(grant, failed.other, grant.generation, Outcome.ROLLED_BACK, grant.reason, origin=None)
    if seen.elapsed >= spec.drain_timeout and seen.listed:
        cause = grant.reason.removeprefix("RollbackBlocked: ").split("; rollback waits for ")[0]
        reason = f"{cause}; rollback waits for {', '.join(waiting)}, not PAUSED within {spec.drain_timeout:g} s"
        write = replace(
            grant,
            holder=failed,
            epoch=grant.epoch + 1,
            outcome=Outcome.ROLLBACK_BLOCKED,
            reason=f"RollbackBlocked: {reason}",
            blocked_by=waiting,
        )
        return Decision(Phase.ROLLING_BACK, write, "RollbackBlocked", write.reason)
    message = f"{grant.reason}; waiting for PAUSED at epoch {grant.epoch} from: {', '.join(waiting) or 'a list'}"
    return Decision(Phase.ROLLING_BACK, None, "RollingBack", message, not seen.listed, deadline=spec.drain_timeout)


# -- somebody holds it ---------------------------------------------------------------------------------------------


def _new_generation(seen: Observation, grant: Grant, holder: Color) -> Decision:
    spec = seen.spec
    if spec.active == holder:
        # Nothing to move. A switch to this colour that is still being verified stays one, and can be rolled back.
        origin = grant.origin if grant.outcome is None else None
        write = replace(
            grant, generation=spec.generation, outcome=None, reason="", origin=origin, last_holder=holder, blocked_by=()
        )
        if origin is None and not not_active(spec, seen.members, holder, grant.epoch):
            write = replace(write, outcome=Outcome.SWITCHED)
        return Decision(Phase.RESUMING, write)
    refusal = _cannot_take_over(seen, holder)
    if refusal and not seen.listed:
        return Decision(Phase.READY, reason="Checking", message=refusal, need_list=True)
    if refusal:
        return _refuse(seen, grant, refusal)
    going_back = grant.outcome is None and grant.origin == spec.active
    if spec.wait_for_lag and not going_back and seen.lag is not Lag.CAUGHT_UP:
        if seen.elapsed >= spec.lag_timeout:
            return _refuse(seen, grant, f"LagTimeout: {seen.lag_detail or 'lag unknown'} after {spec.lag_timeout:g} s")
        return Decision(
            Phase.WAITING_FOR_LAG, None, "WaitingForLag", seen.lag_detail, need_lag=True, deadline=spec.lag_timeout
        )
    return _withdraw(grant, holder, spec.generation, origin=holder, reason="", phase=Phase.PAUSING)


def _cannot_take_over(seen: Observation, holder: Color) -> str:
    """Why the colour asked for cannot be switched to; empty when it can."""
    spec, target = seen.spec, seen.spec.active
    own = [m for m in seen.members if m.color == target]
    old = spec.count(holder) or sum(m.color == holder for m in seen.members)
    if spec.count(target) == 0 or (old and spec.count(target) != old):
        return f"ReplicaMismatch: {target} has {spec.count(target)} replicas, {holder} has {old}"
    if len(own) != spec.count(target):
        return f"NotReady: {len(own)} of {spec.count(target)} {target} pods exist"
    late = [m.pod for m in own if not m.ready or m.report is None or m.report.state is None]
    return f"NotReady: {', '.join(_told(own, late))}" if late else ""


def _verify(seen: Observation, grant: Grant, holder: Color) -> Decision:
    """The colour granted has to become ACTIVE on all partitions, and to pass its analysis if there is one."""
    spec = seen.spec
    missing = not_active(spec, seen.members, holder, grant.epoch)
    if missing:
        if seen.elapsed < spec.resume_timeout:
            return Decision(Phase.RESUMING, None, "Resuming", missing, deadline=spec.resume_timeout)
        if not seen.listed:
            return Decision(Phase.RESUMING, None, "Resuming", missing, need_list=True, deadline=spec.resume_timeout + 1)
        reason = f"ResumeTimeout: after {spec.resume_timeout:g} s {missing}"
        if grant.origin is None:  # nothing was moved, so there is nothing to go back to
            return Decision(Phase.FAILED, replace(grant, outcome=Outcome.FAILED, reason=reason), "Failed", reason)
        return _withdraw(grant, holder, grant.generation, origin=grant.origin, reason=reason, phase=Phase.ROLLING_BACK)
    if spec.analysis and grant.origin is not None and seen.analysis is not Analysis.PASSED:
        if seen.analysis is Analysis.FAILED:
            reason = f"AnalysisFailed: {seen.analysis_detail}"
            return _withdraw(
                grant, holder, grant.generation, origin=grant.origin, reason=reason, phase=Phase.ROLLING_BACK
            )
        return Decision(Phase.VERIFYING, None, "Verifying", seen.analysis_detail, need_analysis=True, deadline=1.0)
    return Decision(Phase.READY, replace(grant, outcome=Outcome.SWITCHED, reason=""), "Switched")


def _blocked(seen: Observation, grant: Grant, holder: Color) -> Decision:
    """The rollback is tried again once every pod that blocked it has reported under the present epoch, or is gone."""
    still = [m.pod for m in seen.members if m.pod in grant.blocked_by and not _heard(m, grant.epoch)]
    missing = set(grant.blocked_by) - {m.pod for m in seen.members}
    if still or (missing and not seen.listed):
        return Decision(Phase.FAILED, None, "RollbackBlocked", grant.reason, need_list=bool(missing), deadline=1.0)
    write = replace(grant, holder=None, epoch=grant.epoch + 1, last_holder=holder, blocked_by=())
    return Decision(Phase.ROLLING_BACK, write, "RollingBack", "the pods that blocked the rollback have answered")


def _settled(seen: Observation, grant: Grant) -> Decision:
    phase = Phase.READY if grant.holder == seen.spec.active else Phase.FAILED
    return Decision(phase, None, str(grant.outcome), grant.reason)


# -- writes --------------------------------------------------------------------------------------------------------


def _withdraw(grant: Grant, holder: Color, generation: int, *, origin: Color, reason: str, phase: Phase) -> Decision:
    write = Grant(None, grant.epoch + 1, last_holder=holder, origin=origin, generation=generation, reason=reason)
    return Decision(phase, write, str(phase), reason)


def _grant(
    grant: Grant, holder: Color, generation: int, outcome: Outcome | None, reason: str, *, origin: Color | None
) -> Decision:
    write = Grant(holder, grant.epoch + 1, holder, origin, generation, outcome, reason)
    phase = Phase.RESUMING if outcome in (None, Outcome.SWITCHED) else Phase.FAILED
    return Decision(phase, write, str(outcome or "Resuming"), reason)


def _refuse(seen: Observation, grant: Grant, reason: str) -> Decision:
    write = replace(
        grant,
        generation=seen.spec.generation,
        outcome=Outcome.REFUSED,
        reason=reason,
        origin=None,
        blocked_by=(),
    )
    return Decision(Phase.FAILED, write, str(Outcome.REFUSED), reason)


# -- members -------------------------------------------------------------------------------------------------------


def _epochs(members: Iterable[Member]) -> list[int]:
    return [max(m.report.epoch, m.report.seen_epoch) for m in members if m.report]


def _paused_at(member: Member, epoch: int) -> bool:
    said = member.report
    return said is not None and said.state is State.PAUSED and said.epoch == epoch


def _active_at(member: Member, epoch: int) -> bool:
    said = member.report
    return said is not None and said.state is State.ACTIVE and said.epoch == epoch


def _heard(member: Member, epoch: int) -> bool:
    return member.report is not None and member.report.state is not None and member.report.seen_epoch >= epoch


def _told(members: Iterable[Member], names: Iterable[str]) -> list[str]:
    """Each pod with what it last said, for people."""
    wanted = set(names)
    return [f"{m.pod} ({_says(m)})" for m in members if m.pod in wanted]


def _says(member: Member) -> str:
    said = member.report
    if said is None:
        return "no report"
    ready = "" if member.ready else ", not Ready"
    return f"{said.state or 'unreachable'} at epoch {said.epoch}{ready}"
