"""The subject with the lifecycle API, over real connections."""

import contextlib
import os
import select
import socket
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.support.standin import StandIn
from tests.support.waiting import until
from workloads.common.http import HttpServer, Request, Response
from workloads.common.states import State
from workloads.sidecar.consumer import LifecycleApi
from workloads.sidecar.subject import Answer, NoAnswerError, Result, Subject


@pytest.fixture
def consumer() -> Iterator[StandIn]:
    made = StandIn((0, 1))
    yield made
    made.hangs = False
    made.server.stop()


def test_status_and_commands(consumer: StandIn) -> None:
    connection = LifecycleApi(consumer.url)
    assert connection.status(1.0).state is State.PAUSED
    done = connection.resume(2, 1.0)
    assert (done.result, done.said) == (Result.DONE, "200")
    assert (done.report.state, done.report.epoch, done.report.partitions) == (State.ACTIVE, 2, (0, 1))
    stale = connection.resume(1, 1.0)
    assert (stale.result, stale.said, stale.report.state, stale.report.seen_epoch) == (
        Result.STALE,
        "409",
        State.ACTIVE,
        2,
    )
    assert stale.report.boot_id == consumer.boot_id
    consumer.commit_ok = False
    paused = connection.pause(3, 1.0)
    assert (paused.result, paused.report.state, paused.report.committed) == (Result.DONE, State.PAUSED, False)


def test_a_pause_to_leave_is_told_so_and_says_when_it_has_left(consumer: StandIn) -> None:
    connection = LifecycleApi(consumer.url)
    assert connection.resume(2, 1.0).report.member_id == consumer.boot_id
    paused = connection.pause(3, 1.0)
    assert (paused.result, paused.report.left) == (Result.DONE, False)
    consumer.closes = False
    late = connection.pause(5, 0.1, leave=True)
    assert (late.result, late.report.state, late.report.epoch, late.report.left) == (
        Result.NOT_YET,
        State.PAUSED,
        5,
        False,
    )
    consumer.closes = True
    done = connection.pause(7, 1.0, leave=True)
    assert (done.result, done.report.left, done.report.member_id) == (Result.DONE, True, "")


def _same(said: Response, _: Request) -> Response:
    return said


def test_an_obstacle_is_told() -> None:
    body = b'{"state":"PAUSED","epoch":1,"seen_epoch":1,"boot_id":"b","partitions":[]%b}'
    for more, obstacle in (
        (b"", ""),
        (b',"obstacle":null', ""),
        (b',"obstacle":"OffsetOutOfRange: x"', "OffsetOutOfRange: x"),
    ):
        said = Response(body % more)
        server = HttpServer("127.0.0.1", 0, {("GET", "/lifecycle/status"): partial(_same, said)})
        server.start()
        assert LifecycleApi(f"http://127.0.0.1:{server.port}").status(1.0).obstacle == obstacle
        server.stop()


def test_what_is_not_true_when_the_deadline_passes(consumer: StandIn) -> None:
    consumer.joins = False
    late = LifecycleApi(consumer.url).resume(2, 0.1)
    assert (late.result, late.said, late.report.state) == (Result.NOT_YET, "503", State.PAUSED)


def test_an_answer_that_the_protocol_does_not_know_is_a_refusal() -> None:
    body = b'{"state":"PAUSED","epoch":1,"seen_epoch":1,"boot_id":"b","partitions":[]}'
    server = HttpServer("127.0.0.1", 0, {("POST", "/lifecycle/pause"): lambda _: Response(body, 418)})
    server.start()
    subject: Subject = LifecycleApi(f"http://127.0.0.1:{server.port}")
    answer: Answer = subject.pause(1, 1.0)
    assert (answer.result, answer.said) == (Result.REFUSED, "418")
    server.stop()


