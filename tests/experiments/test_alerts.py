"""What a run is told of alerts: from what vmalert and the metrics store answer, and what is known if they do not."""

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from experiments import alerts
from experiments.cluster import Cluster, ClusterError
from experiments.criteria import ALERTS_FIRED, DUAL_ACTIVE_ALERTS, silent
from experiments.evidence.again import _by_itself
from experiments.progress import Progress
from experiments.scenarios import SCENARIOS
from tests.experiments.test_criteria import GOOD
from tests.support.fake_api import FakeApi
from tests.support.samples import result

SERVICE = "/api/v1/namespaces/kafka-bluegreen/services/vmalert"
PROXY = f"{SERVICE}:8880/proxy"
EXPORT = "/api/v1/namespaces/kafka-bluegreen/services/victoriametrics:8428/proxy/api/v1/export"
VERSION = 'vm_app_version{version="vmalert-x", short_version="v1.131.0"} 1\n'


def series(name: str, *points: tuple[float | None, int]) -> dict[str, Any]:
    return {
        "metric": {"alertname": name, "severity": "critical", "alertstate": "firing"},
        "values": [value for value, _ in points],
        "timestamps": [at * 1000 for _, at in points],
    }


def counts(number: int) -> tuple[int, bytes]:
    return 200, f'{VERSION}vmalert_iteration_total{{group="kafka-bluegreen"}} {number}\n'.encode()


