"""A real browser: Debian's chromium, driven by playwright. `make browser` installs both.

Where one of them is not there, each test is skipped by a message that says which, and what installs it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from experiments.screenshots.browser import launched, missing
from tests.support.fake_kube import FakeApi
from tests.support.page_world import NAMESPACE, Store, World
from workloads.common.http import HttpServer
from workloads.common.kube import Access, Kube
from workloads.page import scraper
from workloads.page.board import Board
from workloads.page.settings import PageSettings
from workloads.page.site import routes
from workloads.page.watches import Watches

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_TIMEOUT_MS = 20_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    why = missing()
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.xdist_group("browser"))
            item.add_marker(pytest.mark.browser)
            if why:
                item.add_marker(pytest.mark.skip(reason=f"needs a browser; {why}"))


@pytest.fixture(scope="module")  # playwright's event loop runs for as long, and lets no other begin in this thread
def chromium() -> "Iterator[Browser]":
    with launched() as browser:
        yield browser


class Site:
    """A page that is served on a stand-in API server and a stand-in store; `stop` and `start` as its pod's."""

    def __init__(self, partitions: int = 12) -> None:
        self.api, self.store = FakeApi(), Store(partitions)
        self.world = World(self.api, partitions)
        self.board = Board(NAMESPACE)
        metrics = scraper.Store(self.store.url)
        watches = Watches(Kube(Access(self.api.url), "test"), PageSettings(pod_namespace=NAMESPACE), self.board)
        watches.start()
        self._scraper = scraper.Scraper(NAMESPACE, self.board, metrics, metrics)
        self._scraper.thread.start()
        self.port = 0
        self.start()

    def start(self) -> None:
        self._server = HttpServer("127.0.0.1", self.port, routes(self.board, 4))
        self.port = self._server.port
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def close(self) -> None:
        self.stop()
        self.store.close()
        self.api.close()


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


@pytest.fixture
def page(chromium: "Browser", site: Site) -> "Iterator[Page]":
    """The page, opened; an error of its script, or a refusal by its policy, fails the test."""
    yield from opened(chromium, site)


def opened(chromium: "Browser", site: Site, **options: Any) -> "Iterator[Page]":
    context = chromium.new_context(**options)
    context.set_default_timeout(_TIMEOUT_MS)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
    page.goto(f"http://127.0.0.1:{site.port}/")
    yield page
    context.close()
    assert wrong == []
