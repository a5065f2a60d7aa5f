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
from workloads.controller.emptying import THE_GROUP, pause
from workloads.controller.members import (
    cannot_take_over,
    epochs,
    misfit,
    not_active,
    not_ready,
    not_ready_to_change,
    obstacles,
    still_blocking,
    told,
    uncommitted,
    waited_for,
)
from workloads.controller.replay import replays, rewind_due, since_due, unread
from workloads.controller.replay import told as told_of_replay
from workloads.controller.scaled import scales
from workloads.controller.shapes import (
    asked_before,
    fewer_partitions,
    misshapen,
    must_be_empty,
    must_leave,
    must_leave_to_go_back,
    rests,
    stays,
)
from workloads.controller.terms import Decision, Lag, Memory, Observation
from workloads.controller.verify import RESUME_TIMEOUT, verified
from workloads.controller.writes import grant_to, refuse, withdraw

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
_BLOCKED, _WAITS = f"{Outcome.ROLLBACK_BLOCKED}: ", "; rollback waits for "
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
        return verified(seen, grant, grant.holder)
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
        leave=seen.spec.way is not None,  # nobody knows any more for which shape the lost one was
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
    if grant.generation == spec.generation:
        back = grant.outcome is not None or spec.active == last
        if back and not (grant.leave and misshapen(spec, grant, last)):
            return grant_to(seen, grant, last, grant.outcome, grant.reason)
        return _hand_over(seen, grant, last, last if back else spec.active)
    if grant.outcome is not None and not grant.rolling_back and asked_before(spec, grant):
        # A shape was to be changed after what has failed, and is to be another one by now. That is no new try.
        at = grant.generation if misshapen(spec, grant, last) else spec.generation
        return grant_to(seen, grant, last, grant.outcome, grant.reason, generation=at)
    if spec.active == last or (must_leave(spec, grant, spec.active) and not grant.leave):
        # Whoever had it has it again, as it was; what is asked for now begins from there.
        same = not misshapen(spec, grant, last) and spec.active == last
        return grant_to(seen, grant, last, None, "", generation=spec.generation if same else grant.generation)
    refusal = cannot_take_over(spec, seen.members, last)
    if refusal and not seen.listed:
        return Decision(Phase.PAUSING, reason="Pausing", message="reading all members", need_list=True)
    if refusal:
        return grant_to(seen, grant, last, Outcome.REFUSED, refusal)
    return _hand_over(seen, grant, last, spec.active)


def _after_loss(seen: Observation, grant: Grant) -> Decision:
    spec = seen.spec
    waiting = [
        name
        for color in Color
        for name in waited_for(
            spec, seen.members, color, grant.epoch, held=color is grant.last_holder, left=grant.leave
        )
    ]
    if not seen.listed or waiting:
        whom = ", ".join(waiting) or "a list"
        message = f"the Lease was made again; waiting for PAUSED at epoch {grant.epoch} from: {whom}"
        return Decision(Phase.PAUSING, None, "Unconfirmed", message, need_list=not seen.listed, deadline=1.0)
    if grant.leave and not seen.removed:
        return _removing(seen, "Unconfirmed", deadline=1.0)
    if grant.generation == spec.generation and grant.outcome is not None and grant.last_holder is not None:
        blocked = grant.outcome is Outcome.ROLLBACK_BLOCKED  # nothing blocks it any more: everybody has confirmed
        to = grant.last_holder.other if blocked else grant.last_holder
        outcome, reason = (Outcome.ROLLED_BACK, _unblocked(grant.reason)) if blocked else (grant.outcome, grant.reason)
        if spec.way is not None and to is spec.active:
            # Whatever kept it from its shape before, it is granted in it now, by a group that is empty.
            return grant_to(seen, grant, to, None, "", shape=spec.shape(to))
        return grant_to(seen, grant, to, outcome, reason, shape=spec.shape(to))
    origin = grant.last_holder if grant.last_holder not in (None, spec.active) else None
    return grant_to(seen, grant, spec.active, None, "", origin=origin, shape=spec.shape(spec.active))