class Clock:
    """Each look at it is five seconds on; each second look finds one evaluation more."""

    def __init__(self, api: FakeApi, evaluations: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.api, self.number = 1000.0, api, evaluations
        self.waited = 0.0
        own = SimpleNamespace(time=lambda: self.now, sleep=self.sleep, monotonic=self.monotonic)
        monkeypatch.setattr("experiments.alerts.time", own)
        self.grows = True
        api.answers["GET", f"{PROXY}/metrics"] = counts(evaluations)

    def monotonic(self) -> float:
        self.waited += 10
        return self.waited

    def sleep(self, _seconds: float) -> None:
        self.now += 5
        self.number += int(self.grows)
        self.api.answers["GET", f"{PROXY}/metrics"] = counts(self.number)


@pytest.fixture
def clock(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A platform with alerts, whose rules are all well."""
    api.answers["GET", SERVICE] = (200, {})
    rules = [{"name": name, "lastError": ""} for name in ("DualActiveConsumers", "AllConsumersPaused")]
    api.answers["GET", f"{PROXY}/api/v1/rules"] = (200, {"data": {"groups": [{"rules": rules}]}})
    api.answers["GET", EXPORT] = (200, b"")
    return Clock(api, 7, monkeypatch)


def seen(cluster: Cluster, clock: Clock, between: int = 4) -> alerts.Section:
    with alerts.watched(cluster, Progress()) as watch:
        assert watch is not None
        for _ in range(between):
            clock.sleep(5)
        return watch.section("strategy-c", 1000.0, 1020.0)


def test_a_platform_without_alerts_says_nothing_of_them(cluster: Cluster) -> None:
    with alerts.watched(cluster, Progress()) as watch:
        assert watch is None
    assert alerts.measured(None) == {}
    assert silent(GOOD) == []


def test_nothing_was_raised_by_somebody_who_looked(cluster: Cluster, clock: Clock, api: FakeApi) -> None:
    section = seen(cluster, clock)
    assert section == {
        "from": "1970-01-01T00:16:40.000Z",
        "to": "1970-01-01T00:17:00.000Z",
        "vmalert": "v1.131.0",
        "rules": ["AllConsumersPaused", "DualActiveConsumers"],
        "evaluations": 6,
        "fired": [],
    }
    query = next(query for _, path, query, *_ in api.requests if path == EXPORT)
    assert query["match[]"] == ['ALERTS{namespace="strategy-c",alertstate="firing"}']
    assert (query["start"], query["end"]) == (["1000.000"], ["1020.000"])
    assert alerts.measured(section) == {ALERTS_FIRED: 0, DUAL_ACTIVE_ALERTS: 0}


def test_where_there_is_one_more_for_log_lines_both_have_to_have_looked(
    cluster: Cluster, clock: Clock, api: FakeApi
) -> None:
    more = f"{SERVICE}-logs"
    api.answers["GET", more] = (200, {})
    api.answers["GET", f"{more}:8880/proxy/metrics"] = counts(3)
    rules = [{"name": "LeaseGone", "lastError": "no answer"}]
    api.answers["GET", f"{more}:8880/proxy/api/v1/rules"] = (200, {"data": {"groups": [{"rules": rules}]}})
    evaluator = alerts.Evaluator.found(cluster)
    assert evaluator is not None
    assert evaluator.evaluations() == (3, "v1.131.0")
    assert evaluator.rules() == {"DualActiveConsumers": "", "AllConsumersPaused": "", "LeaseGone": "no answer"}


def test_what_was_raised_is_told_with_its_times(cluster: Cluster, clock: Clock, api: FakeApi) -> None:
    lines = [series("DualActiveConsumers", (1, 1005), (1, 1010), (None, 1015))]
    api.answers["GET", EXPORT] = (200, "\n".join(json.dumps(line) for line in lines).encode())
    section = seen(cluster, clock)
    assert section["fired"] == [
        {
            "alert": "DualActiveConsumers",
            "severity": "critical",
            "since": "1970-01-01T00:16:45.000Z",
            "until": "1970-01-01T00:16:50.000Z",
        }
    ]
    assert alerts.measured(section) == {ALERTS_FIRED: "1: DualActiveConsumers", DUAL_ACTIVE_ALERTS: 1}


def test_an_alert_that_went_and_came_again_was_raised_twice() -> None:
    points = [(1, 1000), (1, 1005), (None, 1010), (1, 1015), (1, 1020), (1, 1060), (0, 1065)]
    found = alerts.raised_in([series("AllConsumersPaused", *points)])
    assert [(one.since, one.until) for one in found] == [(1000, 1005), (1015, 1020), (1060, 1060)]


def test_who_was_away_meanwhile_has_not_looked(cluster: Cluster, clock: Clock) -> None:
    """It was started anew: its count began again."""
    with alerts.watched(cluster, Progress()) as watch:
        assert watch is not None
        clock.number = 0
        for _ in range(4):
            clock.sleep(5)
        section = watch.section("strategy-c", 1000.0, 1020.0)
    assert "evaluated its rules -1 times, and should have" in section["error"]
    assert alerts.measured(section) == {ALERTS_FIRED: None, DUAL_ACTIVE_ALERTS: None}


def test_what_goes_wrong_in_the_run_is_told_as_it_is(cluster: Cluster, clock: Clock, api: FakeApi) -> None:
    with pytest.raises(ClusterError, match="the run's own"), alerts.watched(cluster, Progress()):
        raise ClusterError("the run's own")
    api.answers["GET", f"{PROXY}/metrics"] = (503, b"no endpoints")
    with alerts.watched(cluster, Progress()) as watch:
        assert watch is not None
        clock.sleep(5)
        assert "no endpoints" in watch.section("strategy-c", 1000.0, 1020.0)["error"]


def test_a_rule_that_fails_or_an_evaluation_that_does_not_come_is_told(
    cluster: Cluster, clock: Clock, api: FakeApi
) -> None:
    rules = [{"name": "DualActiveConsumers", "lastError": "no such series"}]
    api.answers["GET", f"{PROXY}/api/v1/rules"] = (200, {"data": {"groups": [{"rules": rules}]}})
    assert seen(cluster, clock)["error"] == "DualActiveConsumers: no such series"
    clock.grows = False
    assert "did not evaluate its rules within 20 s" in seen(cluster, clock)["error"]


def test_a_store_that_does_not_answer_is_told(cluster: Cluster, clock: Clock, api: FakeApi) -> None:
    api.answers["GET", EXPORT] = (503, b"no endpoints")
    assert "no endpoints" in seen(cluster, clock)["error"]
    api.answers["GET", EXPORT] = (200, b"<html>")
    assert "is none" in seen(cluster, clock)["error"]


@pytest.mark.parametrize(("fired", "passed"), [(0, True), ("1: DualActiveConsumers", False), (None, False)])
def test_scenario_1_is_silent_or_has_not_passed(fired: Any, passed: bool) -> None:
    told = replace(GOOD, measured={ALERTS_FIRED: fired})
    (criterion,) = [one for one in SCENARIOS["1"].judge(told) if one.name == ALERTS_FIRED]
    assert (criterion.limit, criterion.measured, criterion.passed) == ("= 0", fired, passed)
    assert ALERTS_FIRED not in {one.name for one in SCENARIOS["1"].judge(GOOD)}


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_both_colours_at_once_by_an_alert_fail_every_scenario_and_other_alerts_do_not(scenario: str) -> None:
    def failing(**alerted: Any) -> set[str]:
        limits = SCENARIOS[scenario].limits("c")
        told = replace(GOOD, limits=limits, measured={**GOOD.measured, **alerted})
        return {one.name for one in SCENARIOS[scenario].judge(told) if not one.passed} - {ALERTS_FIRED}

    before = failing()
    assert failing(alerts_fired=0, dual_active_alerts=0) == before
    assert failing(alerts_fired="2: RecordsHandledAgain", dual_active_alerts=0) == before
    assert failing(alerts_fired="1: DualActiveConsumers", dual_active_alerts=1) == before | {DUAL_ACTIVE_ALERTS}
    assert failing(alerts_fired=None, dual_active_alerts=None) == before | {DUAL_ACTIVE_ALERTS}


def test_a_rule_that_was_not_there_has_not_been_silent() -> None:
    fired = [{"alert": "RecordsHandledAgain"}]
    there = {"rules": ["DualActiveConsumers", "RecordsHandledAgain"], "fired": fired}
    assert alerts.measured(there) == {ALERTS_FIRED: "1: RecordsHandledAgain", DUAL_ACTIVE_ALERTS: 0}
    assert alerts.measured({**there, "rules": ["RecordsHandledAgain"]})[DUAL_ACTIVE_ALERTS] is None


def test_a_result_that_hides_an_alert_contradicts_itself() -> None:
    raised = {"alert": "DualActiveConsumers", "severity": "critical", "since": "", "until": ""}
    told = {"alerts_fired": 0}
    assert _by_itself(result(alerts={"rules": [], "fired": []}, measurements=told)) == []
    assert _by_itself(result(alerts={"rules": [], "fired": [raised]}, measurements=told)) == [
        "alerts_fired: 0, and by its alerts '1: DualActiveConsumers'"
    ]
    hidden = result(
        alerts={"rules": ["DualActiveConsumers"], "fired": [raised]},
        measurements={
            "alerts_fired": "1: DualActiveConsumers",
            "dual_active_alerts": 0,
        },
    )
    assert _by_itself(hidden) == ["dual_active_alerts: 0, and by its alerts 1"]
    assert _by_itself(result()) == []
