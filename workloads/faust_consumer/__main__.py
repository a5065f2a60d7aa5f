"""`python3 -m workloads.faust_consumer`: puts settings, loop, HTTP, metrics and record logs together."""

import asyncio
import logging
import signal
import sys
import uuid

from workloads.common import logs
from workloads.common.http import HttpServer
from workloads.common.logs import fields
from workloads.common.records import CONSUMED, EVENTS, EventLog, RecordLog, RecordLogError, Space
from workloads.faust_consumer.loop import FaustLoop
from workloads.faust_consumer.settings import FaustSettings
from workloads.handling.member import ApplicationMember
from workloads.handling.metrics import ConsumerMetrics
from workloads.handling.processing import Pulse, Worker
from workloads.member.api import LifecycleApi, PodApi
from workloads.member.control import Control
from workloads.member.faults import FaultInjection
from workloads.member.lifecycle import start

logger = logging.getLogger("workloads.faust_consumer")

# As `workloads/consumer/__main__.py`: liveness is slower than a drain by so much, readiness than the stall limit.
_LIVENESS_MARGIN_SECONDS = 10.0
_MOVING_MARGIN_SECONDS = 1.0
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
    color, pod, folder = settings.color.value, settings.pod_name, settings.records_dir
    space = Space(folder, (CONSUMED, EVENTS), settings.records_keep_bytes, process=f"{pod}.{boot_id}")
    events = EventLog(folder, color, pod, boot_id, version=settings.version, image=settings.image, space=space)
    space.tell = events.truncated
    space.make_room()
    faults = FaultInjection(settings.faults, enabled=settings.faults_enabled)
    control = Control(start(settings.lifecycle_membership, settings.group_protocol).lifecycle, lambda: loop.wake())  # noqa: PLW0108 - made below
    worker = Worker(
        RecordLog(folder, CONSUMED, pod, boot_id, space),
        color=color,
        pod=pod,
        version=settings.version,
        topic=settings.topic,
        faults=faults,
        pulse=Pulse(settings.stall_seconds),
        inbox=control.inbox,
        slow_seconds=_MAX_POLL_SECONDS,
        checks=settings.processing == "checksum",
    )
    loop = FaustLoop(settings=settings, worker=worker, events=events, faults=faults, control=control)
    member = ApplicationMember(control, loop, worker, ConsumerMetrics(settings, loop, worker, control, space))
    alive = settings.drain_timeout_seconds + _LIVENESS_MARGIN_SECONDS
    moving = settings.stall_seconds + _MOVING_MARGIN_SECONDS
    servers = [
        HttpServer(settings.lifecycle_host, settings.lifecycle_port, LifecycleApi(control, faults, boot_id).routes()),
        HttpServer(settings.http_host, settings.http_port, PodApi(member, boot_id, alive, moving).routes()),
    ]
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
