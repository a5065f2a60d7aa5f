"""An API server that refuses, or is slow: each of its answers, and the rules that lead to it."""

import itertools
import json
import socket
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import ThreadingHTTPServer

import pytest

from experiments.fault_campaign.refusing import Refusing, rules, slow


@pytest.fixture
def port() -> Iterator[int]:
    Refusing.statuses = itertools.cycle([500, 429, 409])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def test_each_request_is_refused_by_the_next_status_as_the_api_server_does(port: int) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    seen = []
    for method, body in (("GET", None), ("PATCH", b'{"a": 1}'), ("PUT", b"{}"), ("POST", b"{}")):
        connection.request(method, "/api/v1/pods", body)
        answer = connection.getresponse()
        told = json.loads(answer.read())
        seen.append((answer.status, told["kind"], told["code"], told["reason"], answer.headers["Retry-After"]))
    assert seen == [
        (500, "Status", 500, "InternalError", None),
        (429, "Status", 429, "TooManyRequests", "1"),
        (409, "Status", 409, "Conflict", None),
        (500, "Status", 500, "InternalError", None),
    ]
    connection.close()


def test_new_connections_are_turned_and_old_ones_reset() -> None:
    assert [" ".join(rule) for rule in rules("10.78.0.1", 4711)] == [
        "nat OUTPUT -d 10.78.0.1/32 -p tcp -j REDIRECT --to-ports 4711",
        "filter OUTPUT -d 10.78.0.1/32 -p tcp -j REJECT --reject-with tcp-reset",
    ]


def test_a_slow_one_passes_on_at_once_and_answers_late() -> None:
    heard: list[tuple[bytes, float]] = []
    with socket.create_server(("127.0.0.1", 0)) as real:

        def serve() -> None:
            connection, _ = real.accept()
            with connection:
                heard.append((connection.recv(100), time.monotonic()))
                connection.sendall(b"answer")

        thread = threading.Thread(target=serve)
        thread.start()
        with socket.create_connection(("127.0.0.1", slow("127.0.0.1", real.getsockname()[1], 0.3)), 30) as near:
            near.sendall(b"question")
            assert near.recv(100) == b"answer"
            came = time.monotonic()
            assert near.recv(100) == b"", "it ends as the real one does"
        thread.join()
    ((text, at),) = heard
    assert text == b"question"
    assert came - at >= 0.3
