"""What the members of a colour say, taken together."""

from dataclasses import replace

from tests.protocol.decisions import (
    ACTIVE,
    BLUE,
    BLUE_PAUSED,
    GREEN,
    GREEN_RUNS,
    PAUSED,
    PRESENT,
    SPEC,
    missing,
    pod,
    pods,
    silent,
)
from workloads.controller.members import not_active, unconfirmed, waited_for


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
