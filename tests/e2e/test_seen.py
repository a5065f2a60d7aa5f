"""What is seen of a switch: every metric by who the page says, every panel with series, vmui's dashboard, and alerts
that are raised, and go, by vmalert in the cluster.
"""

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from components.observability.panels import PANELS, Panel
from experiments.run import REPOSITORY
from tests.support.cluster_use import alone, shared, updating_the_platform
from tests.support.engine import kubectl
from tests.support.field import Field, Ground
from tests.support.seen import not_said, raised, series, store
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("alerts")]


@pytest.fixture(scope="module")
def name(ground: Ground) -> str:
    return ground.beside("c", "seen")


@pytest.fixture(scope="module")
def alerting(ground: Ground, name: str) -> Iterator[None]:
    """The platform with alerts, and a dashboard of the stack in vmui. Both go at the end."""
    subprocess.run(
        [sys.executable, "-m", "tools.sandbox", "images", "--with", "alerts"], cwd=REPOSITORY, check=True, timeout=600
    )
    configuration = ground.platform.configuration
    with alone(), updating_the_platform():
        configuration.set(alerts=True, dashboards=[name])
        ground.platform.prepare(lambda: None)
    yield
    with alone(), updating_the_platform():
        configuration.put_back("alerts")
        configuration.put_back("dashboards")
        ground.platform.prepare(lambda: None)


@pytest.fixture(scope="module")
def seen(alerting: None, ground: Ground, name: str) -> Iterator[Field]:
    """A small stack of strategy C with two switches behind it."""
    ground.passing.add(name)
    with shared(), ground.standing(name, replicas=1) as field:
        for color in ("green", "blue"):
            update = field.up(color)
            assert update.error is None, update.error
        yield field


def test_every_metric_of_the_plan_is_said_by_who_the_page_says(seen: Field) -> None:
    assert not_said(seen.cluster, seen.namespace, by_connectors=False) == []


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.title)
def test_every_panel_shows_something_of_the_stack(seen: Field, panel: Panel) -> None:
    end = time.time()
    for query in panel.queries:
        assert series(seen.cluster, seen.namespace, query.expr, end - 120, end), query.expr


def test_switches_that_were_over_between_two_scrapes_are_shown(seen: Field) -> None:
    end = time.time()
    (query,) = next(panel for panel in PANELS if panel.title == "Switch").queries
    (line,) = series(seen.cluster, seen.namespace, query.expr, end - 120, end)
    assert {float(value) for _, value in line["values"]} >= {0.0, 2.0}


def test_vmui_has_the_stacks_dashboard(seen: Field) -> None:
    (settings,) = store(seen.cluster, "/vmui/custom-dashboards")["dashboardsSettings"]
    assert settings["title"] == seen.namespace
    assert [row["title"] for row in settings["rows"]] == list(dict.fromkeys(panel.row for panel in PANELS))


def test_an_active_colour_without_pods_is_told_and_no_more_when_they_are_back(seen: Field) -> None:
    assert raised(seen.cluster, seen.namespace) == set()
    expected = {"AllConsumersPaused", "GreenConsumerNotRunning"}
    scale = ("-n", seen.namespace, "scale", "statefulset", "consumer-blue")
    try:
        kubectl(*scale, "--replicas=0")
        until("both alerts", lambda: raised(seen.cluster, seen.namespace) >= expected, 150, 1)
        assert raised(seen.cluster, seen.namespace) == expected
    finally:
        kubectl(*scale, "--replicas=1")
    until("no alert", lambda: not raised(seen.cluster, seen.namespace), 60, 1)


def test_a_controller_that_is_gone_is_told(seen: Field) -> None:
    scale = ("-n", seen.namespace, "scale", "deployment", "controller")
    try:
        kubectl(*scale, "--replicas=0")
        until("an alert", lambda: raised(seen.cluster, seen.namespace) == {"BGSwitchNotReporting"}, 90, 1)
    finally:
        kubectl(*scale, "--replicas=1")
    until("no alert", lambda: not raised(seen.cluster, seen.namespace), 60, 1)
