"""The page's answers, over real sockets, from a stand-in API server to a viewer."""

import http.client
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.fake_kube import FakeApi
from tests.support.loopback import Scripted
from tests.support.page_world import LEASE, NAMESPACE, SWITCH, World
from tests.support.waiting import until
from tests.workloads.page.conftest import Served
from workloads.common.kube import Access, Kube
from workloads.common.report import Report, to_answer
from workloads.common.states import Color, State
from workloads.page import site
from workloads.page.board import Board
from workloads.page.settings import PageSettings
from workloads.page.watches import Watches

STATIC = Path(site.__file__).with_name("static")


class Viewer:
    """One who listens to /events."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        self.connection.request("GET", "/events")
        self.answer = self.connection.getresponse()
        self.rest = b""

    def events(self) -> Iterator[tuple[str, Any]]:
        while chunk := self.answer.read1():
            *blocks, self.rest = (self.rest + chunk).split(b"\n\n")
            for block in blocks:
                fields = dict(line.split(": ", 1) for line in block.decode().split("\n"))
                if "event" in fields:
                    yield fields["event"], json.loads(fields["data"])

    def states(self) -> Iterator[Any]:
        return (said for event, said in self.events() if event == "state")

    def close(self) -> None:
        self.answer.close()
        self.connection.close()


@pytest.fixture
def viewer(served: Served) -> Iterator[Viewer]:
    made = Viewer(served.port)
    yield made
    made.close()


def test_a_viewer_is_told_each_step_of_a_switch_in_its_order(served: Served, viewer: Viewer) -> None:
    """Of what the viewer hears after the Lease was written, the first word is the Lease's."""
    world, states = served.world, viewer.states()
    world.begin()
    next(s for s in states if s["switch"] and s["switch"]["active"] == "blue" and len(s["colors"][0]["pods"]) == 3)
    world.asks("green")
    world.withdrawn()
    told = next(s for s in states if s["switch"]["epoch"] == 3)
    assert (told["switch"]["active"], told["switch"]["phase"]) == ("", "Pausing")
    for ordinal in range(3):
        world.paused(ordinal)
    next(s for s in states if [p["state"] for p in s["colors"][0]["pods"]] == 3 * ["PAUSED"])
    world.granted(Color.GREEN)
    assert next(s for s in states if s["switch"]["epoch"] == 4)["switch"]["phase"] == "Resuming"
    for ordinal in range(3):
        world.active(ordinal)
    world.ended()
    done = next(s for s in states if not s["handoff"]["running"] and len(s["handoff"]["steps"]) == 9)
    whats = [step["what"] for step in done["handoff"]["steps"]]
    assert whats == ["withdrawn", *3 * ["paused"], "granted", *3 * ["active"], "ended"]


def test_what_does_not_change_is_told_again_so_that_silence_means_a_lost_connection(viewer: Viewer) -> None:
    states = viewer.states()
    next(states)
    assert next(states)["switch"] is None


def test_a_switch_that_is_gone_is_told_and_one_made_anew(served: Served, viewer: Viewer) -> None:
    states = viewer.states()
    served.world.begin()
    next(s for s in states if s["switch"])
    served.world.api.remove(SWITCH)
    served.world.api.remove(LEASE)
    assert next(s for s in states if s["switch"] is None)["read"] is True
    served.world.begin()
    assert next(s for s in states if s["switch"])["switch"]["wanted"] == "blue"


def test_an_api_server_that_is_away_is_told_with_what_was_last_known(
    api: FakeApi, served: Served, viewer: Viewer
) -> None:
    states = viewer.states()
    served.world.begin()
    next(s for s in states if s["switch"])
    api.failures = [503] * 100
    api.refuse_watches = 503
    api.break_watches()
    lost = next(s for s in states if s["lostSeconds"] is not None)
    assert lost["switch"]["wanted"] == "blue"
    api.failures, api.refuse_watches = [], 0
    assert next(s for s in states if s["lostSeconds"] is None)["switch"]["wanted"] == "blue"


