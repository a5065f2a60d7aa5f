"""Where a colour with a group of its own begins: its group is given the starts before anybody joins it.

Every pod of the colour does so at its grant, by the one rule (`workloads/handling/carry.py`) over what both groups have
committed, which nobody changes between a withdrawal and the grant: all come to the same, and whoever comes second finds
it done. While the group has members its offsets are theirs alone; a pod that is refused for that reason looks again.
"""

import time
from collections.abc import Mapping

from confluent_kafka import KafkaException

from workloads.common.bystander import Bystander, Committed
from workloads.faust_consumer.settings import FaustSettings
from workloads.handling import carry

_AGAIN_SECONDS = 0.05


class Starts:
    """Of one topic. Every call waits for the broker: not for an event loop."""

    def __init__(self, settings: FaustSettings) -> None:
        self._topic = settings.topic
        configuration = settings.admin_configuration()
        self._own, self._other = (
            Bystander(configuration, group) for group in (settings.group_id, settings.other_group_id)
        )

    def carry_over(self, partitions: int, epoch: int, seconds: float) -> Mapping[int, int]:
        """Have the group stand where this grant begins; gives the starts, by partition.

        partitions: how many the topic has. Raises `carry.OutrankedError`, `carry.OffsetOutOfRangeError`, and
        `KafkaException` when it is not done within `seconds`.
        """
        until = time.monotonic() + seconds
        while True:
            try:
                chosen = carry.starts(self._found(range(partitions), until - time.monotonic()), epoch)
                due = {
                    p: (at.offset, carry.label(epoch, "start"))
                    for p, at in chosen.items()
                    if not carry.stands(at, epoch)
                }
                if due:
                    self._own.commit(self._topic, due, until - time.monotonic())
            except KafkaException:
                if time.monotonic() + _AGAIN_SECONDS >= until:
                    raise
                time.sleep(_AGAIN_SECONDS)
            else:
                return {p: at.offset for p, at in chosen.items()}

    def _found(self, partitions: range, seconds: float) -> dict[int, carry.Found]:
        until = time.monotonic() + seconds
        own, other = (
            _read(group.committed(self._topic, partitions, until - time.monotonic()))
            for group in (self._own, self._other)
        )
        bounds = self._own.bounds(self._topic, partitions, until - time.monotonic())
        return {p: carry.Found(own[p], other[p], *bounds[p]) for p in partitions}


def _read(places: Mapping[int, Committed]) -> dict[int, carry.Commit | None]:
    return {p: carry.read(place.offset, place.label) for p, place in places.items()}
