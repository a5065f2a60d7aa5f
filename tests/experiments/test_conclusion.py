"""From what was observed to a result, without anything around it."""

from dataclasses import replace
from typing import Any

import pytest

from components.strategies.base import Criteria as Limits
from experiments.conclusion import Seen, Subject, conclude
from experiments.measurements import Apart, Handoff, LagSample, ProducerSeen, Verdict
from experiments.results import from_json
from experiments.scenarios import SCENARIOS
from tests.support.samples import FAILED, LAST, SWITCH

ANOMALIES = dict.fromkeys(
    ("lost", "phantom", "mismatch", "duplicate", "producer_duplicate", "out_of_order", "zombie", "dual_active"), 0
)
BACK = replace(
    SWITCH,
    source="green",
    target="blue",
    commanded_at=110.0,
    last=replace(LAST, source="green", target="blue", epoch=10, active_at=111.0),
)
SUBJECT = Subject(
    run="20261123T120000Z-c-1",
    strategy="c",
    scenario="1",
    membership="takeover",
    group_protocol="classic",
    started_at="2026-11-23T12:00:00+00:00",
    finished_at="2026-11-23T12:02:00+00:00",
    command="python -m experiments run",
    kind="test",
    limits=Limits(5.0, 5.0),
    rate=100,
    switches_asked=2,
)
SEEN = Seen(
    started=95.0,
    finished=130.0,
    switches=(SWITCH, BACK),
    rollbacks=(),
    spells=3,
    spells_asked=3,
    scale_down_seconds=2.0,
    scale_down_window=(118.0, 126.0),
    samples=[LagSample(at, lag, lag) for at, lag in ((102.0, 3), (104.0, 0), (112.0, 5), (120.0, 40), (128.0, 0))],
    judged=Verdict(
        verdict="pass",
        produced=3000,
        acked=3000,
        consumed=3000,
        anomalies=ANOMALIES,
        failing=(),
        unjudged=(),
        failed=0,
        handoffs={8: Handoff(8, 12, 0.05, 0.12), 10: Handoff(10, 12, 0.06, 0.12)},
    ),
    producer=ProducerSeen(restarted=(), acked=3000, without_end=()),
    produced_rate=99.7,
    came_back_handled=0,
    clocks=Apart(0.004, 0.0),
    measured={"rebalances": 0, "container_restarts": 0},
    environment={"rate": 100},
)


def test_a_good_run_passes_and_can_be_read_again() -> None:
    result = conclude(SUBJECT, SEEN, SCENARIOS["1"].judge)
    assert result.passed is True, [c for c in result.criteria if not c.passed]
    assert [switch.gap_seconds for switch in result.switches] == [0.05, 0.06]
    assert result.measurements["max_lag"] == 40
    assert result.measurements["lag_recovery_seconds"] == 0.0
    assert result.measurements["failed"] == 0
    assert result.measurements["rebalances"] == 0
    assert from_json(result.to_json()) == result


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"switches": (SWITCH, FAILED)}, "switches_switched"),
        ({"switches": (SWITCH, replace(BACK, commanded_at=114.27))}, "times_not_negative"),
        ({"producer": ProducerSeen(("p0-second",), None, ())}, "producer_restarts"),
        ({"judged": replace(SEEN.judged, failed=3000)}, "failed"),
        ({"judged": replace(SEEN.judged, acked=2900)}, "judged_acked"),
        ({"clocks": Apart(3.1, 0.0)}, "clocks_agree"),
        ({"produced_rate": None}, "producer_rate"),
    ],
)
def test_what_fails_a_run_fails_it_by_name(changes: dict[str, Any], expected: str) -> None:
    result = conclude(SUBJECT, replace(SEEN, **changes), SCENARIOS["1"].judge)
    assert result.passed is False
    assert expected in {criterion.name for criterion in result.criteria if not criterion.passed}


def test_a_measurement_has_its_criteria_and_no_verdict() -> None:
    result = conclude(replace(SUBJECT, kind="measurement"), SEEN, SCENARIOS["1"].judge)
    assert (result.kind, result.passed) == ("measurement", None)
    assert from_json(result.to_json()) == result


def test_the_way_back_is_told_by_each_way_of_commanding_it() -> None:
    by_hand = replace(BACK, commanded_at=110.6, commanded="patch")
    seen = replace(SEEN, rollbacks=(BACK, by_hand), switches=(SWITCH, BACK, replace(SWITCH, overtaken=True), by_hand))
    result = conclude(replace(SUBJECT, scenario="2", switches_asked=4), seen, SCENARIOS["2"].judge)
    told = {name: value for name, value in result.measurements.items() if name.startswith("rollback")}
    assert told == {
        "rollback_seconds": 1.0,
        "rollback_seconds_after_up": 1.0,
        "rollback_seconds_at_active": pytest.approx(0.4),
    }
    assert [switch.commanded for switch in result.switches] == ["up", "up", "up", "patch"]
    assert conclude(SUBJECT, SEEN, SCENARIOS["1"].judge).measurements["rollback_seconds_at_active"] is None


def test_a_way_back_that_failed_has_no_time_and_is_not_told_as_0() -> None:
    failed = replace(FAILED, source="green", target="blue")
    slow = replace(BACK, commanded="patch")
    seen = replace(SEEN, switches=(SWITCH, BACK, SWITCH, failed, SWITCH, slow), rollbacks=(BACK, failed, slow))
    told = conclude(replace(SUBJECT, scenario="2"), seen, SCENARIOS["2"].judge).measurements
    names = ("rollback_seconds", "rollback_seconds_after_up", "rollback_seconds_at_active")
    assert [told[name] for name in names] == [None, None, 1.0]
    alone = replace(seen, switches=(SWITCH, failed), rollbacks=(failed,))
    told = conclude(replace(SUBJECT, scenario="2"), alone, SCENARIOS["2"].judge).measurements
    assert [told[name] for name in names] == [None, None, None]
