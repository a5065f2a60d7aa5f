"""How exactly the new colour takes up where the old one has left off: offset accuracy, per switch and partition.

From the record logs of a run, and from nothing else: the old colour's committed offset, where the new colour started,
and the first record that it handled. `start - committed` is what the switch did to the position: 0 is the aim, less
means that records are handled twice, more that records are left out. What the events tell:

- `PAUSED` and `COMMITTED` carry the committed offsets of their partitions;
- `ASSIGNED` is written with the start of each partition once it is known: at once, where the member itself decides it
  (strategy B), else with the first record that it is handed. Without a start it says only what is owned, which a member
  of a group of its own may do while it waits;
- `ACTIVE` says that the member was granted to.

Pure: lines in, values out. `experiments.offsets` reads a run's folder.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from experiments.measurements import DIRECTIONS
from experiments.results import Direction, Measured
from experiments.tables import table

ACTIVE, ASSIGNED, COMMITTED, DRAINING, PAUSED = "ACTIVE", "ASSIGNED", "COMMITTED", "DRAINING", "PAUSED"
# The epoch of a grant that is older than the logs.
_BEFORE = -1
_OTHER = {"blue": "green", "green": "blue"}

Partition = tuple[str, int]
Line = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Taken:
    """One partition in one change of colour. Offsets; None: no log tells it.

    committed: the old colour's, the next to be handled. said_by: the event that told it, `PAUSED`, or `COMMITTED` where
    the member did not get to pausing (it crashed, or was cut off). start: where the new colour started, as it said.
    first: the first record that it handled under its epoch.
    """

    epoch: int
    direction: Direction
    topic: str
    partition: int
    committed: int | None
    said_by: str | None
    start: int | None
    first: int | None

    @property
    def difference(self) -> int | None:
        """By how much the start is off: negative, records twice; positive, records left out."""
        return None if self.start is None or self.committed is None else self.start - self.committed

    @property
    def first_difference(self) -> int | None:
        """The same by the first record handled; also above 0 where offsets hold nothing that an application gets."""
        return None if self.first is None or self.committed is None else self.first - self.committed


@dataclass(frozen=True, slots=True)
class _Told:
    """An offset of a partition, as an event told it."""

    at: int
    epoch: int
    event: str
    offset: int


def compare(events: Iterable[Line], consumed: Iterable[Line]) -> list[Taken]:
    """Every partition of every change of colour that the logs show, by epoch and partition. Lines in any order.

    A change of colour is an epoch under which members of one colour were ACTIVE, or began somewhere, where the epoch
    before was the other colour's. Who held the grant when the logs begin is told by its draining.
    """
    begun: dict[tuple[str, int], dict[Partition, int]] = defaultdict(dict)
    starts: dict[tuple[str, int], dict[Partition, _Told]] = defaultdict(dict)
    commits: dict[tuple[str, Partition], list[_Told]] = defaultdict(list)
    drained: set[tuple[str, int]] = set()
    for event in events:
        name, color, epoch, at = event["event"], event["color"], event["epoch"], event["t"]
        if name == DRAINING:
            drained.add((color, epoch))
        for topic, partition, *rest in event["partitions"]:
            key = (topic, partition)
            told = _Told(at, epoch, name, rest[0]) if rest and rest[0] is not None else None
            if name == ACTIVE or (name == ASSIGNED and told is not None):
                begun[color, epoch][key] = min(at, begun[color, epoch].get(key, at))
            if name == ASSIGNED and told is not None:
                known = starts[color, epoch].get(key)
                starts[color, epoch][key] = told if known is None or at < known.at else known
            elif name in (PAUSED, COMMITTED) and told is not None:
                commits[color, key].append(told)
    first, since = _first_handled(consumed)
    found = []
    for source, previous, target, epoch in _changes(begun, drained):
        for key, at in sorted(begun[target, epoch].items()):
            start = starts[target, epoch].get(key)
            left = _left_off(commits[source, key], previous, epoch, at)
            found.append(
                Taken(
                    epoch=epoch,
                    direction=DIRECTIONS[source, target],
                    topic=key[0],
                    partition=key[1],
                    committed=left.offset if left else None,
                    said_by=left.event if left else None,
                    start=start.offset if start else None,
                    first=first.get((target, epoch, key)) if since.get(key, at) < at else None,
                )
            )
    return found


def _changes(
    begun: Iterable[tuple[str, int]], drained: Collection[tuple[str, int]]
) -> Iterator[tuple[str, int, str, int]]:
    """(old colour, its epoch, new colour, its epoch) of each change of colour, oldest first.

    begun, drained: (colour, epoch) of the grants under which members began, and of the withdrawals that they obeyed.
    """
    reigns = sorted((epoch, color) for color, epoch in begun)
    if reigns:
        epoch, color = reigns[0]
        before = [_BEFORE for old, withdrawn in drained if old != color and withdrawn == epoch - 1]
        reigns[:0] = [(unknown, _OTHER[color]) for unknown in before[:1]]
    for (previous, source), (epoch, target) in pairwise(reigns):
        if source != target:
            yield source, previous, target, epoch


def _left_off(commits: Sequence[_Told], previous: int, epoch: int, begun: int) -> _Told | None:
    """What the old colour had committed last, of what it said under its own grant and the withdrawal after it.

    What it committed after the new colour had begun (a zombie's doing) is not where it left off.
    """
    own = [told for told in commits if previous <= told.epoch < epoch and told.at <= begun]
    return max(own, key=lambda told: (told.epoch, told.event == PAUSED, told.at), default=None)


def _first_handled(consumed: Iterable[Line]) -> tuple[dict[tuple[str, int, Partition], int], dict[Partition, int]]:
    """The first record's offset by colour, epoch and partition; and since when there are records of a partition."""
    earliest: dict[tuple[str, int, Partition], tuple[int, int]] = {}
    since: dict[Partition, int] = {}
    for line in consumed:
        if "offset" in line:  # an end line has none
            partition, at = (line["topic"], line["partition"]), line["t"]
            key, here = (line["color"], line["epoch"], partition), (at, line["offset"])
            earliest[key] = min(here, earliest.get(key, here))
            since[partition] = min(at, since.get(partition, at))
    return {key: offset for key, (_, offset) in earliest.items()}, since


def measurements(taken: Sequence[Taken]) -> dict[str, Measured]:
    """What a result says of it: the largest difference either way, and of how many partitions it is known."""
    known = [one.difference for one in taken if one.difference is not None]
    by_record = [one.first_difference for one in taken if one.first_difference is not None]
    return {
        "offset_difference_max": max((abs(n) for n in known), default=None),
        "offset_differences_known": len(known),
        "offset_first_difference_max": max((abs(n) for n in by_record), default=None),
        "offset_partitions_taken": len(taken),
    }


def as_json(taken: Sequence[Taken]) -> list[dict[str, Any]]:
    """The table of a run's folder: one object for each partition of each change of colour."""
    return [{**asdict(one), "difference": one.difference} for one in taken]


def shown(taken: Iterable[Taken]) -> str:
    """As a table, one line a change of colour."""
    epochs: dict[int, list[Taken]] = defaultdict(list)
    for one in taken:
        epochs[one.epoch].append(one)
    rows: list[list[object]] = []
    for number, (epoch, ones) in enumerate(sorted(epochs.items()), 1):
        differences = [one.difference for one in ones if one.difference is not None]
        by_record = [one.first_difference for one in ones if one.first_difference is not None]
        crashed = sum(one.said_by != PAUSED for one in ones)
        rows.append(
            [
                number,
                ones[0].direction,
                epoch,
                len(ones),
                crashed,
                len(differences),
                min(differences, default=None),
                max(differences, default=None),
                min(by_record, default=None),
                max(by_record, default=None),
            ]
        )
    header = [
        "#",
        "direction",
        "epoch",
        "partitions",
        "not paused",
        "starts told",
        "least",
        "most",
        "first least",
        "most",
    ]
    return table(header, rows)
