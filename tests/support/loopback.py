"""HTTP over the loopback: what all share that stand for a server in a test, and one that answers as it is told."""

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

Answer = tuple[int, Any]


class Loopback:
    """Serves from now until `close`; each request is a `handler`'s, whose `owner` is this."""

    def __init__(self, handler: "type[Exchange]") -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (handler,), {"owner": self}))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()


class Exchange(BaseHTTPRequestHandler):
    """One connection's requests, whatever their method: `respond` reads one and answers it."""

    protocol_version = "HTTP/1.1"
    owner: ClassVar[Any]

    def respond(self) -> None:
        raise NotImplementedError

    def _any(self) -> None:
        self.respond()

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _any  # noqa: N815 - the base class's names

    def received(self) -> bytes:
        """The request's body."""
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def received_json(self) -> Any:
        """The request's body, parsed; None when there is none."""
        body = self.received()
        return json.loads(body) if body else None

    def answer(self, status: int, content: Any) -> None:
        """content: bytes as they are, None for nothing, everything else as JSON."""
        data = content if isinstance(content, bytes) else b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        if not isinstance(content, bytes):
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def begin_chunks(self) -> None:
        """The answer comes in chunks from here on."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()

    def chunks(self, parts: Iterable[bytes]) -> None:
        for part in parts:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.flush()

    def end_chunks(self) -> None:
        self.wfile.write(b"0\r\n\r\n")

    def handle(self) -> None:
        with suppress(OSError):  # who asked did not wait for the answer
            super().handle()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nothing."""


class Scripted(Loopback):
    """`answers` maps (method, path) to a status and a body, or to a function of the request's body that gives them.

    requests: the method, path, query and body of each; the query has who asks, too, as `auth`. gate: while it is shut,
    whatever changes something has its answer to wait for.
    """

    def __init__(self, handler: "type[ScriptedExchange] | None" = None) -> None:
        self.answers: dict[tuple[str, str], Answer | Callable[[Any], Answer]] = {}
        self.requests: list[tuple[str, str, dict[str, list[str]], Any]] = []
        self.gate = threading.Event()
        self.gate.set()
        super().__init__(handler or ScriptedExchange)

    def close(self) -> None:
        """Hold nothing back, and stop answering."""
        self.gate.set()
        super().close()


class ScriptedExchange(Exchange):
    owner: ClassVar[Scripted]

    def respond(self) -> None:
        url, sent = urlsplit(self.path), self.received_json()
        query = parse_qs(url.query)
        self.owner.requests.append((self.command, url.path, {**query, "auth": [self.headers["Authorization"]]}, sent))
        if self.command != "GET":
            self.owner.gate.wait(15)
        self.tell(url.path, query, sent)

    def tell(self, path: str, query: Mapping[str, list[str]], sent: Any) -> None:
        """Answer what was asked."""
        found = self.owner.answers.get((self.command, path), (404, {"message": f"{path} not found"}))
        self.answer(*(found(sent) if callable(found) else found))
