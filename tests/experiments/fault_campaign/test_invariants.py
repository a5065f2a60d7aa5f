"""Each invariant, broken by what was seen; and what is fine, however it looks."""

from dataclasses import replace
from typing import Any

import pytest

from experiments.fault_campaign import invariants
from experiments.fault_campaign.invariants import LeaseSeen, Truth, kind, kinds, lease_history
from workloads.common.lease import Grant, to_lease
from workloads.common.states import Color, Outcome


def lease(holder: str, epoch: int, **more: Any) -> LeaseSeen:
    return LeaseSeen(at=float(epoch), holder=holder, epoch=epoch, **{"uid": "u", **more})


GOOD = [
    lease("blue", 2, outcome="Switched"),
    lease("", 3, last_holder="blue", generation=2),
    lease("green", 4, generation=2),
    lease("green", 4, generation=2, outcome="Switched"),
]


def test_a_switch_breaks_nothing() -> None:
    assert lease_history(GOOD) == []


def test_states_that_were_missed_say_nothing() -> None:
    assert lease_history([GOOD[0], GOOD[3]]) == []


def test_a_lease_that_was_made_again_goes_on_above() -> None:
    assert lease_history([*GOOD, LeaseSeen(5.0), lease("", 36, uid="v")]) == []


def test_a_lease_that_nobody_can_read_is_a_fault_and_no_grant() -> None:
    assert lease_history([GOOD[0], lease("nobody-that-there-is", 2), LeaseSeen(4.0), lease("", 1000, uid="v")]) == []


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        ([GOOD[0], lease("green", 3, generation=2)], "invariant 3: green was granted epoch 3 while blue held 2"),
        ([*GOOD, lease("blue", 4, generation=3)], "invariant 2: epoch 4 was of green and of blue"),
        ([*GOOD, lease("", 3, generation=3)], "invariant 2: the Lease's epoch fell from 4 to 3"),
        ([*GOOD, LeaseSeen(5.0), lease("", 3, uid="v")], "invariant 2: the Lease's epoch fell from 4 to 3"),
        ([lease("blue", 2, outcome="Maybe")], "invariant 4: generation 0 ended as 'Maybe'"),
        ([lease("green", 6, outcome="RollbackBlocked")], "invariant 4: generation 0 waits for a pod that nobody names"),
    ],
    ids=["no withdrawal", "one epoch twice", "falls", "falls anew", "no outcome", "blocked by nobody"],
)
def test_what_a_lease_breaks_is_told(seen: list[LeaseSeen], says: str) -> None:
    assert [found for found in lease_history(seen) if found.startswith(says)], lease_history(seen)


def test_a_lease_is_read_as_the_controller_writes_it() -> None:
    grant = Grant(Color.GREEN, 9, Color.BLUE, None, 7, Outcome.ROLLBACK_BLOCKED, "", ("consumer-green-0",))
    raw = to_lease(grant, "consumer-switch", "2026-11-28T00:00:00Z")
    raw["metadata"]["uid"] = "u"
    seen = LeaseSeen.of(raw, 1.0)
    assert seen == LeaseSeen(1.0, "green", 9, "blue", 7, "RollbackBlocked", "consumer-green-0", "u")
    assert str(seen) == "green at epoch 9, generation 7 RollbackBlocked, waits for consumer-green-0"
    assert seen.same(replace(seen, at=2.0))
    assert not seen.same(replace(seen, epoch=10))
    assert str(LeaseSeen.of(None, 1.0)) == "none"


def test_every_outcome_of_the_controller_is_one() -> None:
    assert lease_history([lease("blue", 2, outcome=str(outcome), blocked_by="pod") for outcome in Outcome]) == []


AT_WORK = Truth("green", "green", {"green": [0, 1, 2], "blue": []}, 3)


@pytest.mark.parametrize(
    ("said", "truth", "right"),
    [
        (True, AT_WORK, True),
        (False, AT_WORK, False),
        (True, replace(AT_WORK, holder="blue"), False),
        (True, replace(AT_WORK, wanted="blue"), False),
        (True, replace(AT_WORK, owned={"green": [0, 1]}), False),
        (True, replace(AT_WORK, owned={"green": [0, 1, 2], "blue": [2]}), False),
        (False, replace(AT_WORK, wanted="blue"), True),
        (False, replace(AT_WORK, holder=""), True),
    ],
)
def test_ready_is_what_is(said: bool, truth: Truth, right: bool) -> None:
    assert (invariants.ready(said, truth) == []) == right