def test_figures_are_told_once_and_those_that_are_kept_to_who_comes_later(served: Served, viewer: Viewer) -> None:
    def point(t: float) -> dict[str, Any]:
        return {"t": t, "lag": {}, "rate": {}, "produced": None, "partitions": {}}

    events = viewer.events()
    assert next(said for event, said in events if event == "figures") == []
    served.board.figures_are([point(1), point(2)])
    assert [p["t"] for p in next(said for event, said in events if event == "figures")] == [1, 2]
    served.board.figures_are([point(2), point(3)])
    assert [p["t"] for p in next(said for event, said in events if event == "figures")] == [3]
    later = Viewer(served.port)
    assert [p["t"] for p in next(said for event, said in later.events() if event == "figures")] == [1, 2, 3]
    later.close()


def test_more_viewers_than_are_allowed_are_refused_and_who_leaves_makes_room(served: Served, viewer: Viewer) -> None:
    second = Viewer(served.port)
    third = Viewer(served.port)
    assert (second.answer.status, third.answer.status) == (200, 503)
    assert "max_viewers" in third.answer.read().decode()
    second.close()
    until("the second viewer's place to be free", lambda: served.board.viewers == 1, 20)
    again = Viewer(served.port)
    assert again.answer.status == 200
    again.close()


def test_asking_for_the_head_takes_nobodys_place(served: Served) -> None:
    for _ in range(3):
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=5)
        connection.request("HEAD", "/events")
        assert connection.getresponse().status == 200
        connection.close()
    assert served.board.viewers == 0


def test_the_state_can_be_asked_for_once(served: Served) -> None:
    served.world.begin()
    until("the switch to be read", lambda: served.board.complete and b"bluegreen" in served.board.told().state, 10)
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=5)
    connection.request("GET", "/state")
    found = json.loads(connection.getresponse().read())
    assert found["state"]["switch"]["topic"] == "bluegreen"
    assert found["figures"] == []
    connection.close()


@pytest.mark.parametrize("path", ["/", "/page.css", "/page.js"])
def test_every_file_bears_a_policy_that_allows_nothing_of_another_origin(served: Served, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=5)
    connection.request("GET", path)
    answer = connection.getresponse()
    policy = answer.headers["Content-Security-Policy"]
    assert answer.status == 200
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"https?:", policy)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    connection.close()


def test_the_page_writes_no_markup_from_what_it_is_told_and_names_no_other_origin() -> None:
    text = "".join(path.read_text() for path in STATIC.iterdir())
    for danger in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert danger not in text
    assert set(re.findall(r"https?://[^\"' )]+", text)) <= {"http://www.w3.org/2000/svg"}


def test_the_page_only_reads(api: FakeApi, served: Served, viewer: Viewer) -> None:
    served.world.begin()
    next(s for s in viewer.states() if s["switch"])
    assert {method for method, *_ in api.requests} == {"GET"}


def test_members_are_heard_directly_before_their_record_is_written(api: FakeApi) -> None:
    """As in a hand-off: a sidecar that was heard by the controller writes its record half a second later."""
    sidecar, board = Scripted(), Board(NAMESPACE)
    try:
        paused = to_answer(Report("boot", State.PAUSED, 3, 3, at=time.time_ns() + 10**12))
        sidecar.answers["GET", "/consumer-blue-0/report"] = (200, {"uid": "blue-0", "version": "v", "report": paused})
        settings = PageSettings(pod_namespace=NAMESPACE, report_url=f"{sidecar.url}/{{pod}}")
        Watches(Kube(Access(api.url), "test"), settings, board).start()
        World(api).begin()

        def states() -> list[str]:
            colors = json.loads(board.told().state)["colors"]
            return [pod["state"] for color in colors for pod in color["pods"]]

        said = ["PAUSED", *2 * ["ACTIVE"], *3 * ["PAUSED"]]
        until("what the first member says to be shown", lambda: states() == said)
        assert {query["aside"][0] for _, path, query, _ in sidecar.requests if path.endswith("/report")} == {"1"}
    finally:
        sidecar.close()
