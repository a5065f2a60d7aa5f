"""Faust's transport, as the member needs it: a commit bears the epoch, tells how it ended, and ends nothing.

Faust's own commit is forgotten when the broker refuses it, and crashes the application (faust-streaming 0.15.3,
`faust/transport/consumer.py`, `drivers/aiokafka.py`). Who drains has to know which commits were acknowledged.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import aiokafka
from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from workloads.common.logs import fields
from workloads.faust_consumer.aside import Aside

logger = logging.getLogger("workloads.faust_consumer")


class _Thread(Aside, driver.AIOKafkaConsumerThread):
    """The thread that has aiokafka's client."""

    def close(self) -> None:
        """Nothing: who stops leaves the group and closes its client (`on_thread_stop`). Faust calls this when a
        rebalance comes to an application that is stopping; its own closes the client from another loop than the
        client's, so that its place stays in the group for a session, or its thread never ends.
        """

    def _create_worker_consumer(self, transport: driver.Transport) -> aiokafka.AIOKafkaConsumer:
        """Faust's, which hands out what is committed only within transactions of its own."""
        client = super()._create_worker_consumer(transport)
        client._isolation_level = "read_committed"
        return client

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        client = self._ensure_consumer()
        label: str = self.transport.label()  # type: ignore[attr-defined]
        owned = client.assignment()
        places = {
            place: OffsetAndMetadata(offset, label)
            for tp, offset in offsets.items()
            if (place := driver.ensure_aiokafka_TP(tp)) in owned
        }
        try:
            if places:
                await client.commit(places)
        except (KafkaError, IllegalStateError) as error:
            logger.warning("commit failed", extra=fields(error=str(error)))
            return False
        return len(places) == len(offsets)


class Consumer(driver.Consumer):
    """Faust's consumer, on that thread."""

    def _new_consumer_thread(self) -> _Thread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    @property
    def member_id(self) -> str:
        """As which the group's coordinator knows it; empty while it is no member."""
        client = self._thread._consumer
        coordinator: Any = None if client is None else client._coordinator
        return str(getattr(coordinator, "member_id", "") or "")

    async def commit_offsets(self, offsets: Mapping[TP, int]) -> bool:
        """Commit these; whether the broker took all of them."""
        return bool(await self._thread.commit(dict(offsets)))


class Transport(driver.Transport):
    """label: the metadata of the next commit; read by the consumer's thread."""

    Consumer = Consumer
    label: Callable[[], str] = staticmethod(str)
