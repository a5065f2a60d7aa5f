"""An API server in a hundred lines, for what the real one cannot be made to do on demand: fall silent, break off,
expire a watch, refuse a token. Objects are kept by path; every write counts up one resourceVersion; watches see all
writes since.
"""

import json
import select
import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

Object = dict[str, Any]

#: Ways to change an object in part that are carried out as such; an apply makes what is not there.
PATCHES = ("application/merge-patch+json", "application/apply-patch+yaml")


class FakeApi:
    """Serves until `close`. `requests` has the method and path of each; the knobs below make it misbehave."""

    def __init__(self) -> None:
        self.lock = threading.Condition()
        self.version = 100
        self.objects: dict[str, Object] = {}
        self.log: list[tuple[int, str, str, Object]] = []  # version, collection, kind, object
        self.requests: list[tuple[str, str, dict[str, str], Any]] = []
        self.tokens: list[str] = []
        self.connections = 0
        # The knobs.
        self.oldest = 0  # watches from before this version get 410
        self.failures: list[int] = []  # statuses to answer the next requests (not watches) with
        self.silent = False  # do not answer
        self.refuse_watches = 0  # status to answer every watch with
        self.deaf_watches = False  # accept watches, and tell them nothing
        self.accepted_token: str | None = None
        self.chunk = 0  # split events into chunks of so many bytes
        self.close_after_answer = False
        self._watches: set[socket.socket] = set()
        self._connections: set[socket.socket] = set()
        handler = type("Handler", (_Handler,), {"api": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop answering, and end every connection."""
        self.silent = False
        self._server.shutdown()
        self._server.server_close()
        self._break(self._connections)

    def put(self, path: str, obj: Object) -> Object:
        """Write an object, as somebody else would."""
        with self.lock:
            self.version += 1
            kind = "MODIFIED" if path in self.objects else "ADDED"
            metadata = {
                **obj.get("metadata", {}),
                "name": path.rpartition("/")[2],
                "resourceVersion": str(self.version),
            }
            made = {**obj, "metadata": metadata}
            self.objects[path] = made
            self.log.append((self.version, path.rpartition("/")[0], kind, made))
            self.lock.notify_all()
            return made

    def remove(self, path: str) -> None:
        """Delete an object."""
        with self.lock:
            self.version += 1
            gone = self.objects.pop(path)
            gone = {**gone, "metadata": {**gone["metadata"], "resourceVersion": str(self.version)}}
            self.log.append((self.version, path.rpartition("/")[0], "DELETED", gone))
            self.lock.notify_all()

    @property
    def watching(self) -> int:
        """How many watches are open."""
        return len(self._watches)

    def break_watches(self) -> None:
        """Reset every open watch."""
        self._break(self._watches)

    def _break(self, connections: set[socket.socket]) -> None:
        with self.lock:
            while connections:
                with suppress(OSError):  # the other side has gone by itself
                    connections.pop().shutdown(socket.SHUT_RDWR)
            self.lock.notify_all()

    def count(self, method: str, ending: str, *, watch: bool = False) -> int:
        """How many requests there were of this method to paths with this ending."""
        return sum(
            1
            for m, path, query, _ in self.requests
            if m == method and path.endswith(ending) and ("watch" in query) == watch
        )


def merged(known: Object, change: Object) -> Object:
    """A JSON merge patch (RFC 7396)."""
    result = dict(known)
    for name, value in change.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            old = result.get(name)
            result[name] = merged(old if isinstance(old, dict) else {}, value)
        else:
            result[name] = value
    return result


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: ClassVar[FakeApi]

    def setup(self) -> None:
        super().setup()
        with self.api.lock:
            self.api.connections += 1
            self.api._connections.add(self.connection)

    def finish(self) -> None:
        super().finish()
        with self.api.lock:
            self.api._connections.discard(self.connection)

    def handle(self) -> None:
        with suppress(OSError):  # who asked did not wait for the answer, or a test broke the watch
            super().handle()

    def _handle(self) -> None:
        api = self.api
        url = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        token = self.headers.get("Authorization", "")
        with api.lock:
            api.requests.append((self.command, url.path, query, body))
            api.tokens.append(token)
            while api.silent:
                api.lock.wait(0.05)
        if api.accepted_token is not None and token != f"Bearer {api.accepted_token}":
            self._answer(401, {"reason": "Unauthorized", "message": "who are you"})
        elif "watch" in query and api.refuse_watches:
            self._answer(api.refuse_watches, {"reason": "Asked", "message": "a test asked for it"})
        elif "watch" in query:
            self._watch(url.path, query)
        elif api.failures:
            self._answer(api.failures.pop(0), {"reason": "Asked", "message": "a test asked for it"})
        elif self.command == "GET":
            self._get(url.path)
        else:
            self._write(url.path, body or {})

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _handle  # noqa: N815 - names of the base class

    def _get(self, path: str) -> None:
        api = self.api
        with api.lock:
            if path == "/version":
                self._answer(200, {"major": "1"})
            elif path in api.objects:
                self._answer(200, api.objects[path])
            elif path.endswith(("s", "es")):
                items = [obj for at, obj in api.objects.items() if at.rpartition("/")[0] == path]
                self._answer(200, {"metadata": {"resourceVersion": str(api.version)}, "items": items})
            else:
                self._answer(404, {"reason": "NotFound", "message": f"{path} not found"})

    def _write(self, path: str, body: Object) -> None:
        api = self.api
        if self.command == "POST":
            path = f"{path}/{body['metadata']['name']}"
            if path in api.objects:
                self._answer(409, {"reason": "AlreadyExists", "message": "exists"})
                return
        elif self.command == "PUT":
            known = api.objects.get(path.removesuffix("/status"))
            if known is None:
                self._answer(404, {"reason": "NotFound", "message": "not found"})
                return
            if body["metadata"].get("resourceVersion") != known["metadata"]["resourceVersion"]:
                self._answer(409, {"reason": "Conflict", "message": "the object has been modified"})
                return
        elif self.headers.get("Content-Type") in PATCHES:
            made = self._patched(path, body)
            if made is None:
                return
            body = made
        if path.endswith("/status") and path.removesuffix("/status") in api.objects:
            body = {**api.objects[path.removesuffix("/status")], "status": body["status"]}
        self._answer(200, api.put(path.removesuffix("/status"), body))

    def _patched(self, path: str, change: Object) -> Object | None:
        """What a change in part makes of an object; None when it was refused, and answered so."""
        known = self.api.objects.get(path)
        if known is None and self.headers["Content-Type"] == PATCHES[0]:
            self._answer(404, {"reason": "NotFound", "message": "not found"})
            return None
        asked = change.get("metadata", {}).get("resourceVersion")
        if known is not None and asked not in (None, known["metadata"]["resourceVersion"]):
            self._answer(409, {"reason": "Conflict", "message": "the object has been modified"})
            return None
        made = merged(known or {}, change)
        if known is not None and made.get("spec") != known.get("spec"):
            made["metadata"]["generation"] = known["metadata"].get("generation", 1) + 1
        return made

    def _answer(self, status: int, body: Object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        if self.api.close_after_answer:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True

    def _watch(self, path: str, query: dict[str, str]) -> None:
        api = self.api
        name = query.get("fieldSelector", "").removeprefix("metadata.name=")
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        asked = query.get("resourceVersion")
        if asked and int(asked) < api.oldest:
            self._event("ERROR", {"code": 410, "reason": "Expired", "message": "too old resource version"})
            self.wfile.write(b"0\r\n\r\n")
            return
        api._watches.add(self.connection)
        try:
            with api.lock:
                version = int(asked) if asked else api.version
                if not asked and not api.deaf_watches:
                    for where, obj in api.objects.items():
                        if where.rpartition("/")[0] == path and (not name or where.rpartition("/")[2] == name):
                            self._event("ADDED", obj)
                while True:
                    for at, collection, kind, obj in () if api.deaf_watches else tuple(api.log):
                        if at > version and collection == path and (not name or obj["metadata"]["name"] == name):
                            self._event(kind, obj)
                            version = at
                    api.lock.wait(0.1)
                    if select.select([self.connection], [], [], 0)[0]:
                        return  # who watched has gone, or a test broke it
        finally:
            api._watches.discard(self.connection)

    def _event(self, kind: str, obj: Object) -> None:
        data = json.dumps({"type": kind, "object": obj}).encode() + b"\n"
        size = self.api.chunk or len(data)
        for start in range(0, len(data), size):
            part = data[start : start + size]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nothing."""
