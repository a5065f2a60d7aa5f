"""What each membership and protocol means, as values."""

import pytest

from workloads.common.states import GroupProtocol, Membership
from workloads.member.way import Place, Start, Way

CLASSIC, KIP_848 = GroupProtocol.CLASSIC, GroupProtocol.CONSUMER


@pytest.mark.parametrize(
    ("membership", "protocol", "member_from_start", "leaves_before_paused", "place"),
    [
        (Membership.TAKEOVER, CLASSIC, False, False, Place.PAIR),
        (Membership.TAKEOVER, KIP_848, False, True, Place.PAIR),
        (Membership.LEAVE_JOIN, CLASSIC, False, True, Place.NONE),
        (Membership.LEAVE_JOIN, KIP_848, False, True, Place.NONE),
        (Membership.SHARED, CLASSIC, True, False, Place.OWN),
        (Membership.SHARED, KIP_848, True, False, Place.OWN),
    ],
)
def test_the_way(
    membership: Membership,
    protocol: GroupProtocol,
    member_from_start: bool,
    leaves_before_paused: bool,
    place: Place,
) -> None:
    assert Way.of(membership, protocol) == Way(member_from_start, leaves_before_paused, place, Start.COMMITTED)


@pytest.mark.parametrize(("protocol", "place"), [(CLASSIC, Place.OWN), (KIP_848, Place.NONE)])
def test_a_group_of_its_own(protocol: GroupProtocol, place: Place) -> None:
    """By KIP-848 a killed static member would be kept out of its own place, by itself."""
    assert Way.of(Membership.SEPARATE, protocol) == Way(True, False, place, Start.CARRIED)
