"""How consumers are members, as an experiment knows it: the same as the consumers make of the same settings."""

import pytest

from components.settings import strategy_settings
from experiments import membership
from workloads.common.states import GroupProtocol, Membership
from workloads.handling.settings import DYNAMIC_SESSION_SECONDS
from workloads.member.way import Place, Way


@pytest.mark.parametrize("protocol", list(GroupProtocol), ids=str)
@pytest.mark.parametrize("way", list(Membership), ids=str)
def test_who_has_an_instance_id(way: Membership, protocol: GroupProtocol) -> None:
    letter = "b" if way is Membership.SEPARATE else "c"
    keys = {"strategy": letter, "groupProtocol": protocol.value}
    keys |= {} if letter == "b" else {"membership": way.value}
    settings = strategy_settings(keys, f"strategy-{letter}")
    assert membership.static(settings) is (Way.of(way, protocol).place is not Place.NONE)


def test_the_session_of_a_member_without_an_instance_id_is_as_long_as_the_consumers_have_it() -> None:
    keys = {"strategy": "c", "membership": "leave-join", "sessionTimeoutSeconds": "60"}
    assert membership.session_seconds(strategy_settings(keys, "strategy-c"), 99.0) == DYNAMIC_SESSION_SECONDS
