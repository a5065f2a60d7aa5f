from dataclasses import replace
from typing import Any

import pytest

from experiments.measurements import (
    Distribution,
    Handoff,
    LagSample,
    LastSwitch,
    highest_after,
    max_lag,
    other,
    recovery_seconds,
    results_of,
    seconds_since_epoch,
    windows,
    worst_recovery,
)
from tests.support.samples import FAILED, LAST, SWITCH

STATUS = {
    "lastSwitch": {
        "from": "blue",
        "to": "green",
        "epoch": 8,
        "outcome": "Switched",
        "generation": 3,
        "startedAt": "2026-11-23T12:00:00.000100Z",
        "activeAt": "2026-11-23T12:00:01.250000Z",
        "endedAt": None,
        "handoffSeconds": 0.043,
    }
}


def test_the_controllers_status_is_read_with_microseconds() -> None:
    last = LastSwitch.from_status(STATUS)
    assert last is not None
    assert last.active_at is not None
    assert last.started_at is not None
    assert last.active_at - last.started_at == pytest.approx(1.2499, abs=1e-6)
    assert last.ended_at is None
    assert (last.source, last.target, last.epoch, last.generation, last.handoff_seconds) == (
        "blue",
        "green",
        8,
        3,
        0.043,
    )


def test_there_may_not_have_been_a_switch() -> None:
    assert LastSwitch.from_status({}) is None


@pytest.mark.parametrize(
    ("key", "value"),
    [("epoch", "eight"), ("activeAt", "yesterday"), ("activeAt", "2026-11-23T12:00:01"), ("generation", None)],
)
def test_a_status_that_is_not_of_the_contract_is_named(key: str, value: object) -> None:
    with pytest.raises(ValueError, match="is not of the contract"):
        LastSwitch.from_status({"lastSwitch": {**STATUS["lastSwitch"], key: value}})


def test_times_need_a_zone() -> None:
    assert seconds_since_epoch("1970-01-01T00:00:01.5+00:00") == 1.5
    with pytest.raises(ValueError, match="zone"):
        seconds_since_epoch("1970-01-01T00:00:01")


def test_switch_seconds_is_from_the_command_to_active() -> None:
    assert SWITCH.switch_seconds == pytest.approx(1.5)
    assert SWITCH.switched


@pytest.mark.parametrize(
    "record", [FAILED, replace(SWITCH, last=None), replace(SWITCH, last=replace(LAST, outcome="RolledBack"))]
)
def test_a_switch_that_did_not_come_about_has_no_time(record: object) -> None:
    assert record.switch_seconds is None  # type: ignore[attr-defined]
    assert not record.switched  # type: ignore[attr-defined]


def test_an_update_that_failed_is_not_a_switch_even_if_the_controller_switched() -> None:
    assert not replace(SWITCH, error="timed out").switched


def test_hand_offs_are_joined_by_the_new_epoch() -> None:
    results = results_of(
        [SWITCH, FAILED, replace(SWITCH, last=None)], {8: Handoff(8, 12, 0.05, 0.12), 9: Handoff(9, 12, 9.0, 9.0)}
    )
    assert [(r.gap_seconds, r.spacing_seconds, r.outcome) for r in results] == [
        (0.05, 0.12, "Switched"),
        (None, None, "Failed"),
        (None, None, "NotSeen"),
    ]
    assert results[0].handoff_seconds == 0.04


def samples(*totals: int) -> list[LagSample]:
    return [LagSample(float(at), total, total) for at, total in enumerate(totals)]


@pytest.mark.parametrize(
    ("totals", "since", "until", "expected"),
    [
        ((0, 0, 0, 0), 0, 3, 0.0),
        ((0, 500, 300, 20, 0), 0.5, 4, 2.5),
        ((0, 500, 20, 300, 0), 0.5, 4, 3.5),  # it came back: recovered only when it stays below
        ((0, 0, 0, 100), 0, 3, None),  # the limit itself is not below the limit
        ((0, 500, 300, 200), 0, 3, None),
        ((500, 0, 0), 1, 2, 0.0),  # before the window
        ((0, 0, 500), 0, 1, 0.0),  # after the window
        ((), 0, 3, None),
        ((0, 0), 5, 9, None),
    ],
)
def test_recovery(totals: tuple[int, ...], since: float, until: float, expected: float | None) -> None:
    assert recovery_seconds(samples(*totals), since, until, 100) == expected


