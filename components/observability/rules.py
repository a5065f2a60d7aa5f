"""The alerts: those of the plan's design document, and three that say when one of them could not be raised. The one
list; the rule file that Prometheus and vmalert take (`files/alerts.yaml`), the object of Prometheus' operator and the
page `metrics.md` are made of it.

A rule is about one switch, which is a stack, and so a namespace: colours are told apart by their label, not by their
group, for strategies differ in that. Rules count colours, not pods, and take what several pods say of one thing once. A
rule whose series are missing does not fall silent: either it is raised by that, or another one is (`unseen`). None
compares with what was before a gap: after the store was away, there is nothing to compare with, and nothing is raised.
"""

from dataclasses import dataclass
from typing import Any

import yaml

from components.observability import names

GROUP = "kafka-bluegreen"
INTERVAL_SECONDS = 5
#: The rule that says that both colours are at work.
DUAL_ACTIVE = "DualActiveConsumers"
#: What counts as lag, and as growing lag, in records.
LAG, GROWTH = 500, 10_000
TOO_LONG_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Rule:
    """name: of the alert. expr: PromQL, one series for each namespace that it holds for. seconds: for how long it has
    to hold. severity: `critical` where records are handled by nobody, or by two. summary: with `$labels.namespace`.
    cause: what can be behind it, and what to look at. unseen: what is raised where the series of `expr` are missing;
    its own name where that raises this one.
    """

    name: str
    expr: str
    seconds: int
    severity: str
    summary: str
    cause: str
    unseen: str


_PER_SWITCH = "by (namespace)"
# What no colour has handled: of each partition the lag of the group that has come furthest.
_LAG = f"sum {_PER_SWITCH} (min by (namespace, partition) ({names.GROUP_LAG}))"
_CONTROLLER = f"max {_PER_SWITCH} ({names.SWITCH_EPOCH})"
# Switches that somebody was granted before, as the controller says, or any member does.
_BEGUN = f"({_CONTROLLER} > 0 or max {_PER_SWITCH} ({names.CONSUMER_EPOCH}) > 0)"
_ACTIVE_COLORS = f'max by (namespace, color) ({names.LIFECYCLE_STATE}{{state="ACTIVE"}}) == 1'
_READY = f'max by (namespace, color) ({names.PODS}{{condition="Ready"}}) > 0'
_HOLDERS = f"max by (namespace, color) ({names.ACTIVE_COLOR}) == 1"
_RESTS = f'max {_PER_SWITCH} ({names.SWITCH_PHASE}{{phase="Paused"}}) == 1'

_RUNNING = f'sum {_PER_SWITCH} (max by (namespace, color) ({names.PODS}{{condition="Running"}}))'

_NO_CONTROLLER = "BGSwitchNotReporting"
_NO_MEMBERS = "ConsumersNotReporting"
_NO_LAG = "KafkaConsumerLagUnknown"

