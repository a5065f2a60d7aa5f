"""The lifecycle of a member: a pure function from what happened to what has to be done.

No I/O and no clock. The application's loop feeds it events, one at a time, between records, and carries the effects
out in order. Processing is allowed in state ACTIVE and in no other.

What it guarantees, whatever arrives in whatever order:
- a command below the newest epoch seen is refused; at an equal epoch a pause beats a resume, for good;
- a pause aborts a resume in progress;
- a consumer that stalled, lost its partitions or was fenced never becomes ACTIVE again without a new resume command;
- what was granted under an epoch below one that was heard of, from wherever, is void;
- it says that it has left only when no client of this process is in the group, or on its way in or out.

What it does not: it does not know who holds the grant. That is the sidecar's part.
"""

from dataclasses import dataclass, replace
from enum import Enum, StrEnum

from workloads.common.states import GroupProtocol, Membership, State
from workloads.member.way import Way

_TAKEOVER = Way.of(Membership.TAKEOVER, GroupProtocol.CLASSIC)


class Client(StrEnum):
    """Where the Kafka client stands."""

    STANDBY = "standby"  # connected and outside the group
    MEMBER = "member"  # in the group, or on its way into it


class Effect(Enum):
    """What the poll loop has to do, in the order given."""

    COMMIT = "commit"  # commit what was handled, then feed CommitEnded
    LEAVE = "leave"  # leave the group (unsubscribe, or close for a static KIP-848 member), then feed Left
    REPLACE = "replace"  # close the client and make a fresh one that stands by
    RETIRE = "retire"  # REPLACE too, but when it is not in the way of a hand-off
    CLOSE = "close"  # close whatever has been in the group, then feed Closed; a fresh client stands by after that
    JOIN = "join"  # subscribe; Assigned follows
    REWIND = "rewind"  # find where what is assigned begins, and let it flow from there; Assigned or StartFailed follows


@dataclass(frozen=True, slots=True)
class Pause:
    """Command: stop processing, under this epoch.

    leave: and be out of the group, whatever the way is, for the next grant is for another shape.
    """

    epoch: int
    leave: bool = False


@dataclass(frozen=True, slots=True)
class Resume:
    """Command: become active, under this epoch.

    voids: of the lifecycle that this was decided by; what is newer refuses it. None: for whatever is there.
    """

    epoch: int
    voids: int | None = None


@dataclass(frozen=True, slots=True)
class Assigned:
    """The group (or a rewind) gave these partitions; the complete set that is owned now."""

    partitions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Owned:
    """The group gave these partitions (the complete set), and their starts have to be carried over before any of them
    is read: of a member whose way is `Start.CARRIED`, in place of Assigned.
    """

    partitions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StartFailed:
    """What is owned could not be started (REWIND): a resume in progress is void, what was active drains."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """A rebalance took these partitions; the client is still a member."""

    partitions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Lost:
    """The partitions are lost, or the client is fenced or fatal: it owns nothing and is of no use any more.

    uncommitted: something was handled whose commit has not been acknowledged, and never will be.
    """

    uncommitted: bool = False


@dataclass(frozen=True, slots=True)
class CommitEnded:
    """The commit of a drain was acknowledged (ok), or was not within half the drain timeout."""

    ok: bool


@dataclass(frozen=True, slots=True)
class Left:
    """The client has left the group."""


@dataclass(frozen=True, slots=True)
class Closed:
    """No client of this process is in the group, or on its way in or out."""


@dataclass(frozen=True, slots=True)
class Heard:
    """This epoch stands somewhere, so its grant was given, whoever had it: as if a command had borne it."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Stalled:
    """The poll loop stood still outside processing for longer than the stall limit."""


