"""The dashboard as Grafana has it: the panels for one stack, which is chosen at its top, with switches and lifecycle
events across them.

Made with `grafana-foundation-sdk`, which only whoever makes it anew needs: what it makes is committed
(`files/grafana-dashboard.json`), goes into a ConfigMap, and can be imported by hand.
"""

import json
from collections.abc import Callable, Mapping

from grafana_foundation_sdk.builders import dashboard as make
from grafana_foundation_sdk.builders import heatmap, prometheus, stat, statetimeline, timeseries
from grafana_foundation_sdk.builders.common import ReduceDataOptions
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common, dashboard

from components.observability import names
from components.observability.panels import MARKS, PANELS, ROWS, Kind, Mark, Panel, Query, Unit

UID = "kafka-bluegreen"
_DATASOURCE = dashboard.DataSourceRef(type_val="prometheus", uid="${datasource}")
_COLUMNS, _HEIGHT = 24, 8
_COLORS = {"blue": "blue", "green": "green"}
_STATE_COLORS = ("text", "yellow", "orange", "red")
_UNITS: Mapping[Unit, str] = {
    Unit.STATE: "none",
    Unit.PODS: "none",
    Unit.RECORDS: "short",
    Unit.RECORDS_A_SECOND: "cps",
    Unit.SHARE: "percentunit",
    Unit.MILLISECONDS: "ms",
    Unit.SECONDS: "s",
    Unit.TIMES: "none",
}

Built = stat.Panel | statetimeline.Panel | timeseries.Panel | heatmap.Panel


def rendered() -> str:
    """The dashboard as JSON."""
    content = json.loads(JSONEncoder(sort_keys=True).encode(built().build()))
    titles = {mark.name: mark.text for mark in MARKS}
    for annotation in content["annotations"]["list"]:
        # The data source's own field, which the SDK's general annotation has not got.
        annotation["titleFormat"] = titles[annotation["name"]]
    for number, panel in enumerate(content["panels"], start=1):
        panel["id"] = number
    return json.dumps(content, sort_keys=True, indent=1) + "\n"


def built() -> make.Dashboard:
    """The dashboard, ready to be built."""
    whole = (
        make.Dashboard("Kafka blue/green")
        .uid(UID)
        .tags(["kafka", "blue-green"])
        .readonly()
        .refresh("5s")
        .time("now-15m", "now")
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .with_variable(make.DatasourceVariable("datasource").label("Metrics").type("prometheus"))
        .with_variable(
            make.QueryVariable("namespace")
            .label("Stack")
            .datasource(_DATASOURCE)
            .query(f"label_values({names.SWITCH_PHASE}, namespace)")
            .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(dashboard.VariableSort.ALPHABETICAL_ASC)
        )
    )
    for mark in MARKS:
        whole = whole.annotation(_annotation(mark))
    for row in ROWS:
        whole = whole.with_row(make.Row(row))
        panels = [panel for panel in PANELS if panel.row == row]
        for panel in panels:
            whole = whole.with_panel(_KINDS[panel.kind](panel).span(_COLUMNS // len(panels)).height(_HEIGHT))
    return whole


def _annotation(mark: Mark) -> make.AnnotationQuery:
    return (
        make.AnnotationQuery()
        .name(mark.name)
        .datasource(_DATASOURCE)
        .enable(True)
        .icon_color(mark.color)
        .expr(mark.expr)
    )


def _target(query: Query, number: int, *, instant: bool) -> prometheus.Dataquery:
    made = prometheus.Dataquery().ref_id(chr(ord("A") + number)).expr(query.expr).legend_format(query.legend)
    return made.instant() if instant else made.range()


def _common(panel: Panel, made: Built, *, instant: bool = False) -> Built:
    made = made.title(panel.title).description(panel.why).datasource(_DATASOURCE).unit(_UNITS[panel.unit])
    for number, query in enumerate(panel.queries):
        made = made.with_target(_target(query, number, instant=instant))
    return made


def _badge(panel: Panel) -> Built:
    # Now, and not the newest of the range: the colour that was active a minute ago is still in that.
    made = (
        stat.Panel()
        .text_mode(common.BigValueTextMode.NAME)
        .color_mode(common.BigValueColorMode.BACKGROUND)
        .graph_mode(common.BigValueGraphMode.NONE)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
        .no_value("nobody")
    )
    return _colored(_common(panel, made, instant=True))


def _numbers(panel: Panel) -> Built:
    made = (
        stat.Panel()
        .text_mode(common.BigValueTextMode.VALUE_AND_NAME)
        .color_mode(common.BigValueColorMode.NONE)
        .graph_mode(common.BigValueGraphMode.NONE)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
    )
    return _common(panel, made, instant=True)


def _states(panel: Panel) -> Built:
    options = {
        str(number): dashboard.ValueMappingResult(text=word, color=_STATE_COLORS[number], index=number)
        for number, word in enumerate(panel.words)
    }
    made = statetimeline.Panel().merge_values(True).show_value(common.VisibilityMode.AUTO).row_height(0.9)
    return _common(panel, made.mappings([dashboard.ValueMap(options=options)]))


def _lines(panel: Panel) -> Built:
    made = timeseries.Panel().draw_style(common.GraphDrawStyle.LINE).line_width(2).min(0)
    return _colored(_common(panel, made))


def _bars(panel: Panel) -> Built:
    made = timeseries.Panel().draw_style(common.GraphDrawStyle.BARS).fill_opacity(60).min(0)
    return _colored(_common(panel, made))


def _heat(panel: Panel) -> Built:
    # Each series is a row of cells already.
    made = heatmap.Panel().calculate(False).show_legend()
    return _common(panel, made)


def _colored(made: Built) -> Built:
    """A colour's series in that colour."""
    for name, color in _COLORS.items():
        fixed = {"mode": "fixed", "fixedColor": color}
        made = made.override_by_name(name, [dashboard.DynamicConfigValue(id_val="color", value=fixed)])
    return made


_KINDS: Mapping[Kind, Callable[[Panel], Built]] = {
    Kind.BADGE: _badge,
    Kind.NUMBERS: _numbers,
    Kind.STATES: _states,
    Kind.LINES: _lines,
    Kind.BARS: _bars,
    Kind.HEAT: _heat,
}
