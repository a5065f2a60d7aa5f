"""A program by itself: an API server that refuses, in the place of the real one, for whoever is in this network
namespace. It says `made` when it is there, and takes itself away when its input ends.

Arguments: the address that is spoken for, the files of the certificate and key that clients believe, statuses.

What is on its way to that address is turned to here; connections that are open already are reset, because a rule of
translation is for new ones only.
"""

import itertools
import json
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
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


def main(address: str, certificate: str, key: str, statuses: list[int]) -> None:
    """See the module."""
    Refusing.statuses = itertools.cycle(statuses)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    # The handshake is the handler's thread's: one that does not come must not keep the others out.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made = []
    try:
        for rule in rules(address, server.server_address[1]):
            _iptables("-I", rule)
            made.append(rule)
        print("made", flush=True)
        sys.stdin.read()
    finally:
        for rule in reversed(made):
            _iptables("-D", rule)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], [int(status) for status in sys.argv[4:]])
