"""A member's direct report: the sidecar that answers, and the controller that listens, over real connections."""

import threading
import time
from collections.abc import Iterator

import pytest
import urllib3

from tests.support.broker import free_ports
from tests.support.waiting import until
from workloads.common.http import HttpServer
from workloads.common.report import Report
from workloads.common.states import State
from workloads.controller.listen import Listening
from workloads.sidecar.__main__ import report_route
from workloads.sidecar.listeners import Listeners

PAUSED = Report("b1", State.PAUSED, 3, 3, committed=False, partitions=(), at=7)
ACTIVE = Report("b1", State.ACTIVE, 4, 4, partitions=(0, 5), at=8)

Heard = list[tuple[str, Report | None]]


@pytest.fixture
def listeners() -> Listeners:
    return Listeners("uid-1")


@pytest.fixture
def server(listeners: Listeners) -> Iterator[HttpServer]:
    made = HttpServer("127.0.0.1", 0, {("GET", "/report"): report_route(listeners)})
    made.start()
    yield made
    made.stop()


def test_the_present_report_is_answered_at_once_and_the_next_when_it_comes(listeners: Listeners) -> None:
    listeners.tell(PAUSED)
    first = listeners.answer("", 5)
    assert (first["uid"], first["report"]["state"], first["report"]["committed"]) == ("uid-1", "PAUSED", False)
    threading.Timer(0.1, listeners.tell, [ACTIVE]).start()
    began = time.monotonic()
    second = listeners.answer(first["version"], 5)
    assert second["report"]["partitions"] == [0, 5]
    assert 0.05 < time.monotonic() - began < 3


def test_what_does_not_change_is_answered_when_the_time_is_over(listeners: Listeners) -> None:
    listeners.tell(PAUSED)
    first = listeners.answer("", 5)
    listeners.tell(PAUSED)
    assert listeners.answer(first["version"], 0.05) == first


def test_another_process_has_another_version(listeners: Listeners) -> None:
    assert Listeners("uid-1").answer("", 0)["version"] != listeners.answer("", 0)["version"]


def test_a_report_is_heard_only_if_somebody_was_waiting_when_it_came(listeners: Listeners) -> None:
    assert not listeners.tell(PAUSED)
    version = listeners.answer("", 0)["version"]
    assert not listeners.tell(PAUSED), "who comes later has not been waiting for it"
    thread = threading.Thread(target=listeners.answer, args=(version, 5))
    thread.start()
    until("somebody waits", lambda: listeners._waiting)
    assert listeners.tell(ACTIVE)
    thread.join(5)
    assert listeners.tell(ACTIVE), "it was heard once"
    assert not listeners.tell(PAUSED)


@pytest.mark.parametrize("wait", ["-1", "61", "soon", "nan"])
def test_a_wait_that_is_no_number_of_seconds_is_refused(server: HttpServer, wait: str) -> None:
    answer = urllib3.request("GET", f"http://127.0.0.1:{server.port}/report?wait={wait}", retries=False)
    assert answer.status == 400
    assert "wait" in answer.json()["error"]


def test_the_controller_hears_every_change(listeners: Listeners, server: HttpServer) -> None:
    heard: Heard = []
    listening = Listening(server.port, lambda uid, report: heard.append((uid, report)))
    listening.follow({"uid-1": "127.0.0.1", "uid-2": ""})
    listeners.tell(PAUSED)
    until("PAUSED is heard", lambda: ("uid-1", PAUSED) in heard)
    assert heard[-1][1] is not None
    assert heard[-1][1].at == PAUSED.at
    until("it waits again", lambda: listeners._waiting)
    assert listeners.tell(ACTIVE)
    until("ACTIVE is heard", lambda: heard[-1] == ("uid-1", ACTIVE))
    listening.follow({})
    listeners.tell(PAUSED)
    until("nobody waits", lambda: not listeners._waiting)
    assert heard[-1] == ("uid-1", ACTIVE), "who is not followed any more is not heard"


def test_a_sidecar_that_does_not_answer_is_not_heard_and_found_when_it_does(listeners: Listeners) -> None:
    (port,) = free_ports(1)
    heard: Heard = []
    listeners.tell(PAUSED)
    listening = Listening(port, lambda uid, report: heard.append((uid, report)))
    listening.follow({"uid-1": "127.0.0.1"})
    until("nobody answers yet", lambda: heard and heard[-1] == ("uid-1", None))
    server = HttpServer("127.0.0.1", port, {("GET", "/report"): report_route(listeners)})
    server.start()
    until("it is heard", lambda: heard[-1] == ("uid-1", PAUSED))
    listening.follow({})
    server.stop()


def test_another_pod_at_the_same_address_is_not_believed(server: HttpServer, listeners: Listeners) -> None:
    heard: Heard = []
    listeners.tell(PAUSED)
    listening = Listening(server.port, lambda uid, report: heard.append((uid, report)))
    listening.follow({"uid-of-another-pod": "127.0.0.1"})
    until("it asked", lambda: heard)
    assert {report for _, report in heard} == {None}
    listening.follow({})
