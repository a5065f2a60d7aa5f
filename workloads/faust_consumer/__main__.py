"""`python3 -m workloads.faust_consumer`: puts settings, loop, HTTP, metrics and record logs together."""

import asyncio
import logging
import signal
import sys
import uuid

from workloads.common import logs
from workloads.common.logs import fields
from workloads.common.records import RecordLogError
from workloads.faust_consumer.loop import FaustLoop
from workloads.faust_consumer.settings import FaustSettings
from workloads.handling import process

logger = logging.getLogger("workloads.faust_consumer")

# Faust leaves the group 300 s after it fetched last, and looks now and then.
_MAX_POLL_SECONDS = 305.0


def main() -> int:
    """0: a clean end. 1: it could not go on. 2: wrong settings."""
    settings = FaustSettings.load_or_exit()
    boot_id = uuid.uuid4().hex[:12]
    logs.configure(color=settings.color.value, version=settings.version, pod=settings.pod_name, boot_id=boot_id)
    try:
        return asyncio.run(_run(settings, boot_id))
    except (RecordLogError, OSError) as error:
        logger.exception("failed", extra=fields(error=str(error)))
        return 1
    except Exception:
        logger.exception("failed")
        return 1


async def _run(settings: FaustSettings, boot_id: str) -> int:
    # The wake is its loop's, which is made of these parts.
    made = process.parts(
        settings,
        boot_id,
        settings.lifecycle_membership,
        slow_seconds=_MAX_POLL_SECONDS,
        wake=lambda: loop.wake(),  # noqa: PLW0108
    )
    loop = FaustLoop(
        settings=settings, worker=made.worker, events=made.events, faults=made.faults, control=made.control
    )
    servers = process.servers(settings, made, boot_id, loop)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, loop.stop)
    for server in servers:
        server.start()
    logger.info("started", extra=fields(ports=[s.port for s in servers], settings=settings.model_dump(mode="json")))
    await loop.run()
    for server in servers:
        server.stop()
    logger.info("ended")
    return 0


if __name__ == "__main__":
    sys.exit(main())
