"""The parts of the model's world, as values: slots, controllers, the core, and the steps that lead from one to the next."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import replace as replaced
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar

from experiments.fault_campaign import catalogue
from workloads.common.lease import Grant
from workloads.common.report import Report
from workloads.common.states import Color, GroupProtocol, Membership, State
from workloads.controller import decide as dc
from workloads.controller import terms as tm
from workloads.handling import carry
from workloads.member import lifecycle as lc
from workloads.sidecar import step as sc


class Part(StrEnum):
    """The parts of a start, each a call or a wait by itself (see `workloads.consumer.carrier`)."""

    ANSWERED = "answered"  # a background copy that is under way has ended
    INITIALISE = "initialise"  # the transactional id is this process's from here on
    READ = "read"  # both groups' commits, as stable ones
    COMMIT = "commit"  # the start, and the assignment at it


def parts_of_a_start(fenced: bool) -> tuple[Part, ...]:
    """What a start does, in this order."""
    if fenced:
        return Part.ANSWERED, Part.INITIALISE, Part.READ, Part.COMMIT
    return Part.ANSWERED, Part.READ, Part.COMMIT


@dataclass(frozen=True)
class Rules:
    """The functions under test; the tests put broken copies in their place.

    start, copies: where a start of strategy B is, and what is copied in the background. newest: which epoch is heard of
    by reading both groups' commits. parts: the order of a start.
    stable: offsets are read as stable ones. one_id: both colours commit by one transactional id.
    """

    decide: Callable[[tm.Observation], tm.Decision] = dc.decide
    sidecar: Callable[[sc.View], sc.Next] = sc.step
    lifecycle: Callable[[lc.Lifecycle, lc.Event], lc.Step] = lc.step
    start: Callable[[carry.Found, int], carry.Start] = carry.start
    copies: Callable[[Mapping[int, carry.Found]], dict[int, carry.Commit]] = carry.copies
    newest: Callable[[Mapping[int, carry.Found]], int] = carry.newest
    parts: Callable[[bool], tuple[Part, ...]] = parts_of_a_start
    stable: bool = True
    one_id: bool = True


REAL = Rules()

FAULTS = catalogue.modelled()
"""What may go wrong, by name: the part of the one list (`experiments.fault_campaign.catalogue`) that is in this model."""


class Reshape(StrEnum):
    """When a generation asks for another shape (its `way`) than the one before.

    NEVER: no shape is named. WITH_SWITCH: every generation, as it asks for the other colour. ALONE: in turns, one asks
    for another shape of the same colour, and the next for the other colour in that shape. PAUSED: in turns, one asks
    that nobody is at work, and the next for the other colour at work. SCALED: in turns, one asks for the other colour,
    and the next is a scaler's, who writes its number whatever is under way.
    """

    NEVER = ""
    WITH_SWITCH = "another shape with each switch"
    ALONE = "another shape, then a switch"
    PAUSED = "paused, and at work again with a switch"
    SCALED = "a switch, then a scaler's number"


class Removal(StrEnum):
    """What was done to a group. DONE: what closed members have left behind is out of it. READ: where it has come to is
    known. REWOUND: it is set to where the colour that failed was granted.
    """

    DONE = "done"
    READ = "read"
    REWOUND = "rewound"


SINCE = ((0, 17),)
"""Where the holder has come to: nothing is counted."""


LATE = 1e9
"""Seconds after which every deadline has passed."""


@dataclass(frozen=True)
class Bounds:
    """How much may go wrong in one history, and how large the world is.

    faults: the kinds allowed, each with how often. total: how many altogether. pods: per colour.
    fine: every view ages by itself (see `model`). controllers: how many run at the same time.
    lag: a switch waits until the holder has caught up. analysis: it has to pass one. absence: of a pod from a list.
    records: strategy B, with so many records to be handled. fenced: by transactions. reigned: green has a commit of an
    earlier reign. earlier: there is no Lease and nobody knows of any, while the groups bear this epoch of an earlier life
    of it, and the one before; 0: not so. reshape: when another shape is asked for. replay: a way back begins where the
    colour that failed was granted.
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
    records: int = 0
    fenced: bool = False
    reigned: bool = True
    earlier: int = 0
    reshape: Reshape = Reshape.NEVER
    replay: bool = False

    @property
    def leaves(self) -> bool:
        """Whether anybody is ever told to leave."""
        return self.replay or bool(self.reshape)

    def __str__(self) -> str:
        kinds = " ".join(f"{kind}*{count}" if count > 1 else kind for kind, count in self.faults)
        parts = [f"{self.pods}+{self.pods} pods", "fine" if self.fine else "coarse", f"{self.membership}"]
        parts += ["replayed"] if self.replay else []
        if self.protocol is not GroupProtocol.CLASSIC:
            parts.append(f"{self.protocol} protocol")
        parts += [name for name, asked in (("lag", self.lag), ("analysis", self.analysis)) if asked]
        parts += [str(self.reshape)] if self.reshape else []
        if self.absence is tm.Absence.UNKNOWN:
            parts.append("absence tells nothing")
        if self.records:
            parts += [f"{self.records} records", "fenced" if self.fenced else "no fence"]
            parts += [] if self.reigned else ["green is new"]
            parts += [f"no Lease, epoch {self.earlier} in a group"] if self.earlier else []
        if self.controllers > 1:
            parts.append(f"{self.controllers} controllers")
        return f"{', '.join(parts)}; at most {self.total} of: {kinds or 'nothing'}"


