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

from dataclasses import replace

from workloads.common.lease import EPOCHS, Grant
from workloads.common.states import Color, Outcome, Phase
from workloads.controller.members import (
    cannot_take_over,
    epochs,
    misfit,
    not_active,
    not_ready,
    obstacles,
    still_blocking,
    told,
    uncommitted,
    waited_for,
)
from workloads.controller.terms import Analysis, Decision, Lag, Memory, Observation, OnInconclusive

LOST_EPOCHS = 1000
"""How many epochs may have been lost with a Lease; it is made again at a round number at least half as many higher.

Commands of the lost Lease may still be on their way to consumers, under epochs that nobody has reported: a withdrawal
and the grant after it that took place while status was late. They have to be older than the new withdrawal, or a
consumer that has confirmed it could still execute one. A round number: of two Leases lost in a row the second is made
again at the first one's epoch if nobody has heard of that, and then an epoch still has one meaning, a withdrawal from
everybody.
"""

EPOCHS_KEPT = 1000
"""So many epochs are left for what has begun, and for members that block a rollback again and again: a switch is not
begun in them.
"""
_ANEW = "a stack that is destroyed and deployed again counts from 0"


def decide(seen: Observation) -> Decision:
    """The next step. Returns a Decision; raises nothing."""
    grant = seen.grant
    if grant is None:
        return _make_again(seen, seen.memory.epoch)
    if max([seen.memory.epoch, *epochs(seen.members)]) > grant.epoch:
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
    known = max([epoch, seen.memory.epoch, *epochs(seen.members)])
    if _above(known) >= EPOCHS:
        message = f"the Lease was lost, and epoch {known} is too high for another one; {_ANEW}"
        return Decision(Phase.FAILED, reason="EpochsExhausted", message=message)
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
        refusal = "" if spec.active == last else cannot_take_over(spec, seen.members, last)
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
    waiting = [
        name
        for color in Color
        for name in waited_for(seen.spec, seen.members, color, grant.epoch, held=color is grant.last_holder)
    ]
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
    waiting = waited_for(spec, seen.members, last, grant.epoch, held=True)
    if seen.listed and not waiting:
        undone = uncommitted(seen.members, last)
        if undone:
            reason = f"CommitUnacknowledged: {', '.join(undone)} could not commit within half the drain timeout"
            return _grant(grant, last, spec.generation, Outcome.FAILED, reason, origin=None)
        return _grant(grant, spec.active, spec.generation, None, "", origin=last)
    if seen.elapsed >= spec.drain_timeout and seen.listed:
        whom = ", ".join(told([m for m in seen.members if m.color == last], waiting))
        reason = f"DrainTimeout: not PAUSED within {spec.drain_timeout:g} s: {whom}"
        return _grant(grant, last, spec.generation, Outcome.FAILED, reason, origin=None)
    message = f"waiting for PAUSED at epoch {grant.epoch} from: {', '.join(waiting) or 'a list'}"
    return Decision(Phase.PAUSING, None, "Pausing", message, need_list=not seen.listed, deadline=spec.drain_timeout)


def _roll_back(seen: Observation, grant: Grant, failed: Color) -> Decision:
    """Backward: the failed colour's members confirm (committed or not), then the old colour is granted."""
    spec = seen.spec
    waiting = waited_for(spec, seen.members, failed, grant.epoch, held=True)
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
    if grant.epoch >= EPOCHS - EPOCHS_KEPT:
        return _refuse(seen, grant, f"EpochsExhausted: epoch {grant.epoch} of {EPOCHS - 1}; {_ANEW}")
    unfit = misfit(spec, seen.members, holder)
    missing = "" if unfit else not_ready(spec, seen.members)
    if missing:
        return _not_ready(seen, grant, missing)
    refusal = unfit or obstacles(spec, seen.members)
    if refusal and not seen.listed:
        return Decision(Phase.READY, reason="Checking", message=refusal, need_list=True)
    if refusal:
        return _refuse(seen, grant, refusal)
    going_back = grant.outcome is None and grant.origin == spec.active
    if spec.wait_for_lag and not going_back and seen.lag is not Lag.CAUGHT_UP:
        if seen.ready_for >= spec.lag_timeout:
            return _refuse(seen, grant, f"LagTimeout: {seen.lag_detail or 'lag unknown'} after {spec.lag_timeout:g} s")
        due = seen.elapsed - seen.ready_for + spec.lag_timeout
        behind = seen.lag_detail or f"reading how far {holder} is behind"
        return Decision(Phase.WAITING_FOR_LAG, None, "WaitingForLag", behind, need_lag=True, deadline=due)
    return _withdraw(grant, holder, spec.generation, origin=holder, reason="", phase=Phase.PAUSING)


