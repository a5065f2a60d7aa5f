"""What a connection has still to send is dropped when it is closed; others' connections are left as they are."""

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from workloads.consumer import sockets
from workloads.consumer.sockets import hush

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A client, which sends until nobody takes any more, and its server, which has read nothing yet."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        client = socket.create_connection(listening.getsockname())
        server, _ = listening.accept()
    with closing(client), closing(server):
        yield client, server


def port_of(pair: Pair) -> int:
    port = pair[1].getsockname()[1]
    assert isinstance(port, int)
    return port


def fill(client: socket.socket) -> int:
    sent = 0
    client.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            sent += client.send(b"x" * 65536)
    return sent


def read(server: socket.socket) -> tuple[int, bool]:
    """How much comes, and whether it ends by a reset."""
    got = 0
    server.settimeout(30)
    try:
        while part := server.recv(65536):
            got += len(part)
    except ConnectionResetError:
        return got, True
    return got, False


def test_what_nobody_has_taken_is_sent_after_a_close(pair: Pair) -> None:
    """What it is about: the kernel's own way."""
    client, server = pair
    sent = fill(client)
    client.close()
    assert read(server) == (sent, False)


def test_of_one_that_is_hushed_it_is_dropped(pair: Pair) -> None:
    client, server = pair
    sent = fill(client)
    assert hush({port_of(pair)}) == 1
    client.close()
    got, reset = read(server)
    assert reset
    assert got < sent


def linger(one: socket.socket) -> tuple[int, int]:
    onoff, seconds = struct.unpack("ii", one.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8))
    return onoff, seconds


def test_only_connections_to_those_ports_are(pair: Pair) -> None:
    client, server = pair
    assert hush({port_of(pair) + 1}) == 0
    assert hush({port_of(pair)}) == 1
    assert (linger(client), linger(server)) == ((1, 0), (0, 0))


def test_where_they_cannot_be_looked_for_a_close_goes_on(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "_OWN", Path("/nowhere"))
    assert hush({port_of(pair)}) == 0


def test_they_go_on_as_before_and_nothing_is_left_open(pair: Pair) -> None:
    client, server = pair
    reader, writer = os.pipe()
    before = len(list(Path("/proc/self/fd").iterdir()))
    hush({port_of(pair)})
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    client.sendall(b"hello")
    assert server.recv(5) == b"hello"
    assert client.getblocking()
    for end in (reader, writer):
        os.close(end)