Event = Pause | Resume | Assigned | Owned | StartFailed | Revoked | Lost | CommitEnded | Left | Closed | Heard | Stalled


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """What a consumer process knows of itself.

    epoch: the epoch that the state belongs to; a resume's counts only once it is ACTIVE, so that PAUSED under an epoch
        is never a resume that has not come far. seen_epoch: the newest epoch heard of.
    paused_epoch: the newest epoch at which a pause was executed; -1 before the first.
    wanted: a resume was accepted and nothing has voided it since.
    voids: how often a stall, a loss or a fence has made void what was granted; a freeze counts in every state, for a
        resume that was decided before it may still be on its way.
    committed: whether everything that was handled until the end of the last activity is committed: its drain's commit
        was acknowledged, or nothing was left uncommitted when the membership was lost.
    leave: the newest command is a pause that asks to leave. A member from the start stays out for as long: it enters
        again at the next command of a newer epoch that does not ask for it.
    left: no client of this process is in the group, or on its way in or out. Of one that has been in it, this is only
        known (and said) after a pause that asked for it.
    """

    way: Way = _TAKEOVER
    state: State = State.PAUSED
    epoch: int = 0
    seen_epoch: int = 0
    paused_epoch: int = -1
    wanted: bool = False
    voids: int = 0
    committed: bool = True
    leave: bool = False
    left: bool = True
    client: Client = Client.STANDBY
    partitions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """The next lifecycle, the effects in order, and whether a command was refused as stale (HTTP 409)."""

    lifecycle: Lifecycle
    effects: tuple[Effect, ...] = ()
    refused: bool = False


def start(membership: Membership, protocol: GroupProtocol) -> Step:
    """A process begins PAUSED; only a member from the start enters the group before it is asked to."""
    fresh = Lifecycle(Way.of(membership, protocol))
    if fresh.way.member_from_start:
        return Step(_entering(fresh), (Effect.JOIN,))
    return Step(fresh)


def step(now: Lifecycle, event: Event) -> Step:
    """What follows from `event`."""
    match event:
        case Pause() | Resume():
            return _command(now, event)
        case Assigned(partitions):
            return _assigned(now, partitions)
        case Owned(partitions):
            return _owned(now, partitions)
        case Revoked(partitions):
            gone = set(partitions)
            return Step(replace(now, partitions=tuple(p for p in now.partitions if p not in gone)))
        case Lost(uncommitted):
            return _lost(now, uncommitted=uncommitted)
        case CommitEnded(ok):
            return _commit_ended(now, ok)
        case Left():
            return _left(now)
        case Closed():
            return Step(replace(now, left=True)) if _to_close(now) else Step(now)
        case Heard() | Stalled() | StartFailed():
            return _voided(now, event)


def _command(now: Lifecycle, command: Pause | Resume) -> Step:
    if command.epoch < now.seen_epoch:
        return Step(now, refused=True)
    if isinstance(command, Pause):
        return _pause(now, command)
    if command.epoch <= now.paused_epoch or command.voids not in (None, now.voids):
        return Step(now, refused=True)
    return _resume(now, command.epoch)


def _pause(now: Lifecycle, command: Pause) -> Step:
    epoch, newer = command.epoch, command.epoch > now.epoch
    leave = command.leave or (now.leave and epoch == now.seen_epoch)
    paused = replace(now, epoch=epoch, seen_epoch=epoch, paused_epoch=epoch, wanted=False, leave=leave)
    if now.state is State.ACTIVE:
        return Step(replace(paused, state=State.DRAINING), (Effect.COMMIT,))
    if now.state is State.DRAINING:
        return Step(paused)
    if leave:
        return _close(paused)
    if now.way.member_from_start:
        return Step(paused) if now.client is Client.MEMBER else Step(_entering(paused), (Effect.JOIN,))
    if now.wanted:  # a join in progress: whatever the coordinator makes of it, this client is not used again
        return Step(replace(paused, client=Client.STANDBY, partitions=()), (Effect.REPLACE,))
    if now.client is Client.MEMBER and newer:
        # It was paused before and hears of a newer grant: its place in the group is taken or about to be.
        return Step(replace(paused, client=Client.STANDBY, partitions=()), (Effect.RETIRE,))
    return Step(paused)


def _resume(now: Lifecycle, epoch: int) -> Step:
    resumed = replace(now, seen_epoch=epoch, wanted=True, leave=False)
    if now.state is State.ACTIVE:
        return Step(replace(resumed, epoch=epoch))
    if now.state is State.PAUSED and not now.wanted:
        return _join(resumed)
    return Step(resumed)  # joining already, or draining: then it joins when the drain has ended


