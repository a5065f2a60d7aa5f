"""How many partitions the topic has now, and whether all of their replicas are in sync. They can be added by anybody,
and the topic can go; nothing tells it but asking.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import asdict

from workloads.common.logs import fields
from workloads.controller.brokers import BrokerOffsets
from workloads.controller.measured import MeasureError, Topic
from workloads.controller.observe import Switch

logger = logging.getLogger(__name__)

# As often as the lag. A question takes some milliseconds of processor time.
INTERVAL_SECONDS = 1.0


class TopicWatch:
    """Asks on a thread of its own; the loop reads what it found, and is woken when that changes.

    brokers: for this thread alone. asked: gives the switch as it is asked for now, None while there is none.
    """

    def __init__(self, brokers: BrokerOffsets, asked: Callable[[], Switch | None], changed: Callable[[], None]) -> None:
        self._brokers = brokers
        self._asked = asked
        self._changed = changed
        self._found: tuple[str, Topic] | None = None
        self._failing = False
        self._stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, name="topic", daemon=True)

    def partitions(self, topic: str) -> int | None:
        """How many it has; 0: there is no such topic; None: that is not known (yet)."""
        known = self._known(topic)
        return None if known is None else known.partitions

    def shrunken(self, topic: str) -> str:
        """Which of its partitions have replicas that are not in sync, as far as it is known; empty for none."""
        known = self._known(topic)
        return "" if known is None else known.shrunken

    def _known(self, topic: str) -> Topic | None:
        found = self._found
        return found[1] if found is not None and found[0] == topic else None

    def stop(self) -> None:
        """Ask no more."""
        self._stopped.set()

    def read(self) -> None:
        """Ask once. A broker that does not answer leaves what was known."""
        switch = self._asked()
        if switch is None:
            return
        try:
            found = switch.topic, self._brokers.topic(switch.topic)
        except MeasureError as error:
            if not self._failing:
                logger.warning("the topic cannot be read", extra=fields(error=str(error)))
            self._failing = True
            return
        self._failing = False
        if found != self._found:
            logger.info("the topic's partitions", extra=fields(topic=found[0], **asdict(found[1])))
            self._found = found
            self._changed()

    def _run(self) -> None:
        while not self._stopped.wait(INTERVAL_SECONDS):
            try:
                self.read()
            except Exception:  # what is not known is not acted on: never the controller's end
                logger.exception("the topic cannot be read")
