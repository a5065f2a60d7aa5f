"""The metrics of the workloads that rules, panels and queries use, by the names that the workloads, and Connect's
workers, export them under (design §5.8). The one list: whoever queries takes a name from here, and a test compares it
with the workloads' source.

Labels are `color`, `strategy` and `pod` of all, and what is said beside a name. Of a histogram the store has `_bucket`,
`_sum` and `_count`.
"""

# The names that the plan gives; rates are over 5 s.
GROUP_LAG = "kafka_consumer_group_lag"  # group, topic, partition; of every group of a switch, from the controller
LIFECYCLE_STATE = "kafka_consumer_lifecycle_state"  # state; 1 for the one that holds
RECORDS_CONSUMED_RATE = "kafka_consumer_records_consumed_rate"
CONSUMER_ERRORS = "kafka_consumer_errors_total"
REBALANCES = "kafka_consumer_rebalance_count_total"  # assignments with a changed generation
COMMIT_LATENCY_MS = "kafka_consumer_commit_latency_avg"
RECORDS_SENT_RATE = "kafka_producer_records_sent_rate"

# A histogram; direction, outcome. How many of them, also of those whose beginning nobody saw, is a count beside it.
SWITCH_SECONDS = "bg_switch_duration_seconds"
SWITCHES = "bg_switches_total"

# What the owner of a partition has not handled; nobody tells it while nobody owns.
OWNER_LAG = "bg_consumer_lag"  # group, topic, partition

# Which colour is at work, and when, exactly.
ACTIVE_COLOR = "bg_active_color"
SWITCH_PHASE = "bg_switch_phase"
SWITCH_READY = "bg_switch_ready"
SWITCH_EPOCH = "bg_switch_epoch"  # of the grant

# The plan's words for it: preparing, switching, done, rolling-back.
SWITCH_STAGE = "bg_switch_stage"  # stage; 1 for the one that holds
SWITCH_STAGES = "bg_switch_stages_total"  # stage; how often each began: most are over before the next scrape
UNDER_WAY_SECONDS = "bg_switch_under_way_seconds"  # 0 while done

PODS = "bg_pods"  # color, condition: Running, Ready; of the pods that report on a colour

# What members say besides.
CONSUMER_EPOCH = "bg_consumer_epoch"  # of the newest command that was executed
RECORDS = "bg_consumer_records_total"  # result; `processed` and `failed` between them are all that was handled
PROCESSING_SECONDS = "bg_consumer_processing_seconds"  # a histogram
WORKERS_RECORDS = "kafka_consumer_records_consumed_total"  # of a connector's tasks, from Connect's workers
FIRST_RECORD_SECONDS = "bg_consumer_first_record_timestamp_seconds"  # epoch
LAST_RECORD_SECONDS = "bg_consumer_last_record_timestamp_seconds"  # epoch

HISTOGRAMS = frozenset({SWITCH_SECONDS, PROCESSING_SECONDS})

#: All of them.
METRICS: tuple[str, ...] = (
    GROUP_LAG,
    OWNER_LAG,
    LIFECYCLE_STATE,
    RECORDS_CONSUMED_RATE,
    CONSUMER_ERRORS,
    REBALANCES,
    COMMIT_LATENCY_MS,
    RECORDS_SENT_RATE,
    SWITCH_SECONDS,
    SWITCHES,
    ACTIVE_COLOR,
    SWITCH_PHASE,
    SWITCH_READY,
    SWITCH_EPOCH,
    SWITCH_STAGE,
    SWITCH_STAGES,
    UNDER_WAY_SECONDS,
    PODS,
    CONSUMER_EPOCH,
    RECORDS,
    PROCESSING_SECONDS,
    WORKERS_RECORDS,
    FIRST_RECORD_SECONDS,
    LAST_RECORD_SECONDS,
)


def series() -> frozenset[str]:
    """The names under which the store has them."""
    parts = (f"{name}{suffix}" for name in HISTOGRAMS for suffix in ("_bucket", "_sum", "_count"))
    return frozenset({*(name for name in METRICS if name not in HISTOGRAMS), *parts})
