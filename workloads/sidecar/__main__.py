"""`python3 -m workloads.sidecar`: the grant's ear and its subject's voice: in every consumer pod, or a connector's."""

import gc
import logging
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from workloads.common import logs
from workloads.common.http import Handler, HttpError, HttpServer, Request, Response, Routes
from workloads.common.kube import AccessError, Kube, access
from workloads.common.logs import fields
from workloads.common.metrics import Families, Scrape, exposition, registry
from workloads.common.records import RecordLogError
from workloads.common.states import State
from workloads.sidecar.announcer import Announcer
from workloads.sidecar.connect.agent import Agent, AgentWay
from workloads.sidecar.connect.build import build
from workloads.sidecar.connect.control import SilentError
from workloads.sidecar.connect.metrics import families as lifecycle
from workloads.sidecar.consumer import LifecycleApi
from workloads.sidecar.settings import SidecarSettings
from workloads.sidecar.sidecar import Sidecar
from workloads.sidecar.subject import Subject

logger = logging.getLogger("workloads.sidecar")

LAST_REPORT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0
# Whoever asks for what was handled waits a second for it.
ACCOUNT_SECONDS = 0.8


def report_route(announcer: Announcer) -> Handler:
    """`GET /report?after=<version>&wait=<seconds>`: the first report of another version, or, late, the same. `aside=1`:
    for who only looks on.
    """

    def report(request: Request) -> Response:
        try:
            seconds = float(request.query.get("wait", "0"))
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds <= LONGEST_WAIT_SECONDS:
            raise HttpError(400, f"wait must be a number of seconds from 0 to {LONGEST_WAIT_SECONDS:g}")
        after = request.query.get("after", "")
        return Response(announcer.answer(after, seconds, aside="aside" in request.query))

    return report


def progress_route(agent: Agent) -> Handler:
    """`GET /progress`: what the connector has handled, as an application of our own tells it of itself."""

    def progress(_: Request) -> Response:
        try:
            return Response(agent.progress(ACCOUNT_SECONDS))
        except SilentError as error:
            raise HttpError(503, str(error)) from error

    return progress


def routes(sidecar: Sidecar, settings: SidecarSettings, agent: Agent | None = None) -> Routes:
    """What the sidecar answers on the pod's network. agent: its connector's, if its subject is one."""
    families = Families(color=settings.color, pod=settings.pod_name)
    source = registry(lambda: sidecar.metrics(families))
    if settings.connect is not None:
        agents = Families(color=settings.color, strategy=settings.strategy, pod=settings.pod_name)
        source.register(
            Scrape(lambda: lifecycle(agents, sidecar.mover.view.consumer, settings.version, settings.image))
        )

    def health(_: Request) -> Response:
        dead = sidecar.dead()
        return Response({"dead": dead}, 503 if dead else 200)

    def ready(_: Request) -> Response:
        subject = sidecar.mover.view.consumer
        if subject is None or subject.state is None:
            return Response({"waiting_for": "its subject's answer"}, 503)
        # What stands still and could not start has told all there is to tell: a switch to it is refused, and says why.
        waiting_for = subject.obstacle if subject.state is State.DRAINING else ""
        return Response({"waiting_for": waiting_for}, 503 if waiting_for else 200)

    return {
        **({("GET", "/progress"): progress_route(agent)} if agent is not None else {}),
        ("GET", "/healthz"): health,
        ("GET", "/readyz"): ready,
        ("GET", "/metrics"): lambda _: exposition(source),
        ("GET", "/report"): report_route(sidecar.announcer),
    }


def made_agent(settings: SidecarSettings, kube: Kube) -> Agent | None:
    """The agent of the connector that the settings name; None where they name an application."""
    if settings.connect is None:
        return None
    return build(
        settings.connect,
        kube,
        namespace=settings.pod_namespace,
        color=settings.color,
        pod=settings.pod_name,
        version=settings.version,
        image=settings.image,
    )


def subject(settings: SidecarSettings, agent: Agent | None) -> Callable[[], Subject]:
    """Makes ways to a connector, by its agent, or to an application with the lifecycle API."""
    return (lambda: LifecycleApi(settings.lifecycle_url)) if agent is None else (lambda: AgentWay(agent))


def main() -> int:
    """0: a clean end. 1: it could not begin. 2: wrong settings."""
    settings = SidecarSettings.load_or_exit()
    common: dict[str, Any] = {"pod": settings.pod_name, "color": settings.color}
    logs.configure(**common | ({"version": settings.version} if settings.version else {}))
    sys.setswitchinterval(0.0005)  # a thread in the hand-off must not wait 5 ms for one that only logs
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        kube = Kube(access(), "kafka-bluegreen-sidecar")
        agent = made_agent(settings, kube)
        sidecar = Sidecar(settings, kube, subject(settings, agent))
        server = HttpServer(settings.http_host, settings.http_port, routes(sidecar, settings, agent))
    except (AccessError, RecordLogError, OSError) as error:
        logger.error("cannot begin", extra=fields(error=str(error)))
        return 1
    gc.collect()
    gc.freeze()
    sidecar.start()
    server.start()
    logger.info("started", extra=fields(port=server.port, settings=settings.model_dump(mode="json")))
    stop.wait()
    logger.info("stopping")
    sidecar.stop(LAST_REPORT_SECONDS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