@pytest.mark.parametrize(
    ("error", "active", "so_it_was", "right"),
    [
        (None, "green", True, True),
        (None, "blue", False, False),
        (None, "", False, False),
        ("failed", "blue", False, True),
        ("failed", "green", False, True),
        ("failed", "green", True, False),
    ],
)
def test_an_update_says_what_is(error: str | None, active: str, so_it_was: bool, right: bool) -> None:
    """Found by an audit: one that failed where the switch had come to it, and said so, was no finding."""
    found = invariants.update(error, asked="green", active=active, generations=1, outcome="Failed", so_it_was=so_it_was)
    assert (found == []) == right


def test_what_became_of_others_generations_is_not_the_updates_matter() -> None:
    """Found by a campaign: asked back and once more after the update had returned, and then rolled back."""

    def told(error: str | None, generations: int) -> list[str]:
        return invariants.update(
            error, asked="green", active="blue", outcome="RolledBack", generations=generations, so_it_was=True
        )

    assert told(None, 3) == told("failed", 3) == []
    assert told(None, 0) == ["invariant 6: pulumi up returned 0 for green, but blue is active, and it wrote nothing"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("invariant 5: lost 1", "invariant 5: lost 12", True),
        ("invariant 5: lost 1", "invariant 1: dual_active 1", False),
        (
            "invariant 6: Ready is False, but blue is asked for",
            "invariant 6: Ready is True, but blue is asked for",
            False,
        ),
        (
            "invariant 5: duplicates: 3 handled by consumer-blue-0.a1, and again by consumer-green-0.b2",
            "invariant 5: duplicates: 9 handled by consumer-green-1.c3, and again by consumer-blue-1.d4",
            True,
        ),
        (
            "invariant 3: green was granted epoch 4 while blue held 3",
            "invariant 3: blue was granted epoch 9 while green held 8",
            True,
        ),
        (
            "invariant 4: 90 s after its faults it is not well by itself: waited 90 s for the pods",
            "invariant 4: 240 s after its faults it is not well by itself: waited 9 s for the flow",
            True,
        ),
        ("invariant 4: generation 7 has no outcome", "invariant 4: 90 s after its faults it is not well", False),
    ],
)
def test_findings_are_of_one_kind_whoever_they_are_about(one: str, other: str, same: bool) -> None:
    assert (kind(one) == kind(other)) == same
    assert kinds([one, other]) == {kind(one), kind(other)}


def test_what_the_validator_counted_is_told_with_its_invariant() -> None:
    found = invariants.anomalies({"lost": 2, "dual_active": 1, "duplicate": 4, "zombie": 0, "out_of_order": 1})
    assert found == ["invariant 5: lost 2", "invariant 1: dual_active 1", "invariant 2: out_of_order 1"]


@pytest.mark.parametrize(
    ("last", "history", "broken"),
    [
        ((22, "Switched"), [], []),
        ((21, ""), [], [21]),
        ((19, ""), [], []),
        ((22, "Refused"), [(21, ""), (20, "Superseded"), (18, "")], [21]),
    ],
    ids=["all have one", "none of the last", "judged before", "none of one before the last"],
)
def test_every_switch_has_an_outcome_once_the_newest_generation_has_settled(
    last: tuple[int, str], history: list[tuple[int, str]], broken: list[int]
) -> None:
    """Found by a campaign: the controller was deleted in a switch that had been asked back."""

    def told(one: tuple[int, str]) -> dict[str, Any]:
        return {"from": "blue", "to": "green", "epoch": 4, "generation": one[0], "outcome": one[1]}

    status = {"lastSwitch": told(last), "history": [told(one) for one in history]}
    assert invariants.ends(status, settled=22, since=19) == [
        f"invariant 4: generation {generation} has no outcome, and generation 22 has settled" for generation in broken
    ]
