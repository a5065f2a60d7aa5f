"""The page's own parts on a stand-in API server, without a browser."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.fake_kube import FakeApi
from tests.support.page_world import NAMESPACE, World
from workloads.common.http import HttpServer
from workloads.common.kube import Access, Kube
from workloads.page.board import Board
from workloads.page.settings import PageSettings
from workloads.page.site import routes
from workloads.page.watches import Watches


@dataclass
class Served:
    """A page that is served, and the world that it shows."""

    world: World
    board: Board
    watches: Watches
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def served(api: FakeApi) -> Iterator[Served]:
    board = Board(NAMESPACE)
    watches = Watches(Kube(Access(api.url), "test"), PageSettings(pod_namespace=NAMESPACE), board)
    server = HttpServer("127.0.0.1", 0, routes(board, 2))
    watches.start()
    server.start()
    yield Served(World(api), board, watches, server.port)
    server.stop()
