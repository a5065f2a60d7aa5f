"""One activation: a Faust application with one agent, which hands every record on and acknowledges nothing.

Faust commits what its streams acknowledge, also that of a stream that is cancelled with a record in hand; what was
handled is known to who handles, and is committed from there. So nothing is acknowledged, and Faust commits nothing.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import faust
from faust.types import TP
from mode import CrashingSupervisor
from yarl import URL

from workloads.common.logs import fields
from workloads.faust_consumer.settings import FaustSettings
from workloads.faust_consumer.tables import NoTables
from workloads.faust_consumer.transport import Consumer, Transport
from workloads.handling.settings import DYNAMIC_SESSION_SECONDS

logger = logging.getLogger("workloads.faust_consumer")

# Partitions that are added are found within this time.
_METADATA_SECONDS = 1.0
_HEARTBEAT_SECONDS = 0.5
# aiokafka wants a request timeout above the session's.
_BEYOND_SESSION_SECONDS = 30.0
_NEVER_SECONDS = 1e9
_STOP_SECONDS = 3.0

Partitions = tuple[int, ...]
OnRecord = Callable[["Activation", Any], Awaitable[None]]
OnPartitions = Callable[["Activation", Partitions], Awaitable[None]]


class Activation:
    """A Faust application, from its start to its stop. Everything here belongs to the event loop.

    member_id: as which it was last assigned anything.
    """

    def __init__(
        self,
        settings: FaustSettings,
        label: Callable[[], str],
        *,
        on_record: OnRecord,
        on_assigned: OnPartitions,
        on_revoked: OnPartitions,
    ) -> None:
        """label: the metadata of a commit. on_record: gets the message of each record, one after the other.
        on_assigned: the complete set that it owns. on_revoked: those that it is about to lose.
        """
        self._topic = settings.topic
        self.app = _application(settings)
        transport = Transport([URL(f"kafka://{server}") for server in _servers(settings)], self.app)
        transport.label = label
        self.app.transport = transport
        self._starting: asyncio.Task[Any] | None = None
        self.member_id = ""
        channel = self.app.topic(
            settings.topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
        )

        async def handle(stream: Any) -> None:
            async for event in stream.noack().events():
                await on_record(self, event.message)

        self.app.agent(channel, name=f"{settings.topic}-handler", supervisor_strategy=CrashingSupervisor)(handle)

        async def assigned(_: Any, owned: Any, **__: Any) -> None:
            self.member_id = self.consumer.member_id
            await on_assigned(self, self._of_the_topic(owned))

        async def revoked(_: Any, taken: Any, **__: Any) -> None:
            await on_revoked(self, self._of_the_topic(taken))

        # By strong references: signals would otherwise forget them.
        self._heard: list[Any] = [assigned, revoked]
        self.app.on_partitions_assigned.connect(self._heard[0])
        self.app.on_partitions_revoked.connect(self._heard[1])

    @property
    def consumer(self) -> Consumer:
        """Faust's consumer of this application."""
        found = self.app.consumer
        if not isinstance(found, Consumer):
            raise TypeError(f"{type(found).__name__} is not the transport's")
        return found

    @property
    def lost(self) -> bool:
        """Whether the group took it for gone since it was assigned anything: its next assignment would be as another
        member's.
        """
        return self.member_id not in {"", self.consumer.member_id}

    @property
    def crashed(self) -> BaseException | None:
        """Why Faust has given up; None when it has not."""
        if self.app.crashed:
            return self.app.crash_reason or RuntimeError("Faust has given up")
        if self._starting is not None and self._starting.done() and not self._starting.cancelled():
            return self._starting.exception()
        return None

    def start(self) -> None:
        """Begin: it enters the group, and is assigned its partitions."""
        self._starting = asyncio.get_running_loop().create_task(self.app.start())

    def ends(self, partitions: Partitions) -> dict[int, int]:
        """By partition, the newest known end of it."""
        found: dict[int, int | None] = {p: self.consumer.highwater(TP(self._topic, p)) for p in partitions}
        return {p: end for p, end in found.items() if end is not None}

    async def commit(self, offsets: dict[int, int]) -> bool:
        """Commit these, by partition; whether the broker took all of them."""
        return await self.consumer.commit_offsets({TP(self._topic, p): offset for p, offset in offsets.items()})

    async def ended(self) -> None:
        """Leave the group, and end; what it had fetched is dropped. Raises nothing."""
        if self._starting is None:
            return
        began = time.monotonic()
        try:
            await self.app.stop()
        except Exception as error:  # noqa: BLE001 - whatever it was, nothing of it is used any more
            logger.warning("Faust did not end well", extra=fields(error=repr(error)))
        self._starting.cancel()
        await asyncio.gather(self._starting, return_exceptions=True)
        logger.info("left", extra=fields(duration_ms=round((time.monotonic() - began) * 1000, 3)))

    def _of_the_topic(self, owned: Any) -> Partitions:
        return tuple(sorted(tp.partition for tp in owned if tp.topic == self._topic))


class Endings:
    """Activations that are ending. Waited for is each for a moment: without a broker it can take for ever."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    async def of(self, activation: Activation | None) -> bool:
        """End this one; whether it and all before it have ended."""
        if activation is not None:
            self._tasks.append(asyncio.create_task(activation.ended()))
        if self._tasks:
            _, going_on = await asyncio.wait(self._tasks, timeout=_STOP_SECONDS)
            self._tasks = list(going_on)
        return not self._tasks


def _servers(settings: FaustSettings) -> list[str]:
    return [server.strip() for server in settings.bootstrap_servers.split(",")]


def _application(settings: FaustSettings) -> faust.App:
    """Without a web server, a table, a topic of its own, or a file."""
    session = min(settings.session_timeout_seconds, DYNAMIC_SESSION_SECONDS)
    return faust.App(
        settings.group_id,
        broker=[URL(f"kafka://{server}") for server in _servers(settings)],
        broker_client_id=settings.pod_name,
        broker_session_timeout=session,
        broker_request_timeout=session + _BEYOND_SESSION_SECONDS,
        broker_heartbeat_interval=_HEARTBEAT_SECONDS,
        # What it commits is nothing; the member's own commits have their own interval.
        broker_commit_interval=settings.commit_interval_seconds,
        # Nor is it a fault that it commits nothing.
        broker_commit_livelock_soft_timeout=_NEVER_SECONDS,
        consumer_auto_offset_reset="earliest",
        consumer_metadata_max_age_ms=int(_METADATA_SECONDS * 1000),
        stream_wait_empty=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        # Without it, and without tables, Faust assigns round robin: as our other consumers can, in one group with it.
        table_standby_replicas=0,
        web_enabled=False,
        autodiscover=False,
        store="memory://",
        TableManager=NoTables,
        datadir="/tmp/faust",  # noqa: S108 - the pod's own; nothing is written there without tables
    )