@dataclass(frozen=True, slots=True)
class Hand:
    """What a consumer of strategy B has in hand of its partition.

    position: of the record to be handled next; -1: it is assigned nothing to read. acked: up to where its commits were
    answered. epoch: under which it handles. initialised: this process has initialised the transactional id.
    part: which part of a start comes next. chosen: where that start is to be. copying: a copy that is under way.
    """

    position: int = -1
    acked: int = -1
    epoch: int = 0
    initialised: bool = False
    part: int = 0
    chosen: carry.Start | None = None
    copying: carry.Commit | None = None


class Seen(NamedTuple):
    """What a controller knows of a slot. report, ready: coarse grain: the pod's newest ones count, not these."""

    uid: int
    report: Report | None
    ready: bool = True


class Slot(NamedTuple):
    """One place in a StatefulSet.

    uid, boot: numbers of the pod and of the consumer process in it. up: the consumer process runs.
    life: what the consumer knows of itself. todo: effects that it has begun and that have not ended.
    inflight: commands that were posted to this process. view: the sidecar's. stored: the report on the Pod object.
    kept: an old report that may be written again. seen: what each controller knows; None: no pod. ready: as probed.
    inside: a client of this process is in the group, or on its way in or out. hand: strategy B. ghost: processes of a pod that was here and was deleted by force. dazed: thawed, and not aware of it.
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
    inflight: frozenset[lc.Pause | lc.Resume] = frozenset()
    stored: Report | None = None
    kept: Report | None = None
    ready: bool = True
    inside: bool = False
    hand: Hand = Hand()
    ghost: "Slot | None" = None
    dazed: bool = False

    def truth(self) -> Report | None:
        """What the consumer would answer now; None when nothing."""
        life = self.life
        if not self.up:
            return None
        return Report(
            f"{self.uid}.{self.boot}",
            life.state,
            life.epoch,
            life.seen_epoch,
            life.committed,
            life.partitions,
            voids=life.voids,
            left=life.left,
        )


class Control(NamedTuple):
    """One controller process: everything in it is a view, possibly an old one. What it knows of pods is in the slots.

    knows: it has read the Lease. listed: the phase in which its last consistent list was begun.
    measured: what was measured in the present phase.
    """

    knows: bool
    grant: Grant | None
    generation: int
    listed: tuple[object, ...] | None
    memory: tm.Memory
    measured: tm.Lag | tm.Analysis | Removal | None = None


class Core(NamedTuple):
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


T = TypeVar("T")


def replace(value: T, /, **changes: Any) -> T:
    """The value with some of its fields changed. The world's own parts are tuples: there are millions of them."""
    if isinstance(value, tuple):
        return value._replace(**changes)  # type: ignore[attr-defined, no-any-return]
    return replaced(value, **changes)  # type: ignore[type-var]


Known = tuple[Seen, ...]
"""What a controller believes to be the pods of one colour."""

SHARE = (0,)
"""A slot's share of the topic: one partition. Which one it is follows from the others that own one (see `world.World.members`):
slots are interchangeable, so no two ever own the same. Where nothing can be revoked the topic has no partitions."""


def in_order(commands: frozenset[lc.Pause | lc.Resume]) -> list[lc.Pause | lc.Resume]:
    """Commands in the same order in every run."""
    return sorted(commands, key=lambda command: (command.epoch, type(command).__name__, str(command)))


def told(grant: Grant | None) -> str:
    """A Lease in a few words, for histories."""
    if grant is None:
        return "no Lease"
    words = [f"{grant.holder or 'nobody'} at epoch {grant.epoch}"]
    if grant.holder is None:
        words.append(f"withdrawn from {grant.last_holder or 'whoever it was'}")
    words += ["to leave"] if grant.leave else []
    words.append(f"generation {grant.generation} {grant.outcome or 'under way'}")
    words += [grant.reason] if grant.reason else []
    words += [f"waits for {', '.join(grant.blocked_by)}"] if grant.blocked_by else []
    return ", ".join(words) + (", all unconfirmed" if grant.unconfirmed else "")


def said(report: Report | None) -> str:
    if report is None:
        return "nothing"
    return f"{report.state or 'no answer'} at epoch {report.epoch}{', has left' if report.left else ''}"


def pictured(slot: Slot) -> str:
    """A slot in a few words, for histories."""
    here = f"{slot.life.state} at epoch {slot.life.epoch}"
    said_of_it = here if slot.exists else f"no pod ({here})" if slot.life.state is not State.PAUSED else "no pod"
    under_way = "".join(f", in flight: {command}" for command in in_order(slot.inflight))
    zombie = f", and its zombie: {pictured(slot.ghost)}" if slot.ghost else ""
    return (
        f"{slot.color}: {said_of_it}{', frozen' if slot.frozen else ''}{'' if slot.up else ', down'}{under_way}{zombie}"
    )
