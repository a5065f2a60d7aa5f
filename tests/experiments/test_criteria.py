"""Each criterion: kept, at its limit, missed, and not measured, which is never a pass."""

from dataclasses import replace
from typing import Any

import pytest

from experiments.criteria import Observations, judge, lag_limit, passed
from experiments.results import Criterion
from tests.support.samples import FAILED, LAST, SWITCH

ANOMALIES = dict.fromkeys(
    ("lost", "phantom", "mismatch", "duplicate", "producer_duplicate", "out_of_order", "zombie", "dual_active"), 0
)
BACK = replace(SWITCH, source="green", target="blue", last=replace(LAST, source="green", target="blue", epoch=10))
GOOD = Observations(
    strategy="c",
    rate=100,
    switches_asked=2,
    switches=(SWITCH, BACK),
    rollbacks=(BACK,),
    anomalies=ANOMALIES,
    acked=5000,
    verdict="pass",
    lag_recovery_seconds=0.0,
    lag_after_rollback=12,
    produced_rate=99.7,
    spells=3,
    spells_asked=3,
    scaled_down_lag=20,
)


def failing(scenario: str, seen: Observations) -> set[str]:
    return {criterion.name for criterion in judge(scenario, seen) if not criterion.passed}


@pytest.mark.parametrize("scenario", ["1", "2"])
def test_a_good_run_passes(scenario: str) -> None:
    assert passed(judge(scenario, GOOD))


def slow(seconds: float | None) -> Any:
    active_at = None if seconds is None else SWITCH.commanded_at + seconds
    return replace(SWITCH, last=replace(LAST, active_at=active_at))


CASES: list[tuple[str, dict[str, Any], set[str]]] = [
    ("1", {"switches": (slow(5.0), BACK)}, {"switch_seconds_worst"}),
    ("1", {"switches": (slow(4.999), BACK)}, set()),
    ("1", {"switches": (slow(None), BACK)}, {"switch_seconds_worst"}),
    ("1", {"switches": (SWITCH,)}, {"switches_switched"}),
    ("1", {"switches": (SWITCH, FAILED)}, {"switches_switched", "switch_seconds_worst"}),
    ("1", {"switches": ()}, {"switches_switched", "switch_seconds_worst"}),
    ("1", {"switches": (replace(SWITCH, error="up failed"), BACK)}, {"switches_switched"}),
    ("1", {"acked": 0}, {"acked_records"}),
    ("1", {"acked": None}, {"acked_records"}),
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


def test_other_strategies_have_the_plans_general_limits() -> None:
    seen = replace(GOOD, strategy="b", switches=(slow(29.0), BACK), rollbacks=(slow(59.0),))
    assert failing("1", seen) == set()
    assert failing("2", seen) == set()
    assert failing("1", replace(seen, switches=(slow(30.0), BACK))) == {"switch_seconds_worst"}
    assert failing("2", replace(seen, rollbacks=(slow(60.0),))) == {"rollback_seconds_worst"}


def test_the_lag_limit_is_a_second_of_flow_and_at_least_the_plans() -> None:
    assert [lag_limit(rate) for rate in (10, 100, 2000)] == [100, 100, 2000]


def test_a_failed_switch_is_named_with_its_reason() -> None:
    criterion = judge("1", replace(GOOD, switches=(SWITCH, FAILED)))[0]
    assert criterion.measured == "1, then blue-green Failed: DrainTimeout: consumer-blue-1"


def test_no_criteria_is_no_pass() -> None:
    assert not passed([])
    assert passed([Criterion("a", "= 0", 0, True)])
    assert not passed([Criterion("a", "= 0", 0, True), Criterion("b", "= 0", 1, False)])


def test_an_unknown_scenario_has_no_criteria() -> None:
    with pytest.raises(KeyError):
        judge("9", GOOD)
