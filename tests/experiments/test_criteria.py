"""Each criterion: kept, at its limit, missed, and not measured, which is never a pass."""

from dataclasses import replace
from typing import Any

import pytest

from components.strategies.base import Criteria as Limits
from experiments import criteria
from experiments.criteria import Observations, lag_limit, passed
from experiments.measurements import Apart, ProducerSeen
from experiments.results import Criterion, SwitchResult
from experiments.scenarios import SCENARIOS
from tests.support.samples import FAILED, LAST, SWITCH

ANOMALIES = dict.fromkeys(
    ("lost", "phantom", "mismatch", "duplicate", "producer_duplicate", "out_of_order", "zombie", "dual_active"), 0
)
BACK = replace(SWITCH, source="green", target="blue", last=replace(LAST, source="green", target="blue", epoch=10))
TIMES = SwitchResult("blue-green", 1.5, 2.2, 0.04, 0.05, 0.12, "Switched")
GOOD = Observations(
    limits=Limits(5.0, 5.0),
    rate=100,
    switches_asked=2,
    switches=(SWITCH, BACK),
    rollbacks=(BACK,),
    anomalies=ANOMALIES,
    acked=5000,
    failed=0,
    verdict="pass",
    results=(TIMES, TIMES),
    producer=ProducerSeen(restarted=(), acked=5000, without_end=()),
    clocks=Apart(workstation=0.01, between_lines=0.0),
    lag_recovery_seconds=0.0,
    lag_after_rollback=12,
    produced_rate=99.7,
    spells=3,
    spells_asked=3,
    scaled_down_lag=20,
    came_back_handled=0,
    lines_of_unknown_time=0,
    # What scenarios measured themselves, each for its own criteria.
    measured={
        "changes_planned": 18,
        "changes_made": 18,
        "unowned_seconds_max_resizing": 0.2,
        "unowned_seconds_max": 0.2,
        "pods_least": 3,
        "pods_most": 6,
        "cases_as_they_should": 2,
        "lag_when_commanded_min": 501,
        "switch_seconds_immediate": 1.0,
        "switch_seconds_threshold": 1.0,
        "lag_threshold": 20,
        "waiting_seconds_threshold": 1.0,
        "caught_up_seconds_immediate": 3.0,
        "analysis_seconds": 10,
        "rounds_as_they_should": 2,
        "rounds_with_errors": 1,
        "epochs_with_failed_records": 1,
        "back_seconds_worst": 3.0,
        "failed_and_not_handled_again": 0,
        "failed_by_blue": 0,
        "failed_by_green": 0,
        "mended": "Switched",
        "rounds_replayed": 2,
        "handled_by_green_taken_back": 0,
        "back_seconds_crash_worst": 3.0,
        "back_seconds_hang_worst": 3.0,
        "back_seconds_liveness_worst": 3.0,
        "entered": "Switched",
        "windows_before": 2,
        "windows_after": 2,
        "windows_with_both_colours_in_the_group": 4,
        "left": "Switched",
        "restarts_asked": 3,
        "restarts_made": 3,
        "pods_at_work": 3,
        "pods_replaced_min": 3,
        "membership_measured": "leave-join",
        "one_group_switches": 2,
        "one_group_records": 500,
        "one_group_unhandled": 0,
        "cases_made": 2,
        "faults_not_seen": None,
        "switches_with_an_overrun": 2,
        "analysis_runs_failed": 2,
        "switches_with_a_restart": 2,
        "switches_with_a_rebalance": 2,
        "switches_with_the_departure": 2,
        "turns_expecting_a_departure": 2,
        "turns_with_the_departure": 2,
        "left_by_the_pods": 0,
        "rebalances_in_turns": 0,
        "revoked_while_resting": 1,
        "handled_while_resting": 0,
        "restarts_by_cell": 5,
        "static": 1,
        "session_seconds": 12,
        "restarts_within": 5,
        "restarts_beyond": 5,
        "away_seconds_within_max": 6.0,
        "rebalances_within": 0,
        "assigned_others_within": 0,
        "rebalances_beyond": 10,
        "assigned_others_beyond": 20,
    },
)


def failing(scenario: str, seen: Observations) -> set[str]:
    return {criterion.name for criterion in SCENARIOS[scenario].judge(seen) if not criterion.passed}


