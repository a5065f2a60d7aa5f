"""A broker that is shutting down, as clients see it: a proxy in front of a real one, which is otherwise not noticed.

A KRaft broker that is fenced already and still listens answers a Metadata request with topics and without any broker,
and closes its connections at about the same time (https://github.com/confluentinc/librdkafka/issues/5301).
"""

import socket
import struct
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_METADATA = 3
# From this version on the protocol's lengths are compact, and there are tagged fields (KIP-482).
_FLEXIBLE = 9


class Front:
    """Listens on `port` of the loopback and passes everything on to the port `behind`, until `close`."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self.port = int(self._server.getsockname()[1])
        self.behind = 0
        self.fencing = False
        threading.Thread(target=self._accept, name="front", daemon=True).start()

    @property
    def bootstrap_servers(self) -> str:
        """Its address."""
        return f"127.0.0.1:{self.port}"

    @contextmanager
    def fenced(self) -> Iterator[None]:
        """For the time of the block, clients lose their brokers.

        Whether one does is a race within librdkafka: its broker's thread has to see the connection closed before its
        main thread has taken the answer in. So of each connection the first request for metadata is answered truly: a
        client that has got over an answer without brokers learns them again, and is given the next.
        """
        self.fencing = True
        try:
            yield
        finally:
            self.fencing = False

    def hang_up(self) -> None:
        """Close all connections."""
        for client in list(self._open):
            _shut(client)

    def close(self) -> None:
        """Listen no more, and close what is open."""
        self._server.close()
        self.hang_up()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._pass, args=(client,), name="front-client", daemon=True).start()

    def _pass(self, client: socket.socket) -> None:
        self._open.add(client)
        with client, suppress(OSError), socket.create_connection(("127.0.0.1", self.behind)) as broker:
            asked: deque[tuple[int, int]] = deque()
            requests = threading.Thread(target=_requests, args=(client, broker, asked), name="front-requests")
            requests.start()
            try:
                self._answers(client, broker, asked)
            finally:
                _shut(client)
                _shut(broker)
                requests.join()
        self._open.discard(client)

    def _answers(self, client: socket.socket, broker: socket.socket, asked: "deque[tuple[int, int]]") -> None:
        knows = False
        for answer in _frames(broker):
            key, version = asked.popleft()
            if key == _METADATA and knows and self.fencing:
                _send(client, without_brokers(answer, version))
                self.hang_up()
                return
            knows = knows or key == _METADATA
            _send(client, answer)


def _requests(client: socket.socket, broker: socket.socket, asked: "deque[tuple[int, int]]") -> None:
    """Pass requests on, and note the key and the version of each: answers come in the same order."""
    with suppress(OSError):
        for request in _frames(client):
            asked.append(struct.unpack_from(">hh", request))
            _send(broker, request)
    _shut(broker)


def without_brokers(answer: bytes, version: int) -> bytes:
    """A Metadata answer (from its correlation id on) with the list of brokers empty, and the rest as it was."""
    if version < _FLEXIBLE:
        raise NotImplementedError(f"Metadata version {version}: only {_FLEXIBLE} and later are read here")
    tags, throttle = 1, 4
    at = begin = 4 + tags + throttle
    count, at = _varint(answer, at)
    for _ in range(count - 1):
        at = _after_text(answer, at + 4)  # the id, the host
        at = _after_text(answer, at + 4) + tags  # the port, the rack
    return answer[:begin] + b"\x01" + answer[at:]


def _after_text(data: bytes, at: int) -> int:
    """Behind a compact string; its length is one more, and 0 for none."""
    length, at = _varint(data, at)
    return at + max(length - 1, 0)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 0x80:
            return value, at


def _frames(connection: socket.socket) -> Iterator[bytes]:
    with connection.makefile("rb") as stream:
        while len(head := stream.read(4)) == 4:
            yield stream.read(struct.unpack(">i", head)[0])


def _send(connection: socket.socket, frame: bytes) -> None:
    connection.sendall(struct.pack(">i", len(frame)) + frame)


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
