"""Lag, throughput and alerts, as a store that speaks Prometheus' HTTP API has them: what is asked, and what is made of
the answers. Pure (https://prometheus.io/docs/prometheus/latest/querying/api/).
"""

from collections.abc import Iterable, Mapping
from typing import Any

#: Of how many seconds figures are kept, one each second.
KEPT_SECONDS = 90
STEP_SECONDS = 1

# Rates are those that the workloads tell of themselves, over 5 s (design §5.8). Lag is each colour's group's, so that
# groups are not added up; of a partition the largest, so that one that moves is not counted twice.
_QUERIES: Mapping[str, str] = {
    "lag": 'max by (color, partition) (kafka_consumer_group_lag{namespace="$ns"})',
    "rate": 'sum by (color) (kafka_consumer_records_consumed_rate{namespace="$ns"})',
    "produced": 'sum(kafka_producer_records_sent_rate{namespace="$ns"})',
}

Answer = Mapping[str, Any]
Point = dict[str, Any]


def queries(namespace: str) -> dict[str, str]:
    """What is asked, by the name under which `points` takes the answer."""
    return {name: text.replace("$ns", namespace) for name, text in _QUERIES.items()}


def points(answers: Mapping[str, Answer]) -> list[Point]:
    """One point for each time in the answers, oldest first.

    `t`: seconds since 1970. `lag`, `rate`: by colour, records and records a second; a colour of which nothing is known
    is not there. `produced`: records a second, None where nobody says. `partitions`: by colour, the lag of each of its
    group's partitions, None for one of which nothing is known.
    """
    found: dict[float, Point] = {}

    def at(time: float) -> Point:
        empty: Point = {"t": time, "lag": {}, "rate": {}, "produced": None, "partitions": {}}
        return found.setdefault(time, empty)

    lags: dict[tuple[float, str], dict[int, float]] = {}
    for labels, time, value in _samples(answers.get("lag")):
        color, partition = labels.get("color", ""), labels.get("partition", "")
        if color and partition.isascii() and partition.isdigit():
            lags.setdefault((time, color), {})[int(partition)] = value
    for (time, color), lag in lags.items():
        point = at(time)
        point["lag"][color] = sum(lag.values())
        point["partitions"][color] = [lag.get(number) for number in range(max(lag) + 1)]
    for labels, time, value in _samples(answers.get("rate")):
        if labels.get("color"):
            at(time)["rate"][labels["color"]] = value
    for _, time, value in _samples(answers.get("produced")):
        at(time)["produced"] = value
    return [found[time] for time in sorted(found)]


def _samples(answer: Answer | None) -> Iterable[tuple[Mapping[str, str], float, float]]:
    """The series of a vector or a matrix; NaN is no value."""
    for series in ((answer or {}).get("data") or {}).get("result") or ():
        values = series.get("values") or ([series["value"]] if series.get("value") else [])
        for time, text in values:
            value = float(text)
            if value == value and abs(value) != float("inf"):  # noqa: PLR0124 - NaN is no value
                yield series.get("metric") or {}, float(time), value


def alerts(answer: Answer, namespace: str) -> dict[str, Any]:
    """What `/api/v1/rules` says of this namespace's alerts.

    `configured`: there is a rule that alerts at all. `alerts`: those that fire or are about to, the firing first. One
    that names no namespace is the platform's, and everybody's.
    """
    rules = [
        rule
        for group in (answer.get("data") or {}).get("groups") or ()
        for rule in group.get("rules") or ()
        if rule.get("type") == "alerting"
    ]
    found = [
        _alert(rule, alert)
        for rule in rules
        for alert in rule.get("alerts") or ()
        if (alert.get("labels") or {}).get("namespace", namespace) == namespace
    ]
    found.sort(key=lambda alert: (alert["state"] != "firing", alert["name"], alert["since"]))
    return {"configured": bool(rules), "alerts": found}


def _alert(rule: Mapping[str, Any], alert: Mapping[str, Any]) -> dict[str, str]:
    labels, said = alert.get("labels") or {}, alert.get("annotations") or {}
    return {
        "name": str(labels.get("alertname") or rule.get("name") or ""),
        "state": str(alert.get("state") or ""),
        "severity": str(labels.get("severity") or ""),
        "since": str(alert.get("activeAt") or ""),
        "summary": str(said.get("summary") or said.get("description") or ""),
    }