@pytest.mark.parametrize("scenario", ["1", "2"])
def test_a_good_run_passes(scenario: str) -> None:
    assert passed(SCENARIOS[scenario].judge(GOOD))


def slow(seconds: float | None) -> Any:
    active_at = None if seconds is None else SWITCH.commanded_at + seconds
    return replace(SWITCH, last=replace(LAST, active_at=active_at))


CASES: list[tuple[str, dict[str, Any], set[str]]] = [
    ("1", {"came_back_handled": 1}, {"records_by_the_colour_that_came_back"}),
    ("1", {"came_back_handled": None}, {"records_by_the_colour_that_came_back"}),
    ("2", {"came_back_handled": None}, set()),
    ("1", {"lines_of_unknown_time": 3}, {"lines_of_unknown_time"}),
    ("1", {"lines_of_unknown_time": None}, set()),
    ("1", {"switches": (slow(5.0), BACK)}, {"switch_seconds_worst"}),
    ("1", {"switches": (slow(4.999), BACK)}, set()),
    ("1", {"switches": (slow(None), BACK)}, {"switch_seconds_worst"}),
    ("1", {"switches": (SWITCH,)}, {"switches_switched"}),
    ("1", {"switches": (SWITCH, FAILED)}, {"switches_switched", "switch_seconds_worst"}),
    ("1", {"switches": ()}, {"switches_switched", "switch_seconds_worst"}),
    ("1", {"switches": (replace(SWITCH, error="up failed"), BACK)}, {"switches_switched"}),
    ("1", {"acked": 0}, {"acked_records", "judged_acked"}),
    ("1", {"acked": None}, {"acked_records", "judged_acked"}),
    ("1", {"verdict": "fail"}, {"validator_verdict"}),
    ("1", {"verdict": None}, {"validator_verdict"}),
    ("1", {"lag_recovery_seconds": 120.0}, {"lag_below_100_after_switch"}),
    ("1", {"lag_recovery_seconds": None}, {"lag_below_100_after_switch"}),
    ("1", {"spells": 2}, {"spells_with_records_on_all_partitions"}),
    ("1", {"spells": None}, {"spells_with_records_on_all_partitions"}),
    ("1", {"scaled_down_lag": 100}, {"lag_during_scale_down"}),
    ("1", {"scaled_down_lag": None}, {"lag_during_scale_down"}),
    ("1", {"produced_rate": 94.9}, {"producer_rate"}),
    ("1", {"produced_rate": 105.1}, {"producer_rate"}),
    ("1", {"produced_rate": None}, {"producer_rate"}),
    ("1", {"lag_after_rollback": None}, set()),
    ("2", {"rollbacks": (slow(6.0),)}, {"rollback_seconds_worst"}),
    ("2", {"rollbacks": ()}, {"rollback_seconds_worst"}),
    ("2", {"lag_after_rollback": 99}, set()),
    ("2", {"lag_after_rollback": 100}, {"lag_after_rollback"}),
    ("2", {"lag_after_rollback": None}, {"lag_after_rollback"}),
    ("2", {"scaled_down_lag": None}, set()),
]


@pytest.mark.parametrize(("scenario", "changes", "expected"), CASES)
def test_what_misses_a_criterion(scenario: str, changes: dict[str, Any], expected: set[str]) -> None:
    assert failing(scenario, replace(GOOD, **changes)) == expected


@pytest.mark.parametrize("scenario", ["1", "2"])
@pytest.mark.parametrize("name", sorted(ANOMALIES))
def test_every_anomaly_class_is_judged(scenario: str, name: str) -> None:
    assert failing(scenario, replace(GOOD, anomalies={**ANOMALIES, name: 1})) == {name}
    missing = {key: count for key, count in ANOMALIES.items() if key != name}
    assert failing(scenario, replace(GOOD, anomalies=missing)) == {name}


def test_a_strategy_has_its_own_limits() -> None:
    limits = Limits(30.0, 60.0)
    seen = replace(GOOD, limits=limits, switches=(slow(29.0), BACK), rollbacks=(slow(59.0),))
    assert failing("1", seen) == set()
    assert failing("2", seen) == set()
    assert failing("1", replace(seen, switches=(slow(30.0), BACK))) == {"switch_seconds_worst"}
    assert failing("2", replace(seen, rollbacks=(slow(60.0),))) == {"rollback_seconds_worst"}


