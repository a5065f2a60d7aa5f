"""A member's report: what a sidecar says of its consumer, as a condition of its own pod."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workloads.common.states import State

CONDITION = "kafka-bluegreen.io/Lifecycle"


@dataclass(frozen=True, slots=True)
class Report:
    """The state of one consumer process.

    boot_id: the process; a restarted consumer has a new one.
    state: None while the sidecar cannot reach the consumer.
    epoch: the epoch that the state belongs to. seen_epoch: the newest epoch that the process has heard of.
    committed: whether everything handled is committed (meaningful when PAUSED).
    partitions: the partitions that it owns.
    """

    boot_id: str
    state: State | None
    epoch: int
    seen_epoch: int
    committed: bool = True
    partitions: tuple[int, ...] = ()


def to_condition(report: Report, now: str) -> dict[str, Any]:
    """The pod condition that carries `report`; now: RFC 3339 in whole seconds, as the API server keeps it."""
    return {
        "type": CONDITION,
        "status": "Unknown" if report.state is None else str(report.state is State.ACTIVE),
        "reason": report.state or "Unreachable",
        "message": json.dumps(
            {
                "boot_id": report.boot_id,
                "epoch": report.epoch,
                "seen_epoch": report.seen_epoch,
                "committed": report.committed,
                "partitions": list(report.partitions),
            },
            separators=(",", ":"),
        ),
        "lastTransitionTime": now,
    }


def from_pod(pod: Mapping[str, Any]) -> Report | None:
    """The report in a Pod object; None when there is none, or none that can be read (which confirms nothing)."""
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if condition.get("type") == CONDITION:
            try:
                said = json.loads(condition["message"])
                reason = condition["reason"]
                return Report(
                    boot_id=str(said["boot_id"]),
                    state=State(reason) if reason in State.__members__ else None,
                    epoch=int(said["epoch"]),
                    seen_epoch=int(said["seen_epoch"]),
                    committed=bool(said["committed"]),
                    partitions=tuple(int(p) for p in said["partitions"]),
                )
            except (KeyError, TypeError, ValueError):
                return None
    return None
