"""The grant: what the Lease says, the protocol's only durable memory.

One write of the Lease carries everything, so no crash can leave half a decision behind.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from workloads.common.states import Color, Outcome

LAST_HOLDER = "last-holder"
ORIGIN = "from"
GENERATION = "generation"
OUTCOME = "outcome"
REASON = "reason"
BLOCKED_BY = "blocked-by"
UNCONFIRMED = "unconfirmed"
SWITCH_UID = "switch-uid"
SHAPE = "shape"
ORIGIN_SHAPE = "from-shape"
ASKED = "asked"
LEAVE = "leave"
SINCE = "since"
TRIES = "tries"

# Epochs are below this. A Lease counts in 32 bits (`leaseTransitions`), and one that was lost is made again above all
# that anybody knows of: half of what can be counted is room for that.
EPOCHS = 1 << 30
_GENERATIONS = 1 << 63


class LeaseFormatError(ValueError):
    """The Lease holds something that this protocol never writes."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a colour at work consists of. A grant is for one shape; another takes a grant of its own.

    members: how many; those of the ordinals 0 ... members - 1. partitions: of the topic, which they own between them.
    way: how they enter and leave the group, in the words of whoever configures them; compared, and nothing else.
    """

    members: int
    partitions: int
    way: str = ""

    def __str__(self) -> str:
        return f"{self.members}x{self.partitions}" + (f" {self.way}" if self.way else "")

    @classmethod
    def of(cls, text: str) -> "Shape":
        """The shape that `str` has written. Raises ValueError."""
        numbers, _, way = text.partition(" ")
        members, found, partitions = numbers.partition("x")
        if not (found and members.isdecimal() and partitions.isdecimal()):
            raise ValueError(f"{SHAPE} is {text!r}; it must be like '3x12', members and partitions")
        return cls(int(members), int(partitions), way)


@dataclass(frozen=True, slots=True)
class Grant:
    """Who may be active, under which epoch, and how the newest generation stands.

    holder: the colour that may be active; None after a withdrawal.
    epoch: grows by one at every change of the holder (`spec.leaseTransitions`).
    last_holder: the colour that may have been active last; None when nobody ever was, or when that is not known.
    origin: the colour that the current generation's switch left; None when it moved nothing.
    generation: the generation of the KafkaConsumerSwitch that this grant was written for.
    outcome, reason: how that generation ended; None while it has not.
    blocked_by: names of the pods that a rollback waits for; or of the group, which could not be emptied.
    tries: how often in a row it could not be: the pause before the next try grows with it.
    unconfirmed: the Lease was lost and made again: nobody is granted before the members of both colours have confirmed.
    shape: of the holder, or of who held it last; None where nobody has said.
    origin_shape: of the colour that the current generation's switch left.
    asked: names what was asked for when the outcome was written, or is being tried (`Spec.asked`).
    leave: of a withdrawal: whoever is PAUSED by it has left its group, or closed its client, because the next grant is
        for another shape, or begins elsewhere.
    since: (partition, next offset) of where the colour that the switch left had come to when the other was granted;
        kept with that grant for a way back that begins there. None where nobody asked for one.

    More than a dozen attributes: they are what the Lease says, all of which changes with one write.
    """

    holder: Color | None
    epoch: int
    last_holder: Color | None = None
    origin: Color | None = None
    generation: int = 0
    outcome: Outcome | None = None
    reason: str = ""
    blocked_by: tuple[str, ...] = ()
    unconfirmed: bool = False
    shape: Shape | None = None
    origin_shape: Shape | None = None
    asked: str = ""
    leave: bool = False
    since: tuple[tuple[int, int], ...] | None = None
    tries: int = 0

    @property
    def rolling_back(self) -> bool:
        """The grant was withdrawn from the colour that this generation had switched to."""
        return self.holder is None and self.origin is not None and self.origin != self.last_holder


def from_lease(lease: Mapping[str, Any]) -> Grant:
    """Read a Grant from a `coordination.k8s.io/v1` Lease object.

    Raises LeaseFormatError naming the field when the object holds what the protocol never writes.
    """
    spec = lease.get("spec") or {}
    notes = (lease.get("metadata") or {}).get("annotations") or {}
    try:
        return Grant(
            holder=_color(spec.get("holderIdentity"), "spec.holderIdentity"),
            epoch=_number(spec.get("leaseTransitions"), "spec.leaseTransitions", EPOCHS),
            last_holder=_color(notes.get(LAST_HOLDER), LAST_HOLDER),
            origin=_color(notes.get(ORIGIN), ORIGIN),
            generation=_number(notes.get(GENERATION), GENERATION, _GENERATIONS),
            outcome=Outcome(notes[OUTCOME]) if notes.get(OUTCOME) else None,
            reason=str(notes.get(REASON) or ""),
            blocked_by=tuple(name for name in str(notes.get(BLOCKED_BY) or "").split(",") if name),
            unconfirmed=notes.get(UNCONFIRMED) == "true",
            shape=Shape.of(notes[SHAPE]) if notes.get(SHAPE) else None,
            origin_shape=Shape.of(notes[ORIGIN_SHAPE]) if notes.get(ORIGIN_SHAPE) else None,
            asked=str(notes.get(ASKED) or ""),
            leave=notes.get(LEAVE) == "true",
            since=_since(notes[SINCE]) if notes.get(SINCE) else None,
            tries=_number(notes.get(TRIES), TRIES, EPOCHS),
        )
    except ValueError as error:
        named = lease.get("metadata") or {}
        raise LeaseFormatError(
            f"Lease {named.get('name')}: {error}; only the controller may write it. Delete the Lease, and it is made "
            f"again, after every member has confirmed that it is paused: kubectl delete lease {named.get('name')} "
            f"-n {named.get('namespace')}"
        ) from error


def for_object(lease: Mapping[str, Any], switch_uid: str) -> Grant:
    """The Grant in a Lease as the KafkaConsumerSwitch with this UID has to take it.

    Generations count from 1 in every object, so those of another one (deleted, and made again under its name) say
    nothing about this one's: the grant then is of generation 0, which no object has. Raises as `from_lease`.
    """
    grant = from_lease(lease)
    notes = (lease.get("metadata") or {}).get("annotations") or {}
    return grant if notes.get(SWITCH_UID) == switch_uid else replace(grant, generation=0)


def to_lease(
    grant: Grant, name: str, now: str, previous: Mapping[str, Any] | None = None, *, switch_uid: str = ""
) -> dict[str, Any]:
    """Make the Lease object that says `grant`.

    name: the Lease's name. now: RFC 3339 with microseconds, for the times that people read.
    switch_uid: of the KafkaConsumerSwitch whose generation the grant names.
    previous: the object the decision was made on; its resourceVersion makes the write fail if somebody was faster.
    """
    metadata: dict[str, Any] = {"name": name}
    spec: dict[str, Any] = {"holderIdentity": grant.holder or "", "leaseTransitions": grant.epoch, "renewTime": now}
    if previous is not None:
        old = previous["metadata"]
        metadata |= {key: old[key] for key in ("resourceVersion", "uid", "labels", "ownerReferences") if key in old}
        old_spec = previous.get("spec") or {}
        changed = (old_spec.get("leaseTransitions") or 0) != grant.epoch
        spec["acquireTime"] = now if changed else old_spec.get("acquireTime", now)
    else:
        spec["acquireTime"] = now
    metadata["annotations"] = {
        LAST_HOLDER: grant.last_holder or "",
        ORIGIN: grant.origin or "",
        GENERATION: str(grant.generation),
        OUTCOME: grant.outcome or "",
        REASON: grant.reason,
        BLOCKED_BY: ",".join(grant.blocked_by),
        UNCONFIRMED: "true" if grant.unconfirmed else "",
        SWITCH_UID: switch_uid,
        **({SHAPE: str(grant.shape)} if grant.shape else {}),
        **({ORIGIN_SHAPE: str(grant.origin_shape)} if grant.origin_shape else {}),
        **({ASKED: grant.asked} if grant.asked else {}),
        **({LEAVE: "true"} if grant.leave else {}),
        **({SINCE: ",".join(f"{p}:{offset}" for p, offset in grant.since)} if grant.since else {}),
        **({TRIES: str(grant.tries)} if grant.tries else {}),
    }
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}


def _color(value: object, where: str) -> Color | None:
    if not value:
        return None
    try:
        return Color(str(value))
    except ValueError:
        raise ValueError(f"{where} is {value!r}; it must be blue, green or empty") from None


def _since(text: str) -> tuple[tuple[int, int], ...]:
    """What `to_lease` has written: `0:17,1:4`. Raises ValueError."""
    found = []
    for item in text.split(","):
        partition, _, offset = item.partition(":")
        if not (partition.isascii() and partition.isdigit() and offset.isascii() and offset.isdigit()):
            raise ValueError(f"{SINCE} is {text!r}; it must be like '0:17,1:4', partitions and offsets")
        found.append((int(partition), int(offset)))
    return tuple(found)


def _number(value: object, where: str, end: int) -> int:
    """A number from 0 to before `end`; nothing is 0."""
    text = str(value if value is not None else "") or "0"
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(end)) else end
    if number >= end:
        raise ValueError(f"{where} is {value!r}; it must be a whole number from 0 to {end - 1}")
    return number