def test_what_a_strategy_tolerates_fails_no_run() -> None:
    seen = replace(GOOD, anomalies={**ANOMALIES, "duplicate": 7}, verdict="fail", failing=("duplicate",))
    assert failing("1", seen) == {"duplicate", "validator_verdict"}
    tolerant = replace(seen, limits=Limits(5.0, 5.0, frozenset({"duplicate"})))
    assert failing("1", tolerant) == set()
    limits = {one.name: one.limit for one in criteria.records(tolerant)}
    assert limits["validator_verdict"] == "= pass, or failed by duplicate alone"
    assert failing("1", replace(tolerant, failing=("duplicate", "lost"))) == {"validator_verdict"}
    assert failing("1", replace(tolerant, failing=())) == {"validator_verdict"}


def test_what_could_not_be_judged_is_no_pass_whatever_is_tolerated() -> None:
    limits = Limits(5.0, 5.0, frozenset({"duplicate"}))
    seen = replace(GOOD, limits=limits, verdict="fail", failing=("duplicate",), unjudged=("a clock went back",))
    assert failing("1", seen) == {"validator_verdict"}
    measured = {one.name: one.measured for one in criteria.records(seen)}
    assert measured["validator_verdict"] == "fail; not judged: a clock went back"


def test_a_scenario_may_tolerate_more_than_its_strategy() -> None:
    assert SCENARIOS["1"].limits("c") == Limits(5.0, 5.0)
    for name in ("impaired", "5-unwell", "5-replay", "4-overrun"):
        assert SCENARIOS[name].limits("c").tolerated == {"duplicate"}


def test_the_lag_limit_is_a_second_of_flow_and_at_least_the_plans() -> None:
    assert [lag_limit(rate) for rate in (10, 100, 2000)] == [100, 100, 2000]


def test_a_failed_switch_is_named_with_its_reason() -> None:
    criterion = SCENARIOS["1"].judge(replace(GOOD, switches=(SWITCH, FAILED)))[0]
    assert criterion.measured == "1, then blue-green Failed: DrainTimeout: consumer-blue-1"


def test_no_criteria_is_no_pass() -> None:
    assert not passed([])
    assert passed([Criterion("a", "= 0", 0, True)])
    assert not passed([Criterion("a", "= 0", 0, True), Criterion("b", "= 0", 1, False)])


RESTARTED = ProducerSeen(restarted=("p0-second",), acked=None, without_end=())
UNSOUND: list[tuple[dict[str, Any], set[str]]] = [
    # A producer that was restarted in the run: everything before it was judged as if nobody had produced it.
    ({"producer": RESTARTED}, {"producer_restarts", "judged_acked"}),
    ({"producer": ProducerSeen((), 5001, ())}, {"judged_acked"}),
    ({"producer": ProducerSeen((), 5000, ("p0-ab",))}, {"producers_without_end"}),
    ({"producer": None}, {"producer_restarts", "judged_acked", "producers_without_end"}),
    # A run in which every record failed.
    ({"failed": 5000}, {"failed"}),
    ({"failed": None}, {"failed"}),
    # Clocks of workstation and cluster: the switch was over before it was commanded.
    ({"results": (TIMES, replace(TIMES, switch_seconds=-3.27))}, {"times_not_negative"}),
    ({"results": (replace(TIMES, handoff_seconds=-0.001),)}, {"times_not_negative"}),
    ({"results": (replace(TIMES, gap_seconds=-0.001),)}, {"times_not_negative"}),
    ({"results": (replace(TIMES, gap_seconds=-0.001),), "clocks": Apart(0.01, 0.002)}, set()),
    ({"clocks": Apart(workstation=3.0, between_lines=0.0)}, {"clocks_agree"}),
    ({"clocks": None}, {"clocks_agree"}),
]


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
@pytest.mark.parametrize(("changes", "expected"), UNSOUND)
def test_no_run_passes_on_what_cannot_be_believed(scenario: str, changes: dict[str, Any], expected: set[str]) -> None:
    assert failing(scenario, replace(GOOD, **changes)) == expected


def test_what_fails_a_run_is_named() -> None:
    seen = replace(GOOD, producer=RESTARTED, results=(TIMES, replace(TIMES, switch_seconds=-3.27)))
    measured = {criterion.name: criterion.measured for criterion in SCENARIOS["1"].judge(seen)}
    assert measured["producer_restarts"] == "1: p0-second"
    assert measured["times_not_negative"] == "1: switch 2 switch_seconds -3.27"