RULES: tuple[Rule, ...] = (
    Rule(
        "KafkaConsumerLagHigh",
        f"{_LAG} > {LAG}",
        120,
        "warning",
        "{{ $labels.namespace }}: {{ $value }} records are handled by no colour",
        "the active colour is slower than what comes in, or does nothing: look at its rate, its errors and its pods",
        _NO_LAG,
    ),
    Rule(
        "BGSwitchTooLong",
        f"max {_PER_SWITCH} ({names.UNDER_WAY_SECONDS}) > {TOO_LONG_SECONDS}",
        0,
        "warning",
        "{{ $labels.namespace }}: a switch has been under way for {{ $value }} s",
        "a colour that does not get ready, or lag that is waited for (`status.conditions` of the switch says which), "
        "or an analysis that was asked to take that long",
        _NO_CONTROLLER,
    ),
    Rule(
        "GreenConsumerNotRunning",
        # Not `Ready == 0`: a colour that nobody says anything of has none either.
        f"({_CONTROLLER} > 0 unless on (namespace) ({_RESTS}))"
        f" unless on (namespace) (({_READY}) and on (namespace, color) ({_HOLDERS}))",
        60,
        "critical",
        "{{ $labels.namespace }}: the active colour has no ready pod",
        "of whichever colour is active (the name is the design document's): its pods do not start, are not ready, or "
        "are gone; or nobody holds the grant",
        "GreenConsumerNotRunning",
    ),
    Rule(
        DUAL_ACTIVE,
        f"count {_PER_SWITCH} ({_ACTIVE_COLORS}) > 1",
        5,
        "critical",
        "{{ $labels.namespace }}: both colours are ACTIVE",
        "a member that missed its withdrawal (cut off, frozen, not this project's): its pod is the one of the colour "
        "that does not hold the Lease",
        _NO_MEMBERS,
    ),
    Rule(
        "AllConsumersPaused",
        f"({_BEGUN} unless on (namespace) ({_RESTS})) unless on (namespace) ({_ACTIVE_COLORS})",
        10,
        "critical",
        "{{ $labels.namespace }}: nobody is ACTIVE",
        "the holder's members are gone, or cut off from the API server since they started; or a switch hangs between "
        "withdrawal and grant; a connector was moved back by its resource right after its start (decision 0022)",
        "AllConsumersPaused",
    ),
    Rule(
        "PostSwitchLagSpike",
        f"({_LAG} - {_LAG.replace(names.GROUP_LAG, f'{names.GROUP_LAG} offset 1m')}) > {GROWTH}"
        f" and on (namespace) max {_PER_SWITCH}"
        f" (changes(max by (namespace, color) ({names.ACTIVE_COLOR})[2m:{INTERVAL_SECONDS}s])) > 0",
        30,
        "warning",
        "{{ $labels.namespace }}: {{ $value }} records more than a minute ago are handled by no colour, after a switch",
        "the new colour does not keep up, or does nothing: switch back, then look at it",
        _NO_LAG,
    ),
    Rule(
        _NO_LAG,
        f"{_CONTROLLER} > 0 unless on (namespace) max {_PER_SWITCH} ({names.GROUP_LAG})",
        60,
        "warning",
        "{{ $labels.namespace }}: nobody knows the lag",
        "the controller cannot ask the brokers (its log says why)",
        _NO_CONTROLLER,
    ),
    Rule(
        _NO_MEMBERS,
        f"{_RUNNING} > 0 unless on (namespace)"
        f" (count {_PER_SWITCH} (max by (namespace, pod) ({names.LIFECYCLE_STATE})) >= on (namespace) {_RUNNING})",
        30,
        "warning",
        "{{ $labels.namespace }}: not every running pod says what it does",
        "a pod that cannot be scraped, or hangs; while it lasts, DualActiveConsumers sees only the others",
        _NO_CONTROLLER,
    ),
    Rule(
        _NO_CONTROLLER,
        f"max {_PER_SWITCH} ({names.LIFECYCLE_STATE}) unless on (namespace) {_CONTROLLER}",
        30,
        "warning",
        "{{ $labels.namespace }}: there are consumers, and no controller reports",
        "the controller is gone, hangs, or cannot be scraped: what is active goes on, and nothing can be switched",
        "",
    ),
)


def rule_file() -> str:
    """The rules as Prometheus and vmalert read them."""
    return as_yaml(_groups())


def operator_object() -> str:
    """The same as the object that Prometheus' operator takes (and VictoriaMetrics' operator converts)."""
    return as_yaml(
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": GROUP, "labels": {"app.kubernetes.io/part-of": GROUP}},
            "spec": _groups(),
        }
    )


def alert(name: str, expr: str, severity: str, summary: str, cause: str, *, seconds: int = 0) -> dict[str, Any]:
    """One rule of a rule file."""
    return {
        "alert": name,
        "expr": expr,
        **({"for": f"{seconds}s"} if seconds else {}),
        "labels": {"severity": severity},
        "annotations": {"summary": summary, "description": f"{cause[0].upper()}{cause[1:]}."},
    }


def _groups() -> dict[str, Any]:
    rules = [
        alert(rule.name, rule.expr, rule.severity, rule.summary, rule.cause, seconds=rule.seconds) for rule in RULES
    ]
    return {"groups": [{"name": GROUP, "interval": f"{INTERVAL_SECONDS}s", "rules": rules}]}


def as_yaml(content: object) -> str:
    """A rule file's text."""
    return yaml.safe_dump(content, sort_keys=False, width=10_000, allow_unicode=True)
