"""A member's direct report: the sidecar that answers, and the controller that listens, over real connections."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3

from tests.support.broker import free_ports
from tests.support.loopback import Scripted
from tests.support.waiting import until
from workloads.common.http import HttpServer
from workloads.common.listening import Listening, at_port
from workloads.common.report import Report, to_answer
from workloads.common.states import State
from workloads.sidecar.__main__ import report_route
from workloads.sidecar.announcer import Announcer

PAUSED = Report("b1", State.PAUSED, 3, 3, committed=False, partitions=(), at=7)
ACTIVE = Report("b1", State.ACTIVE, 4, 4, partitions=(0, 5), at=8)

Heard = list[tuple[str, Report | None]]


@pytest.fixture
def announcer() -> Announcer:
    return Announcer("uid-1")


@pytest.fixture
def server(announcer: Announcer) -> Iterator[HttpServer]:
    made = HttpServer("127.0.0.1", 0, {("GET", "/report"): report_route(announcer)})
    made.start()
    yield made
    made.stop()


def test_the_present_report_is_answered_at_once_and_the_next_when_it_comes(announcer: Announcer) -> None:
    announcer.tell(PAUSED)
    first = announcer.answer("", 5)
    assert (first["uid"], first["report"]["state"], first["report"]["committed"]) == ("uid-1", "PAUSED", False)
    answers: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: answers.append(announcer.answer(first["version"], 60)))
    thread.start()
    until("it waits", lambda: announcer._waiting)
    assert answers == []
    announcer.tell(ACTIVE)
    thread.join(15)
    assert [answer["report"]["partitions"] for answer in answers] == [[0, 5]]


def test_what_does_not_change_is_answered_when_the_time_is_over(announcer: Announcer) -> None:
    announcer.tell(PAUSED)
    first = announcer.answer("", 5)
    announcer.tell(PAUSED)
    assert announcer.answer(first["version"], 0.05) == first


def test_another_process_has_another_version(announcer: Announcer) -> None:
    assert Announcer("uid-1").answer("", 0)["version"] != announcer.answer("", 0)["version"]


def test_a_report_is_heard_only_if_somebody_was_waiting_when_it_came(announcer: Announcer) -> None:
    assert not announcer.tell(PAUSED)
    version = announcer.answer("", 0)["version"]
    assert not announcer.tell(PAUSED), "who comes later has not been waiting for it"
    thread = threading.Thread(target=announcer.answer, args=(version, 5))
    thread.start()
    until("somebody waits", lambda: announcer._waiting)
    assert announcer.tell(ACTIVE)
    thread.join(5)
    assert announcer.tell(ACTIVE), "it was heard once"
    assert not announcer.tell(PAUSED)


@pytest.mark.parametrize("wait", ["-1", "61", "soon", "nan"])
def test_a_wait_that_is_no_number_of_seconds_is_refused(server: HttpServer, wait: str) -> None:
    answer = urllib3.request("GET", f"http://127.0.0.1:{server.port}/report?wait={wait}", retries=False)
    assert answer.status == 400
    assert "wait" in answer.json()["error"]


def test_the_controller_hears_every_change(announcer: Announcer, server: HttpServer) -> None:
    heard: Heard = []
    listening = Listening(at_port(server.port), lambda uid, report: heard.append((uid, report)))
    listening.follow({"uid-1": "127.0.0.1", "uid-2": ""})
    announcer.tell(PAUSED)
    until("PAUSED is heard", lambda: ("uid-1", PAUSED) in heard)
    assert heard[-1][1] is not None
    assert heard[-1][1].at == PAUSED.at
    until("it waits again", lambda: announcer._waiting)
    assert announcer.tell(ACTIVE)
    until("ACTIVE is heard", lambda: heard[-1] == ("uid-1", ACTIVE))
    listening.follow({})
    announcer.tell(PAUSED)
    until("nobody waits", lambda: not announcer._waiting)
    assert heard[-1] == ("uid-1", ACTIVE), "who is not followed any more is not heard"


def test_a_sidecar_that_does_not_answer_is_not_heard_and_found_when_it_does(announcer: Announcer) -> None:
    (port,) = free_ports(1)
    heard: Heard = []
    announcer.tell(PAUSED)
    listening = Listening(at_port(port), lambda uid, report: heard.append((uid, report)))
    listening.follow({"uid-1": "127.0.0.1"})
    until("nobody answers yet", lambda: heard and heard[-1] == ("uid-1", None))
    server = HttpServer("127.0.0.1", port, {("GET", "/report"): report_route(announcer)})
    server.start()
    until("it is heard", lambda: heard[-1] == ("uid-1", PAUSED))
    listening.follow({})
    server.stop()


def test_another_pod_at_the_same_address_is_not_believed(server: HttpServer, announcer: Announcer) -> None:
    heard: Heard = []
    announcer.tell(PAUSED)
    listening = Listening(at_port(server.port), lambda uid, report: heard.append((uid, report)))
    listening.follow({"uid-of-another-pod": "127.0.0.1"})
    until("it asked", lambda: heard)
    assert {report for _, report in heard} == {None}
    listening.follow({})


def test_who_only_looks_on_hears_everything_and_takes_nobodys_record(announcer: Announcer, server: HttpServer) -> None:
    """The sidecar holds its record back for a moment when it was heard: a viewer must not have it do so."""
    heard: Heard = []
    listening = Listening(at_port(server.port), lambda uid, report: heard.append((uid, report)), aside=True)
    announcer.tell(PAUSED)
    listening.follow({"uid-1": "127.0.0.1"})
    until("PAUSED is heard", lambda: ("uid-1", PAUSED) in heard)
    assert not announcer.tell(ACTIVE), "it was heard by nobody who acts on it"
    until("ACTIVE is heard", lambda: heard[-1] == ("uid-1", ACTIVE))
    listening.follow({})


def test_a_sidecar_is_reached_below_any_address() -> None:
    assert at_port(8082)("10.0.0.7") == "http://10.0.0.7:8082"
    assert at_port(8082)("fd00::7") == "http://[fd00::7]:8082"
    found = Scripted()
    try:
        heard: Heard = []
        answer = {"uid": "uid-1", "version": "v-1", "report": to_answer(PAUSED)}
        found.answers["GET", "/proxy/consumer-blue-0/report"] = (200, answer)
        listening = Listening(lambda pod: f"{found.url}/proxy/{pod}", lambda uid, report: heard.append((uid, report)))
        listening.follow({"uid-1": "consumer-blue-0"})
        until("it is heard", lambda: ("uid-1", PAUSED) in heard)
        listening.follow({})
    finally:
        found.close()
