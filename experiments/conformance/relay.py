"""A TCP relay that can be cut and slowed: the application's way to the broker.

Python's standard library alone: in a pod, `hands.py` runs it.
"""

import contextlib
import select
import socket
import threading
import time

_CHUNK = 1 << 16


class Relay:
    """Listens on a port of the loopback, and passes on what comes, both ways. Safe for threads.

    Cut: connections are closed, and new ones refused as soon as they come. Slow: every chunk is passed on so much
    later.
    """

    def __init__(self, upstream: tuple[str, int], *, port: int = 0) -> None:
        """port: which one to listen on; any, if 0. Raises OSError when it is taken."""
        self._upstream = upstream
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._cut = False
        self._delay_seconds = 0.0
        threading.Thread(target=self._accept, name="relay", daemon=True).start()

    def cut(self) -> None:
        """Nothing passes from now on."""
        with self._lock:
            self._cut = True
            for one in self._open:
                _end(one)

    def open(self) -> None:
        """Everything passes at once from now on."""
        with self._lock:
            self._cut, self._delay_seconds = False, 0.0

    def slow(self, seconds: float) -> None:
        """Everything passes so much later from now on."""
        with self._lock:
            self._delay_seconds = seconds

    def close(self) -> None:
        """End it, with all its connections."""
        self.cut()
        _end(self._listener)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._cut:
                client.close()
                continue
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            upstream = socket.create_connection(self._upstream, timeout=5)
        except OSError:
            client.close()
            return
        upstream.settimeout(None)
        for one in (client, upstream):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = {client, upstream}
        with self._lock:
            if self._cut:
                for one in pair:
                    one.close()
                return
            self._open |= pair
        back = threading.Thread(target=self._pass_on, args=(upstream, client), daemon=True)
        back.start()
        self._pass_on(client, upstream)
        back.join()
        with self._lock:
            self._open -= pair
        for one in pair:
            one.close()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        poll = select.poll()
        poll.register(source, select.POLLIN)
        with contextlib.suppress(OSError):
            while True:
                poll.poll()
                data = source.recv(_CHUNK)
                if not data:
                    break
                if self._delay_seconds:
                    time.sleep(self._delay_seconds)
                target.sendall(data)
        _end(source)
        _end(target)


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
