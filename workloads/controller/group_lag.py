"""How far the switch's consumer groups are behind, by what they have committed, as a metric.

The brokers are asked, not the members, so it is there, and grows, also when nobody consumes. It is an upper bound: what
was handled and not committed yet still counts (a commit interval of flow at most), and so does an offset that no
application is ever handed, such as a transaction's marker, until its owner has committed past it. What an owner knows
better is its own metric, `bg_consumer_lag`.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.core import Metric

from workloads.common.logs import fields
from workloads.common.metrics import Families
from workloads.common.states import Color
from workloads.controller.brokers import BrokerOffsets
from workloads.controller.measured import MeasureError
from workloads.controller.observe import Switch

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 1.0
# What was read longer ago than this is not told any more: no figure is better than one that stands still.
STALE_SECONDS = 5.0
_NAME = "kafka_consumer_group_lag"


@dataclass(frozen=True, slots=True)
class Reading:
    """What one look at the brokers showed. lags: group -> partition -> records. at: monotonic seconds."""

    switch: Switch
    lags: Mapping[str, Mapping[int, int]]
    at: float


class GroupLag:
    """Reads once a second, on a thread of its own; scrapes read what it found, from any thread.

    brokers: for this thread alone. asked: gives the switch as it is asked for now, None while there is none.
    """

    def __init__(self, brokers: BrokerOffsets, asked: Callable[[], Switch | None]) -> None:
        self._brokers = brokers
        self._asked = asked
        self._reading: Reading | None = None
        self._failing = False
        self._stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, name="group-lag", daemon=True)

    def metrics(self, pod: str, worker: Color | None) -> Iterator[Metric]:
        """What a scrape reads: the lag of every partition for every group of the switch; nothing while it is unknown.

        worker: who holds the grant or held it last. A group that both colours share is told as that colour's.
        """
        reading = self._reading
        if reading is None or time.monotonic() - reading.at > STALE_SECONDS:
            return
        switch = reading.switch
        yield Families(strategy=switch.strategy, pod=pod).gauges(
            _NAME,
            "Records behind the end, by the group's committed offsets",
            ["color", "group", "topic", "partition"],
            [
                ((_color(switch, group, worker), group, switch.topic, str(number)), float(lag))
                for group, lags in reading.lags.items()
                for number, lag in lags.items()
            ],
        )

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()

    def read(self) -> None:
        """Look once. What cannot be read is told by having no figure, and logged when it begins and ends."""
        switch = self._asked()
        try:
            self._reading = None if switch is None else self._measured(switch)
        except MeasureError as error:
            self._reading = None
            if not self._failing:
                logger.warning("the groups' lag cannot be read", extra=fields(error=str(error)))
            self._failing = True
            return
        if self._failing:
            logger.info("the groups' lag can be read again")
        self._failing = False

    def _measured(self, switch: Switch) -> Reading:
        """Raises MeasureError."""
        topic, partitions = switch.topic, switch.spec.partitions
        groups = dict.fromkeys(group for group in switch.groups if group)
        # The ends after the commits: what is committed in between must not look like less than nothing.
        committed = {group: self._brokers.committed(group, topic, partitions) for group in groups}
        beginnings, ends = self._brokers.beginnings(topic, partitions), self._brokers.ends(topic, partitions)
        lags = {group: behind_ends(beginnings, ends, offsets) for group, offsets in committed.items()}
        return Reading(switch, lags, time.monotonic())

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stopped.is_set():
            try:
                self.read()
            except Exception:  # a figure for people: never the controller's end
                logger.exception("the groups' lag cannot be read")
                self._reading = None
            now = time.monotonic()
            due = max(due + INTERVAL_SECONDS, now)  # what was missed is not made up for
            self._stopped.wait(due - now)


def behind_ends(beginnings: Mapping[int, int], ends: Mapping[int, int], committed: Mapping[int, int]) -> dict[int, int]:
    """Partition -> how many offsets lie between where a group would go on and the end.

    Without a commit it would go on at the partition's beginning (auto.offset.reset is earliest). What is gone before
    the beginning is nobody's lag, and a commit beyond the end leaves none.
    """
    return {
        number: max(0, end - max(committed.get(number, beginnings[number]), beginnings[number]))
        for number, end in ends.items()
    }


def _color(switch: Switch, group: str, worker: Color | None) -> str:
    """Whose a group is; empty when both share it and nobody was ever granted."""
    owners = [color for color in Color if switch.group(color) == group]
    return str(owners[0] if len(owners) == 1 else worker or "")
