"""When a colour is not what it is to consist of, and who has to leave the group for that: pure functions.

A shape is the number of members, the number of partitions and the way into the group (`Shape`). A grant is for one:
whoever is to become another leaves the group first, as a whole, so that nobody of the old shape is in it when the new
one joins. Where two colours are in one group and of one shape, the new one takes the old one's places over instead,
which is the faster way.
"""

from collections.abc import Iterable

from workloads.common.lease import Grant
from workloads.common.states import Color, Outcome
from workloads.controller.members import not_ready, not_ready_to_change
from workloads.controller.replay import replays
from workloads.controller.terms import Member, Spec


def misshapen(spec: Spec, grant: Grant, color: Color) -> bool:
    """Whether `color`, which holds the grant or held it last, is another shape than it is to be.

    A grant that names none is from before shapes were named: it is taken to be as it should.
    """
    return spec.way is not None and grant.shape is not None and grant.shape != spec.shape(color)


def rests(grant: Grant) -> bool:
    """Whether the holder was granted to rest: of its shape nobody is at work."""
    return grant.shape is not None and grant.shape.members == 0


def fewer_partitions(spec: Spec, grant: Grant) -> bool:
    """Whether the topic has more partitions than the grant is for."""
    return spec.way is not None and grant.shape is not None and grant.shape.partitions < spec.partitions


def asked_before(spec: Spec, grant: Grant) -> bool:
    """Whether what is asked for is what the grant was written for, whatever else the specification says now."""
    return bool(grant.asked) and grant.asked == spec.asked


def stays(spec: Spec, grant: Grant, holder: Color) -> bool:
    """Whether a generation leaves the grant with its holder: it asks for it, or for nothing but what has failed."""
    failed = grant.outcome not in {None, Outcome.SWITCHED}
    return spec.active is holder or (failed and asked_before(spec, grant))


def unready(spec: Spec, grant: Grant | None, members: Iterable[Member]) -> str:
    """Which members the present generation waits for, that are not there and ready; empty: for nobody."""
    holder = grant.holder if grant is not None else None
    if grant is not None and holder is not None and stays(spec, grant, holder):
        return not_ready_to_change(spec, members, holder)
    return not_ready(spec, members)


def must_leave(spec: Spec, grant: Grant, to: Color) -> bool:
    """Whether the last holder has to leave the group before `to` is granted: they share it, and not their shape."""
    last = grant.holder or grant.last_holder
    shape = grant.shape or (spec.shape(last) if last else None)  # none is named: see `misshapen`
    return spec.way is not None and spec.one_group and shape != spec.shape(to)


def must_be_empty(spec: Spec, grant: Grant) -> bool:
    """Whether the group has to have been emptied before a grant that follows this withdrawal from a colour that failed.
    One from which everybody leaves for a replay alone need not be: who comes next takes the places over.
    """
    return grant.leave and (must_leave_to_go_back(spec, grant) or not replays(spec, grant))


def must_leave_to_go_back(spec: Spec, grant: Grant) -> bool:
    """The same for the way back from the colour that was switched to."""
    return spec.way is not None and spec.one_group and (grant.shape is None or grant.shape != grant.origin_shape)
