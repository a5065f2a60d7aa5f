"""The alerts on log lines: what our programs say once and no metric tells. The one list; the rule file that vmalert
takes with a VictoriaLogs behind it (`files/log-alerts.yaml`) and the page `metrics.md` are made of it.

A rule is about one stack, as those on metrics are (`rules`), and holds while such a line is in the last minute.
"""

from dataclasses import dataclass

from components.observability.rules import GROUP, INTERVAL_SECONDS, alert, as_yaml

SPAN_SECONDS = 60
#: Of a line, as the collector has it: the namespace of its pod.
_NAMESPACE = "kubernetes.pod_namespace"
#: What is made of the lines, in LogsQL.
COUNTED = f" | copy {_NAMESPACE} as namespace | stats by (namespace) count() as lines | filter lines:>0"


@dataclass(frozen=True)
class LogRule:
    """name: of the alert. lines: which, as a LogsQL filter. severity: as of a `rules.Rule`. summary: behind the stack
    and the number of lines. cause: what can be behind it, and what to look at.
    """

    name: str
    lines: str
    severity: str
    summary: str
    cause: str

    @property
    def expr(self) -> str:
        """LogsQL: one row for each namespace that it holds for
        (https://docs.victoriametrics.com/victorialogs/vmalert/#rules).
        """
        return f"_time:{SPAN_SECONDS}s {self.lines}{COUNTED}"


LOG_RULES: tuple[LogRule, ...] = (
    LogRule(
        "UnexpectedErrorLogged",
        # A record that cannot be processed has a stack, too; its metric is `kafka_consumer_errors_total`.
        'level:=error stack:* !_msg:="processing failed"',
        "warning",
        "unexpected errors in a minute",
        "a defect of the program that wrote it, or an environment in which it cannot work: `stack` of the line has it",
    ),
    LogRule(
        "RecordsHandledAgain",
        # Not "drained without a commit": of a pair that is taken away with its topic each member says that, having
        # nothing that it had not committed; and of a drain that matters the switch's outcome tells.
        '_msg:="handled, revoked, and not committed: will be handled again"',
        "warning",
        "revocations in a minute before what had been handled was committed: it is handled again",
        "a broker that did not take a commit in time; the line has the partitions and offsets",
    ),
    LogRule(
        "LeaseGone",
        '_msg:="the Lease is gone"',
        "critical",
        "times in a minute that the Lease was gone",
        "somebody deleted it; it is made again with the epoch that was reached, and who did it is in the API server's "
        "audit log",
    ),
    LogRule(
        "SettingsNotApplied",
        '_msg:="the changed settings file is wrong and was not applied"',
        "warning",
        "changed settings files in a minute that are wrong and were not applied",
        "a ConfigMap that was changed by hand: the program goes on with what it had, until it is started anew",
    ),
    LogRule(
        "RecordLogIncomplete",
        '_msg:in("removed a record log: the bound was hit", "nothing is recorded any more")',
        "warning",
        "losses in a minute of what a run would be judged by",
        "the volume of the record logs is too small for what is handled, or cannot be written; no record is lost by it",
    ),
)


def log_rule_file() -> str:
    """The rules as vmalert reads them."""
    told = "{{{{ $labels.namespace }}}}: {{{{ $value }}}} {}"
    rules = [alert(rule.name, rule.expr, rule.severity, told.format(rule.summary), rule.cause) for rule in LOG_RULES]
    group = {"name": f"{GROUP}-logs", "type": "vlogs", "interval": f"{INTERVAL_SECONDS}s", "rules": rules}
    return as_yaml({"groups": [group]})
