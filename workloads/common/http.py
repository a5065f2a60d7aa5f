"""A small HTTP/1.1 server on the standard library: keep-alive, TCP_NODELAY, JSON in and out, errors as JSON.

A request runs in its connection's own thread. What a handler raises as `HttpError` becomes that answer; anything else
is 500 and logged with its stack. There is no TLS and no authentication: what must not be reached is bound to the
loopback.
"""

import logging
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qsl, urlsplit

import orjson

from workloads.common.logs import fields

logger = logging.getLogger(__name__)

JSON = "application/json"
MAX_BODY_BYTES = 64 * 1024
# Idle keep-alive connections are kept for longer than any probe's or sidecar's period, and dropped some time.
IDLE_SECONDS = 120.0


class HttpError(Exception):
    """An answer that is an error: status and what was wrong, plus further fields of its JSON body."""

    def __init__(self, status: int, message: str, **more: object) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, object] = {"error": message, **more}


@dataclass(frozen=True)
class Request:
    """One request: method, path without query, query (the last value of a repeated name), raw body; host: what it was
    sent to, by its own word, without a port.
    """

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes
    host: str = ""

    def json_object(self) -> dict[str, object]:
        """The body as a JSON object. Raises `HttpError` 400 when it is anything else."""
        try:
            value = orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise HttpError(HTTPStatus.BAD_REQUEST, f"body is not JSON: {error}") from error
        if not isinstance(value, dict):
            raise HttpError(HTTPStatus.BAD_REQUEST, f"body must be a JSON object, not {type(value).__name__}")
        return value


@dataclass(frozen=True)
class Response:
    """An answer: a status and a body, which is JSON unless it is bytes already. headers: further ones.

    chunks: in place of the body, for an answer without an end of its own: each is sent when it comes. It is closed when
    nobody reads it any more, which is seen at the next chunk; one that waits should say something now and then.
    """

    body: object = field(default_factory=dict)
    status: int = HTTPStatus.OK
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    chunks: Iterator[bytes] | None = None

    def payload(self) -> bytes:
        """The body's bytes."""
        return self.body if isinstance(self.body, bytes) else orjson.dumps(self.body, option=orjson.OPT_NON_STR_KEYS)


Handler = Callable[[Request], Response]
Routes = Mapping[tuple[str, str], Handler]


class HttpServer:
    """Serves `routes` ((method, path) -> handler) on `host`:`port` (0: any free one) from `start` to `stop`."""

    def __init__(self, host: str, port: int, routes: Routes) -> None:
        handler = type("BoundHandler", (_Handler,), {"routes": dict(routes)})
        try:
            self._server = _Server((host, port), handler)
        except OSError as error:
            raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}") from error
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.2}, name=f"http-{self.port}", daemon=True
        )

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Accept connections from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Accept no more; requests that are being answered go on in their threads."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        logger.debug("connection ended with an error", extra=fields(client=str(client_address)), exc_info=True)  # noqa: LOG014

    def server_bind(self) -> None:
        # HTTPServer.server_bind looks up the host's full name, which can take seconds where there is no DNS.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "kafka-bluegreen"
    sys_version = ""
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS
    wbufsize = -1  # head and body leave in one segment
    routes: ClassVar[dict[tuple[str, str], Handler]] = {}

    def _answer(self) -> None:
        url = urlsplit(self.path)
        try:
            body = self._body()
            query = dict(parse_qsl(url.query, keep_blank_values=True))
            response = self._route(Request(self.command, url.path, query, body, self._host()))
        except HttpError as error:
            response = Response(error.body, error.status)
        except TimeoutError:
            response = Response({"error": "request body did not arrive in time"}, HTTPStatus.REQUEST_TIMEOUT)
            self.close_connection = True
        except Exception as error:
            logger.exception("request failed", extra=fields(method=self.command, path=url.path))
            response = Response({"error": f"internal error: {error!r}"}, HTTPStatus.INTERNAL_SERVER_ERROR)
        if response.chunks is None:
            self._send(response)
        else:
            self._stream(response, response.chunks)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _answer  # noqa: N815

    def _host(self) -> str:
        """The name in the header `Host`; empty for one that holds none."""
        try:
            return urlsplit(f"//{self.headers.get('Host') or ''}").hostname or ""
        except ValueError:
            return ""

    def _body(self) -> bytes:
        """The body. Whatever cannot be read to its end costs the connection, or the next request would start in the
        middle of it.
        """
        length = self.headers.get("Content-Length")
        if self.headers.get("Transfer-Encoding") is not None:
            self.close_connection = True
            raise HttpError(
                HTTPStatus.LENGTH_REQUIRED, "send the body with Content-Length, not with a Transfer-Encoding"
            )
        if length is None:
            return b""
        if not length.isascii() or not length.isdigit():
            self.close_connection = True
            raise HttpError(HTTPStatus.BAD_REQUEST, f"Content-Length is not a number: {length!r}")
        if len(length) > len(str(MAX_BODY_BYTES)) or int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            raise HttpError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"body of {length} bytes is larger than {MAX_BODY_BYTES}"
            )
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            raise HttpError(HTTPStatus.BAD_REQUEST, f"body ended after {len(body)} of {length} bytes")
        return body

    def _route(self, request: Request) -> Response:
        handler = self.routes.get((request.method, request.path))
        if handler is None and request.method == "HEAD":
            handler = self.routes.get(("GET", request.path))
        if handler is not None:
            return handler(request)
        allowed = sorted(method for method, path in self.routes if path == request.path)
        if not allowed:
            raise HttpError(
                HTTPStatus.NOT_FOUND,
                f"there is no {request.path} here",
                paths=sorted({path for _, path in self.routes}),
            )
        raise HttpError(HTTPStatus.METHOD_NOT_ALLOWED, f"{request.path} takes {', '.join(allowed)}", allow=allowed)

    def _send(self, response: Response) -> None:
        payload = response.payload()
        try:
            self.send_response(response.status)
            self.send_header("Content-Type", response.content_type)
            self.send_header("Content-Length", str(len(payload)))
            self._further(response.headers)
            if response.status == HTTPStatus.METHOD_NOT_ALLOWED and isinstance(response.body, dict):
                self.send_header("Allow", ", ".join(response.body.get("allow", [])))
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(payload)
            self.wfile.flush()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _stream(self, response: Response, chunks: Iterator[bytes]) -> None:
        """Each chunk as one of HTTP/1.1's, so that a stream that was cut off can be told from one that has ended."""
        try:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", response.content_type)
            self.send_header("Transfer-Encoding", "chunked")
            self._further(response.headers)
            self.end_headers()
            if self.command != "HEAD":
                for chunk in chunks:
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
                    self.wfile.flush()
                self.wfile.write(b"0\r\n\r\n")
            self.wfile.flush()
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except Exception:
            logger.exception("stream broke", extra=fields(path=self.path))
            self.close_connection = True
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()

    def _further(self, headers: Mapping[str, str]) -> None:
        for name, value in headers.items():
            self.send_header(name, value)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """The base class's own errors (a malformed request line, too long a header, an unknown method), as JSON."""
        self.close_connection = True
        self.command = getattr(self, "command", None) or "GET"
        self.request_version = self.protocol_version  # what is no HTTP/1 request counts as HTTP/0.9: no status, no head
        if code == HTTPStatus.NOT_IMPLEMENTED:
            code = HTTPStatus.METHOD_NOT_ALLOWED
        self._send(Response({"error": message or explain or HTTPStatus(code).phrase}, code))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        logger.debug("%s", format % args)
