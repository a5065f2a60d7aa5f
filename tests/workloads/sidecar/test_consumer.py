"""The sidecar's connection to its consumer."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.support.standin import StandIn
from workloads.common.http import HttpServer, Response
from workloads.common.states import State
from workloads.sidecar.consumer import Connection, NoAnswerError


@pytest.fixture
def consumer() -> Iterator[StandIn]:
    made = StandIn((0, 1))
    yield made
    made.hangs = False
    made.server.stop()


def test_status_and_commands(consumer: StandIn) -> None:
    connection = Connection(consumer.url)
    assert connection.status(1.0).state is State.PAUSED
    code, report = connection.call("POST", "/lifecycle/resume", {"epoch": 2, "deadline_ms": 1000}, 2.0)
    assert (code, report.state, report.epoch, report.partitions) == (200, State.ACTIVE, 2, (0, 1))
    code, report = connection.call("POST", "/lifecycle/resume", {"epoch": 1, "deadline_ms": 1000}, 2.0)
    assert (code, report.state, report.seen_epoch) == (409, State.ACTIVE, 2)
    assert report.boot_id == consumer.boot_id


def test_a_deadline_for_a_consumer_that_hangs(consumer: StandIn) -> None:
    connection = Connection(consumer.url)
    connection.status(1.0)
    consumer.hangs = True
    began = time.monotonic()
    with pytest.raises(NoAnswerError, match="timed out"):
        connection.status(0.2)
    assert time.monotonic() - began < 1.0
    consumer.hangs = False
    assert connection.status(1.0).state is State.PAUSED, (
        "the late answer of the first call is not taken for the second's"
    )


def test_nobody_listens() -> None:
    with pytest.raises(NoAnswerError, match="refused"):
        Connection("http://127.0.0.1:1").status(1.0)


def test_a_connection_that_the_consumer_closed_is_replaced(consumer: StandIn) -> None:
    connection = Connection(consumer.url)
    connection.status(1.0)
    assert connection._http is not None
    connection._http.sock.shutdown(socket.SHUT_WR)  # the server answers by closing
    time.sleep(0.1)
    assert connection.status(1.0).state is State.PAUSED


def test_a_call_in_progress_is_abandoned_at_once(consumer: StandIn) -> None:
    consumer.joins = False
    connection = Connection(consumer.url)
    connection.status(1.0)
    failures: list[NoAnswerError] = []

    def resume() -> None:
        try:
            connection.call("POST", "/lifecycle/resume", {"epoch": 2, "deadline_ms": 5000}, 6.0)
        except NoAnswerError as error:
            failures.append(error)

    thread = threading.Thread(target=resume)
    thread.start()
    time.sleep(0.2)
    assert thread.is_alive()
    began = time.monotonic()
    connection.abandon()
    thread.join(2)
    assert time.monotonic() - began < 0.5
    assert failures
    connection.renew()
    assert connection.status(1.0).state is State.PAUSED


def test_a_call_that_was_abandoned_before_it_began_is_not_sent(consumer: StandIn) -> None:
    connection = Connection(consumer.url)
    connection.abandon()
    with pytest.raises(NoAnswerError, match="abandoned"):
        connection.call("POST", "/lifecycle/resume", {"epoch": 2, "deadline_ms": 1000}, 1.0)
    assert consumer.lifecycle.seen_epoch == 0


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"state":"SLEEPING","epoch":1,"seen_epoch":1,"boot_id":"b","partitions":[]}', b"<html>"],
)
def test_an_answer_that_is_none(body: bytes) -> None:
    server = HttpServer("127.0.0.1", 0, {("GET", "/lifecycle/status"): lambda _: Response(body)})
    server.start()
    with pytest.raises(NoAnswerError, match="/lifecycle/status"):
        Connection(f"http://127.0.0.1:{server.port}").status(1.0)
    server.stop()
