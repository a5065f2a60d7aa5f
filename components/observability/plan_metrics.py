"""The plan's metrics: who says each, how it is measured, and what cannot be had, by what does a colour's work.

The one list; the page `metrics.md` shows it, and an end-to-end test looks for each in what the pods say.
"""

from dataclasses import dataclass

from components import connect_names
from components.names import CONSUMER, CONTROLLER, PRODUCER
from components.observability import names

#: What does a colour's work, as the page heads its columns: consumers by the lifecycle API, or connectors.
CONSUMERS = "consumers (strategies B and C)"
CONNECTORS = "connectors (strategy E)"


@dataclass(frozen=True, slots=True)
class Source:
    """app: the value of the label `app.kubernetes.io/name` of the pods that say it. how: how it is measured."""

    app: str
    how: str


@dataclass(frozen=True, slots=True)
class PlanMetric:
    """name: as it is exported. plan: what the plan asks for. lacking: why connectors have none of it, or only in part;
    empty where they have it.
    """

    name: str
    plan: str
    consumers: Source
    connectors: Source | None
    lacking: str = ""


_WORKERS = connect_names.WORKERS
_AGENT = connect_names.AGENT
_CONTROLLER = CONTROLLER
_CONSUMER = CONSUMER


def _of_both(how: str) -> tuple[Source, Source]:
    return Source(_CONTROLLER, how), Source(_CONTROLLER, how)


PLAN: tuple[PlanMetric, ...] = (
    PlanMetric(
        names.GROUP_LAG,
        "lag of a consumer group, by partition",
        *_of_both(
            "end offsets less the group's committed offsets, both asked of the brokers once a second, for each group "
            "of the switch; a group that both colours share is the holder's (label `color`). Not told when it was "
            "last read more than 5 s ago"
        ),
    ),
    PlanMetric(
        names.LIFECYCLE_STATE,
        "state: ACTIVE, PAUSED, DRAINING",
        Source(_CONSUMER, "what the process truly does, as its lifecycle API answers; 1 for the state that holds"),
        Source(_AGENT, "what Connect, its workers and the group say of the connector and its tasks, put together"),
    ),
    PlanMetric(
        names.SWITCH_SECONDS,
        "time that a switch takes",
        *_of_both(
            "a histogram by direction and outcome: from the first sight of the generation to its outcome, on the "
            "controller's monotonic clock; a switch whose beginning another process saw is only counted "
            f"(`{names.SWITCHES}`)"
        ),
    ),
    PlanMetric(
        names.RECORDS_CONSUMED_RATE,
        "records consumed a second",
        Source(_CONSUMER, "records handled, over the last 5 s (librdkafka has no such figure)"),
        Source(
            _WORKERS, "`records-consumed-rate` of each task's consumer by the JMX exporter, over two samples of 2.5 s"
        ),
    ),
    PlanMetric(
        names.CONSUMER_ERRORS,
        "records whose processing failed",
        Source(_CONSUMER, "counted when the processing of a record raises"),
        Source(_WORKERS, "`total-record-errors` of each task by the JMX exporter"),
        "a sink that swallows an error is not seen by anybody",
    ),
    PlanMetric(
        names.RECORDS_SENT_RATE,
        "records sent a second",
        Source(PRODUCER, "records that the broker has acknowledged, over the last 5 s"),
        Source(PRODUCER, "the same producer"),
    ),
    PlanMetric(
        names.REBALANCES,
        "rebalances",
        Source(
            _CONSUMER,
            "assignments that came with another generation of the group, as each member saw them; a hand-over without "
            "a rebalance is none",
        ),
        Source(_WORKERS, "`rebalance-total` of each task's consumer by the JMX exporter"),
    ),
    PlanMetric(
        names.COMMIT_LATENCY_MS,
        "mean time of a commit, in ms",
        Source(_CONSUMER, "from the call to its answer, mean of the last 5 s; NaN while nothing was committed"),
        Source(_WORKERS, "`commit-latency-avg` of each task's consumer by the JMX exporter"),
    ),
    PlanMetric(
        names.PODS,
        "pods of a colour: Running, Ready",
        Source(
            _CONTROLLER, "the phase, and the condition Ready, of the colour's pods, as the controller's watch has them"
        ),
        Source(_CONTROLLER, "the same, of the colour's agent"),
        'workers are not counted: what they run can be another colour\'s, too. `up{app="kafka-connect"}` has them',
    ),
    PlanMetric(
        names.SWITCH_STAGE,
        "where a switch stands: preparing, switching, done, rolling back",
        *_of_both(
            "from the controller's phase (`status.phase`, "
            f"`{names.SWITCH_PHASE}`). preparing: WaitingForReady, WaitingForLag; switching: Pausing, Resuming, "
            "Verifying; rolling-back: RollingBack; done: Ready, Paused, Failed. Most are over before the next scrape: "
            f"`{names.SWITCH_STAGES}` counts them all, `{names.UNDER_WAY_SECONDS}` says since when none was done"
        ),
    ),
    PlanMetric(
        names.PROCESSING_SECONDS,
        "mean time that a record takes (a panel's)",
        Source(_CONSUMER, "a histogram: from one handled record to the next, or from its fetch"),
        None,
        "workers have it by batch (`put-batch-avg-time-ms`), which the exporter's rules leave out: another rule "
        "restarts all workers, those of the colour at work, too",
    ),
)