def _hand_over(seen: Observation, grant: Grant, last: Color, to: Color) -> Decision:
    """Forward: every member of the last holder confirms, then the colour asked for is granted; or, in another shape,
    the same one again.
    """
    spec = seen.spec
    failed = grant.outcome or Outcome.FAILED  # how a generation ended before stays, whatever becomes of a shape
    waiting = waited_for(spec, seen.members, last, grant.epoch, held=True, left=grant.leave)
    if seen.listed and not waiting:
        undone = uncommitted(seen.members, last)
        if undone:
            reason = f"CommitUnacknowledged: {', '.join(undone)} could not commit within half the drain timeout"
            return grant_to(seen, grant, last, failed, reason)
        if not grant.leave or seen.removed:
            return _given(seen, grant, last, to, failed)
        if seen.elapsed >= 2 * spec.drain_timeout:
            return grant_to(seen, grant, last, failed, f"RemovalTimeout: {seen.removal_detail or 'no answer'}")
        return _removing(seen, "Pausing", deadline=2 * spec.drain_timeout)
    if seen.elapsed >= spec.drain_timeout and seen.listed:
        whom = ", ".join(told([m for m in seen.members if m.color == last], waiting))
        reason = f"DrainTimeout: not PAUSED within {spec.drain_timeout:g} s: {whom}"
        return grant_to(seen, grant, last, failed, reason)
    message = f"waiting for PAUSED at epoch {grant.epoch} from: {', '.join(waiting) or 'a list'}"
    return Decision(Phase.PAUSING, None, "Pausing", message, need_list=not seen.listed, deadline=spec.drain_timeout)


def _given(seen: Observation, grant: Grant, last: Color, to: Color, failed: Outcome) -> Decision:
    """Everybody has confirmed: the colour asked for is granted, once it is known where a way back would begin."""
    if to is last:
        return grant_to(seen, grant, to, grant.outcome, grant.reason, shape=seen.spec.shape(to))
    if (due := since_due(seen, grant)) is not None:
        return due
    if reason := unread(seen):
        return grant_to(seen, grant, last, failed, reason)
    since = seen.since if seen.spec.replay else None
    return grant_to(seen, grant, to, grant.outcome, grant.reason, origin=last, shape=seen.spec.shape(to), since=since)


def _removing(seen: Observation, reason: str, *, deadline: float) -> Decision:
    """Everybody has left; a static member's place outlives its client, and is taken out of the group."""
    message = f"taking closed members out of their group{seen.removal_detail and ': ' + seen.removal_detail}"
    return Decision(Phase.PAUSING, None, reason, message, need_removal=True, deadline=deadline)


def _roll_back(seen: Observation, grant: Grant, failed: Color) -> Decision:
    """Backward: the failed colour's members confirm (committed or not), then the old colour is granted."""
    spec = seen.spec
    waiting = waited_for(spec, seen.members, failed, grant.epoch, held=True, left=grant.leave)
    confirmed = seen.listed and not waiting
    if confirmed and (due := rewind_due(seen, grant)) is not None:
        return due
    if confirmed and (seen.removed or not must_be_empty(spec, grant)):
        shape = grant.origin_shape or spec.shape(failed.other)
        reason = _unblocked(told_of_replay(seen, grant))
        return grant_to(seen, grant, failed.other, Outcome.ROLLED_BACK, reason, shape=shape)
    if seen.elapsed >= spec.drain_timeout * (2 if confirmed else 1) and seen.listed:
        cause = grant.reason.removeprefix(_BLOCKED).split(_WAITS)[0]
        if waiting:
            whom = f"{', '.join(waiting)}, not PAUSED within {spec.drain_timeout:g} s"
        else:
            whom = f"{THE_GROUP}, not empty within {2 * spec.drain_timeout:g} s: {seen.removal_detail or 'no answer'}"
        reason = f"{cause}{_WAITS}{whom}"
        write = replace(
            grant,
            holder=failed,
            epoch=grant.epoch + 1,
            outcome=Outcome.ROLLBACK_BLOCKED,
            reason=f"{_BLOCKED}{reason}",
            blocked_by=waiting or (THE_GROUP,),
            tries=0 if waiting else grant.tries + 1,
            leave=False,
        )
        return Decision(Phase.ROLLING_BACK, write, "RollbackBlocked", write.reason)
    if confirmed:
        return replace(_removing(seen, "RollingBack", deadline=2 * spec.drain_timeout), phase=Phase.ROLLING_BACK)
    message = f"{grant.reason}; waiting for PAUSED at epoch {grant.epoch} from: {', '.join(waiting) or 'a list'}"
    return Decision(Phase.ROLLING_BACK, None, "RollingBack", message, not seen.listed, deadline=spec.drain_timeout)


