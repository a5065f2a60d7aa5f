"""What the members of a colour say, taken together: who has confirmed, what is owned, who can take over.

Pure functions over what is seen. Which partitions count as owned, and which numbers of members fit each other, is said
here and nowhere else.
"""

from collections.abc import Collection, Iterable

from workloads.common.states import Color, State
from workloads.controller.terms import Absence, Member, Spec, Standby


def unconfirmed(members: Iterable[Member], color: Color | None, epoch: int, *, left: bool = False) -> tuple[str, ...]:
    """Names of the pods of `color` (None: of both) that have not confirmed PAUSED at exactly `epoch`. left: PAUSED
    counts only with its having left the group.
    """
    own = (m for m in members if color is None or m.color == color)
    return tuple(m.pod for m in own if not paused_at(m, epoch) or (left and not _has_left(m)))


def waited_for(
    spec: Spec, members: Iterable[Member], color: Color, epoch: int, *, held: bool, left: bool = False
) -> tuple[str, ...]:
    """For whose confirmation of PAUSED at `epoch` a consistent list shows that one has to wait; empty: nobody's.

    held: the colour held the grant, so it had a member at least, whatever number is asked for now. left: as for
    `unconfirmed`.
    """
    own = [m for m in members if m.color is color]
    return (*unconfirmed(own, color, epoch, left=left), *_absent(spec, own, color, held=held))


def still_blocking(spec: Spec, members: Iterable[Member], holder: Color, blocked_by: Iterable[str], epoch: int) -> bool:
    """Whether somebody that blocked a rollback has neither heard of the present `epoch` nor is gone.

    What is gone is for a consistent list to say. Where absence tells nothing, every member has to be heard.
    """
    members, named = tuple(members), set(blocked_by)
    if any(m.pod in named and not _heard(m, epoch) for m in members):
        return True
    heard = [m for m in members if m.color is holder and _heard(m, epoch)]
    return bool(_absent(spec, heard, holder, held=True))


def not_active(spec: Spec, members: Iterable[Member], color: Color, epoch: int) -> str:
    """What is missing for `color` to be ACTIVE on all partitions under `epoch`; empty when nothing is."""
    members = tuple(members)
    return not_at_work(spec, members, color, epoch) or not_owned(spec, members, color)


def not_at_work(spec: Spec, members: Iterable[Member], color: Color, epoch: int) -> str:
    """Which members of `color` are missing, or not ACTIVE under `epoch`; empty when none is."""
    own = inside(spec, members, color)
    late = [m.pod for m in own if not _active_at(m, epoch)]
    if late:
        return f"not ACTIVE under epoch {epoch}: {', '.join(told(own, late))}"
    return "" if len(own) == spec.count(color) else f"{len(own)} of {spec.count(color)} {color} pods exist"


def not_owned(spec: Spec, members: Iterable[Member], color: Color) -> str:
    """What the members of `color` own between them, unless that is every partition once: then empty. Of partitions that
    have come since the grant they own all or none: who joined after them was given them, too.
    """
    owned = sorted(p for m in inside(spec, members, color) if m.report for p in m.report.partitions)
    whole = owned in (list(range(spec.partitions)), list(range(max(spec.partitions, spec.there))))
    return "" if whole else f"{color} owns partitions {owned} of {spec.partitions}"


def cannot_take_over(spec: Spec, members: Iterable[Member], holder: Color) -> str:
    """Why the colour asked for cannot be switched to at this moment; empty when it can.

    What a member says stands against it counts once all of them are there and ready: what one that is not said last may
    be of a process that is gone.
    """
    members = tuple(members)
    return misfit(spec, members, holder) or not_ready(spec, members) or obstacles(spec, members)


def not_ready(spec: Spec, members: Iterable[Member]) -> str:
    """Which members of the colour asked for are not there, ready and PAUSED; empty when all are. It may pass."""
    target = spec.active
    missing = _not_there(spec, members, target, {State.PAUSED})
    if not missing and spec.standby is Standby.ASSIGNED:
        missing = not_owned(spec, members, target)
    return f"NotReady: {missing}" if missing else ""


def not_ready_to_change(spec: Spec, members: Iterable[Member], holder: Color) -> str:
    """Which members that the holder of the grant is to consist of are not there and ready; empty when all are."""
    missing = _not_there(spec, members, holder, {State.ACTIVE, State.PAUSED})
    return f"NotReady: {missing}" if missing else ""


