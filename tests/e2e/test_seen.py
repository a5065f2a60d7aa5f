"""What is seen of a switch: every metric by who the page says, every panel with series, vmui's dashboards, and alerts
that are raised, and go.

vmalert runs beside the cluster, as it is configured in it: the platform is other tests', too, and would be changed by
each of them in turn.
"""

import time
from collections.abc import Iterator
from functools import partial

import pytest

from components.observability.panels import PANELS, ROWS, Panel
from components.settings import PlatformSettings
from tests.support.cluster_use import shared
from tests.support.engine import kubectl
from tests.support.field import Field, Ground
from tests.support.seen import not_said, series, store
from tests.support.vmalert import Vmalert, evaluating
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("alerts")]


@pytest.fixture(scope="module")
def seen(ground: Ground) -> Iterator[Field]:
    """A small stack of strategy C with two switches behind it, each colour at work until its lag was scraped; taken
    away at the end.
    """
    name = ground.beside("c", "seen")
    ground.passing.add(name)
    with shared(), ground.standing(name, replicas=1) as field:
        for color in ("green", "blue"):
            update = field.up(color)
            assert update.error is None, update.error
            until(f"{color}'s lag in the store", partial(_has_lag, field, color), 60, 0.5)
        yield field


def _has_lag(field: Field, color: str) -> bool:
    end = time.time()
    (query,) = next(panel for panel in PANELS if panel.title == f"{color.capitalize()}'s lag").queries
    return bool(series(field.cluster, field.namespace, query.expr, end - 60, end))


@pytest.fixture(scope="module")
def alerts(seen: Field, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vmalert]:
    with evaluating(tmp_path_factory.mktemp("vmalert")) as made:
        yield made


def test_every_metric_of_the_plan_is_said_by_who_the_page_says(seen: Field) -> None:
    assert not_said(seen.cluster, seen.namespace, by_connectors=False) == []


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.title)
def test_every_panel_shows_something_of_the_stack(seen: Field, panel: Panel) -> None:
    end = time.time()
    for query in panel.queries:
        assert series(seen.cluster, seen.namespace, query.expr, end - 300, end), query.expr


def test_switches_that_were_over_between_two_scrapes_are_shown(seen: Field) -> None:
    end = time.time()
    (query,) = next(panel for panel in PANELS if panel.title == "Switch").queries
    (line,) = series(seen.cluster, seen.namespace, query.expr, end - 300, end)
    assert {float(value) for _, value in line["values"]} >= {0.0, 2.0}


def test_vmui_has_the_dashboards_of_the_platforms_stacks(seen: Field) -> None:
    found = {board["title"]: board for board in store(seen.cluster, "/vmui/custom-dashboards")["dashboardsSettings"]}
    assert set(found) == set(PlatformSettings().dashboards)
    for board in found.values():
        assert [row["title"] for row in board["rows"]] == list(ROWS)


def test_an_active_colour_without_pods_is_told_and_no_more_when_they_are_back(seen: Field, alerts: Vmalert) -> None:
    assert alerts.raised(seen.namespace) == set()
    # Where the machine is slow, what came in meanwhile has waited for two minutes, too.
    later = {"KafkaConsumerLagHigh"}
    expected = {"AllConsumersPaused", "GreenConsumerNotRunning"}
    scale = ("-n", seen.namespace, "scale", "statefulset", "consumer-blue")
    try:
        kubectl(*scale, "--replicas=0")
        until("both alerts", lambda: alerts.raised(seen.namespace) >= expected, 150, 1)
        assert alerts.raised(seen.namespace) - later == expected
    finally:
        kubectl(*scale, "--replicas=1")
    until("no alert", lambda: not alerts.raised(seen.namespace), 90, 1)


def test_a_controller_that_is_gone_is_told(seen: Field, alerts: Vmalert) -> None:
    scale = ("-n", seen.namespace, "scale", "deployment", "controller")
    try:
        kubectl(*scale, "--replicas=0")
        until("an alert", lambda: alerts.raised(seen.namespace) == {"BGSwitchNotReporting"}, 90, 1)
    finally:
        kubectl(*scale, "--replicas=1")
    until("no alert", lambda: not alerts.raised(seen.namespace), 60, 1)
