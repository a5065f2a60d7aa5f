"""In which order an update changes the number of a colour's pods, and what it does not change without a switch."""

from typing import Any

import pulumi
import pytest

from components.before import Before, InPlaceError
from tests.components.strategy_stack.deployed import all_dependencies, failing, live, up
from tests.support.recorder import Recorder

SWITCH = "KafkaConsumerSwitch/switch"
BLUE, GREEN = "StatefulSet/consumer-blue", "StatefulSet/consumer-green"
SHAPE = "3x12 takeover/classic"


def found(holder: str = "blue", members: int | None = 3, shape: str = SHAPE) -> Before:
    return Before(live(holder, shape=shape), members=members)


def waits_for_switch(recorder: Recorder, key: str) -> bool:
    return SWITCH in all_dependencies(recorder, key)


@pytest.mark.usefixtures("checks")
@pytest.mark.parametrize(
    ("members", "values", "blue_last"),
    [
        (3, {"replicas": 2}, True),
        (3, {"blue": {"replicas": 2}}, True),
        (3, {"replicas": 5}, False),
        (3, {}, False),
        (None, {"replicas": 2}, False),
        (3, {"replicas": 2, "active": "green"}, True),  # who is switched away from follows the switch in any case
    ],
)
def test_members_that_go_leave_before_they_go(members: int | None, values: dict[str, Any], blue_last: bool) -> None:
    recorder = up(found=found(members=members), **values)
    assert waits_for_switch(recorder, BLUE) is blue_last
    assert waits_for_switch(recorder, GREEN) is (values.get("active") != "green")


@pytest.mark.usefixtures("checks")
def test_the_colour_that_waits_may_lose_members_before_it_is_switched_to() -> None:
    recorder = up(found=found(), active="green", green={"replicas": 2})
    assert not waits_for_switch(recorder, GREEN)


def test_members_stay_when_the_switch_that_has_them_leave_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    recorders = failing(monkeypatch, "DrainTimeout")
    with pytest.raises(pulumi.RunError, match="DrainTimeout"):
        up(found=found(), replicas=2)
    assert not {"consumer-blue", "consumer-green"} & recorders[0].of("StatefulSet").keys()


@pytest.mark.usefixtures("checks")
@pytest.mark.parametrize("values", [{"membership": "leave-join"}, {"groupProtocol": "consumer"}])
@pytest.mark.parametrize("in_place", [False, True])
def test_another_way_into_the_group_comes_with_a_switch(values: dict[str, Any], in_place: bool) -> None:
    """Interleaving 5."""
    with pytest.raises(InPlaceError, match="blue is active, and its members are in their group by takeover/classic"):
        up(found=found(), allowInPlace=in_place, **values)
    up(found=found(), active="green", allowInPlace=in_place, **values)
    up(found=found("green"), active="green", allowInPlace=in_place)
    up(found=found(shape=""), allowInPlace=True, **values)  # from before shapes were named


@pytest.mark.usefixtures("checks")
def test_a_strategy_whose_switch_knows_no_shape_has_no_way() -> None:
    recorder = up(strategy="b", found=found(), replicas=2)
    assert not waits_for_switch(recorder, BLUE)
    assert "way" not in recorder.of("KafkaConsumerSwitch")["switch"].inputs["spec"]
