"""What is said after a failed switch can be pasted as it is, and is said only where it helps."""

import shlex
from typing import Any

import pytest

from components.advice import advice, pods
from tests.components.strategy_stack.deployed import live

LABELS = {"app.kubernetes.io/name": "consumer", "kafka-bluegreen.io/color": "green"}
SELECTED = "app.kubernetes.io/name=consumer,kafka-bluegreen.io/color=green"
AGAIN = "pulumi config set kafka-bluegreen:attempt 2 -s strategy-c && pulumi up -s strategy-c"


def failed(holder: str = "blue") -> dict[str, Any]:
    """A switch to green that left `holder` active."""
    found = live("green")
    found["spec"]["green"]["selector"] = LABELS
    found["status"]["active"] = holder
    return found


def said(outcome: str, message: str, holder: str = "blue") -> list[str]:
    return advice("strategy-c", failed(holder), outcome, message).splitlines()


def test_every_command_names_its_stack_and_ends_with_what_carries_it_out() -> None:
    for outcome, message in (
        ("Refused", "LagTimeout: 7 behind after 120 s"),
        ("Refused", "NotReady: 0 of 3 green pods exist"),
        ("Failed", "DrainTimeout: consumer-blue-1"),
        ("RolledBack", "ResumeTimeout: consumer-green-0"),
    ):
        for line in said(outcome, message):
            command = shlex.split(line.partition(": ")[2])
            assert command[0] in {"pulumi", "kubectl"}, line
            if command[0] == "pulumi":
                first, last = command[: command.index("&&")], command[command.index("&&") + 1 :]
                assert first[-2:] == last[-2:] == ["-s", "strategy-c"], line
                assert last[:2] == ["pulumi", "up"], line
            else:
                assert command[1:3] == ["-n", "strategy-c"], line


def test_pods_that_are_not_there_are_to_be_looked_at_before_anything_is_asked_again() -> None:
    look, again, stay = said("Refused", "NotReady: 0 of 3 green pods exist")
    assert look == f"To look at: kubectl -n strategy-c get statefulsets,pods -l {SELECTED}"
    refreshed = AGAIN.replace("pulumi up", "pulumi up --refresh")
    assert again == f"Once that is mended, to ask again: {refreshed}"
    blue = "pulumi config set kafka-bluegreen:active blue -s strategy-c && pulumi up -s strategy-c"
    assert stay == f"To stay with blue: {blue}"


def test_what_may_have_passed_is_asked_again_at_once() -> None:
    assert f"To ask again: {AGAIN}" in said("RolledBack", "ResumeTimeout: after 10 s not ACTIVE")
    assert f"Once that is mended, to ask again: {AGAIN}" in said("Refused", "OffsetOutOfRange: 3 (consumer-green-0)")


def test_who_did_not_confirm_is_of_the_old_colour() -> None:
    look = said("Failed", "DrainTimeout: not PAUSED within 10 s: consumer-blue-1 (DRAINING)")[0]
    assert look == "To look at: kubectl -n strategy-c get pods -l color=blue"


def test_a_blocked_rollback_goes_on_by_itself() -> None:
    lines = said("RollbackBlocked", "RollbackBlocked: ResumeTimeout; rollback waits for consumer-green-2", "green")
    assert lines[0] == f"To look at: kubectl -n strategy-c get pods -l {SELECTED}"
    assert not any("attempt" in line for line in lines)
    assert "by itself" in lines[1]


def test_a_lag_that_is_too_long_need_not_be_waited_for() -> None:
    lines = said("Refused", "LagTimeout: partition 3 is 7 behind after 120 s")
    assert any("lagPolicy immediate -s strategy-c && pulumi up" in line for line in lines)
    assert not any("kubectl" in line for line in lines)


@pytest.mark.parametrize("holder", ["", "green"])
def test_there_is_no_staying_with_nobody_or_with_who_was_asked_for(holder: str) -> None:
    assert not any("To stay" in line for line in said("Refused", "NotReady: consumer-green-0", holder))


def test_pods_are_shown_by_the_switchs_own_selector() -> None:
    assert pods("strategy-c", failed(), "green") == f"kubectl -n strategy-c get pods -l {SELECTED}"
