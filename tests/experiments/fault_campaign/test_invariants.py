"""Each invariant, broken by what was seen; and what is fine, however it looks."""

from dataclasses import replace
from typing import Any

import pytest

from experiments.fault_campaign import invariants
from experiments.fault_campaign.invariants import Crash, LeaseSeen, Repeat, Truth, explain, lease_history, repeats
from workloads.common.lease import Grant, to_lease
from workloads.common.states import Color, Outcome

NS = 1_000_000_000


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
    ("error", "active", "right"),
    [
        (None, "green", True),
        (None, "blue", False),
        (None, "", False),
        ("failed", "blue", True),
        ("failed", "green", True),
    ],
)
def test_an_update_returns_0_only_if_it_is_so(error: str | None, active: str, right: bool) -> None:
    found = invariants.update(error, asked="green", active=active, generations=1, outcome="Failed")
    assert (found == []) == right


def test_what_became_of_others_generations_is_not_the_updates_matter() -> None:
    """Found by a campaign: asked back and once more after the update had returned, and then rolled back."""
    told = {"asked": "green", "active": "blue", "outcome": "RolledBack"}
    assert invariants.update(None, generations=3, **told) == []
    assert invariants.update(None, generations=0, **told) == [
        "invariant 6: pulumi up returned 0 for green, but blue is active, and it wrote nothing"
    ]


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


def line(partition: int, offset: int, at: float, **more: Any) -> dict[str, Any]:
    return {"topic": "t", "partition": partition, "offset": offset, "t": int(at * NS), **more}


def test_repetitions_are_found_in_the_logs() -> None:
    consumed = [
        ("blue-0.a", line(0, 7, 10.0)),
        ("blue-0.a", line(0, 8, 10.1)),
        ("green-0.b", line(0, 8, 12.0)),
        ("green-0.b", line(0, 9, 12.1, error="refused")),
        ("green-1.c", line(0, 9, 13.0)),
        ("green-0.b", {"pod": "green-0", "end": 3}),
    ]
    assert repeats(consumed) == [Repeat(0, 8, "blue-0.a", "green-0.b", int(10.1 * NS), int(12.0 * NS))]


REPEATS = [Repeat(p, 8 + p, "blue-0.a", "green-0.b", 100 * NS, 103 * NS) for p in (0, 1)]


@pytest.mark.parametrize(
    ("crash", "explains"),
    [
        (Crash("worker-kill", "blue-0", 100.5, 100.5), True),
        (Crash("worker-kill", "green-0", 102.0, 102.0), True),
        (Crash("cut-broker", "green-0", 95.0, 101.0), True),
        (Crash("worker-kill", "blue-1", 100.5, 100.5), False),
        (Crash("broker-stall", "", 95.0, 101.0), True),
        (Crash("worker-kill", "blue-0", 104.0, 104.0), False),
        (Crash("worker-kill", "blue-0", 60.0, 60.0), False),
    ],
    ids=["of the first", "of the second", "of who shares its place", "of another", "of all", "after it", "long before"],
)
def test_duplicates_are_explained_by_a_crash_between_effect_and_commit(crash: Crash, explains: bool) -> None:
    (found,) = explain(REPEATS, [crash], places=True)
    assert (found.count, found.partitions, found.crash) == (2, (0, 1), crash if explains else None)
    assert ("nothing that could explain it" in str(found)) != explains


def test_where_colours_share_no_places_only_the_two_pods_explain() -> None:
    """Workers of two Connect clusters have nothing in common but their number."""
    told = [explain(REPEATS, [Crash("worker-kill", pod, 101.0, 101.0)], places=False)[0] for pod in ("blue-0", "red-0")]
    assert [one.crash and one.crash.pod for one in told] == ["blue-0", None]


def event(what: str, at: float, *partitions: Any) -> dict[str, Any]:
    return {"event": what, "t": int(at * NS), "partitions": [["t", *one] for one in partitions]}


@pytest.mark.parametrize(
    ("committed", "begun", "behind"),
    [
        ((101.0, 9), 102.0, True),
        ((101.0, 8), 102.0, False),
        ((102.5, 9), 102.0, False),
        ((101.0, 9), None, False),
    ],
    ids=["committed before it began", "committed up to it", "committed after it began", "nobody knows when it began"],
)
def test_what_was_committed_is_not_to_be_handled_again(
    committed: tuple[float, int], begun: float | None, behind: bool
) -> None:
    at, offset = committed
    events = [("blue-0.a", event("COMMITTED", at, [0, offset])), ("green-1.c", event("COMMITTED", 1.0, [0, 99]))]
    if begun is not None:
        events.append(("green-0.b", event("ASSIGNED", begun, [0], [1])))
    assert (invariants.behind_commits(REPEATS[:1], events) == REPEATS[:1]) == behind