def test_max_lag() -> None:
    assert max_lag(samples(3, 9, 1)) == 9
    assert max_lag([]) is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], None),
        ([None, None], None),
        ([1.0], Distribution(1, 1.0, 1.0, 1.0)),
        ([3.0, None, 1.0], Distribution(2, 2.0, 3.0, 3.0)),
        ([float(n) for n in range(1, 21)], Distribution(20, 10.5, 19.0, 20.0)),
        ([float(n) for n in range(1, 101)], Distribution(100, 50.5, 95.0, 100.0)),
    ],
)
def test_distribution(values: list[float | None], expected: Distribution | None) -> None:
    assert Distribution.of(values) == expected


def test_the_other_colour() -> None:
    assert (other("blue"), other("green")) == ("green", "blue")


BACK = replace(SWITCH, commanded_at=110.0, last=replace(LAST, active_at=111.0))
NEVER = replace(SWITCH, commanded_at=110.0, last=replace(LAST, active_at=None, outcome="Failed"))


def sampled(*pairs: tuple[float, int]) -> list[LagSample]:
    return [LagSample(at, total, total) for at, total in pairs]


def test_a_switch_is_followed_until_the_next_command() -> None:
    assert list(windows([SWITCH, BACK], [SWITCH, BACK], 120.0)) == [(101.5, 110.0), (111.0, 120.0)]
    assert list(windows([BACK], [SWITCH, BACK], 120.0)) == [(111.0, 120.0)]
    assert list(windows([SWITCH, NEVER], [SWITCH, NEVER], 120.0)) == [(101.5, 110.0)]


@pytest.mark.parametrize(
    ("switches", "taken", "expected"),
    [
        ([SWITCH, BACK], [(102, 0), (112, 0)], 0.0),
        ([SWITCH, BACK], [(102, 500), (104, 0), (112, 500), (115, 0)], 4.0),
        ([SWITCH, BACK], [(102, 0)], None),  # nothing was sampled after the second
        ([SWITCH, BACK], [(102, 500), (112, 0)], None),  # never recovered from the first
        ([SWITCH, NEVER], [(102, 0), (112, 0)], None),  # no time to recover from
        ([], [(102, 0)], None),
    ],
)
def test_the_worst_recovery(switches: Any, taken: Any, expected: float | None) -> None:
    assert worst_recovery(switches, sampled(*taken), 120.0, 100) == expected


def test_the_highest_lag_after_a_rollback() -> None:
    taken = sampled((102, 900), (112, 30), (118, 40), (121, 700))
    assert highest_after([BACK], [SWITCH, BACK], taken, 120.0) == 40
    assert highest_after([BACK], [SWITCH, BACK], sampled((102, 900)), 120.0) is None
    assert highest_after([], [SWITCH], taken, 120.0) is None


@pytest.mark.parametrize(
    ("outcome", "active_at", "error", "overtaken", "switched"),
    [
        ("Switched", 101.5, None, False, True),
        ("Switched", 101.5, "it asks for blue", False, False),
        ("Switched", 101.5, "it asks for blue", True, True),
        ("Superseded", 101.5, None, True, True),
        ("Superseded", 101.5, None, False, False),
        ("RolledBack", 101.5, None, True, False),
        ("Switched", None, None, True, False),
    ],
)
def test_a_switch_that_was_overtaken_has_switched_once_its_colour_was_active(
    outcome: str, active_at: float | None, error: str | None, overtaken: bool, switched: bool
) -> None:
    last = replace(LAST, outcome=outcome, active_at=active_at)
    record = replace(SWITCH, last=last, error=error, overtaken=overtaken)
    assert record.switched is switched
    assert (record.switch_seconds is not None) == (switched or error is not None)
