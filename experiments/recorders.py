"""What the recorders say that follow what a strategy's workers write: how far it goes, and how late they see it.

A recorder answers `/reached` with one object: `epoch` (the newest in its files) and `next` (by partition, the offset
behind the last line under it), `logs` (lines by log, as it is named), `late_seconds_max` (no line was seen later than
that after it was written; with `?since=n`, of those that were seen since then), `unknown` (lines of which nobody can
say how late they were seen), `torn`, `boot_id`, and its `time`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.strategies.parts import Part
from experiments.cluster import Cluster, ClusterError
from experiments.errors import ExperimentError

_ANSWER_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """What one recorder says. boot_id: of its process; another one has seen nothing of what this one saw. time: of its
    clock, in ns.
    """

    pod: str
    color: str
    boot_id: str
    epoch: int
    next: Mapping[int, int]
    logs: Mapping[str, int]
    late_seconds_max: float
    unknown: int
    torn: int
    time: int

    @classmethod
    def of(cls, pod: str, color: str, said: Mapping[str, Any]) -> "Recorded":
        """Raises ExperimentError for what is not of the contract."""
        try:
            return cls(
                pod=pod,
                color=color,
                boot_id=str(said["boot_id"]),
                epoch=int(said["epoch"]),
                next={int(partition): int(after) for partition, after in said["next"].items()},
                logs={str(log): int(lines) for log, lines in said["logs"].items()},
                late_seconds_max=float(said["late_seconds_max"]),
                unknown=int(said["unknown"]),
                torn=int(said["torn"]),
                time=int(said["time"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ExperimentError(f"recorder {pod} does not answer as it should ({error!r}): {dict(said)!r}") from error


@dataclass(frozen=True, slots=True)
class Times:
    """How far the times of lines that were recorded in a span may be believed.

    late_seconds: none of them was seen later than that after it was written. unknown: lines of which that is not known.
    restarted: recorders that ended within the span, whose lines are among them. torn: lines that a killed worker left
    unfinished.
    """

    late_seconds: float
    unknown: int
    torn: int
    restarted: tuple[str, ...] = ()


def read(
    cluster: Cluster, namespace: str, part: Part, since: Sequence[Recorded] = ()
) -> tuple[list[Recorded], list[str]]:
    """What each recorder says now, and the pods of those that do not answer. Raises ExperimentError.

    since: what they said before; how late they were is of what they have seen since then.
    """
    found, silent = [], []
    begun = {one.pod: one.time for one in since}
    if part.answers is None:
        raise ExperimentError(f"pods {part.app} have no port at which they answer")
    port, path = part.answers
    for pod in cluster.pods(namespace, part.selector):
        try:
            asked = f"{path}?since={begun[pod.name]}" if pod.name in begun else path
            said = json.loads(cluster.through_pod(namespace, pod.name, port, asked, seconds=_ANSWER_SECONDS))
        except ClusterError:
            silent.append(pod.name)
            continue
        found.append(Recorded.of(pod.name, pod.color or "", said))
    return found, silent


def every(cluster: Cluster, namespace: str, part: Part | None, since: Sequence[Recorded] = ()) -> list[Recorded]:
    """As `read`, of all of them; nothing where members write down what they handle (part None).

    Raises ExperimentError when one does not answer.
    """
    if part is None:
        return []
    found, silent = read(cluster, namespace, part, since)
    if silent:
        raise ExperimentError(f"recorders do not answer: {', '.join(silent)}; look at their logs")
    return found


def times(before: Sequence[Recorded], after: Sequence[Recorded]) -> Times:
    """Of the lines that were recorded between two moments; after: as it was read since `before`."""
    known = {one.pod: one for one in before}
    unknown = torn = 0
    restarted = []
    for one in after:
        first = known.get(one.pod)
        if first is not None and first.boot_id != one.boot_id:
            restarted.append(one.pod)
        same = first if first is not None and first.boot_id == one.boot_id else None
        unknown += one.unknown - (same.unknown if same else 0)
        torn += one.torn - (same.torn if same else 0)
    gone = [pod for pod in known if pod not in {one.pod for one in after}]
    late = max((one.late_seconds_max for one in after), default=0.0)
    return Times(late, unknown, torn, tuple(sorted([*restarted, *gone])))
