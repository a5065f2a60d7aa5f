"""The dashboard's one list: its expressions, and what Grafana and vmui are made of it."""

import json
import re
from typing import Any

import pytest

from components.observability import grafana, vmui
from components.observability.panels import MARKS, PANELS, ROWS, Kind, expressions
from tests.support.promql import faults
from workloads.common.states import State
from workloads.controller.stages import Stage

PLAN = {
    ROWS[0]: {"Active colour", "Pods", "Switch"},
    ROWS[1]: {"Blue's lag", "Green's lag", "Lag by partition"},
    ROWS[2]: {"Records a second", "Errors", "Mean time of a record"},
    ROWS[3]: {"Rebalances", "Members", "Switches and ways back: time"},
}
_TYPES = {
    Kind.BADGE: "stat",
    Kind.NUMBERS: "stat",
    Kind.STATES: "state-timeline",
    Kind.LINES: "timeseries",
    Kind.BARS: "timeseries",
    Kind.HEAT: "heatmap",
}


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    """Grafana's, as encoded."""
    made: dict[str, Any] = json.loads(grafana.rendered())
    return made


@pytest.mark.parametrize("expr", expressions())
def test_an_expression_is_of_one_stack_and_of_metrics_that_there_are(expr: str) -> None:
    assert faults(expr, one_stack=True) == []


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ('sum(rate(bg_switches_total{namespace="$namespace"}[1m])', "cannot be parsed"),
        ('max(bg_switch_phases{namespace="$namespace"})', "nobody exports bg_switch_phases"),
        ("max(bg_switch_epoch)", "is of every stack"),
        ('max(bg_switch_epoch{namespace=~"$namespace.*"})', "is of every stack"),
        ('sum(bg_switches_total{namespace="$namespace"})', "takes a counter for a value"),
        ('rate(sum(bg_switches_total{namespace="$namespace"})[1m:5s])', "adds up before it takes the rate"),
    ],
)
def test_what_is_wrong_with_an_expression_is_found(planted: str, found: str) -> None:
    assert any(found in fault for fault in faults(planted, one_stack=True))


def test_every_panel_of_the_plan_is_in_its_row() -> None:
    for row, titles in PLAN.items():
        assert titles <= {panel.title for panel in PANELS if panel.row == row}
    assert {panel.row for panel in PANELS} == set(ROWS)


def test_what_a_states_number_means_is_what_the_workloads_say() -> None:
    words = {panel.title: panel.words for panel in PANELS if panel.kind is Kind.STATES}
    assert set(words["Switch"]) == {stage.value.replace("-", " ") for stage in Stage}
    assert set(words["Members"]) == {state.value for state in State}
    for panel in PANELS:
        for word in panel.words:
            assert any(f'="{word.replace(" ", "-")}"' in query.expr for query in panel.queries)


def test_grafana_shows_every_panel_in_its_row_as_its_kind(dashboard: dict[str, Any]) -> None:
    shown: dict[str, list[tuple[str, str]]] = {}
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            row = shown.setdefault(panel["title"], [])
        else:
            row.append((panel["title"], panel["type"]))
    assert shown == {row: [(p.title, _TYPES[p.kind]) for p in PANELS if p.row == row] for row in ROWS}
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)


def test_grafana_asks_the_source_and_the_stack_that_are_chosen(dashboard: dict[str, Any]) -> None:
    variables = {variable["name"]: variable["type"] for variable in dashboard["templating"]["list"]}
    assert variables == {"datasource": "datasource", "namespace": "query"}
    panels = {panel["title"]: panel for panel in dashboard["panels"] if panel["type"] != "row"}
    for panel in PANELS:
        made = panels[panel.title]
        assert made["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        asked = [(target["expr"], target["legendFormat"]) for target in made["targets"]]
        assert asked == [(query.expr, query.legend) for query in panel.queries]
        # A badge of the newest value of a range would show who was active before, too.
        instant = panel.kind in {Kind.BADGE, Kind.NUMBERS}
        assert {(target["instant"], target["range"]) for target in made["targets"]} == {(instant, not instant)}


def test_grafana_says_states_in_words_and_marks_what_happened(dashboard: dict[str, Any]) -> None:
    panels = {panel["title"]: panel for panel in dashboard["panels"]}
    for panel in PANELS:
        if panel.words:
            (mapping,) = panels[panel.title]["fieldConfig"]["defaults"]["mappings"]
            assert mapping["type"] == "value"
            assert [mapping["options"][str(n)]["text"] for n in range(len(panel.words))] == list(panel.words)
    marks = {(mark["name"], mark["expr"], mark["titleFormat"]) for mark in dashboard["annotations"]["list"]}
    assert marks == {(mark.name, mark.expr, mark.text) for mark in MARKS}
    assert all(mark["enable"] for mark in dashboard["annotations"]["list"])


def test_the_badge_says_the_colour_and_the_heat_map_takes_series_as_they_are(dashboard: dict[str, Any]) -> None:
    panels = {panel["title"]: panel for panel in dashboard["panels"]}
    assert panels["Active colour"]["options"]["textMode"] == "name"
    assert panels["Active colour"]["fieldConfig"]["defaults"]["noValue"] == "nobody"
    assert panels["Lag by partition"]["options"]["calculate"] is False


def test_vmui_shows_every_panel_of_a_stack_and_no_variable() -> None:
    made = vmui.files(["strategy-x", "strategy-y"])
    assert set(made) == {"strategy-x.json", "strategy-y.json"}
    board = json.loads(made["strategy-x.json"])
    assert board["title"] == "strategy-x"
    assert [(row["title"], [p["title"] for p in row["panels"]]) for row in board["rows"]] == [
        (row, [panel.title for panel in PANELS if panel.row == row]) for row in ROWS
    ]
    for row in board["rows"]:
        assert sum(panel["width"] for panel in row["panels"]) % 12 == 0
        for panel in row["panels"]:
            assert len(panel["expr"]) == len(panel["alias"]) > 0
            zeros = [expr for expr in panel["expr"] if expr == "0"]
            # Of the colours that vmui gives to series in their order, the second is blue, the third green.
            assert panel["expr"][: len(zeros)] == zeros
            assert len(zeros) == (2 if panel["title"] == "Green's lag" else 1)
            for expr in panel["expr"][len(zeros) :]:
                assert set(re.findall(r'namespace="([^"]*)"', expr)) == {"strategy-x"}
                assert "$namespace" not in expr
