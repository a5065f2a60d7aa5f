"""`python3 -m workloads.consumer`: puts settings, poll loop, HTTP, metrics and record logs together."""

import logging
import os
import signal
import sys
import uuid
from pathlib import Path
from types import FrameType

from confluent_kafka import KafkaException

from workloads.common import logs
from workloads.common.http import HttpServer
from workloads.common.logs import fields
from workloads.common.records import CONSUMED, EVENTS, EventLog, RecordLog, RecordLogError, Space
from workloads.common.reload import Reloader
from workloads.common.settings import DEFAULT_FILE, FILE_VARIABLE
from workloads.consumer.loop import ConsumerLoop
from workloads.consumer.offsets import GroupOffsets
from workloads.consumer.settings import ConsumerSettings
from workloads.consumer.transactional import make_client
from workloads.handling.member import ApplicationMember
from workloads.handling.metrics import ConsumerMetrics
from workloads.handling.processing import Pulse, Worker
from workloads.member.api import LifecycleApi, PodApi
from workloads.member.control import Control
from workloads.member.faults import FaultInjection
from workloads.member.lifecycle import start

logger = logging.getLogger("workloads.consumer")

# Liveness is slower than a drain by so much: a hang is a failed switch first, and a restart after that.
_LIVENESS_MARGIN_SECONDS = 10.0
# A loop is not ready when it has not moved for the stall limit and so much.
_MOVING_MARGIN_SECONDS = 1.0
# `exceed_max_poll_interval` goes beyond it by so much: librdkafka looks twice a second.
_BEYOND_SECONDS = 2.0


def main() -> int:
    """0: a clean end. 1: it could not go on. 2: wrong settings."""
    settings = ConsumerSettings.load_or_exit()
    boot_id = uuid.uuid4().hex[:12]
    color, pod, folder = settings.color.value, settings.pod_name, settings.records_dir
    logs.configure(color=color, version=settings.version, pod=pod, boot_id=boot_id)
    try:
        space = Space(folder, (CONSUMED, EVENTS), settings.records_keep_bytes, process=f"{pod}.{boot_id}")
        events = EventLog(folder, color, pod, boot_id, version=settings.version, image=settings.image, space=space)
        space.tell = events.truncated
        space.make_room()
        faults = FaultInjection(settings.faults, enabled=settings.faults_enabled)
        control = Control(start(settings.membership, settings.group_protocol).lifecycle)
        worker = Worker(
            RecordLog(folder, CONSUMED, pod, boot_id, space),
            color=color,
            pod=pod,
            version=settings.version,
            topic=settings.topic,
            faults=faults,
            pulse=Pulse(settings.stall_seconds),
            inbox=control.inbox,
            slow_seconds=settings.max_poll_interval_seconds + _BEYOND_SECONDS,
            checks=settings.processing == "checksum",
        )
        loop = ConsumerLoop(
            settings=settings,
            worker=worker,
            events=events,
            faults=faults,
            control=control,
            reloader=Reloader(Path(os.environ.get(FILE_VARIABLE, DEFAULT_FILE)), ConsumerSettings.load),
            make_client=make_client,
            make_offsets=GroupOffsets,
        )
        member = ApplicationMember(control, loop, worker, ConsumerMetrics(settings, loop, worker, control, space))
        alive = settings.drain_timeout_seconds + _LIVENESS_MARGIN_SECONDS
        servers = [
            HttpServer(
                settings.lifecycle_host, settings.lifecycle_port, LifecycleApi(control, faults, boot_id).routes()
            ),
            HttpServer(
                settings.http_host,
                settings.http_port,
                PodApi(member, boot_id, alive, settings.stall_seconds + _MOVING_MARGIN_SECONDS).routes(),
            ),
        ]

        def on_signal(_number: int, _frame: FrameType | None) -> None:
            loop.stop()

        signal.signal(signal.SIGTERM, on_signal)
        signal.signal(signal.SIGINT, on_signal)
        for server in servers:
            server.start()
        logger.info("started", extra=fields(ports=[s.port for s in servers], settings=settings.model_dump(mode="json")))
        loop.begin()
        loop.run()
        for server in servers:
            server.stop()
    except (RecordLogError, KafkaException, OSError) as error:
        logger.exception("failed", extra=fields(error=str(error)))
        return 1
    logger.info("ended")
    return 0


if __name__ == "__main__":
    sys.exit(main())
