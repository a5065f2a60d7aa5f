"""How far a colour is behind: its positions, wherever they come from, against end offsets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from workloads.controller.brokers import BrokerOffsets
from workloads.controller.measured import Addresses, LagTask
from workloads.controller.progress import ProgressReader


class Positions(Protocol):
    """Where a colour has come to."""

    def read(self) -> Mapping[int, int]:
        """Partition -> next offset, of those that are known. Raises MeasureError."""
        ...


@dataclass(frozen=True, slots=True)
class MemberPositions:
    """As the owners of the partitions report them; of two that report one partition the one that is ahead counts."""

    reader: ProgressReader
    addresses: Addresses

    def read(self) -> Mapping[int, int]:
        """See Positions."""
        positions: dict[int, int] = {}
        for account in self.reader.read(self.addresses()).values():
            for number, offset in account.positions.items():
                positions[number] = max(offset, positions.get(number, offset))
        return positions


@dataclass(frozen=True, slots=True)
class GroupPositions:
    """As a consumer group has committed them, which is never ahead of what was handled."""

    brokers: BrokerOffsets
    group: str
    topic: str
    partitions: int

    def read(self) -> Mapping[int, int]:
        """See Positions."""
        return self.brokers.committed(self.group, self.topic, self.partitions)


def positions_of(task: LagTask, brokers: BrokerOffsets, reader: ProgressReader) -> Positions:
    """Where `task` takes positions from."""
    if task.group is None:
        return MemberPositions(reader, task.addresses)
    return GroupPositions(brokers, task.group, task.topic, task.partitions)


def behind(ends: Mapping[int, int], positions: Mapping[int, int], threshold: int) -> str:
    """What keeps a colour from having caught up; empty when it has."""
    late = {n: end - positions[n] for n, end in ends.items() if n in positions and end - positions[n] > threshold}
    missing = [n for n, end in ends.items() if n not in positions and end > threshold]
    if not late and not missing:
        return ""
    parts = []
    if late:
        worst = max(late, key=lambda number: late[number])
        parts.append(f"{sum(late.values())} records behind on {len(late)} partitions, most on {worst}: {late[worst]}")
    if missing:
        parts.append(f"no position known of partitions {missing}")
    return "; ".join(parts)
