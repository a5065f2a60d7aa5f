"""Where the colours are in the topic: who owns partitions, and up to where everything has been handled.

Two sources, one for each thing that a strategy's `positions` can say: its members tell it themselves, or it is told by
what their groups have committed at the brokers and by the recorders of what was written.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from components.names import Color
from components.strategies.parts import Part
from experiments import recorders
from experiments.cluster import Cluster, ClusterError
from experiments.errors import ExperimentError
from experiments.probe import Probe

_PROBE = Path(__file__).parent / "in_pod" / "group_positions.py"
_ANSWER_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Progressed:
    """What is known of one who handles records. positions: of the partitions that it owns; none if it owns nothing."""

    pod: str
    color: str
    positions: Mapping[int, int]
    process: str = ""
    """`<pod>.<boot id>`, as its logs are named."""
    handled: int = 0
    """Records that this process has handled."""


class Positions(Protocol):
    """Where the colours are."""

    def read(self) -> tuple[list[Progressed], list[str]]:
        """Everybody's, and the pods that did not answer. Raises ExperimentError."""
        ...

    def groups(self) -> Mapping[Color, "Group"]:
        """Each colour's consumer group as the brokers have it. Raises ExperimentError, also where nobody asks them."""
        ...

    def close(self) -> None:
        """End what was begun for it."""
        ...


class OfMembers:
    """`Positions` as the members tell them."""

    def __init__(self, cluster: Cluster, namespace: str, members: Part) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._members = members

    def read(self) -> tuple[list[Progressed], list[str]]:
        """See Positions."""
        if self._members.answers is None:
            raise ExperimentError(f"pods {self._members.app} have no port at which they tell their positions")
        port, path = self._members.answers
        found, silent = [], []
        for pod in self._cluster.pods(self._namespace, self._members.selector):
            try:
                answer = json.loads(
                    self._cluster.through_pod(self._namespace, pod.name, port, path, seconds=_ANSWER_SECONDS)
                )
            except ClusterError:
                silent.append(pod.name)
                continue
            positions = {int(p): int(offset) for p, offset in answer["positions"].items() if offset is not None}
            process = f"{pod.name}.{answer.get('boot_id', '')}"
            found.append(Progressed(pod.name, pod.color or "", positions, process, int(answer.get("handled", 0))))
        return found, silent

    def groups(self) -> Mapping[Color, "Group"]:
        """See Positions."""
        raise ExperimentError("this strategy's positions come from its members; its groups are not asked")

    def close(self) -> None:
        """See Positions. Nothing."""


@dataclass(frozen=True, slots=True)
class Group:
    """A consumer group as the brokers have it: offsets by partition, the partitions of its members, their number."""

    committed: Mapping[int, int]
    assigned: tuple[int, ...]
    members: int


class Groups:
    """Consumer groups, asked of the brokers by a small program inside a pod."""

    def __init__(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        bootstrap: str,
        topic: str,
        partitions: int,
        groups: Mapping[Color, str],
    ) -> None:
        """groups: by colour."""
        self._groups = dict(groups)
        arguments = [bootstrap, topic, str(partitions), *dict.fromkeys(groups.values())]
        where = {"namespace": namespace, "pod": pod, "container": container}
        self._probe = Probe("consumer groups", _PROBE, arguments=arguments, **where)

    def read(self) -> dict[Color, Group]:
        """Each colour's group, now. Raises ExperimentError if the brokers do not answer."""
        answer: dict[str, Any] = self._probe.ask()["groups"]
        return {color: _group(answer[name]) for color, name in self._groups.items()}

    def close(self) -> None:
        """End the program."""
        self._probe.close()


def _group(raw: Mapping[str, Any]) -> Group:
    committed = {int(partition): int(offset) for partition, offset in raw["committed"].items()}
    return Group(committed, tuple(int(partition) for partition in raw["assigned"]), int(raw["members"]))


class OfGroups:
    """`Positions` of what was committed and recorded."""

    def __init__(self, cluster: Cluster, namespace: str, recorder: Part, groups: Groups) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._recorder = recorder
        self._groups = groups

    def read(self) -> tuple[list[Progressed], list[str]]:
        """See Positions. The groups first: what is recorded after that is farther, never less far."""
        groups = self._groups.read()
        told, silent = recorders.read(self._cluster, self._namespace, self._recorder)
        return reached(groups, told), silent

    def groups(self) -> Mapping[Color, Group]:
        """See Positions."""
        return self._groups.read()

    def close(self) -> None:
        """See Positions."""
        self._groups.close()


def reached(groups: Mapping[Color, Group], told: list[recorders.Recorded]) -> list[Progressed]:
    """For each colour where it is, and for each of its logs how much is in it.

    Everything before a committed offset has been handled, by this colour or by the one that it was taken over from; and
    everything before what was recorded of the newest epoch. The farther one counts, for the partitions that the group's
    members have.
    """
    found = []
    for color, group in groups.items():
        after: dict[int, int] = {}
        for one in told:
            if one.color == color:
                for partition, offset in one.next.items():
                    after[partition] = max(offset, after.get(partition, 0))
        positions = {
            partition: max(known)
            for partition in group.assigned
            if (known := [where[partition] for where in (group.committed, after) if partition in where])
        }
        found.append(Progressed(color, color, positions))
    return found + [
        Progressed(one.pod, one.color, {}, log, lines) for one in told for log, lines in sorted(one.logs.items())
    ]
