"""A program by itself: an API server that refuses, or whose answers come late, in the place of the real one, for
whoever is in this network namespace. It says `made` when it is there, and takes itself away when its input ends.

Arguments: the address that is spoken for, and `refuse`, the files of the certificate and key that clients believe,
statuses; or `slow`, where the real one is (not the address that is spoken for), its port, seconds.

What is on its way to that address is turned to here; connections that are open already are reset, because a rule of
translation is for new ones only.
"""

import contextlib
import itertools
import json
import queue
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_REASONS = {409: "Conflict", 429: "TooManyRequests", 500: "InternalError"}
_RULE_SECONDS = 10


class Refusing(BaseHTTPRequestHandler):
    """Every request is refused, by the next status in turn."""

    protocol_version = "HTTP/1.1"
    statuses: Iterator[int]
    lock = threading.Lock()

    def refuse(self) -> None:
        """One request."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.lock:
            status = next(self.statuses)
        told = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": _REASONS.get(status, "Unknown")}
        body = json.dumps({**told, "code": status, "message": "refused by a campaign of faults"}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if status == 429:
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's own name
        """Nothing: nobody reads it."""


for _method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
    setattr(Refusing, f"do_{_method}", Refusing.refuse)


def rules(address: str, port: int) -> list[list[str]]:
    """The rules of iptables, each without what is done with it."""
    to = ["-d", f"{address}/32", "-p", "tcp"]
    return [
        ["nat", "OUTPUT", *to, "-j", "REDIRECT", "--to-ports", str(port)],
        ["filter", "OUTPUT", *to, "-j", "REJECT", "--reject-with", "tcp-reset"],
    ]


def _iptables(act: str, rule: list[str]) -> None:
    table, *rest = rule
    subprocess.run(["iptables", "-w", "-t", table, act, *rest], check=act == "-I", timeout=_RULE_SECONDS)


def refusing(certificate: str, key: str, statuses: list[int]) -> int:
    """Have every request refused, until this process ends; the port."""
    Refusing.statuses = itertools.cycle(statuses)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    # The handshake is the handler's thread's: one that does not come must not keep the others out.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return int(server.server_address[1])


def slow(host: str, port: int, seconds: float) -> int:
    """Have everything that the real one says come so much later, until this process ends; the port. What is said to it
    is passed on at once, and nothing of it is read: it is encrypted.
    """
    server = socket.create_server(("127.0.0.1", 0))
    _thread(lambda: _accept(server, (host, port), seconds))
    return int(server.getsockname()[1])


def _thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, daemon=True).start()


def _accept(server: socket.socket, real: tuple[str, int], seconds: float) -> None:
    while True:
        near, _ = server.accept()
        _thread(lambda near=near: _between(near, real, seconds))  # type: ignore[misc]


def _between(near: socket.socket, real: tuple[str, int], seconds: float) -> None:
    with near, contextlib.suppress(OSError), socket.create_connection(real, _RULE_SECONDS) as far:
        far.settimeout(None)
        _thread(lambda: _pass_on(near, far))
        late: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
        _thread(lambda: _read(far, late, seconds))
        while True:
            due, data = late.get()
            time.sleep(max(0.0, due - time.monotonic()))
            if not data:
                near.shutdown(socket.SHUT_RDWR)  # whoever still reads it ends, too
                return
            near.sendall(data)


def _read(far: socket.socket, late: "queue.SimpleQueue[tuple[float, bytes]]", seconds: float) -> None:
    data = b"some"
    while data:
        try:
            data = far.recv(65536)
        except OSError:
            data = b""
        late.put((time.monotonic() + seconds, data))


def _pass_on(near: socket.socket, far: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := near.recv(65536):
            far.sendall(data)
        far.shutdown(socket.SHUT_WR)


def main(address: str, port: int) -> None:
    """Turn what goes to this address to this port of ours, until the input ends."""
    made = []
    try:
        for rule in rules(address, port):
            _iptables("-I", rule)
            made.append(rule)
        print("made", flush=True)
        sys.stdin.read()
    finally:
        for rule in reversed(made):
            _iptables("-D", rule)


if __name__ == "__main__":
    _spoken_for, _how, _first, _second, *_rest = sys.argv[1:]
    if _how == "slow":
        main(_spoken_for, slow(_first, int(_second), float(_rest[0])))
    else:
        main(_spoken_for, refusing(_first, _second, [int(status) for status in _rest]))
