"""The hand-off's steps, from what the Lease and the members say."""

from dataclasses import replace
from typing import Any

from workloads.common.lease import Grant
from workloads.common.report import Report
from workloads.common.states import Color, Outcome, State
from workloads.page.handoff import Handoff, MemberReport, advanced, from_status, seconds, shown

BLUE, GREEN = Color.BLUE, Color.GREEN
HELD = Grant(BLUE, 2, BLUE, None, 1, Outcome.SWITCHED)
WITHDRAWN = Grant(None, 3, BLUE, BLUE, 2)
GRANTED = Grant(GREEN, 4, GREEN, BLUE, 2)
SWITCHED = replace(GRANTED, outcome=Outcome.SWITCHED)


def says(color: Color, state: State, epoch: int, at: float, ordinal: int = 0) -> MemberReport:
    return MemberReport(f"{color}-{ordinal}", color, Report("boot", state, epoch, epoch, at=int(at * 1e9)))


def told(handoff: Handoff | None) -> list[tuple[float, str, str]]:
    found = shown(handoff)
    return [] if found is None else [(step["ms"], step["what"], step["who"]) for step in found["steps"]]


def after(*looks: tuple[Grant, float, list[MemberReport]]) -> Handoff | None:
    handoff = None
    for grant, at, members in looks:
        handoff = advanced(handoff, grant, at, members)
    return handoff


def test_a_switch_is_told_in_the_order_in_which_its_steps_were_taken() -> None:
    """The watch told of the grant before it told of the pause that the grant had waited for."""
    paused, active = says(BLUE, State.PAUSED, 3, 100.010), says(GREEN, State.ACTIVE, 4, 100.030)
    done = after(
        (HELD, 90.0, [says(BLUE, State.ACTIVE, 2, 90.1)]),
        (WITHDRAWN, 100.0, []),
        (GRANTED, 100.020, []),
        (GRANTED, 100.020, [paused]),
        (GRANTED, 100.020, [paused, active]),
        (SWITCHED, 100.040, [paused, active]),
    )
    assert told(done) == [
        (0.0, "withdrawn", "blue"),
        (10.0, "paused", "blue-0"),
        (20.0, "granted", "green"),
        (30.0, "active", "green-0"),
        (40.0, "ended", "Switched"),
    ]
    found: Any = shown(done)
    assert (found["from"], found["to"], found["running"], found["outcome"]) == ("blue", "green", False, "Switched")


def test_each_member_is_told_once_and_only_under_the_epoch_that_asked_it() -> None:
    stale, paused = says(BLUE, State.PAUSED, 2, 99.0), says(BLUE, State.PAUSED, 3, 100.01)
    waiting = says(GREEN, State.PAUSED, 3, 99.5)
    found = after((WITHDRAWN, 100.0, [stale, waiting]), (WITHDRAWN, 100.0, [paused]), (WITHDRAWN, 100.0, [paused]))
    assert told(found) == [(0.0, "withdrawn", "blue"), (10.0, "paused", "blue-0")]


def test_a_way_back_belongs_to_its_switch() -> None:
    back = Grant(None, 5, GREEN, BLUE, 2)
    again = Grant(BLUE, 6, BLUE, BLUE, 2, Outcome.ROLLED_BACK)
    found = after((WITHDRAWN, 100.0, []), (GRANTED, 100.1, []), (back, 101.0, []), (again, 101.5, []))
    assert [what for _, what, _ in told(found)] == ["withdrawn", "granted", "withdrawn", "granted", "ended"]
    assert found is not None
    assert (found.outcome, found.origin) == ("RolledBack", BLUE)
    way: Any = shown(found)
    assert (way["from"], way["to"]) == ("blue", "green")


def test_the_next_switch_begins_anew() -> None:
    found = after((WITHDRAWN, 100.0, []), (SWITCHED, 100.1, []), (Grant(None, 5, GREEN, GREEN, 3), 200.0, []))
    assert told(found) == [(0.0, "withdrawn", "green")]


def test_a_generation_that_overtakes_a_withdrawal_is_another_hand_off() -> None:
    found = after((WITHDRAWN, 100.0, []), (replace(WITHDRAWN, generation=3, epoch=5, origin=BLUE), 100.5, []))
    assert found is not None
    assert (found.generation, len(found.steps)) == (3, 1)


def test_nothing_is_told_of_a_grant_that_never_moved() -> None:
    assert after((HELD, 90.0, [])) is None
    assert advanced(None, None, 0.0, []) is None


def test_who_came_later_is_told_by_the_status() -> None:
    last = {
        "generation": 2,
        "from": "blue",
        "to": "green",
        "epoch": 4,
        "outcome": "Switched",
        "withdrawnAt": "2026-11-28T10:00:00.000000Z",
        "pausedAt": "2026-11-28T10:00:00.010000Z",
        "grantedAt": "2026-11-28T10:00:00.020000Z",
        "activeAt": "not a time",
    }
    assert told(from_status(last)) == [(0.0, "withdrawn", "blue"), (10.0, "paused", "blue"), (20.0, "granted", "green")]
    assert from_status({}) is None
    assert shown(None) is None
    assert seconds(None) is None
