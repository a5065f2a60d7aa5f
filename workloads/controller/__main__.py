"""`python3 -m workloads.controller`: carries out the switches of one KafkaConsumerSwitch."""

import gc
import logging
import signal
import sys

from workloads.common import logs
from workloads.common.http import HttpServer, Request, Response, Routes
from workloads.common.kube import AccessError, Kube, access
from workloads.common.logs import fields
from workloads.common.metrics import exposition, registry
from workloads.controller.loop import Controller, RestartNeeded
from workloads.controller.measure import EndOffsets, Measurer, ProgressReader
from workloads.controller.settings import ControllerSettings

logger = logging.getLogger("workloads.controller")


def routes(controller: Controller, pod: str) -> Routes:
    """What the controller answers on the pod's network."""
    source = registry(lambda: controller.telemetry.metrics(pod, controller.counts))

    def health(_: Request) -> Response:
        dead = controller.dead()
        return Response({"dead": dead}, 503 if dead else 200)

    def ready(_: Request) -> Response:
        is_ready = controller.ready()
        return Response({"ready": is_ready}, 200 if is_ready else 503)

    return {("GET", "/healthz"): health, ("GET", "/readyz"): ready, ("GET", "/metrics"): lambda _: exposition(source)}


def main() -> int:
    """0: a clean end, also when it has to begin anew. 1: it could not begin. 2: wrong settings."""
    settings = ControllerSettings.load_or_exit()
    logs.configure(pod=settings.pod_name)
    sys.setswitchinterval(0.0005)  # a thread in the hand-off must not wait 5 ms for one that only logs
    try:
        controller = Controller(
            Kube(access(), "kafka-bluegreen-controller"),
            settings.pod_namespace,
            settings.switch_name,
            settings.pod_name,
            lambda changed: Measurer(
                EndOffsets(settings.bootstrap_servers), ProgressReader(settings.progress_port), changed
            ),
            report_port=settings.report_port,
        )
        server = HttpServer(settings.http_host, settings.http_port, routes(controller, settings.pod_name))
    except (AccessError, OSError) as error:
        logger.error("cannot begin", extra=fields(error=str(error)))
        return 1
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: controller.stop())
    gc.collect()
    gc.freeze()
    server.start()
    logger.info("started", extra=fields(port=server.port, settings=settings.model_dump(mode="json")))
    try:
        controller.run()
    except RestartNeeded as reason:
        logger.warning("ending to begin anew", extra=fields(reason=str(reason)))
    logger.info("stopping")
    return 0


if __name__ == "__main__":
    sys.exit(main())
