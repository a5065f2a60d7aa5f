"""`python3 -m workloads.recorder`: the pen beside a sink."""

import logging
import signal
import sys
import threading
import time

from workloads.common import logs
from workloads.common.http import HttpError, HttpServer, Request, Response, Routes
from workloads.common.lease import EPOCHS
from workloads.common.logs import fields
from workloads.common.metrics import Families, exposition, registry
from workloads.recorder.recorder import PROBLEMS, Places, Recorder
from workloads.recorder.settings import RecorderSettings
from workloads.recorder.trail import Whose

logger = logging.getLogger("workloads.recorder")

ALIVE_SECONDS = 5.0
LAST_LOOK_SECONDS = 5.0


def routes(recorder: Recorder, settings: RecorderSettings) -> Routes:
    """What the recorder answers on the pod's network."""
    families = Families(color=settings.color, pod=settings.pod_name)
    source = registry(lambda: recorder.figures.families(families))

    def health(_: Request) -> Response:
        hangs = time.monotonic() - recorder.turned > ALIVE_SECONDS
        problem = recorder.problem or ("it hangs" if hangs else "")
        return Response({"problem": problem}, 503 if problem else 200)

    def mark(request: Request) -> Response:
        epoch = request.json_object().get("epoch")
        if type(epoch) is not int or not 0 <= epoch < EPOCHS:
            raise HttpError(400, f'the body must be {{"epoch": n}}, n an integer from 0 to {EPOCHS - 1}')
        try:
            return Response(recorder.mark(epoch))
        except PROBLEMS as error:
            raise HttpError(500, str(error)) from error

    def reached(request: Request) -> Response:
        since = request.query.get("since", "0")
        if request.query.keys() - {"since"} or not (since.isascii() and since.isdigit() and len(since) < 20):
            raise HttpError(400, "the query may hold since=n, n in nanoseconds, and nothing else")
        return Response(recorder.reached(int(since)))

    return {
        ("GET", "/healthz"): health,
        ("GET", "/readyz"): health,
        ("GET", "/metrics"): lambda _: exposition(source),
        ("GET", "/reached"): reached,
        ("POST", "/mark"): mark,
    }


def main() -> int:
    """0: a clean end. 1: it could not begin, or what it followed became what cannot be judged. 2: wrong settings."""
    settings = RecorderSettings.load_or_exit()
    logs.configure(pod=settings.pod_name, color=settings.color)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    whose = Whose(settings.color, settings.topic, settings.version)
    places = Places(settings.sink_dir, settings.sink_suffix, settings.records_dir)
    recorder = Recorder(places, whose, settings.poll_seconds)
    try:
        server = HttpServer(settings.http_host, settings.http_port, routes(recorder, settings))
    except OSError as error:
        logger.error("cannot begin", extra=fields(error=str(error)))
        return 1
    recorder.thread.start()
    server.start()
    logger.info("started", extra=fields(port=server.port, settings=settings.model_dump(mode="json")))
    stop.wait()
    recorder.stop(LAST_LOOK_SECONDS)
    return 1 if recorder.problem else 0


if __name__ == "__main__":
    sys.exit(main())
