"""`python3 -m workloads.page`: shows one KafkaConsumerSwitch to whoever looks."""

import logging
import signal
import sys
import threading

from workloads.common import logs
from workloads.common.http import HttpServer
from workloads.common.kube import Access, AccessError, Kube, access
from workloads.common.logs import fields
from workloads.common.metrics import Families, registry
from workloads.common.probes import probes
from workloads.page.board import Board
from workloads.page.scraper import Scraper, Store
from workloads.page.settings import PageSettings
from workloads.page.site import routes
from workloads.page.watches import Watches

logger = logging.getLogger("workloads.page")


class Health:
    """Answers the probes, from any thread."""

    def __init__(self, board: Board, watches: Watches, scraper: Scraper) -> None:
        self._board = board
        self._watches = watches
        self._scraper = scraper

    def dead(self) -> list[str]:
        """What should run and does not; empty when all is well."""
        return [*self._watches.dead(), *([] if self._scraper.thread.is_alive() else [self._scraper.thread.name])]

    def ready(self) -> bool:
        """Whether everything has been read once; with an API server that is away it shows what it knows."""
        return self._board.complete


def main() -> int:
    """0: a clean end. 1: it could not begin. 2: wrong settings."""
    settings = PageSettings.load_or_exit()
    logs.configure(pod=settings.pod_name)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    namespace = settings.pod_namespace
    board = Board(namespace)
    try:
        how = Access(settings.kube_url) if settings.kube_url else access()
        watches = Watches(Kube(how, "kafka-bluegreen-page"), settings, board)
        metrics = Store(settings.metrics_url) if settings.metrics_url else None
        alerts = Store(settings.alerts_url) if settings.alerts_url else metrics
        scraper = Scraper(namespace, board, metrics, alerts)
        families = Families(pod=settings.pod_name)
        source = registry(lambda: [families.gauge("bg_page_viewers", "Who is being told", board.viewers)])
        page = routes(board, settings.max_viewers, settings.hosts)
        health = probes(Health(board, watches, scraper), source)
        server = HttpServer(settings.http_host, settings.http_port, {**page, **health})
    except (AccessError, OSError) as error:
        logger.error("cannot begin", extra=fields(error=str(error)))
        return 1
    watches.start()
    scraper.thread.start()
    server.start()
    logger.info("started", extra=fields(port=server.port, settings=settings.model_dump(mode="json")))
    stop.wait()
    server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
