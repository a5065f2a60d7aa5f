"""What a zombie did: a member that was frozen, given up, replaced in its work, and then went on. Pure.

How many records it handled after it was thawed stands in its own consumed log; until when it may have gone on, in its
events.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.measurements import Distribution
from experiments.results import Measured

Line = Mapping[str, Any]

# What a member writes down when it stops, for whichever reason.
STOPPING = ("DRAINING", "PAUSED", "FENCED", "LOST", "REVOKED")


@dataclass(frozen=True, slots=True)
class Zombie:
    """One member that was frozen with its sidecar, and whose pod's object was deleted meanwhile.

    pid, started_ticks: of its process, the same before and after. noticeable: frozen for longer than the limit after
    which its own loop takes note. frozen_ns, thawed_ns: of the real-time clock, which is the node's. kubelet_seconds:
    how long the kubelet stood still. stopped_by: the first event after the thaw that says that it stopped, with its
    time; None if it did not within the time it was watched.

    More than a dozen attributes: they are the keys of `result.json`, which others read.
    """

    pod: str
    process: str
    pid: int
    started_ticks: int
    state_before_thaw: str
    noticeable: bool
    frozen_ns: int
    thawed_ns: int
    watched_until_ns: int
    kubelet_seconds: float
    epoch: int
    stopped_by: str | None
    stopped_ns: int | None

    @property
    def frozen_seconds(self) -> float:
        return (self.thawed_ns - self.frozen_ns) / 1e9

    @property
    def stopped_seconds(self) -> float | None:
        """From the thaw until it said that it stopped."""
        return None if self.stopped_ns is None else (self.stopped_ns - self.thawed_ns) / 1e9


def stopping(events: Iterable[Line], since_ns: int) -> Line | None:
    """The first event from a moment on that says that a member stopped."""
    found = [event for event in events if event["event"] in STOPPING and event["t"] >= since_ns]
    return min(found, key=lambda event: int(event["t"]), default=None)


def handled_after(consumed: Iterable[Line], since_ns: int) -> list[Line]:
    """The records that a process handled from a moment on."""
    return [line for line in consumed if "offset" in line and line["t"] >= since_ns]


def row(zombie: Zombie, handled: Sequence[Line]) -> dict[str, Any]:
    """One line of the table that the run keeps."""
    times = [int(line["t"]) for line in handled]
    return {
        "pod": zombie.pod,
        "process": zombie.process,
        "pid": zombie.pid,
        "started_ticks": zombie.started_ticks,
        "state_before_thaw": zombie.state_before_thaw,
        "noticeable": zombie.noticeable,
        "frozen_seconds": round(zombie.frozen_seconds, 3),
        "kubelet_frozen_seconds": round(zombie.kubelet_seconds, 3),
        "new_epoch": zombie.epoch,
        "handled_after_thaw": len(handled),
        "last_handled_seconds": round((max(times) - zombie.thawed_ns) / 1e9, 6) if times else None,
        "stopped_by": zombie.stopped_by,
        "stopped_seconds": None if zombie.stopped_seconds is None else round(zombie.stopped_seconds, 6),
        "watched_seconds": round((zombie.watched_until_ns - zombie.thawed_ns) / 1e9, 3),
    }


def measurements(rows: Sequence[Mapping[str, Any]]) -> dict[str, Measured]:
    """What the result says: of the freezes that its loop can notice, and of the shorter ones, apart."""
    found: dict[str, Measured] = {"zombies_made": len(rows)}
    for name, noticeable in (("long", True), ("short", False)):
        own = [one for one in rows if one["noticeable"] is noticeable]
        spread = Distribution.of([one["handled_after_thaw"] for one in own])
        stopped = [one["stopped_seconds"] for one in own if one["stopped_seconds"] is not None]
        found |= {
            f"zombies_{name}": len(own),
            f"zombie_{name}_handled_median": spread.median if spread else None,
            f"zombie_{name}_handled_worst": spread.worst if spread else None,
            f"zombie_{name}_stopped_seconds_worst": max(stopped, default=None),
            f"zombie_{name}_not_stopped": sum(one["stopped_by"] is None for one in own),
            f"zombie_{name}_frozen_seconds_worst": max((one["frozen_seconds"] for one in own), default=None),
        }
    return found
