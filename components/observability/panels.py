"""The dashboard: the plan's four rows, panel by panel. The one list; Grafana's dashboard (`grafana`), vmui's (`vmui`)
and the page `metrics.md` are made of it.

A dashboard is of one stack: every selector has its namespace, `$namespace`. Rates come before sums, so that a counter
that begins anew is no drop. What several pods say of one thing, as two controllers may for a moment, is taken once
(`max by`) before it is added up.
"""

from dataclasses import dataclass
from enum import StrEnum

from components.observability import names

#: What stands for the stack in an expression.
NAMESPACE = "$namespace"
#: What stands for the window of a rate: Grafana puts at least four scrapes in; VictoriaMetrics takes it for one step,
#: and looks at the sample before it, too.
WINDOW = "$__rate_interval"
_ALL = f'namespace="{NAMESPACE}"'


class Kind(StrEnum):
    """What a panel looks like: a colour's badge, numbers, states over time, lines, bars, or a heat map."""

    BADGE = "badge"
    NUMBERS = "numbers"
    STATES = "states over time"
    LINES = "lines"
    BARS = "bars"
    HEAT = "heat map"


class Unit(StrEnum):
    """What a panel's values are, in words."""

    STATE = "state"
    PODS = "pods"
    RECORDS = "records"
    RECORDS_A_SECOND = "records/s"
    SHARE = "share"
    MILLISECONDS = "ms"
    SECONDS = "s"
    TIMES = "times"


@dataclass(frozen=True, slots=True)
class Query:
    """expr: PromQL, with `$namespace` and `$__rate_interval` in it. legend: a series' name, with {{label}} in it."""

    expr: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """row: one of `ROWS`. words: what a state's number means. why: what has to be known to read it."""

    row: str
    title: str
    unit: Unit
    kind: Kind
    queries: tuple[Query, ...]
    why: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened, drawn across all panels of Grafana's dashboard (an annotation): wherever `expr` has a
    value that is not 0.
    """

    name: str
    expr: str
    text: str
    color: str


OVERVIEW = "Blue and green"
LAG = "Consumer lag"
PERFORMANCE = "Processing"
EVENTS = "Switches and events"
ROWS = (OVERVIEW, LAG, PERFORMANCE, EVENTS)

#: What a state's number means, in the panels that draw states.
STAGES = ("done", "preparing", "switching", "rolling back")
STATES = ("PAUSED", "DRAINING", "ACTIVE")

# Every partition once for each group; each group is one colour's at a time.
_GROUP_LAG = f"max by (color, group, topic, partition) ({names.GROUP_LAG}{{{_ALL}}})"
_HANDLED = (
    f"(sum by (color) (rate({names.RECORDS}{{{_ALL}}}[{WINDOW}]))"
    f" or sum by (color) (rate({names.WORKERS_RECORDS}{{{_ALL}}}[{WINDOW}])))"
)
_ERRORS = f"sum by (color) (rate({names.CONSUMER_ERRORS}{{{_ALL}}}[{WINDOW}]))"


def _own(color: str) -> str:
    """The lag of the group that is this colour's; nothing while it has none, as with a group that both share."""
    return f'sum(max by (group, topic, partition) ({names.GROUP_LAG}{{{_ALL},color="{color}"}}))'


def _stage() -> str:
    """The number, in `STAGES`, of the stage that holds, or of one that has come and gone within the window."""
    terms = []
    for number, word in enumerate(STAGES):
        here = f'{_ALL},stage="{word.replace(" ", "-")}"'
        began = f"increase({names.SWITCH_STAGES}{{{here}}}[{WINDOW}])"
        terms.append(f"{number} * (({names.SWITCH_STAGE}{{{here}}} + {began}) > bool 0)")
    return f"max({' or '.join(terms)})"


def _state() -> str:
    """Of each pod the number, in `STATES`, of the state that holds."""
    terms = [
        f'{number} * max by (color, pod) ({names.LIFECYCLE_STATE}{{{_ALL},state="{word}"}})'
        for number, word in enumerate(STATES)
    ]
    return " + ".join(terms)


def _mean(histogram: str, by: str) -> str:
    """The mean of what came within the window, in the histogram's unit."""
    total, count = (f"sum by ({by}) (increase({histogram}_{part}{{{_ALL}}}[{WINDOW}]))" for part in ("sum", "count"))
    return f"{total} / ({count} > 0)"


def _by_color(expr: str) -> tuple[Query, ...]:
    return (Query(expr, "{{color}}"),)


