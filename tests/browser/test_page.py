"""The switch page in a real browser: what is seen, by keyboard, on a phone, in the dark, and when something is away."""

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import Site, opened
from tests.support.page_world import LEASE, SWITCH, past
from workloads.common.lease import Grant
from workloads.common.states import Color, Outcome, State
from workloads.page.board import BoardState

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


def wait_for_text(page: "Page", where: str, text: str) -> None:
    page.locator(where).filter(has_text=text).first.wait_for(state="visible")


def fits(page: "Page") -> bool:
    """Whether nothing is wider than the window."""
    found: bool = page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    return found


def test_a_switch_is_seen_as_it_happens(page: "Page", site: Site) -> None:
    site.world.begin(history=[past(1)])
    wait_for_text(page, "#active", "blue is active")
    wait_for_text(page, ".color.blue", "registry.example/payments/consumer:1.4.0")
    site.world.asks("green")
    wait_for_text(page, "#stages [aria-current]", "preparing")
    site.world.withdrawn()
    wait_for_text(page, "#active", "nobody is active")
    wait_for_text(page, "#stages [aria-current]", "switching")
    for ordinal in range(3):
        site.world.paused(ordinal)
    wait_for_text(page, "#handoff .steps", "consumer-blue-2 is PAUSED")
    site.world.granted(Color.GREEN)
    wait_for_text(page, "#active", "green is taking over")
    for ordinal in range(3):
        site.world.active(ordinal)
    site.world.ended()
    wait_for_text(page, "#active", "green is active")
    wait_for_text(page, "#handoff .steps", "Switched")
    assert page.locator("#handoff .mark").count() == 9
    assert page.title() == "green - strategy-x"


def test_a_way_back_is_seen_and_how_it_ended(page: "Page", site: Site) -> None:
    site.world.begin()
    site.world.asks("green")
    site.world.withdrawn()
    site.world.granted(Color.GREEN)
    site.world.withdrawn()
    wait_for_text(page, "#stages [aria-current]", "rolling back")
    site.world.leased(Grant(Color.BLUE, 5, Color.BLUE, Color.BLUE, 2, Outcome.ROLLED_BACK))
    wait_for_text(page, "#handoff-what", "RolledBack")
    wait_for_text(page, "#active", "blue is active")


def test_figures_come_and_alerts(page: "Page", site: Site) -> None:
    site.world.begin()
    wait_for_text(page, "#flow figcaption", "blue 99.8")
    wait_for_text(page, ".color.blue", "99.8")
    wait_for_text(page, "#alerts", "No source of alerts is configured")
    assert page.locator("#flow path.line.blue").first.get_attribute("d") != ""
    labels = {"alertname": "DualActiveConsumers", "severity": "page"}
    alert = {"labels": labels, "state": "firing", "activeAt": "2026-11-28T10:00:00Z", "annotations": {}}
    site.store.groups = [{"rules": [{"type": "alerting", "alerts": [alert]}]}]
    wait_for_text(page, "#alerts", "DualActiveConsumers")


def test_nothing_is_there_then_it_is_then_it_is_gone(page: "Page", site: Site) -> None:
    wait_for_text(page, "#empty", "pulumi up -s strategy-x")
    assert not page.locator("#board").is_visible()
    site.world.begin()
    wait_for_text(page, "#active", "blue is active")
    assert not page.locator("#empty").is_visible()
    site.api.remove(SWITCH)
    site.api.remove(LEASE)
    wait_for_text(page, "#empty", "it is gone")
    assert not page.locator("#board").is_visible()


def test_a_lost_connection_is_said_and_mends_itself(page: "Page", site: Site) -> None:
    site.world.begin()
    wait_for_text(page, "#connection", "live")
    page.context.set_offline(True)
    page.evaluate("window.dispatchEvent(new Event('online'))")  # as after a nap: the old connection is of no use
    wait_for_text(page, "#connection", "connection lost")
    wait_for_text(page, "#notice", "last heard")
    assert page.locator("#active").inner_text().startswith("blue"), "what was heard last stays"
    site.world.member(Color.BLUE, 0, State.DRAINING, 2)
    page.context.set_offline(False)
    wait_for_text(page, "#connection", "live")
    wait_for_text(page, ".color.blue", "DRAINING")
    assert not page.locator("#notice").is_visible()


