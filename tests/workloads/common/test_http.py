"""The HTTP server, over real sockets."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from workloads.common.http import MAX_BODY_BYTES, HttpError, HttpServer, Request, Response


def boom(_: Request) -> Response:
    raise RuntimeError("boom")


def refuse(_: Request) -> Response:
    raise HttpError(409, "stale", epoch=7)


@pytest.fixture
def server() -> Iterator[HttpServer]:
    made = HttpServer(
        "127.0.0.1",
        0,
        {
            ("POST", "/echo"): lambda request: Response({"got": request.json_object(), "query": dict(request.query)}),
            ("GET", "/text"): lambda _: Response(b"plain", content_type="text/plain"),
            ("GET", "/boom"): boom,
            ("GET", "/refuse"): refuse,
        },
    )
    made.start()
    yield made
    made.stop()


@pytest.fixture
def connection(server: HttpServer) -> Iterator[http.client.HTTPConnection]:
    made = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    yield made
    made.close()


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
    connection.request(method, path, body)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_a_connection_is_kept_through_answers_and_errors(connection: http.client.HTTPConnection) -> None:
    connection.connect()
    first = connection.sock
    assert ask(connection, "POST", "/echo?wait=false", '{"a": 1}') == (200, b'{"got":{"a":1},"query":{"wait":"false"}}')
    assert ask(connection, "GET", "/text") == (200, b"plain")
    assert ask(connection, "HEAD", "/text") == (200, b"")
    assert ask(connection, "POST", "/echo", "{")[0] == 400
    assert ask(connection, "POST", "/echo", "[]")[0] == 400
    assert ask(connection, "POST", "/echo")[0] == 400
    status, body = ask(connection, "GET", "/nope")
    assert (status, json.loads(body)["error"]) == (404, "there is no /nope here")
    status, body = ask(connection, "GET", "/echo")
    assert (status, json.loads(body)["allow"]) == (405, ["POST"])
    assert ask(connection, "DELETE", "/text")[0] == 405
    status, body = ask(connection, "GET", "/boom")
    assert (status, "boom" in json.loads(body)["error"]) == (500, True)
    assert ask(connection, "GET", "/refuse") == (409, b'{"error":"stale","epoch":7}')
    assert connection.sock is first


def test_nagle_is_off(
    server: HttpServer, connection: http.client.HTTPConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_options: list[tuple[object, ...]] = []
    original = socket.socket.setsockopt

    def spy(self: socket.socket, *arguments: Any) -> None:
        original(self, *arguments)
        with suppress(OSError):  # not connected
            if server.port in (self.getsockname()[1], self.getpeername()[1]):  # not another test's
                set_options.append(arguments)

    monkeypatch.setattr(socket.socket, "setsockopt", spy)
    ask(connection, "GET", "/text")
    # One by the client, one by the server, which runs in this process.
    assert set_options.count((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)) == 2


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (f"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {MAX_BODY_BYTES + 1}\r\n\r\n", 413),
        (f"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {'9' * 5000}\r\n\r\n", 413),
        ("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        ("BREW /echo HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        ("nonsense\r\n\r\n", 400),
        ("GET /" + "x" * 70_000 + " HTTP/1.1\r\n\r\n", 414),
        ("GET /text HTTP/1.1\r\n" + "".join(f"h{i}: x\r\n" for i in range(200)) + "\r\n", 431),
    ],
)
def test_what_cannot_be_read_costs_the_connection(server: HttpServer, head: str, status: int) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as raw:
        raw.sendall(head.encode())
        raw.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := raw.recv(65536):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer[:200]
    assert "error" in json.loads(answer.rpartition(b"\r\n\r\n")[2])


def test_a_taken_port_is_named(server: HttpServer) -> None:
    with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{server.port}"):
        HttpServer("127.0.0.1", server.port, {})


class Chunks(Iterator[bytes]):
    """Three of them; then it waits to be closed, or breaks."""

    def __init__(self, *, breaks: bool = False) -> None:
        self.left = [b"one", b"two", b"three"]
        self.breaks = breaks
        self.closed = threading.Event()

    def __next__(self) -> bytes:
        if not self.left:
            if self.breaks:
                raise RuntimeError("boom")
            raise StopIteration
        return self.left.pop(0)

    def close(self) -> None:
        self.closed.set()


@pytest.mark.parametrize("breaks", [False, True])
def test_a_stream_is_sent_chunk_by_chunk_and_closed_and_one_that_breaks_has_no_end(breaks: bool) -> None:
    chunks = Chunks(breaks=breaks)
    made = Response(content_type="text/plain", headers={"X-Own": "yes"}, chunks=chunks)
    server = HttpServer("127.0.0.1", 0, {("GET", "/s"): lambda _: made})
    server.start()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    connection.request("GET", "/s")
    answer = connection.getresponse()
    assert (answer.headers["Content-Type"], answer.headers["X-Own"]) == ("text/plain", "yes")
    if breaks:
        with pytest.raises(http.client.IncompleteRead):
            answer.read()
    else:
        assert answer.read() == b"onetwothree"
    assert chunks.closed.wait(5), "its place is freed"
    connection.close()
    server.stop()


def test_a_stream_that_nobody_reads_is_closed() -> None:
    chunks = Chunks()
    chunks.left = [b"x" * 1_000_000] * 1000
    server = HttpServer("127.0.0.1", 0, {("GET", "/s"): lambda _: Response(content_type="text/plain", chunks=chunks)})
    server.start()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    connection.request("GET", "/s")
    connection.getresponse().close()
    connection.close()
    assert chunks.closed.wait(10)
    server.stop()