def _unblocked(reason: str) -> str:
    """Why it was rolled back, of a rollback that is over: whoever was waited for has come."""
    return reason.removeprefix(_BLOCKED).replace(_WAITS, "; rollback waited for ", 1)


# -- somebody holds it ---------------------------------------------------------------------------------------------


def _new_generation(seen: Observation, grant: Grant, holder: Color) -> Decision:
    spec = seen.spec
    if grant.outcome is Outcome.ROLLBACK_BLOCKED and asked_before(spec, grant):
        return Decision(Phase.FAILED, _renumbered(seen, grant))
    if stays(spec, grant, holder):
        kept = None if spec.active is holder else grant.outcome
        if misshapen(spec, grant, holder) and not scales(spec, grant, holder):
            return _change_shape(seen, grant, holder, kept=kept)
        return _keep(seen, grant, holder) if kept is None else Decision(Phase.FAILED, _renumbered(seen, grant))
    if grant.epoch >= EPOCHS - EPOCHS_KEPT:
        return refuse(seen, grant, f"EpochsExhausted: epoch {grant.epoch} of {EPOCHS - 1}; {_ANEW}")
    unfit = misfit(spec, seen.members, holder)
    going_back = grant.outcome is None and grant.origin == spec.active
    missing = "" if unfit else _in_the_way(seen, health=not going_back) or not_ready(spec, seen.members)
    if missing:
        return _not_ready(seen, grant, missing)
    refusal = unfit or obstacles(spec, seen.members)
    if refusal and not seen.listed:
        return Decision(Phase.READY, reason="Checking", message=refusal, need_list=True)
    if refusal:
        return refuse(seen, grant, refusal)
    if spec.wait_for_lag and not (going_back or rests(grant) or spec.paused) and seen.lag is not Lag.CAUGHT_UP:
        if seen.ready_for >= spec.lag_timeout:
            return refuse(seen, grant, f"LagTimeout: {seen.lag_detail or 'lag unknown'} after {spec.lag_timeout:g} s")
        due = seen.elapsed - seen.ready_for + spec.lag_timeout
        behind = seen.lag_detail or f"reading how far {holder} is behind"
        return Decision(Phase.WAITING_FOR_LAG, None, "WaitingForLag", behind, need_lag=True, deadline=due)
    return withdraw(seen, grant, holder, leave=must_leave(spec, grant, spec.active))


def _renumbered(seen: Observation, grant: Grant) -> Grant:
    """Nothing else is asked for than what has failed: a number has changed, or a label. That is no new try."""
    return replace(grant, generation=seen.spec.generation)


def _keep(seen: Observation, grant: Grant, holder: Color) -> Decision:
    """Nothing to move. A switch to this colour that is still being verified stays one, and can be rolled back."""
    spec = seen.spec
    origin = grant.origin if grant.outcome is None else None
    write = replace(
        grant,
        generation=spec.generation,
        outcome=None,
        reason="",
        origin=origin,
        last_holder=holder,
        blocked_by=(),
        tries=0,
        shape=grant.shape or spec.shape(holder),
        asked=spec.asked,
    )
    whole = not not_active(spec.granted(holder, grant.shape), seen.members, holder, grant.epoch)
    if origin is None and whole:
        write = replace(write, outcome=Outcome.SWITCHED)
    return Decision(Phase.RESUMING, write)


def _change_shape(seen: Observation, grant: Grant, holder: Color, *, kept: Outcome | None) -> Decision:
    """The holder is to consist of something else: it is withdrawn from, and granted again in the new shape.

    kept: how the generation ended before; a change of shape does not change that.
    """
    spec = seen.spec
    missing = "" if spec.paused else _in_the_way(seen) or not_ready_to_change(spec, seen.members, holder)
    if missing:
        return _not_ready(seen, grant, missing, kept=kept)
    withdrawal = withdraw(seen, grant, holder, leave=True)
    if kept is None or withdrawal.write is None:
        return withdrawal
    return replace(withdrawal, write=replace(withdrawal.write, outcome=kept, reason=grant.reason))


