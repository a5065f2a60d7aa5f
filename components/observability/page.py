"""The page `metrics.md`: what is measured, where it is shown, and what is told when it is not as it should be."""

from collections.abc import Iterable

from components.observability.log_rules import COUNTED, LOG_RULES, SPAN_SECONDS, LogRule
from components.observability.panels import MARKS, PANELS, Kind, Panel
from components.observability.plan_metrics import CONNECTORS, CONSUMERS, PLAN, PlanMetric, Source
from components.observability.rules import INTERVAL_SECONDS, RULES, Rule

_IN_VMUI = {
    Kind.BADGE: "a line for the colour that is active",
    Kind.NUMBERS: "lines",
    Kind.STATES: "a line, its height the state's number",
    Kind.LINES: "lines",
    Kind.BARS: "lines",
    Kind.HEAT: "a line for each partition",
}
_HEAD = """# Metrics, dashboards, alerts

Made of the lists in [plan_metrics.py](plan_metrics.py), [panels.py](panels.py), [rules.py](rules.py) and
[log_rules.py](log_rules.py) by
`python -m components.observability.generate`. How to install and use it all: [the tutorial](../../tutorial/08-see.md).
"""
_METRICS = """## The plan's metrics

Each is told by the pods that have the app in brackets as their label `app.kubernetes.io/name`, at `/metrics`; the
labels `namespace`, `color`, `strategy` and `pod` are on all that have one. An end-to-end test looks for each in what
the pods say.
"""
_PANELS = """## Panels

One dashboard for each stack. *Grafana*: [files/grafana-dashboard.json](files/grafana-dashboard.json), in the ConfigMap
`kafka-bluegreen-grafana`; *vmui*: VictoriaMetrics' own page, which draws lines only.
"""
_MARKS = """Across all of Grafana's panels (vmui has no annotations):
"""
_ALERTS = f"""## Alerts

Evaluated every {INTERVAL_SECONDS} s, for metrics that are scraped every second or two: at a longer interval a switch
shows both colours as ACTIVE until the old one is scraped again. [files/alerts.yaml](files/alerts.yaml) is for
Prometheus and vmalert, [files/prometheus-rule.yaml](files/prometheus-rule.yaml) the same for Prometheus' operator.
*unseen*: what is raised where the series of a rule are missing. A stack that says nothing at all cannot be told from
one that was destroyed; who has to know names it:
`absent(bg_switch_epoch{{namespace="strategy-c"}})`.
"""
_LOG_ALERTS = f"""## Alerts on log lines

What our programs say once, and no metric tells: raised while such a line is in the last {SPAN_SECONDS} s.
[files/log-alerts.yaml](files/log-alerts.yaml) is for a vmalert that asks VictoriaLogs, which `logs` and `alerts`
together bring. Each expression is `_time:{SPAN_SECONDS}s LINES{COUNTED}`.
"""


def rendered() -> str:
    """The page."""
    parts = [
        _HEAD,
        _METRICS,
        _table(["metric", "what", CONSUMERS, CONNECTORS], map(_metric, PLAN)),
        _PANELS,
        _table(["row", "panel", "unit", "Grafana", "vmui", "what it shows"], map(_panel, PANELS)),
        _MARKS,
        "".join(f"- {mark.name}: `{mark.text}`, wherever `{mark.expr}`\n" for mark in MARKS),
        _ALERTS,
        _table(["alert", "raised when", "after", "severity", "what may be behind it", "unseen"], map(_rule, RULES)),
        _LOG_ALERTS,
        _table(["alert", "lines", "severity", "what may be behind it"], map(_log_rule, LOG_RULES)),
    ]
    return "\n".join(parts)


def _metric(metric: PlanMetric) -> list[str]:
    return [f"`{metric.name}`", metric.plan, _source(metric.consumers), _of_connectors(metric)]


def _source(source: Source | None) -> str:
    return "not to be had" if source is None else f"({source.app}) {source.how}"


def _of_connectors(metric: PlanMetric) -> str:
    said = "the same" if metric.connectors == metric.consumers else _source(metric.connectors)
    return f"{said}; {metric.lacking}" if metric.lacking else said


def _panel(panel: Panel) -> list[str]:
    words = ", ".join(panel.words)
    return [
        panel.row,
        panel.title,
        panel.unit,
        f"{panel.kind}: {words}" if words else panel.kind,
        _IN_VMUI[panel.kind],
        panel.why,
    ]


def _rule(rule: Rule) -> list[str]:
    after = f"{rule.seconds} s" if rule.seconds else "at once"
    return [
        f"`{rule.name}`",
        f"`{rule.expr}`",
        after,
        rule.severity,
        rule.cause,
        f"`{rule.unseen}`" if rule.unseen else "",
    ]


def _log_rule(rule: LogRule) -> list[str]:
    return [f"`{rule.name}`", f"`{rule.lines}`", rule.severity, rule.cause]


def _table(heads: list[str], rows: Iterable[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)
