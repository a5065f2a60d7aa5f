"""What is said of a switch: outputs, what an update did, and what a preview foresees."""

from typing import Any

import pytest

from components.switch_words import OUTPUTS, foreseen, happened, outputs
from tests.components.strategy_stack.deployed import live

LAST = {"from": "blue", "to": "green", "generation": 4, "outcome": "Switched", "handoffSeconds": 0.0471}


def members(color: str = "green", **changed: Any) -> list[dict[str, Any]]:
    """Three of a colour that stand by. changed: of the second one."""
    made: list[dict[str, Any]] = [
        {"pod": f"consumer-{color}-{number}", "color": color, "state": "PAUSED", "partitions": []}
        for number in range(3)
    ]
    made[1] |= changed
    return made


def wanted(active: str = "green", **changed: Any) -> dict[str, Any]:
    """A spec that asks for a colour. changed: of it."""
    return {**live(active)["spec"], "partitions": 12, "standby": "Outside", **changed}


# -- outputs ---------------------------------------------------------------------------------------------


def test_the_outputs_of_a_switch_that_ended_well() -> None:
    found = outputs(live("green", epoch=12, lastSwitch=LAST))
    assert tuple(found) == OUTPUTS
    assert found == {
        "active": "green",
        "outcome": "Switched",
        "handoffSeconds": 0.0471,
        "epoch": 12,
        "versions": {"blue": "1", "green": "1"},
    }


def test_the_outputs_of_one_that_failed() -> None:
    failed = live("green")
    failed["status"] |= {"active": "blue"}
    failed["status"]["conditions"][1] |= {"reason": "Refused"}
    found = outputs(failed)
    assert (found["active"], found["outcome"], found["handoffSeconds"]) == ("blue", "Refused", None)


def test_the_outcome_of_an_older_generation_is_not_this_ones() -> None:
    going_on = live("green", phase="Pausing")
    going_on["metadata"]["generation"] = 5
    assert outputs(going_on)["outcome"] == "Pausing"


def test_an_object_that_nobody_has_seen_yet_has_outputs() -> None:
    new = live("blue")
    del new["status"]
    found = outputs(new)
    assert (found["active"], found["outcome"], found["handoffSeconds"], found["epoch"]) == ("", "", None, 0)


# -- what happened ---------------------------------------------------------------------------------------


def test_a_switch_is_told_with_its_time() -> None:
    after = live("green", epoch=12, lastSwitch=LAST)
    assert happened(live("blue"), after) == "switched blue -> green in 0.05 s, epoch 12"
    unseen = live("green", epoch=12, lastSwitch={**LAST, "handoffSeconds": None})
    assert happened(live("blue"), unseen) == "switched blue -> green in a time that nobody saw all of, epoch 12"


def test_what_was_so_already_is_told_as_that() -> None:
    """The last switch of another update is not this one's."""
    same = live("green", epoch=12, lastSwitch=LAST)
    assert happened(same, same) == "green was active already, epoch 12"


def test_a_rest_and_its_end_are_told() -> None:
    resting = live("blue", epoch=12, phase="Paused")
    resting["spec"]["paused"] = True
    assert happened(live("blue"), resting) == "blue holds the grant and rests, epoch 12"
    assert happened(resting, live("blue", epoch=14)) == "blue is at work again, epoch 14"


def test_a_first_deployment_switches_nothing() -> None:
    assert happened(None, live("blue")) == "blue is active, epoch 2"


def test_a_switch_that_went_on_from_another_update_is_told_as_what_is() -> None:
    before = live("green", lastSwitch={**LAST, "outcome": ""})
    before["status"]["active"] = ""
    assert happened(before, live("green", epoch=12, lastSwitch=LAST)) == "green is active, epoch 12"


# -- what is foreseen ------------------------------------------------------------------------------------


def test_a_switch_that_would_go_through_has_one_line() -> None:
    assert foreseen(live("blue", members=members()), wanted()) == (
        "",
        "blue -> green would not be refused now: 3 of 3 green members stand by",
    )


def test_nothing_is_said_where_there_is_nothing_to_switch() -> None:
    assert foreseen(live("green"), wanted()) == ("", "")
    nobody = live("blue")
    nobody["status"] = {}
    assert foreseen(nobody, wanted()) == ("", "")


@pytest.mark.parametrize(
    ("status", "spec", "why"),
    [
        ({"members": []}, {}, "NotReady: 0 of 3 green pods exist"),
        ({"members": members(state="")}, {}, "NotReady: consumer-green-1 (no report)"),
        ({"members": members(state="Unreachable")}, {}, "NotReady: consumer-green-1 (Unreachable)"),
        ({"members": members(ready=False)}, {}, "NotReady: consumer-green-1 (PAUSED, not Ready)"),
        (
            {"members": members(obstacle="OffsetOutOfRange: 3")},
            {},
            "OffsetOutOfRange: 3 (consumer-green-1)",
        ),
        (
            {"members": members(partitions=[0, 1])},
            {"standby": "Assigned"},
            "NotReady: green owns partitions [0, 1] of 12",
        ),
        (
            {"members": members()},
            {"green": {"replicas": 0}},
            "ReplicaMismatch: green has 0 replicas, blue has 3",
        ),
        (
            {"members": members()},
            {"green": {"replicas": 2}},
            "ReplicaMismatch: green has 2 replicas, blue has 3",
        ),
    ],
)
def test_what_would_be_refused_is_said_with_the_reason(status: Any, spec: Any, why: str) -> None:
    warning, line = foreseen(live("blue", **status), wanted(**spec))
    assert (warning, line) == (f"a switch blue -> green would not go through now. {why}", "")


def test_a_foreign_member_stands_against_it() -> None:
    found = live("blue", members=members())
    found["status"]["conditions"][0] |= {"status": "False", "reason": "ForeignMember", "message": "console at 10.1.2.3"}
    assert "ForeignMember: console at 10.1.2.3" in foreseen(found, wanted())[0]


def test_pods_that_the_same_update_brings_are_not_missed() -> None:
    found = live("blue", members=[])
    found["spec"]["green"]["replicas"] = 0
    assert foreseen(found, wanted())[0] == ""


def test_what_was_asked_for_and_failed_is_not_tried_again_by_the_same_number() -> None:
    failed = live("green", members=members())
    failed["spec"] = wanted()
    failed["status"] |= {"active": "blue"}
    failed["status"]["conditions"][1] |= {"reason": "Refused", "message": "LagTimeout"}
    assert "It was asked for, and ended: Refused: LagTimeout; ask as a new attempt" in foreseen(failed, wanted())[0]
    assert foreseen(failed, wanted(attempt=2))[0] == ""


def test_a_switch_is_foreseen_by_the_number_that_is_granted_and_not_by_the_configurations() -> None:
    """A scaler has made six of three, of which the pods are still coming: the switch is of those three."""
    standing = live("blue", shape="3x12 takeover/classic", members=members())
    standing["spec"] |= {"replicas": 6}
    standing["status"]["members"].append({"pod": "consumer-green-3", "color": "green", "state": None})
    assert foreseen(standing, wanted(replicas=2)) == (
        "",
        "blue -> green would not be refused now: 3 of 3 green members stand by",
    )
    standing["status"]["shape"] = "6x12 takeover/classic"
    warning, _ = foreseen(standing, wanted(replicas=2))
    assert "4 of 6 green pods exist" in warning