def _in_the_way(seen: Observation, *, health: bool = False) -> str:
    """Who would take partitions from whoever is granted next, or brokers that are not whole: it may pass by itself."""
    unhealthy = f"UnderReplicated: {seen.shrunken}" if health and seen.shrunken else ""
    return f"ForeignMember: {seen.foreign}" if seen.foreign else unhealthy


def _not_ready(seen: Observation, grant: Grant, missing: str, *, kept: Outcome | None = None) -> Decision:
    """A member of the colour asked for is not ready: it may be in a moment, and until then nothing is touched.

    The time counts from when all of them last were, so that a pod which restarts during a long wait for lag has as long
    as any other to come back.
    """
    timeout = seen.spec.ready_timeout
    waited = seen.elapsed if seen.since_ready is None else seen.since_ready
    if waited >= timeout and seen.listed:
        refused = refuse(seen, grant, f"{missing}; waited for {timeout:g} s")
        if kept is None or refused.write is None:
            return refused
        return replace(refused, write=replace(refused.write, outcome=kept, reason=grant.reason))
    due = seen.elapsed - waited + timeout
    late = waited >= timeout
    return Decision(
        Phase.WAITING_FOR_READY, None, "WaitingForReady", missing, need_list=not seen.listed, deadline=due + late
    )


def _blocked(seen: Observation, grant: Grant, holder: Color) -> Decision:
    """The rollback is tried again once every pod that blocked it has reported under the present epoch, or is gone; if
    a group did that could not be emptied, after a while.
    """
    wait = pause(grant)
    if seen.elapsed < wait:
        message = f"{grant.reason}; tried again {wait:g} s after that"
        return Decision(Phase.FAILED, None, "RollbackBlocked", message, deadline=wait)
    gone = set(grant.blocked_by) - {THE_GROUP, *(m.pod for m in seen.members)}
    unsure = bool(gone) and not seen.listed
    if unsure or still_blocking(seen.spec, seen.members, holder, grant.blocked_by, grant.epoch):
        return Decision(Phase.FAILED, None, "RollbackBlocked", grant.reason, need_list=unsure, deadline=1.0)
    leave = must_leave_to_go_back(seen.spec, grant) or replays(seen.spec, grant)
    write = replace(grant, holder=None, epoch=grant.epoch + 1, last_holder=holder, blocked_by=(), leave=leave)
    why = "the group is tried to be emptied again" if wait else "the pods that blocked the rollback have answered"
    return Decision(Phase.ROLLING_BACK, write, "RollingBack", why)


def _grows(seen: Observation, grant: Grant, holder: Color) -> bool:
    """Whether the holder can have now what no generation has asked for: partitions that somebody has added, or a
    scaler's number. Nothing is refused of that, and it has no time by which it must be: it waits for its pods.
    """
    spec, there = seen.spec, not (_in_the_way(seen) or not_ready_to_change(seen.spec, seen.members, holder))
    return (spec.paused or there) and (fewer_partitions(spec, grant) or scales(spec, grant, holder))


def _settled(seen: Observation, grant: Grant) -> Decision:
    spec, holder = seen.spec, grant.holder
    late = grant.outcome is Outcome.FAILED and holder is spec.active and grant.reason.startswith(RESUME_TIMEOUT)
    if late and holder and not not_active(spec.granted(holder, grant.shape), seen.members, holder, grant.epoch):
        # It was asked for no other colour, so there was nothing to go back to; now it is as it was asked for.
        return Decision(Phase.READY, replace(grant, outcome=Outcome.SWITCHED, reason=""), "Switched")
    if holder is not None and _grows(seen, grant, holder):
        return _change_shape(seen, grant, holder, kept=None if holder is spec.active else grant.outcome)
    phase = Phase.READY if holder is spec.active else Phase.FAILED
    return Decision(phase, None, str(grant.outcome), grant.reason)
