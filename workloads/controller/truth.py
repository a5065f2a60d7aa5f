"""What is true now, whatever came of the last switch: whether the colour asked for is at work, whole and alone.

`Settled` tells how a generation ended; this is what `Ready` rests on. A pure function over what is seen.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from workloads.common.lease import Grant
from workloads.common.states import Color, Outcome, State
from workloads.controller.members import inside, not_at_work, not_owned, told
from workloads.controller.shapes import rests
from workloads.controller.terms import Member, Spec

NOT_READY = "NotReady"
NOT_OWNED = "NotOwned"
DUAL_ACTIVE = "DualActive"
FOREIGN_MEMBER = "ForeignMember"
NO_TOPIC = "NoTopic"
PAUSED = "Paused"
SWITCHING = "Switching"


@dataclass(frozen=True, slots=True)
class Problem:
    """What keeps the switch from being Ready. reason: a word, as a condition has it. message: for people."""

    reason: str
    message: str


def unreadiness(
    spec: Spec, grant: Grant | None, members: Iterable[Member], waiting_for: str, foreign: str = ""
) -> Problem | None:
    """Why the colour asked for is not at work as it should be; None: it is.

    waiting_for: what a switch that is under way waits for. foreign: see `Observation`. Both colours at work comes
    first: it must never be.
    """
    members = tuple(members)
    holder = grant.holder if grant is not None else None
    both = _both_at_work(members, holder)
    if both is not None:
        return both
    if grant is None or grant.generation != spec.generation or grant.outcome is None:
        return Problem(SWITCHING, waiting_for)
    if grant.outcome is not Outcome.SWITCHED:
        return Problem(str(grant.outcome), grant.reason)
    if holder is not spec.active:  # a Lease that was lost and made again: the outcome stands, the holder is about to
        return Problem(SWITCHING, waiting_for)
    if rests(grant):
        return Problem(PAUSED, f"{holder} holds the grant under epoch {grant.epoch} and rests, as it was asked to")
    spec = spec.granted(holder, grant.shape)
    missing = not_at_work(spec, members, holder, grant.epoch)
    if missing:
        return Problem(NOT_READY, missing)
    unready = [m.pod for m in inside(spec, members, holder) if not m.ready]
    if unready:
        return Problem(NOT_READY, ", ".join(told(members, unready)))
    missing = not_owned(spec, members, holder)
    if missing and foreign:
        return Problem(FOREIGN_MEMBER, f"{missing}: {foreign}")
    return Problem(NOT_OWNED, missing) if missing else None


def _both_at_work(members: tuple[Member, ...], holder: Color | None) -> Problem | None:
    """Members that are ACTIVE without their colour's holding the grant, while somebody else's is or nobody's."""
    at_work = [m for m in members if m.report is not None and m.report.state is State.ACTIVE]
    if len({m.color for m in at_work}) < len(Color):
        return None
    wrong = [m.pod for m in at_work if m.color is not holder]
    return Problem(
        DUAL_ACTIVE, f"{holder or 'nobody'} holds the grant, and yet at work: {', '.join(told(members, wrong))}"
    )
