"""What is seen of a switch: every metric by who the page says, every panel with series, vmui's dashboards, and alerts
that are raised, and go.

vmalert runs beside the cluster, as it is configured in it: the platform is other tests', too, and would be changed by
each of them in turn.
"""

import json
import time
from collections.abc import Iterator
from functools import partial

import pytest

from components import names
from components.observability.panels import PANELS, ROWS, Panel
from components.settings import PlatformSettings
from tests.support.cluster_use import shared
from tests.support.engine import kubectl
from tests.support.field import Field, Ground
from tests.support.permissions import python_in
from tests.support.seen import not_said, series, store
from tests.support.vmalert import Vmalert, evaluating
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("alerts")]

# Runs in a consumer's container, where alone its lifecycle API is reached.
_CALL = f"""
import sys, urllib.error, urllib.request
method, call, body = sys.argv[1:]
url = "http://127.0.0.1:{names.LIFECYCLE_PORT}/lifecycle/" + call
request = urllib.request.Request(url, body.encode() or None, {{"Content-Type": "application/json"}}, method=method)
try:
    print(urllib.request.urlopen(request, timeout=30).read().decode())
except urllib.error.HTTPError as error:
    print(error.read().decode())
"""


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


@pytest.fixture
def stray(seen: Field) -> Iterator[str]:
    """A consumer of green that no sidecar leads, in a group of its own: whoever calls it makes it work."""
    raw = json.loads(kubectl("-n", seen.namespace, "get", "pod", "consumer-green-0", "-o", "json"))
    pod, spec = "stray-green-0", raw["spec"]
    (container,) = spec["containers"]
    container["env"].append({"name": "BG_GROUP_ID", "value": f"{seen.namespace}-stray"})
    for volume in spec["volumes"]:
        if volume.pop("persistentVolumeClaim", None):
            volume["emptyDir"] = {}
    kept = ("containers", "volumes", "securityContext", "serviceAccountName", "automountServiceAccountToken")
    # No member of a colour by its labels, and scraped as one.
    labels = {**raw["metadata"]["labels"], names.NAME_LABEL: "stray"}
    annotations = {key: value for key, value in raw["metadata"]["annotations"].items() if key.startswith("prometheus")}
    made = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": pod, "namespace": seen.namespace, "labels": labels, "annotations": annotations},
        "spec": {key: spec[key] for key in kept if key in spec},
    }
    kubectl("create", "-f", "-", stdin=json.dumps(made))
    try:
        until("it to stand by", lambda: '"PAUSED"' in _lifecycle(seen.namespace, pod, "GET", "status"), 90, 0.5)
        yield pod
    finally:
        kubectl("-n", seen.namespace, "delete", "pod", pod, "--grace-period=1", "--wait=false")


def _lifecycle(namespace: str, pod: str, method: str, call: str, body: str = "") -> str:
    """What its lifecycle API answers; empty while it does not."""
    try:
        return python_in(namespace, pod, names.CONSUMER, _CALL, method, call, body)
    except AssertionError:
        return ""


def test_a_second_colour_at_work_is_told_while_it_is(seen: Field, alerts: Vmalert, stray: str) -> None:
    """Green handles records by the word of somebody who is not this project's."""
    until("no alert", lambda: not alerts.raised(seen.namespace), 60, 1)
    answer = _lifecycle(seen.namespace, stray, "POST", "resume", '{"epoch": 1, "deadline_ms": 20000}')
    assert '"ACTIVE"' in answer, answer
    until("the alert", lambda: alerts.raised(seen.namespace), 30, 0.5)
    assert alerts.raised(seen.namespace) == {"DualActiveConsumers"}
    answer = _lifecycle(seen.namespace, stray, "POST", "pause", '{"epoch": 2, "deadline_ms": 20000}')
    assert '"PAUSED"' in answer, answer
    until("no alert", lambda: not alerts.raised(seen.namespace), 60, 1)


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