PANELS: tuple[Panel, ...] = (
    Panel(
        OVERVIEW,
        "Active colour",
        Unit.STATE,
        Kind.BADGE,
        _by_color(f"max by (color) ({names.ACTIVE_COLOR}{{{_ALL}}}) == 1"),
        "Who holds the grant, by the Lease. Nobody does for the moment of a hand-off.",
    ),
    Panel(
        OVERVIEW,
        "Pods",
        Unit.PODS,
        Kind.NUMBERS,
        (Query(f"max by (color, condition) ({names.PODS}{{{_ALL}}})", "{{color}} {{condition}}"),),
        "The pods that report on a colour (of a connector, its agent): Running, and Ready.",
    ),
    Panel(
        OVERVIEW,
        "Switch",
        Unit.STATE,
        Kind.STATES,
        (Query(_stage(), "switch"),),
        "Also a stage that was over before the next scrape. How a switch ended is its outcome, below.",
        STAGES,
    ),
    Panel(
        LAG,
        "Blue's lag",
        Unit.RECORDS,
        Kind.LINES,
        (Query(_own("blue"), "blue"),),
        "By what the group has committed. A group that both colours share is the holder's, so only one of the two "
        "panels has it at a time; in groups of their own the colour that waits is as far as positions were copied.",
    ),
    Panel(LAG, "Green's lag", Unit.RECORDS, Kind.LINES, (Query(_own("green"), "green"),), "As blue's."),
    Panel(
        LAG,
        "Lag by partition",
        Unit.RECORDS,
        Kind.HEAT,
        (Query(f"min by (partition) ({names.GROUP_LAG}{{{_ALL}}})", "{{partition}}"),),
        "Of the group that has come furthest: what no colour has handled. So a partition on its way from one colour to "
        "the other counts once.",
    ),
    Panel(
        PERFORMANCE,
        "Records a second",
        Unit.RECORDS_A_SECOND,
        Kind.LINES,
        (
            *_by_color(f"sum by (color) ({names.RECORDS_CONSUMED_RATE}{{{_ALL}}})"),
            Query(f"sum({names.RECORDS_SENT_RATE}{{{_ALL}}})", "produced"),
        ),
        "Each is over 5 s already, so a switch shows as a slope.",
    ),
    Panel(
        PERFORMANCE,
        "Errors",
        Unit.SHARE,
        Kind.LINES,
        _by_color(f"{_ERRORS} / ({_HANDLED} > 0)"),
        "Of the records that a colour handled, the share that failed; nothing of a colour that handles none.",
    ),
    Panel(
        PERFORMANCE,
        "Mean time of a record",
        Unit.MILLISECONDS,
        Kind.LINES,
        _by_color(f"1000 * {_mean(names.PROCESSING_SECONDS, 'color')}"),
        "Of consumers. Connectors do not say it (see the metrics).",
    ),
    Panel(
        PERFORMANCE,
        "Mean time of a commit",
        Unit.MILLISECONDS,
        Kind.LINES,
        _by_color(f"avg by (color) ({names.COMMIT_LATENCY_MS}{{{_ALL}}})"),
        "Nothing while nothing is committed.",
    ),
    Panel(
        EVENTS,
        "Rebalances",
        Unit.TIMES,
        Kind.BARS,
        _by_color(f"sum by (color) (increase({names.REBALANCES}{{{_ALL}}}[{WINDOW}]))"),
        "Each member that sees one counts it. A hand-over with static members is none.",
    ),
    Panel(
        EVENTS,
        "Members",
        Unit.STATE,
        Kind.STATES,
        (Query(_state(), "{{pod}}"),),
        "What each member does, by itself.",
        STATES,
    ),
    Panel(
        EVENTS,
        "Switches and ways back: time",
        Unit.SECONDS,
        Kind.BARS,
        (Query(_mean(names.SWITCH_SECONDS, "direction, outcome"), "{{direction}} {{outcome}}"),),
        "From the controller's first sight of what was asked to the outcome, where it ended.",
    ),
    Panel(
        EVENTS,
        "Switches by outcome",
        Unit.TIMES,
        Kind.BARS,
        (
            Query(
                f"sum by (direction, outcome) (increase({names.SWITCHES}{{{_ALL}}}[{WINDOW}]))",
                "{{direction}} {{outcome}}",
            ),
        ),
        "Also those that were refused, failed, or were taken back.",
    ),
)

MARKS: tuple[Mark, ...] = (
    Mark(
        "Switches",
        f"sum by (direction, outcome) (increase({names.SWITCHES}{{{_ALL}}}[{WINDOW}])) > 0",
        "{{direction}} {{outcome}}",
        "purple",
    ),
    Mark(
        "Lifecycle",
        f"max by (color, pod, state) ({names.LIFECYCLE_STATE}{{{_ALL}}} == 1"
        f" and changes({names.LIFECYCLE_STATE}{{{_ALL}}}[{WINDOW}]) > 0)",
        "{{pod}} {{state}}",
        "orange",
    ),
)


def expressions() -> tuple[str, ...]:
    """Every expression, of panels and marks."""
    return (*(query.expr for panel in PANELS for query in panel.queries), *(mark.expr for mark in MARKS))
