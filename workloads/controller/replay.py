"""A way back that begins where the colour taken back was granted (`onRollback: replay`). Pure functions.

What that colour has handled since, well or not, is handled again by whoever gets the grant back. The positions are read
when every member of the old colour has confirmed that it is paused, and stand in the Lease with the grant that follows:
nothing of the new colour can have moved them by then, and no crash loses the one without the other. On the way back
everybody leaves, of both colours, for offsets of a group can be altered only while nobody is in it; the old colour's
group is set to what the Lease says, under the withdrawal's epoch, and then it is granted and joins as ever. No
application has to know of any of it.

Where that cannot be done in time the colour is granted all the same, where the other one has come to: to be back is
worth more than to have it handled again.
"""

from collections.abc import Iterable, Mapping

from workloads.common.labels import sealed
from workloads.common.lease import Grant
from workloads.common.states import Phase
from workloads.controller.members import unconfirmed
from workloads.controller.terms import Decision, Member, Observation, Spec

Since = tuple[tuple[int, int], ...]
"""(partition, next offset), of all partitions, in order."""

REPLAYED = "replayed from where it was granted"
NOT_REPLAYED = "not replayed: "


def since_due(seen: Observation, grant: Grant) -> Decision | None:
    """What has to be waited for before the other colour is granted, so that there is a way back to here; None: nothing.

    Of a withdrawal that everybody has confirmed.
    """
    if not seen.spec.replay or seen.since is not None or seen.elapsed >= since_deadline(seen.spec):
        return None
    message = f"reading where {grant.last_holder} has come to{_detail(seen)}"
    return Decision(Phase.PAUSING, None, "Pausing", message, need_since=True, deadline=since_deadline(seen.spec))


def since_deadline(spec: Spec) -> float:
    """For how long, in seconds of the withdrawal, the positions may be read."""
    return 2 * spec.drain_timeout


def unread(seen: Observation) -> str:
    """Why there are no positions, when it is too late for them; empty when nobody asks for any, or they are there."""
    if not seen.spec.replay or seen.since is not None:
        return ""
    return f"PositionsUnread: {seen.since_detail or 'no answer'}"


def replays(spec: Spec, grant: Grant) -> bool:
    """Whether the way back from the colour that was switched to begins where that was granted."""
    return spec.replay and grant.since is not None


def rewind_due(seen: Observation, grant: Grant) -> Decision | None:
    """What has to be waited for before the old colour is granted again; None: nothing, or not any more.

    Of a withdrawal that every member of the colour that failed has confirmed.
    """
    deadline = 2 * seen.spec.drain_timeout
    if not replays(seen.spec, grant) or seen.rewound or seen.elapsed >= deadline:
        return None
    inside = _inside(seen.members, grant)
    if inside:
        message = f"{grant.reason}; waiting for {', '.join(inside)} to leave"
    else:
        message = f"{grant.reason}; setting offsets to where {grant.last_holder} was granted{_detail(seen)}"
    return Decision(Phase.ROLLING_BACK, None, "RollingBack", message, need_rewind=not inside, deadline=deadline)


def told(seen: Observation, grant: Grant) -> str:
    """The reason of a rollback, with what came of its replay."""
    if not replays(seen.spec, grant):
        return grant.reason
    if seen.rewound:
        return f"{grant.reason}; {REPLAYED}"
    inside = _inside(seen.members, grant)
    why = f"{', '.join(inside)} did not leave" if inside else seen.since_detail or "no answer"
    return f"{grant.reason}; {NOT_REPLAYED}{why}"


def rewound(since: Since, beginnings: Mapping[int, int], epoch: int) -> dict[int, tuple[int, str]]:
    """What is to be committed for the old colour: partition -> offset and metadata.

    beginnings: of all partitions, the first record that there still is. A partition that came since begins there, and
    so does one whose records from then on are gone. epoch: the withdrawal's, which is above that of every commit; by
    that a colour with a group of its own takes these for the newer ones (`workloads/handling/carry.py`).
    """
    kept = dict(since)
    label = sealed(f"epoch={epoch} replay")
    return {p: (max(kept.get(p, low), low), label) for p, low in beginnings.items()}


def _inside(members: Iterable[Member], grant: Grant) -> tuple[str, ...]:
    return unconfirmed(members, None, grant.epoch, left=True)


def _detail(seen: Observation) -> str:
    return f": {seen.since_detail}" if seen.since_detail else ""
