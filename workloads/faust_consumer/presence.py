"""Whether brokers answer, and how many partitions the topic has: asked now and then, by a client that reads nothing."""

import asyncio
import logging
import time

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from workloads.common.logs import fields
from workloads.faust_consumer.settings import FaustSettings

logger = logging.getLogger("workloads.faust_consumer")

_ASK_SECONDS = 1.0
# The brokers were there if the last answer is no older than this.
_CONNECTED_SECONDS = 5.0
# They were away in between if one answer came so much later than the one before.
_GAP_SECONDS = 2.5


class Presence:
    """partitions: of the topic, as the last answer had it; 0 before the first. `run` belongs to the event loop."""

    def __init__(self, settings: FaustSettings) -> None:
        self.partitions = 0
        self._servers = settings.bootstrap_servers
        self._topic = settings.topic
        self._client_id = f"{settings.pod_name}-ready"
        self._answered_at = self._since = -_CONNECTED_SECONDS

    @property
    def there(self) -> bool:
        """Whether brokers answer; for any thread."""
        return time.monotonic() - self._answered_at < _CONNECTED_SECONDS

    def there_since(self, moment: float) -> bool:
        """Whether they answer, and did all the time since a moment (`time.monotonic`)."""
        return self.there and self._since <= moment

    def answered(self, now: float) -> None:
        """They answered at this moment."""
        if now - self._answered_at > _GAP_SECONDS:
            self._since = now
        self._answered_at = now

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            client = AIOKafkaClient(bootstrap_servers=self._servers, client_id=self._client_id)
            try:
                await client.bootstrap()
                client.add_topic(self._topic)
                while await client.force_metadata_update():
                    self.answered(time.monotonic())
                    self.partitions = len(client.cluster.partitions_for_topic(self._topic) or ())
                    await asyncio.sleep(_ASK_SECONDS)
            except (KafkaError, OSError) as error:
                logger.info("no broker answers", extra=fields(error=str(error)))
            finally:
                await client.close()
            await asyncio.sleep(_ASK_SECONDS)
