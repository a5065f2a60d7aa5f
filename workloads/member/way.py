"""How a consumer enters and leaves its group, as plain values: the one place where membership and protocol decide.

The lifecycle, the keeper of clients and the client's settings ask for a `Way`; none of them asks which membership or
protocol it came from.
"""

from dataclasses import dataclass
from enum import StrEnum

from workloads.common.states import GroupProtocol, Membership


class Place(StrEnum):
    """Whose a member's `group.instance.id` (KIP-345) is."""

    NONE = "none"  # a dynamic member: it hands over by leaving
    PAIR = "pair"  # shared with the pod of the same number of the other colour, which takes the place over
    OWN = "own"  # its own, for as long as the pod lives


class Start(StrEnum):
    """Where a member begins to read what it is assigned."""

    COMMITTED = "committed"  # at its group's committed offsets
    CARRIED = "carried"  # where the higher epoch stands, in its own group or in the other colour's


@dataclass(frozen=True, slots=True)
class Way:
    """What a consumer does at its start, at a pause and at a resume.

    member_from_start: it enters the group before it is asked to, and stays there paused; a resume only lets it read.
    leaves_before_paused: it is out of the group when it says PAUSED.
    place: whose its place in the group is. A place that it has is left by closing the client: for a static member
        `unsubscribe` tells the broker nothing that frees it.
    starts: where it begins to read.
    """

    member_from_start: bool
    leaves_before_paused: bool
    place: Place
    starts: Start = Start.COMMITTED

    @classmethod
    def of(cls, membership: Membership, protocol: GroupProtocol) -> "Way":
        """The way of this membership by this group protocol.

        A static member of KIP-848 would keep the newcomer out, with UNRELEASED_INSTANCE_ID (librdkafka,
        INTRODUCTION.md), so it has to leave; of the classic protocol, the newcomer fences it.
        """
        match membership:
            case Membership.SHARED:
                return cls(member_from_start=True, leaves_before_paused=False, place=Place.OWN)
            case Membership.LEAVE_JOIN:
                return cls(member_from_start=False, leaves_before_paused=True, place=Place.NONE)
            case Membership.TAKEOVER:
                leaves = protocol is GroupProtocol.CONSUMER
                return cls(member_from_start=False, leaves_before_paused=leaves, place=Place.PAIR)
            case Membership.SEPARATE:
                # A static member keeps its assignment over a restart, which spares the others a rebalance. By KIP-848
                # a killed one is kept out of its own place until its session ends, so there it has none.
                place = Place.OWN if protocol is GroupProtocol.CLASSIC else Place.NONE
                return cls(member_from_start=True, leaves_before_paused=False, place=place, starts=Start.CARRIED)
