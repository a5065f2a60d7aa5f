"""Who is in a group as a real coordinator has it, and who can be taken out of it."""

from collections.abc import Iterator

import pytest

from tests.support.broker import Broker
from tests.support.waiting import until
from tests.workloads.controller.conftest import Members
from workloads.controller.measured import MeasureError
from workloads.controller.places import RECONCILING, STABLE, Place, Places, ours

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("broker")]

EVERYTHING = (0, 1, 2, 3)


@pytest.fixture
def places(broker: Broker) -> Iterator[Places]:
    made = Places(broker.bootstrap_servers)
    yield made
    made._drop()


def look(places: Places, group: str) -> tuple[str, tuple[Place, ...]]:
    """Once the coordinator has loaded: one that has just begun refuses for a moment."""
    found: list[tuple[str, tuple[Place, ...]]] = []

    def answers() -> bool:
        try:
            found.append(places.look(group))
        except MeasureError:
            return False
        return True

    until("the group coordinator", answers, every=0.1)
    return found[-1]


def test_a_group_that_nobody_ever_was_in_is_empty(places: Places) -> None:
    assert look(places, "nobody") == ("Dead", ())
    assert places.of("nobody") == ()


PROTOCOLS = pytest.mark.parametrize("protocol", ["classic", "consumer"])


@PROTOCOLS
@pytest.mark.parametrize("static", [False, True])
def test_a_member_is_told_with_what_it_owns(places: Places, member: Members, static: bool, protocol: str) -> None:
    group = f"told-{static}-{protocol}"
    own = {"group.instance.id": f"{group}-0"} if static else {}
    consumer = member(group, **own, **{"client.id": "me", "group.protocol": protocol})
    state, (place,) = look(places, group)
    assert state == "Stable"
    assert (place.instance, place.client, place.owned) == (f"{group}-0" if static else "", "me", EVERYTHING)
    assert place.member == consumer.memberid()
    assert ours(group, [place]) == ((place,) if static else ())


@PROTOCOLS
def test_a_closed_static_member_is_removed_and_whoever_came_back_is_out_of_reach(
    places: Places, member: Members, protocol: str
) -> None:
    """Interleaving 1."""
    group = f"removed-{protocol}"
    own = {"group.instance.id": f"{group}-0", "group.protocol": protocol}
    member(group, **own).close()
    _, (left,) = look(places, group)
    member(group, **own)
    places.remove(group, [left])
    (back,) = places.of(group)
    assert back.member != left.member, "it has joined since, under another name"
    places.remove(group, [back])
    assert places.of(group) == ()
    places.remove(group, [back])  # nobody knows it any more: that is what was asked for


def test_a_place_of_the_old_protocol_keeps_a_converted_group_from_being_stable_until_it_is_removed(
    places: Places, member: Members
) -> None:
    """Interleaving 10."""
    group = "converted"
    member(group, **{"group.instance.id": f"{group}-0", "group.protocol": "classic"}).close()
    _, (left,) = look(places, group)
    came = member(group, whole=False, **{"group.protocol": "consumer"})

    def both() -> bool:
        came.poll(0.05)
        return len(places.of(group)) == 2

    until("both to be in it", both)
    state, found = places.look(group)
    assert (state, [place for place in found if place.instance]) == (RECONCILING, [left])
    places.remove(group, [left])

    def all_its_own() -> bool:
        came.poll(0.05)
        state, found = places.look(group)
        return (state, [place.owned for place in found]) == (STABLE, [EVERYTHING])

    until("everything to be its own", all_its_own)


def test_brokers_that_do_not_answer_are_told() -> None:
    with pytest.raises(MeasureError, match="members of group g: "):
        Places("127.0.0.1:1").of("g")
