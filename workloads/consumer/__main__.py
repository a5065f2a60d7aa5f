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
from workloads.common.logs import fields
from workloads.common.records import RecordLogError
from workloads.common.reload import Reloader
from workloads.common.settings import DEFAULT_FILE, FILE_VARIABLE
from workloads.consumer.loop import ConsumerLoop
from workloads.consumer.offsets import GroupOffsets
from workloads.consumer.settings import ConsumerSettings
from workloads.consumer.transactional import make_client
from workloads.handling import process

logger = logging.getLogger("workloads.consumer")

# `exceed_max_poll_interval` goes beyond it by so much: librdkafka looks twice a second.
_BEYOND_SECONDS = 2.0


def main() -> int:
    """0: a clean end. 1: it could not go on. 2: wrong settings."""
    settings = ConsumerSettings.load_or_exit()
    boot_id = uuid.uuid4().hex[:12]
    logs.configure(color=settings.color.value, version=settings.version, pod=settings.pod_name, boot_id=boot_id)
    try:
        slow = settings.max_poll_interval_seconds + _BEYOND_SECONDS
        made = process.parts(settings, boot_id, settings.membership, slow_seconds=slow)
        loop = ConsumerLoop(
            settings=settings,
            worker=made.worker,
            events=made.events,
            faults=made.faults,
            control=made.control,
            reloader=Reloader(Path(os.environ.get(FILE_VARIABLE, DEFAULT_FILE)), ConsumerSettings.load),
            make_client=make_client,
            make_offsets=GroupOffsets,
        )
        servers = process.servers(settings, made, boot_id, loop)

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
