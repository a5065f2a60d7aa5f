"""`python3 -m workloads.producer`: puts settings, loop, HTTP and metrics together."""

import logging
import os
import signal
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import FrameType

from prometheus_client.core import Metric

from workloads.common import logs
from workloads.common.http import HttpError, HttpServer, Request, Response, Routes
from workloads.common.logs import fields
from workloads.common.metrics import Families, exposition, registry
from workloads.common.records import PRODUCED, RecordLogError, Space
from workloads.common.reload import Reloader
from workloads.common.settings import DEFAULT_FILE, FILE_VARIABLE, SettingsError, ordinal, validated
from workloads.producer.ledger import Ledger
from workloads.producer.loop import ProducerError, ProducerLoop
from workloads.producer.settings import LoadChange, ProducerSettings

logger = logging.getLogger("workloads.producer")

# A loop that has not turned for so long hangs; every wait in it is shorter.
_ALIVE_SECONDS = 30.0


class Api:
    """What the producer answers on the pod's network."""

    def __init__(self, loop: ProducerLoop, pod: str, space: Space) -> None:
        self._loop = loop
        self._space = space
        self._families = Families(pod=pod)
        self._registry = registry(self._metrics)

    def routes(self) -> Routes:
        """Method and path to handler."""
        return {
            ("GET", "/config"): lambda _: Response(self._loop.load.model_dump() | {"time": time.time_ns()}),
            ("PUT", "/config"): self._change,
            ("GET", "/status"): lambda _: Response(asdict(self._loop.status)),
            ("GET", "/healthz"): self._health,
            ("GET", "/readyz"): self._ready,
            ("GET", "/metrics"): lambda _: exposition(self._registry),
        }

    def _change(self, request: Request) -> Response:
        try:
            change = validated(LoadChange, request.json_object())
        except SettingsError as error:
            raise HttpError(400, str(error)) from error
        return Response(self._loop.change(change.applied_to).model_dump())

    def _health(self, _: Request) -> Response:
        age = time.monotonic() - self._loop.turned
        return Response({"turned_seconds_ago": round(age, 3)}, 200 if age < _ALIVE_SECONDS else 503)

    def _ready(self, _: Request) -> Response:
        ready = self._loop.connected
        return Response({"connected": ready, "producer": self._loop.status.producer}, 200 if ready else 503)

    def _metrics(self) -> Iterator[Metric]:
        status, load, now = self._loop.status, self._loop.load, time.monotonic()
        make = self._families
        yield make.gauge(
            "kafka_producer_records_sent_rate",
            "Records acknowledged per second, over 5 s",
            self._loop.sent_rate.rate(now, status.acked),
        )
        counts = {"acked": status.acked, "failed": status.failed, "unknown": status.unknown}
        yield make.counters(
            "bg_producer_records_total",
            "Records by what became of them",
            ["status"],
            [((name,), count) for name, count in counts.items()],
        )
        yield make.gauge("bg_producer_in_flight_records", "Records whose fate is not known yet", status.in_flight)
        yield make.gauge("bg_producer_target_rate", "Records per second asked for", load.rate)
        yield make.gauge("bg_producer_message_bytes", "Size of a record's value asked for", load.message_bytes)
        yield make.gauge(
            "bg_producer_connected", "1 while the topic was seen and a broker is reachable", self._loop.connected
        )
        yield make.counter(
            "bg_record_log_truncated_total", "Record logs that were removed to keep the bound", self._space.removed
        )
        yield make.counter(
            "bg_producer_queue_full_total", "Turns in which the client's queue was full", self._loop.queue_full
        )


def main() -> int:
    """0: a clean end. 1: it could not go on. 2: wrong settings."""
    settings = ProducerSettings.load_or_exit()
    boot_id = uuid.uuid4().hex[:12]
    try:
        name = f"p{ordinal(settings.pod_name)}-{boot_id}"
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    logs.configure(pod=settings.pod_name, boot_id=boot_id)
    try:
        process = f"{settings.pod_name}.{boot_id}"
        space = Space(settings.records_dir, (PRODUCED,), settings.records_keep_bytes, process=process)
        space.make_room()
        ledger = Ledger(settings.records_dir, settings.pod_name, boot_id, name, settings.topic, space=space)
        loop = ProducerLoop(
            settings, name, ledger, Reloader(Path(os.environ.get(FILE_VARIABLE, DEFAULT_FILE)), ProducerSettings.load)
        )
        server = HttpServer(settings.http_host, settings.http_port, Api(loop, settings.pod_name, space).routes())

        def on_signal(_number: int, _frame: FrameType | None) -> None:
            loop.stop()

        signal.signal(signal.SIGTERM, on_signal)
        signal.signal(signal.SIGINT, on_signal)
        server.start()
        logger.info("started", extra=fields(producer=name, port=server.port, settings=settings.model_dump(mode="json")))
        loop.run()
        server.stop()
    except (ProducerError, RecordLogError, OSError) as error:
        logger.exception("failed", extra=fields(error=str(error)))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