def _not_there(spec: Spec, members: Iterable[Member], color: Color, states: Collection[State]) -> str:
    own = inside(spec, members, color)
    if len(own) != spec.count(color):
        return f"{len(own)} of {spec.count(color)} {color} pods exist"
    late = [m.pod for m in own if not m.ready or m.report is None or m.report.state not in states]
    return ", ".join(told(own, late))


def inside(spec: Spec, members: Iterable[Member], color: Color) -> list[Member]:
    """The members of `color` that it is to consist of. Where a grant names a shape, others keep their consumers PAUSED:
    pods that are there before they are wanted, or still there.
    """
    own = (m for m in members if m.color is color)
    return [m for m in own if spec.way is None or m.ordinal < spec.count(color)]


def obstacles(spec: Spec, members: Iterable[Member]) -> str:
    """What members of the colour asked for say stands against switching to them, each with its pod; empty when nothing.
    It does not pass by itself.
    """
    own = (m for m in members if m.color is spec.active)
    return "; ".join(f"{m.report.obstacle} ({m.pod})" for m in own if m.report and m.report.obstacle)


def failed(members: Iterable[Member], color: Color, epoch: int) -> str:
    """What members of `color` say that has failed under `epoch`, each with its pod; empty when nothing has. It does not
    pass by itself.
    """
    own = (m for m in members if m.color is color)
    return "; ".join(
        f"{m.report.failed} ({m.pod})" for m in own if m.report and m.report.failed and m.report.epoch == epoch
    )


def uncommitted(members: Iterable[Member], color: Color) -> list[str]:
    """Names of the pods of `color` whose last drain's commit was not acknowledged."""
    return [m.pod for m in members if m.color == color and m.report and not m.report.committed]


def epochs(members: Iterable[Member]) -> list[int]:
    """The newest epoch that each member that has reported knows of."""
    return [max(m.report.epoch, m.report.seen_epoch) for m in members if m.report]


def paused_at(member: Member, epoch: int) -> bool:
    """Whether it has confirmed PAUSED at exactly this epoch."""
    said = member.report
    return said is not None and said.state is State.PAUSED and said.epoch == epoch


def told(members: Iterable[Member], names: Iterable[str]) -> list[str]:
    """Each of these pods with what it last said, for people; a name that is no pod's stands for itself."""
    members, wanted = tuple(members), tuple(names)
    pods = {m.pod for m in members}
    return [*(f"{m.pod} ({_says(m)})" for m in members if m.pod in wanted), *(n for n in wanted if n not in pods)]


def misfit(spec: Spec, members: Iterable[Member], holder: Color) -> str:
    """Why the two colours' numbers of members do not fit each other; empty when they do. Only another spec mends it.

    A holder that is to be scaled to 0 in the same update counts by the pods that it still has. Where the grant names
    its shape, any two numbers fit.
    """
    target = spec.active
    if spec.way is not None and spec.count(target):
        return ""
    old = spec.count(holder) or sum(m.color == holder for m in members)
    if spec.count(target) == 0 or (old and spec.count(target) != old):
        return f"ReplicaMismatch: {target} has {spec.count(target)} replicas, {holder} has {old}"
    return ""


def _absent(spec: Spec, own: Iterable[Member], color: Color, *, held: bool) -> tuple[str, ...]:
    """The members that should be there and are not, where that means something; no name has a comma in it."""
    if spec.absence is Absence.GONE:
        return ()
    wanted = max(spec.count(color), 1 if held else 0)
    lacking = wanted - len(list(own))
    return (f"{lacking} of {wanted} {color} members (absent)",) if lacking > 0 else ()


def _active_at(member: Member, epoch: int) -> bool:
    said = member.report
    return said is not None and said.state is State.ACTIVE and said.epoch == epoch


def _has_left(member: Member) -> bool:
    return member.report is not None and member.report.left


def _heard(member: Member, epoch: int) -> bool:
    return member.report is not None and member.report.state is not None and member.report.seen_epoch >= epoch


def _says(member: Member) -> str:
    said = member.report
    if said is None:
        return "no report"
    ready = "" if member.ready else ", not Ready"
    if said.state is None and said.obstacle:
        return said.obstacle
    # Of one that stands, or works, it is about a switch to it, which has a refusal of its own.
    why = f": {said.obstacle}" if said.obstacle and said.state is State.DRAINING else ""
    return f"{said.state or 'unreachable'} at epoch {said.epoch}{ready}{why}"
