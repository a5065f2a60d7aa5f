"""Out of a group on behalf of a client that hangs: asked of the coordinator over a connection of its own.

Seen once on the cluster (faust-streaming 0.15.3, aiokafka 0.14): of three whose colleague's leaving had begun a
rebalance, two had joined again, and neither synced nor left. A cause that fits is mended (`transport.py`, `close`);
whatever else may hang would keep the next ones out for as long as a session lasts.
"""

import asyncio
import logging
from collections.abc import Callable

from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.errors import KafkaError, NoError, UnknownMemberIdError, for_code
from aiokafka.protocol.group import LeaveGroupRequest

from workloads.common.logs import fields
from workloads.faust_consumer.settings import FaustSettings

logger = logging.getLogger("workloads.faust_consumer")

_SECONDS = 2.0
_TELL_SECONDS = 1.0


class HungError(Exception):
    """Faust does not come out of its group."""

    def __init__(self) -> None:
        super().__init__("Faust hangs while it leaves its group; the process ends, and begins anew")


async def give_up(settings: FaustSettings, member_id: str, fail: Callable[[Exception], None]) -> None:
    """Have the place of a client that hangs taken out of the group, if that can be, and the process fail a moment
    after: nothing else ends what hangs, and whoever waits for PAUSED is told before. Raises nothing.
    """
    logger.error("hangs while it leaves", extra=fields(member_id=member_id))
    try:
        await take_out(settings.bootstrap_servers, settings.group_id, member_id, _SECONDS)
    except (KafkaError, TimeoutError) as error:
        logger.warning("its place stays for its session", extra=fields(error=repr(error)))
    asyncio.get_running_loop().call_later(_TELL_SECONDS, fail, HungError())


async def take_out(servers: str, group: str, member_id: str, seconds: float) -> None:
    """Have this member out of the group; fine if it is already. Raises KafkaError, TimeoutError."""
    client = AIOKafkaClient(bootstrap_servers=servers, client_id=f"{group}-leaving")
    try:
        async with asyncio.timeout(seconds):
            await client.bootstrap()
            coordinator = await client.coordinator_lookup(CoordinationType.GROUP, group)
            answer = await client.send(coordinator, LeaveGroupRequest(group, member_id))
        if (error := for_code(answer.error_code)) not in {NoError, UnknownMemberIdError}:
            raise error
    finally:
        await client.close()
