"""One line of each kind that the table asks for, as our programs and the broker write them, and who writes it."""

import json
from datetime import UTC, datetime
from typing import Any

from experiments.logs.queries import CONTAINER_FIELD, NAMESPACE_FIELD, POD_FIELD, Place

PLACE = Place("strategy-c", ("bluegreen-c",), "consumer", "sidecar", ())
CONNECT = Place("strategy-e", ("connect-strategy-e-blue",), "sidecar", "sidecar", ("blue-connect", "green-connect"))
AT = datetime(2026, 11, 28, 12, 0, tzinfo=UTC).timestamp()

#: By item: container, logger, message, fields.
OURS: dict[str, list[tuple[str, str, str, dict[str, Any]]]] = {
    "lifecycle_calls": [
        ("consumer", "workloads.member.api", "lifecycle call", {"call": f"/lifecycle/{call}", "epoch": 3, **took})
        for call, took in (
            ("pause", {"status": 200, "state": "PAUSED", "duration_ms": 4.25}),
            ("pause", {"status": 504, "state": "DRAINING", "duration_ms": 5000.5}),
            ("resume", {"status": 200, "state": "ACTIVE", "duration_ms": 31.0}),
        )
    ],
    "assignments": [
        ("consumer", "workloads.consumer.group", "partitions assigned", {"partitions": [0, 1], "paused": True}),
        ("consumer", "workloads.consumer.group", "partitions assigned", {"partitions": [0, 1], "paused": False}),
        ("consumer", "workloads.consumer.group", "partitions revoked", {"partitions": [0], "state": "ACTIVE"}),
        ("consumer", "workloads.consumer.carrier", "started", {"epoch": 3, "partitions": [0], "milliseconds": {}}),
    ],
    "failures": [
        (
            "consumer",
            "workloads.handling.processing",
            "processing failed",
            {"partition": 3, "offset": 7, "error": "as it was told to", "stack": "Traceback …\nProcessingError: no"},
        )
    ],
    "commits": [
        ("consumer", "workloads.consumer.group", "committed", {"offsets": {"0": 5}, "duration_ms": 2.5, "epoch": 3}),
        ("consumer", "workloads.consumer.group", "committed", {"offsets": {"0": 9}, "duration_ms": 8.5, "epoch": 3}),
    ],
    "changes_seen": [
        ("controller", "workloads.controller.narrator", "generation seen", {"generation": 4, "active": "green"}),
        ("sidecar", "workloads.sidecar.mover", "Lease changed", {"holder": "", "epoch": 3, "last_holder": "blue"}),
    ],
    "requests": [
        ("sidecar", "workloads.sidecar.callers", "pause", {"epoch": 3, "result": "done", "seconds": 0.005}),
        ("sidecar", "workloads.sidecar.callers", "resume", {"epoch": 4, "result": "done", "seconds": 0.03}),
        ("sidecar", "workloads.sidecar.callers", "resume", {"result": "no answer", "seconds": 5, "level": "warning"}),
        ("sidecar", "workloads.sidecar.callers", "pause", {"result": "not yet", "seconds": 5, "level": "warning"}),
    ],
    "phases": [
        ("controller", "workloads.controller.narrator", "phase", {"before": "Pausing", "before_seconds": 0.02}),
        ("controller", "workloads.controller.narrator", "switch ended", {"outcome": "Switched", "seconds": 0.07}),
    ],
    "lease": [
        ("controller", "workloads.controller.narrator", "Lease released", {"holder": "", "epoch": 3}),
        ("controller", "workloads.controller.narrator", "Lease acquired", {"holder": "green", "epoch": 4}),
        ("controller", "workloads.controller.narrator", "Lease acquired", {"holder": "blue", "epoch": 4}),
    ],
}
#: What the queries find in these: lines, and those that are bad.
FOUND = {
    "lifecycle_calls": (3, 1),
    "assignments": (4, 0),
    "failures": (1, 0),
    "commits": (2, 0),
    "changes_seen": (2, 0),
    "requests": (4, 1),
    "phases": (2, 0),
    "lease": (3, 1),
    "rebalances": (5, 1),
    "offset_commits": (2, 0),
}
_COORDINATOR = "[2026-11-28T12:00:00,100] INFO [GroupCoordinator id=1 topic=__consumer_offsets partition=0] "
#: Kafka 4.3.1's own, shortened in their identifiers only; those of another group besides, whose name begins alike.
BROKER = [
    _COORDINATOR + line
    for group in ("bluegreen-c", "bluegreen-c-run")
    for line in (
        (
            f"Preparing to rebalance group {group} in state PREPARING_REBALANCE with old generation 3 (reason: Adding "
            "new member rdkafka-1 with group instance id null; client reason: not provided)."
        ),
        f"Stabilized group {group} generation 4 with 3 members.",
        (
            f"Static member with groupInstanceId={group}-0 and unknown member id joins group {group} in STABLE state. "
            "Replacing previously mapped member rdkafka-1 with this groupInstanceId."
        ),
        f"[GroupId {group}] Bumped group epoch to 7 with metadata hash 12345.",
        f"Member rdkafka-1 in group {group} has failed, removing it from the group.",
    )
]
COMMITS = [
    f"{_COORDINATOR.replace('INFO', 'DEBUG')}Replaying {what} key "
    f"OffsetCommitKey(group='{group}', topic='bluegreen', partition=3), value OffsetCommitValue(offset=85, "
    "leaderEpoch=0, metadata='{}', commitTimestamp=1, expireTimestamp=-1, topicId=A) "
    "(org.apache.kafka.coordinator.group.OffsetMetadataManager)"
    for group in ("bluegreen-c", "bluegreen-c-run")
    for what in ("offset commit with", "transactional offset commit with producer id 7,")
]
CONNECT_LINES = [
    (
        "[2026-11-28T12:00:00,100] INFO [Consumer clientId=connector-consumer-strategy-e-blue-0, "
        "groupId=connect-strategy-e-blue] Adding newly assigned partitions: [bluegreen-e-0] (o.a.k.Invoker)"
    ),
    (
        "[2026-11-28T12:00:00,100] INFO [Consumer clientId=connector-consumer-strategy-e-blue-0, "
        "groupId=connect-strategy-e-blue] Revoke previously assigned partitions [bluegreen-e-0] (o.a.k.Invoker)"
    ),
    (
        "[2026-11-28T12:00:00,100] ERROR WorkerSinkTask{id=strategy-e-blue-0} Task threw an uncaught and unrecoverable "
        "exception. Task is being killed and will not recover until manually restarted (o.a.k.c.r.WorkerTask)"
    ),
]


def lines() -> str:
    """All of them as the store takes them, a JSON object a line."""
    told = [
        row(PLACE.namespace, container, message, logger=logger, **{"level": "info", **fields})
        for kinds in OURS.values()
        for container, logger, message, fields in kinds
    ]
    told += [row("kafka-bluegreen", "kafka", text) for text in [*BROKER, *COMMITS]]
    told += [row(CONNECT.namespace, "blue-connect", text) for text in CONNECT_LINES]
    told += [row(CONNECT.namespace, "sidecar", "step", step=step, seconds=0.01) for step in ("Stop", "Resume")]
    return "\n".join(told)


def row(namespace: str, container: str, message: str, **fields: Any) -> str:
    """One line, as the collector sends it."""
    where = {NAMESPACE_FIELD: namespace, CONTAINER_FIELD: container, POD_FIELD: f"{container}-0"}
    return json.dumps({"_time": "2026-11-28T12:00:00.100Z", "_msg": message, **fields, **where})