def test_a_server_that_says_nothing_more_is_taken_for_lost(
    page: "Page", site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connection stands, and nothing comes: the page does not wait for the network to notice."""
    site.world.begin()
    wait_for_text(page, "#connection", "live")
    told, silent = site.board.told, threading.Event()

    def nothing(*_: object) -> BoardState:
        silent.wait(60)
        return told()

    monkeypatch.setattr(site.board, "told", nothing)
    wait_for_text(page, "#connection", "connection lost")
    monkeypatch.setattr(site.board, "told", told)  # for who asks anew; the first one's answer waits on
    wait_for_text(page, "#connection", "live")
    silent.set()


def test_an_api_server_that_is_away_is_said(page: "Page", site: Site) -> None:
    site.world.begin()
    wait_for_text(page, "#connection", "live")
    site.api.failures = [503] * 200
    site.api.refuse_watches = 503
    site.api.break_watches()
    wait_for_text(page, "#connection", "the API server does not answer")
    wait_for_text(page, "#notice", "last read")
    site.api.failures, site.api.refuse_watches = [], 0
    wait_for_text(page, "#connection", "live")


def test_the_heat_map_is_read_by_keyboard(page: "Page", site: Site) -> None:
    site.world.begin()
    wait_for_text(page, "#heat-read", "largest now: partition 11, 37 records")
    page.locator("#heat-map").focus()
    page.keyboard.press("ArrowDown")
    wait_for_text(page, "#heat-read", "partition 0 of 12, now: 0 records, consumer-blue-0")
    page.keyboard.press("ArrowDown")
    wait_for_text(page, "#heat-read", "partition 1 of 12, now: 7 records, consumer-blue-1")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    wait_for_text(page, "#heat-read", "partition 0 of 12, 1 s ago: 0 records")
    page.keyboard.press("PageDown")
    page.keyboard.press("PageDown")
    wait_for_text(page, "#heat-read", "partition 11 of 12")
    page.keyboard.press("Escape")
    wait_for_text(page, "#heat-read", "largest now")


def test_the_keyboard_reaches_everything_that_can_be_used(page: "Page", site: Site) -> None:
    site.world.begin(history=[past(1)])
    wait_for_text(page, "#history", "Switched")
    reached = []
    for _ in range(4):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
    assert reached[:3] == ["skip", "heat-map", "history"]


def test_what_is_told_is_shown_as_text(page: "Page", site: Site) -> None:
    danger = "<img src=x onerror=alert(1)>"
    site.world.begin(history=[past(1, "Failed", reason=danger)])
    wait_for_text(page, "#history", danger)
    assert page.locator("img").count() == 0


@pytest.fixture
def wide_site() -> Iterator[Site]:
    made = Site(partitions=100)
    yield made
    made.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_hundred_partitions_on_a_phone(chromium: "Browser", wide_site: Site, scheme: str) -> None:
    for page in opened(chromium, wide_site, **PHONE, color_scheme=scheme):
        wide_site.world.begin(history=[past(n, reason="ResumeTimeout: " + "consumer-green-1 " * 9) for n in (3, 2, 1)])
        wait_for_text(page, "#heat-what", "100 partitions")
        wait_for_text(page, "#heat-read", "largest now")
        wait_for_text(page, "#history", "ResumeTimeout")
        assert fits(page)
        drawn = page.evaluate(
            "(() => { const c = document.getElementById('heat-map');"
            "const d = c.getContext('2d').getImageData(c.width - 4, 0, 1, c.height).data;"
            "const seen = new Set(); for (let i = 0; i < d.length; i += 4) seen.add(d.slice(i, i + 4).join());"
            "return seen.size; })()"
        )
        assert drawn > 20, "each partition has the colour of its lag"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_dark(chromium: "Browser", site: Site, scheme: str) -> None:
    """Each colour on its ground has a contrast of 4.5 (WCAG 2.2, 1.4.3)."""
    site.world.begin(history=[past(2, "RolledBack"), past(1)])
    for page in opened(chromium, site, color_scheme=scheme):
        wait_for_text(page, "#history", "RolledBack")
        assert page.evaluate(CONTRAST) == []


CONTRAST = """(() => {
  const rgb = (text) => (text.match(/[0-9.]+/g) || []).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => (v /= 255, v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const found = rgb(getComputedStyle(e).backgroundColor);
      if (found.length === 3 || found[3] === 1) return found;
    }
    return [255, 255, 255];
  };
  const bad = [];
  for (const e of document.querySelectorAll("main *, header *, footer *")) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) || !e.offsetParent) continue;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) bad.push(`${e.id || e.className || e.tagName}: ${e.textContent} ${contrast.toFixed(2)}`);
  }
  return bad;
})()"""
