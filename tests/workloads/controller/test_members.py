"""What the members of a colour say, taken together."""

from dataclasses import replace

import pytest

from tests.protocol.decisions import (
    ACTIVE,
    ASSIGNED,
    BLUE,
    BLUE_PAUSED,
    BLUE_RUNS,
    GREEN,
    GREEN_RUNS,
    PAUSED,
    PRESENT,
    SPEC,
    STANDING_BY,
    instead,
    missing,
    pod,
    pods,
    silent,
)
from workloads.controller.members import cannot_take_over, not_active, unconfirmed, waited_for
from workloads.controller.terms import Member, Spec


def test_who_has_not_confirmed() -> None:
    members = (*pods(BLUE, PAUSED, 11), *pods(GREEN, PAUSED, 10), silent(pod(GREEN, 0, PAUSED, 11)))
    assert unconfirmed(members, BLUE, 11) == ()
    assert unconfirmed(members, GREEN, 11) == ("green-0", "green-1", "green-0")
    assert unconfirmed(members, None, 10) == ("blue-0", "blue-1", "green-0")


def test_for_whom_one_waits() -> None:
    one = missing(BLUE_PAUSED, "blue-1")
    assert waited_for(SPEC, one, BLUE, 11, held=True) == ()
    assert waited_for(PRESENT, one, BLUE, 11, held=True) == ("1 of 2 blue members (absent)",)
    assert waited_for(PRESENT, one, BLUE, 12, held=True) == ("blue-0", "1 of 2 blue members (absent)")
    assert waited_for(replace(PRESENT, replicas=(2, 0)), (), GREEN, 12, held=False) == ()
    assert not any("," in name for name in waited_for(PRESENT, (), BLUE, 11, held=True)), (
        "the Lease joins them by commas"
    )


def test_what_is_missing_to_be_active() -> None:
    assert not_active(SPEC, GREEN_RUNS, GREEN, 12) == ""
    assert not_active(replace(SPEC, partitions=5), GREEN_RUNS, GREEN, 12) == "green owns partitions [0, 1, 2, 3] of 5"
    assert "3 of 2" in not_active(SPEC, (*GREEN_RUNS, replace(pod(GREEN, 0, ACTIVE, 12), pod="green-2")), GREEN, 12)


def standing(*owned: tuple[int, ...], obstacles: tuple[str, ...] = ("", "")) -> tuple[Member, ...]:
    """Blue at work, and two green pods that wait and own these."""
    waiting = (pod(GREEN, n, PAUSED, 10, owns=owned[n], obstacle=obstacles[n]) for n in (0, 1))
    return instead(BLUE_RUNS, *waiting)


@pytest.mark.parametrize(
    ("spec", "members", "said"),
    [
        (ASSIGNED, instead(BLUE_RUNS, *STANDING_BY), ""),
        (ASSIGNED, standing((0, 1, 2), (3,)), ""),
        (ASSIGNED, standing((0, 1), ()), "NotReady: green owns partitions [0, 1] of 4"),
        # In the middle of a rebalance two may say that they own one.
        (ASSIGNED, standing((0, 1, 2), (2, 3)), "NotReady: green owns partitions [0, 1, 2, 2, 3] of 4"),
        (ASSIGNED, standing((0, 1), (2, 4)), "NotReady: green owns partitions [0, 1, 2, 4] of 4"),
        (SPEC, standing((), ()), ""),
        (SPEC, standing((0,), (0, 7)), ""),
        (ASSIGNED, standing((0, 1), (2, 3), obstacles=("", "X: why")), "X: why (green-1)"),
        (SPEC, standing((), (), obstacles=("X: why", "Y: how")), "X: why (green-0); Y: how (green-1)"),
        # What is missing comes first: what is not there cannot have looked.
        (ASSIGNED, standing((0, 1), (2,), obstacles=("X: why", "")), "NotReady: green owns partitions [0, 1, 2] of 4"),
        (
            ASSIGNED,
            instead(BLUE_RUNS, *STANDING_BY, pod(GREEN, 1, PAUSED, 10, ready=False, owns=(2, 3), obstacle="X: why")),
            "NotReady: green-1 (PAUSED at epoch 10, not Ready)",
        ),
    ],
)
def test_why_a_colour_cannot_be_switched_to(spec: Spec, members: tuple[Member, ...], said: str) -> None:
    assert cannot_take_over(spec, members, BLUE) == said


def test_whoever_cannot_be_spoken_to_says_why() -> None:
    why = "the application speaks version 2 of the contract"
    silent_one = pod(GREEN, 0, None, 10)
    assert silent_one.report is not None
    told = replace(silent_one, report=replace(silent_one.report, obstacle=why))
    members = (*pods(BLUE, ACTIVE, 10), told, pod(GREEN, 1, PAUSED, 10))
    assert cannot_take_over(SPEC, members, BLUE) == f"NotReady: green-0 ({why})"
