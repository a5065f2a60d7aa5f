"""What a decision writes into the Lease. Pure: each gives the Decision that writes it."""

from dataclasses import replace

from workloads.common.lease import Grant, Shape
from workloads.common.states import Color, Outcome, Phase
from workloads.controller.replay import Since, replays
from workloads.controller.shapes import must_leave_to_go_back
from workloads.controller.terms import Decision, Observation


def withdraw(seen: Observation, grant: Grant, holder: Color, *, leave: bool) -> Decision:
    """Take it from `holder`. leave: whoever is paused by it leaves the group, too."""
    spec = seen.spec
    write = Grant(
        holder=None,
        epoch=grant.epoch + 1,
        last_holder=holder,
        origin=holder,
        generation=spec.generation,
        shape=grant.shape,
        asked=spec.asked,
        leave=leave,
    )
    return Decision(Phase.PAUSING, write, str(Phase.PAUSING))


def go_back(seen: Observation, grant: Grant, holder: Color, reason: str) -> Decision:
    """Take the grant from the colour switched to, for the one that it was taken from."""
    write = replace(
        grant,
        holder=None,
        epoch=grant.epoch + 1,
        last_holder=holder,
        origin=holder.other if grant.origin is None else grant.origin,
        reason=reason,
        leave=must_leave_to_go_back(seen.spec, grant) or replays(seen.spec, grant),
    )
    return Decision(Phase.ROLLING_BACK, write, str(Phase.ROLLING_BACK), reason)


def grant_to(
    seen: Observation,
    grant: Grant,
    holder: Color,
    outcome: Outcome | None,
    reason: str,
    *,
    origin: Color | None = None,
    shape: Shape | None = None,
    generation: int | None = None,
    since: Since | None = None,
) -> Decision:
    """Give it to `holder`. origin: whom the switch has left. shape: None for the one that it was taken from. since:
    where that colour had come to, for a way back to there.
    """
    write = Grant(
        holder=holder,
        epoch=grant.epoch + 1,
        last_holder=holder,
        origin=origin,
        generation=seen.spec.generation if generation is None else generation,
        outcome=outcome,
        reason=reason,
        shape=shape or grant.shape,
        origin_shape=grant.shape if origin is not None else None,
        asked=seen.spec.asked if generation in (None, seen.spec.generation) else grant.asked,
        since=since,
    )
    phase = Phase.RESUMING if outcome in (None, Outcome.SWITCHED) else Phase.FAILED
    return Decision(phase, write, str(outcome or "Resuming"), reason)


def refuse(seen: Observation, grant: Grant, reason: str) -> Decision:
    """Leave it where it is: this generation is not carried out."""
    write = replace(
        grant,
        generation=seen.spec.generation,
        outcome=Outcome.REFUSED,
        reason=reason,
        origin=None,
        blocked_by=(),
        tries=0,
        asked=seen.spec.asked,
    )
    return Decision(Phase.FAILED, write, str(Outcome.REFUSED), reason)