def _join(now: Lifecycle) -> Step:
    """Enter the group; a client that was a member before starts anew, at the committed offsets."""
    joining = _entering(now)
    if now.way.member_from_start:
        return Step(joining, (Effect.REWIND,) if now.client is Client.MEMBER else (Effect.JOIN, Effect.REWIND))
    if now.client is Client.MEMBER:
        return Step(replace(joining, partitions=()), (Effect.REPLACE, Effect.JOIN))
    return Step(joining, (Effect.JOIN,))


def _entering(now: Lifecycle) -> Lifecycle:
    return replace(now, client=Client.MEMBER, left=False)


def _close(now: Lifecycle) -> Step:
    """Paused, and to be out of the group: what has been in it, or was on its way in, is not used again."""
    outside = replace(now, client=Client.STANDBY, partitions=())
    return Step(outside, (Effect.CLOSE,) if _to_close(outside) else ())


def _to_close(now: Lifecycle) -> bool:
    return now.leave and not now.left and now.state is State.PAUSED


def _assigned(now: Lifecycle, partitions: tuple[int, ...]) -> Step:
    owned = replace(now, partitions=tuple(sorted(partitions)))
    if now.state is State.PAUSED and now.wanted:
        return Step(replace(owned, state=State.ACTIVE, epoch=now.seen_epoch, committed=True))
    return Step(owned)


def _owned(now: Lifecycle, partitions: tuple[int, ...]) -> Step:
    """While a resume is in progress, its REWIND (under way, or still to come) starts these too."""
    owned = replace(now, partitions=tuple(sorted(partitions)))
    return Step(owned, (Effect.REWIND,) if now.state is State.ACTIVE else ())


def _lost(now: Lifecycle, *, uncommitted: bool) -> Step:
    granted = now.state is not State.PAUSED or now.wanted
    gone = replace(
        now,
        state=State.PAUSED,
        wanted=False,
        voids=now.voids + granted,
        partitions=(),
        client=Client.STANDBY,
    )
    if now.state is State.DRAINING or uncommitted:
        gone = replace(gone, committed=False)
    if now.leave:
        return Step(gone, (Effect.REPLACE, *_close(gone).effects))
    if now.way.member_from_start:
        return Step(_entering(gone), (Effect.REPLACE, Effect.JOIN))
    return Step(gone, (Effect.REPLACE,))


def _commit_ended(now: Lifecycle, ok: bool) -> Step:
    if now.state is not State.DRAINING:
        return Step(now)
    ended = replace(now, committed=ok)
    if now.way.leaves_before_paused and not now.leave:
        return Step(ended, (Effect.LEAVE,))
    return _paused(ended)


def _left(now: Lifecycle) -> Step:
    outside = replace(now, client=Client.STANDBY, partitions=())
    return _paused(outside) if now.state is State.DRAINING else Step(outside)


def _paused(now: Lifecycle) -> Step:
    """The drain is over: a resume that came in the meantime goes on from here, or a pause that asks to leave."""
    paused = replace(now, state=State.PAUSED)
    if paused.leave:
        return _close(paused)
    return _join(paused) if paused.wanted else Step(paused)


def _voided(now: Lifecycle, event: Heard | Stalled | StartFailed) -> Step:
    match event:
        case Heard(epoch):
            return _void(replace(now, seen_epoch=epoch)) if epoch > now.seen_epoch else Step(now)
        case Stalled():
            return _void(replace(now, voids=now.voids + 1))
        case StartFailed():
            return _void(now)


def _void(now: Lifecycle) -> Step:
    """After a freeze nobody here knows what happened meanwhile, under a newer epoch somebody else may be at work, and
    what has no start is not read: drain, and wait to be confirmed.
    """
    if now.state is State.ACTIVE:
        return Step(replace(now, state=State.DRAINING, wanted=False), (Effect.COMMIT,))
    if now.state is State.PAUSED and now.wanted and not now.way.member_from_start:
        return Step(replace(now, wanted=False, client=Client.STANDBY, partitions=()), (Effect.REPLACE,))
    return Step(replace(now, wanted=False))
