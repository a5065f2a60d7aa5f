"""One number for both colours, which a scaler writes whenever it likes: pure functions.

The number is `spec.replicas` of the switch. Each write of it is a generation, and asks for no switch. So what is under
way goes on as if it had not been written (`held`), and what has ended stays as it ended: the holder's shape follows
once its pods are there, without a time by which they have to be (`decide`). The sets of pods get more before that, and
fewer after it (`sizes`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from workloads.common.lease import Grant
from workloads.common.states import Color, Outcome
from workloads.controller.shapes import asked_before, misshapen, stays
from workloads.controller.terms import Member, Spec


@dataclass(frozen=True, slots=True)
class Size:
    """How many pods each colour's set is to have. fewer: whether pods may be taken away for it now."""

    pods: int
    fewer: bool


def switching(spec: Spec, grant: Grant) -> bool:
    """Whether a switch from one colour to the other is under way, its way back included; a change of shape is none."""
    if grant.outcome is Outcome.ROLLBACK_BLOCKED:
        return True
    if grant.holder is None:
        return grant.rolling_back or (grant.outcome is None and grant.last_holder is not spec.active)
    verified = grant.outcome is None and grant.origin is not None
    return verified or (grant.generation != spec.generation and not stays(spec, grant, grant.holder))


def held(spec: Spec, grant: Grant | None) -> Spec:
    """What is carried out now of what is asked for: a scaler's number waits while a switch is under way, and with it
    the generation that it has made, if that asks for nothing else.
    """
    if spec.number is None or grant is None or grant.shape is None or not switching(spec, grant):
        return spec
    members = grant.shape.members or spec.number
    # A rollback that is blocked has an outcome, and so had its generation; tried again, it is under way.
    waits = (grant.outcome is None or grant.holder is None) and asked_before(spec, grant)
    return replace(
        spec,
        replicas=(members, members),
        generation=grant.generation if waits else spec.generation,
        newest=spec.generation,
    )


def scales(spec: Spec, grant: Grant, holder: Color) -> bool:
    """Whether the holder is to have another number of members by a scaler's word, and nothing else of it changes."""
    shape = spec.shape(holder)
    if spec.number is None or shape is None or grant.shape is None or not misshapen(spec, grant, holder):
        return False
    return bool(grant.shape.members and shape.members) and replace(shape, members=grant.shape.members) == grant.shape


def sizes(spec: Spec, grant: Grant | None) -> Size | None:
    """What both colours' sets are to have; None: what they have. spec: as it is carried out (`held`).

    More pods come before the grant that is for them, fewer go after it. While a switch is under way none go, and none
    come but those that it is about.
    """
    if spec.number is None or grant is None:
        return None
    granted = grant.shape.members if grant.shape is not None else 0
    known = grant.holder is not None and grant.shape is not None
    quiet = known and grant.outcome is not None and not switching(spec, grant)
    return Size(max(spec.count(spec.active), granted), fewer=quiet)


def scale_status(
    number: int | None, selects: Callable[[Color], str], grant: Grant | None, members: Iterable[Member]
) -> dict[str, object]:
    """What the scale subresource shows: the pods of the colour at work and their labels, of nobody else's. Empty where
    no scaler is meant to write. selects: the label selector of a colour's pods.
    """
    if number is None:
        return {}
    holder = None if grant is None else (grant.holder or grant.last_holder)
    color = holder or Color.BLUE  # nobody ever was at work: any is as good
    return {"replicas": sum(m.color is color for m in members), "selector": selects(color)}
