import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from tools.sandbox import relay

SECONDS = 10


@contextlib.contextmanager
def _listening(serve: Callable[[socket.socket], None]) -> Iterator[tuple[str, int]]:
    """A server for one connection after another; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()


@contextlib.contextmanager
def _relayed(target: tuple[str, int]) -> Iterator[tuple[str, int]]:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            relay.serve(listener, target)

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def _connected(address: tuple[str, int]) -> socket.socket:
    return socket.create_connection(address, timeout=SECONDS)


def _echo(connection: socket.socket) -> None:
    with connection:
        while data := connection.recv(65536):
            connection.sendall(data)


def _read_all(connection: socket.socket) -> bytes:
    data = bytearray()
    while part := connection.recv(1 << 20):
        data += part
    return bytes(data)


def test_both_directions_many_connections_at_once() -> None:
    with _listening(_echo) as target, _relayed(target) as address:
        connections = [_connected(address) for _ in range(40)]
        for number, connection in enumerate(connections):
            connection.sendall(f"hello {number}".encode())
        for number, connection in enumerate(connections):
            assert connection.recv(100) == f"hello {number}".encode()
            connection.close()


def test_large_transfer_arrives_whole() -> None:
    payload = bytes(range(256)) * 40_000
    with _listening(_echo) as target, _relayed(target) as address, _connected(address) as connection:

        def write() -> None:
            connection.sendall(payload)
            connection.shutdown(socket.SHUT_WR)

        writer = threading.Thread(target=write)
        writer.start()
        assert _read_all(connection) == payload
        writer.join()


def test_an_end_of_one_direction_leaves_the_other_open() -> None:
    def answer_after_the_end(connection: socket.socket) -> None:
        with connection:
            request = _read_all(connection)
            connection.sendall(b"got " + request)

    with _listening(answer_after_the_end) as target, _relayed(target) as address, _connected(address) as connection:
        connection.sendall(b"all")
        connection.shutdown(socket.SHUT_WR)
        assert _read_all(connection) == b"got all"


def test_the_servers_end_reaches_a_client_that_goes_on_waiting() -> None:
    with _listening(socket.socket.close) as target, _relayed(target) as address, _connected(address) as connection:
        assert connection.recv(1) == b""


def test_without_a_server_the_client_is_let_go_and_the_next_one_is_served() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        target = probe.getsockname()
    with _relayed(target) as address:
        with _connected(address) as connection, contextlib.suppress(ConnectionError):
            assert connection.recv(1) == b""
        with socket.create_server(target) as server, _connected(address) as connection:
            server.settimeout(SECONDS)
            accepted, _ = server.accept()
            accepted.sendall(b"here")
            assert connection.recv(4) == b"here"
            accepted.close()


@pytest.mark.parametrize("side", ["client", "server"])
def test_a_broken_connection_ends_on_the_other_side(side: str) -> None:
    """A reset, as of a process that was killed: the peer must not wait for ever."""
    taken: list[socket.socket] = []
    arrived = threading.Event()

    def keep(connection: socket.socket) -> None:
        taken.append(connection)
        arrived.set()

    with _listening(keep) as target, _relayed(target) as address:
        client = _connected(address)
        assert arrived.wait(SECONDS)
        broken, other = (client, taken[0]) if side == "client" else (taken[0], client)
        other.settimeout(SECONDS)
        broken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        broken.close()
        with contextlib.suppress(ConnectionError):
            assert other.recv(1) == b""
        other.close()
