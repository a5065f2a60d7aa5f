"""The dashboards of vmui, VictoriaMetrics' own page: the panels for one stack, as it reads them from files.

It draws lines, and has no variables: what Grafana draws as a badge or over time is a line here, and each stack has a
dashboard of its own. It colours series in their order, red, blue, green: with a line at 0 before them, at which the
axis then begins, blue is blue. Format: https://docs.victoriametrics.com/victoriametrics/single-server-victoriametrics/#vmui
"""

import json
from collections.abc import Iterable
from typing import Any

from components.observability.panels import NAMESPACE, PANELS, ROWS, Panel, Unit

_WIDE, _WIDTHS = 12, {1: 12, 2: 6, 3: 4, 4: 6}


def files(namespaces: Iterable[str]) -> dict[str, str]:
    """File name -> content, of a dashboard for each stack."""
    return {f"{namespace}.json": json.dumps(dashboard(namespace), indent=1) for namespace in namespaces}


def dashboard(namespace: str) -> dict[str, Any]:
    """The dashboard of one stack."""
    rows = []
    for title in ROWS:
        panels = [panel for panel in PANELS if panel.row == title]
        rows.append({"title": title, "panels": [_panel(p, namespace, _WIDTHS.get(len(panels), _WIDE)) for p in panels]})
    return {"title": namespace, "rows": rows}


def _panel(panel: Panel, namespace: str, width: int) -> dict[str, Any]:
    zeros = ["0"] * (2 if panel.queries[0].legend == "green" else 1)
    meant = ", ".join(f"{number} {word}" for number, word in enumerate(panel.words))
    return {
        "title": panel.title,
        "description": f"{panel.why} {meant}".strip(),
        "unit": "" if panel.unit is Unit.STATE else panel.unit.value,
        "expr": [*zeros, *(query.expr.replace(NAMESPACE, namespace) for query in panel.queries)],
        "alias": [*zeros, *(query.legend for query in panel.queries)],
        "showLegend": True,
        "width": width,
    }
