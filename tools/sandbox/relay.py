"""Joins the host's loopback port to the API server inside the cluster's network namespace.

A socket belongs to the network namespace that it was made in. The listening one was made in the host's, before the
namespaces were entered, and so the connections accepted from it are the host's; the outgoing ones are made here,
inside.
No interface, address or route is needed for that (kind publishes its API server's port to the same effect).
"""

import contextlib
import socket
import threading

CHUNK = 256 * 1024
CONNECT_SECONDS = 5


def serve(listener: socket.socket, target: tuple[str, int]) -> None:
    """Relay every connection to ``target`` until the process ends."""
    listener.setblocking(True)
    while True:
        try:
            client, _ = listener.accept()
        except ConnectionError:
            continue  # the client gave up while it was waiting to be accepted
        threading.Thread(target=_relay, args=(client, target), daemon=True).start()


def _relay(client: socket.socket, target: tuple[str, int]) -> None:
    with client:
        try:
            server = socket.create_connection(target, timeout=CONNECT_SECONDS)
        except OSError:
            return  # the API server is not there: closing says so, and clients try again
        with server:
            server.settimeout(None)
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=_pump, args=(server, client), daemon=True)
            back.start()
            _pump(client, server)
            back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Copy one direction to its end, and pass the end on: the other direction may go on without it."""
    try:
        while data := source.recv(CHUNK):
            sink.sendall(data)
    except OSError:
        # A broken connection is over in both directions; waking the other pump ends it too.
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        return
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
