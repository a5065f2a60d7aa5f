"""An API server that refuses: each of its answers in turn, and the rules that lead to it."""

import itertools
import json
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import ThreadingHTTPServer

import pytest

from experiments.fault_campaign.refusing import Refusing, rules


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