def test_a_deadline_for_a_consumer_that_hangs(consumer: StandIn) -> None:
    connection = LifecycleApi(consumer.url)
    connection.status(1.0)
    consumer.hangs = True
    with pytest.raises(NoAnswerError, match="timed out"):
        connection.status(0.2)
    consumer.hangs = False
    assert connection.status(1.0).state is State.PAUSED, (
        "the late answer of the first call is not taken for the second's"
    )


def test_nobody_listens() -> None:
    with pytest.raises(NoAnswerError, match="refused"):
        LifecycleApi("http://127.0.0.1:1").status(1.0)


def test_a_connection_that_the_consumer_closed_is_replaced(consumer: StandIn) -> None:
    connection = LifecycleApi(consumer.url)
    connection.status(1.0)
    assert connection._http is not None
    connection._http.sock.shutdown(socket.SHUT_WR)  # the server answers by closing
    sock = connection._http.sock
    until("the client's side sees the end", lambda: select.select([sock], [], [], 0)[0])
    assert connection.status(1.0).state is State.PAUSED


def test_a_process_with_many_open_files_is_served_as_well(consumer: StandIn) -> None:
    with contextlib.ExitStack() as files:
        for _ in range(1100):  # select(2) can tell of the first 1,024 only
            files.callback(os.close, os.dup(0))
        connection = LifecycleApi(consumer.url)
        assert [connection.status(1.0).state, connection.status(1.0).state] == [State.PAUSED, State.PAUSED]
        connection.close()


def test_a_call_in_progress_is_abandoned_at_once(consumer: StandIn) -> None:
    consumer.joins = False
    connection = LifecycleApi(consumer.url)
    connection.status(1.0)
    failures: list[NoAnswerError] = []

    def resume() -> None:
        try:
            connection.resume(2, 60.0)
        except NoAnswerError as error:
            failures.append(error)

    thread = threading.Thread(target=resume)
    thread.start()
    until("the call is under way", lambda: consumer.lifecycle.wanted)
    connection.abandon()
    until("the call is over, long before its deadline", lambda: failures)
    connection.renew()
    assert connection.status(1.0).state is State.PAUSED


def test_a_call_that_was_abandoned_before_it_began_is_not_sent(consumer: StandIn) -> None:
    connection = LifecycleApi(consumer.url)
    connection.abandon()
    with pytest.raises(NoAnswerError, match="abandoned"):
        connection.resume(2, 1.0)
    assert consumer.lifecycle.seen_epoch == 0


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"state":"SLEEPING","epoch":1,"seen_epoch":1,"boot_id":"b","partitions":[]}', b"<html>"],
)
def test_an_answer_that_is_none(body: bytes) -> None:
    server = HttpServer("127.0.0.1", 0, {("GET", "/lifecycle/status"): lambda _: Response(body)})
    server.start()
    with pytest.raises(NoAnswerError, match="/lifecycle/status"):
        LifecycleApi(f"http://127.0.0.1:{server.port}").status(1.0)
    server.stop()


@pytest.mark.parametrize("version", [2, "1", None, True])
def test_an_application_of_another_contract_is_not_spoken_to(version: object) -> None:
    body = {"state": "ACTIVE", "epoch": 7, "seen_epoch": 7, "boot_id": "b", "partitions": [0], "contract": version}
    server = HttpServer("127.0.0.1", 0, {("GET", "/lifecycle/status"): partial(_same, Response(body))})
    server.start()
    said = LifecycleApi(f"http://127.0.0.1:{server.port}").status(1.0)
    assert (said.state, said.epoch, said.boot_id) == (None, 0, "b")
    assert "version 1" in said.obstacle


def test_every_call_says_which_contract_is_spoken() -> None:
    heard: list[str | None] = []

    class Application(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.headers["Lifecycle-Contract"])
            body = b'{"state":"PAUSED","epoch":1,"seen_epoch":1,"boot_id":"b","partitions":[]}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Application) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        assert LifecycleApi(f"http://127.0.0.1:{server.server_port}").status(5.0).state is State.PAUSED
    assert heard == ["1"]