def _not_ready(seen: Observation, grant: Grant, missing: str) -> Decision:
    """A member of the colour asked for is not ready: it may be in a moment, and until then nothing is touched.

    The time counts from when all of them last were, so that a pod which restarts during a long wait for lag has as long
    as any other to come back.
    """
    timeout = seen.spec.ready_timeout
    waited = seen.elapsed if seen.since_ready is None else seen.since_ready
    if waited >= timeout and seen.listed:
        return _refuse(seen, grant, f"{missing}; waited for {timeout:g} s")
    due = seen.elapsed - waited + timeout
    late = waited >= timeout
    return Decision(
        Phase.WAITING_FOR_READY, None, "WaitingForReady", missing, need_list=not seen.listed, deadline=due + late
    )


def _verify(seen: Observation, grant: Grant, holder: Color) -> Decision:
    """The colour granted has to become ACTIVE on all partitions, and to pass its analysis if there is one."""
    spec = seen.spec
    analysed = spec.analysis and grant.origin is not None
    reason = _against(seen) if analysed else ""
    accepted = seen.analysis is Analysis.INCONCLUSIVE and spec.on_inconclusive is OnInconclusive.ACCEPT
    if reason and not accepted:
        return _go_back(grant, holder, reason)
    pending = analysed and seen.analysis is Analysis.PENDING
    missing = not_active(spec, seen.members, holder, grant.epoch)
    if missing:
        return _not_whole(seen, grant, holder, missing, analysed=pending and seen.since_whole is not None)
    if pending:
        return Decision(Phase.VERIFYING, None, "Verifying", seen.analysis_detail, need_analysis=True, deadline=1.0)
    return Decision(Phase.READY, replace(grant, outcome=Outcome.SWITCHED, reason=reason), "Switched", reason)


def _against(seen: Observation) -> str:
    """What the analysis has against the colour that was switched to; empty when nothing (yet)."""
    if seen.analysis is Analysis.FAILED:
        return f"AnalysisFailed: {seen.analysis_detail}"
    return f"AnalysisInconclusive: {seen.analysis_detail}" if seen.analysis is Analysis.INCONCLUSIVE else ""


def _not_whole(seen: Observation, grant: Grant, holder: Color, missing: str, *, analysed: bool) -> Decision:
    """The colour granted is not ACTIVE on all partitions: not yet, or not now.

    Its time counts from when it last was, so that a pod which restarts in a long analysis has as long as any other to
    come back. An analysis that has begun goes on meanwhile: a colour that comes and goes does not put off its end.
    """
    timeout = seen.spec.resume_timeout
    waited = seen.elapsed if seen.since_whole is None else seen.since_whole
    due = seen.elapsed - waited + timeout
    if waited < timeout or not seen.listed:
        late = waited >= timeout
        return Decision(
            Phase.VERIFYING if analysed else Phase.RESUMING,
            reason="Verifying" if analysed else "Resuming",
            message=missing,
            need_list=late,
            need_analysis=analysed,
            deadline=due + 1 if late else due,
        )
    reason = f"ResumeTimeout: after {timeout:g} s {missing}"
    if grant.origin is None:  # nothing was moved, so there is nothing to go back to
        return Decision(Phase.FAILED, replace(grant, outcome=Outcome.FAILED, reason=reason), "Failed", reason)
    return _go_back(grant, holder, reason)


def _blocked(seen: Observation, grant: Grant, holder: Color) -> Decision:
    """The rollback is tried again once every pod that blocked it has reported under the present epoch, or is gone."""
    gone = set(grant.blocked_by) - {m.pod for m in seen.members}
    unsure = bool(gone) and not seen.listed
    if unsure or still_blocking(seen.spec, seen.members, holder, grant.blocked_by, grant.epoch):
        return Decision(Phase.FAILED, None, "RollbackBlocked", grant.reason, need_list=unsure, deadline=1.0)
    write = replace(grant, holder=None, epoch=grant.epoch + 1, last_holder=holder, blocked_by=())
    return Decision(Phase.ROLLING_BACK, write, "RollingBack", "the pods that blocked the rollback have answered")


def _settled(seen: Observation, grant: Grant) -> Decision:
    phase = Phase.READY if grant.holder == seen.spec.active else Phase.FAILED
    return Decision(phase, None, str(grant.outcome), grant.reason)


# -- writes --------------------------------------------------------------------------------------------------------


def _withdraw(grant: Grant, holder: Color, generation: int, *, origin: Color, reason: str, phase: Phase) -> Decision:
    write = Grant(None, grant.epoch + 1, last_holder=holder, origin=origin, generation=generation, reason=reason)
    return Decision(phase, write, str(phase), reason)


def _go_back(grant: Grant, holder: Color, reason: str) -> Decision:
    """Take the grant from the colour switched to, for the one that it was taken from."""
    origin = holder.other if grant.origin is None else grant.origin
    return _withdraw(grant, holder, grant.generation, origin=origin, reason=reason, phase=Phase.ROLLING_BACK)


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
