"""A member's report: what a sidecar says of its consumer.

It stands as a condition of the sidecar's own pod: that is the record. The controller also hears it directly, as the
answer to a request that it holds open, so that a hand-off does not wait for the record to be written and watched.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workloads.common.lease import EPOCHS
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
    obstacle: what stands against a switch to this member now; "" when nothing is known of any.
    failed: what has failed under this epoch, and does not go on by itself; "" when nothing has.
    voids: how often a stall, a loss or a fence has made void what this process was granted.
    left: no client of this process is in its group, or on its way in or out; False where nobody has said so, so that
        silence confirms nothing.
    member_id: as which the group's coordinator knows it; "" when it is no member, or has not said.
    at: when the sidecar learned this, in ns of its clock, growing with each report; tells the newer of two, no more.
    """

    boot_id: str
    state: State | None
    epoch: int
    seen_epoch: int
    committed: bool = True
    partitions: tuple[int, ...] = ()
    obstacle: str = ""
    failed: str = ""
    voids: int = 0
    left: bool = False
    member_id: str = ""
    at: int = field(default=0, compare=False)

    @property
    def life(self) -> str:
        """What a grant is good for: this process, until something makes void what it was granted."""
        return life(self.boot_id, self.voids)


def life(boot_id: str, voids: int) -> str:
    """The name of a process's life after so much was made void."""
    return f"{boot_id}+{voids}" if voids else boot_id


def to_condition(report: Report, now: str) -> dict[str, Any]:
    """The pod condition that carries `report`; now: RFC 3339 in whole seconds, as the API server keeps it."""
    return {
        "type": CONDITION,
        "status": "Unknown" if report.state is None else str(report.state is State.ACTIVE),
        "reason": report.state or "Unreachable",
        "message": json.dumps(_details(report), separators=(",", ":")),
        "lastTransitionTime": now,
    }


def from_pod(pod: Mapping[str, Any]) -> Report | None:
    """The report in a Pod object; None when there is none, or none that can be read (which confirms nothing)."""
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if condition.get("type") == CONDITION:
            try:
                return _report(condition["reason"], json.loads(condition["message"]))
            except (KeyError, TypeError, ValueError):
                return None
    return None


def to_answer(report: Report) -> dict[str, Any]:
    """The JSON object that carries `report` in an answer to the controller."""
    return {"state": report.state, **_details(report)}


def from_answer(said: Mapping[str, Any]) -> Report:
    """The report in such an object. Raises KeyError, TypeError or ValueError when it is none."""
    return _report(said["state"], said)


def _details(report: Report) -> dict[str, Any]:
    return {
        "boot_id": report.boot_id,
        "epoch": report.epoch,
        "seen_epoch": report.seen_epoch,
        "committed": report.committed,
        "partitions": list(report.partitions),
        "at": report.at,
        **({"obstacle": report.obstacle} if report.obstacle else {}),
        **({"failed": report.failed} if report.failed else {}),
        **({"voids": report.voids} if report.voids else {}),
        **({"left": True} if report.left else {}),
        **({"member_id": report.member_id} if report.member_id else {}),
    }


def _report(state: str | None, said: Mapping[str, Any]) -> Report:
    return Report(
        boot_id=str(said["boot_id"]),
        state=State(state) if state is not None and state in State.__members__ else None,
        epoch=_epoch(said["epoch"]),
        seen_epoch=_epoch(said["seen_epoch"]),
        committed=bool(said["committed"]),
        partitions=tuple(int(p) for p in said["partitions"]),
        obstacle=str(said.get("obstacle") or ""),
        failed=str(said.get("failed") or ""),
        voids=int(said.get("voids") or 0),
        left=said.get("left") is True,
        member_id=str(said.get("member_id") or ""),
        at=int(said["at"]),
    )


def _epoch(value: Any) -> int:
    """An epoch that a Lease can have come to. One beyond would have a Lease made again above it, where none can be."""
    epoch = int(value)
    if not 0 <= epoch < EPOCHS:
        raise ValueError(f"epoch {epoch} is none; they are from 0 to {EPOCHS - 1}")
    return epoch
