"""An API server in a hundred lines, for what the real one cannot be made to do on demand: fall silent, break off,
expire a watch, refuse a token. Objects are kept by path; every write counts up one resourceVersion; watches see all
writes since.
"""

import json
import select
import socket
import threading
from contextlib import suppress
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from tests.support.loopback import Exchange, Loopback

Object = dict[str, Any]

#: Ways to change an object in part that are carried out as such; an apply makes what is not there.
PATCHES = ("application/merge-patch+json", "application/apply-patch+yaml")


class FakeApi(Loopback):
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
        super().__init__(_Handler)

    def close(self) -> None:
        """Stop answering, and end every connection."""
        self.silent = False
        super().close()
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


class _Handler(Exchange):
    owner: ClassVar[FakeApi]

    def setup(self) -> None:
        super().setup()
        with self.owner.lock:
            self.owner.connections += 1
            self.owner._connections.add(self.connection)

    def finish(self) -> None:
        super().finish()
        with self.owner.lock:
            self.owner._connections.discard(self.connection)

    def respond(self) -> None:
        api = self.owner
        url = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        body = self.received_json()
        token = self.headers.get("Authorization", "")
        with api.lock:
            api.requests.append((self.command, url.path, query, body))
            api.tokens.append(token)
            while api.silent:
                api.lock.wait(0.05)
        if api.accepted_token is not None and token != f"Bearer {api.accepted_token}":
            self.answer(401, {"reason": "Unauthorized", "message": "who are you"})
        elif "watch" in query and api.refuse_watches:
            self.answer(api.refuse_watches, {"reason": "Asked", "message": "a test asked for it"})
        elif "watch" in query:
            self._watch(url.path, query)
        elif api.failures:
            self.answer(api.failures.pop(0), {"reason": "Asked", "message": "a test asked for it"})
        elif self.command == "GET":
            self._get(url.path)
        elif self.command == "DELETE":
            self._delete(url.path)
        else:
            self._write(url.path, body or {})

    def _get(self, path: str) -> None:
        api = self.owner
        with api.lock:
            if path == "/version":
                self.answer(200, {"major": "1"})
            elif path in api.objects:
                self.answer(200, api.objects[path])
            elif path.endswith(("s", "es")):
                items = [obj for at, obj in api.objects.items() if at.rpartition("/")[0] == path]
                self.answer(200, {"metadata": {"resourceVersion": str(api.version)}, "items": items})
            else:
                self.answer(404, {"reason": "NotFound", "message": f"{path} not found"})

    def _delete(self, path: str) -> None:
        if path not in self.owner.objects:
            self.answer(404, {"reason": "NotFound", "message": "not found"})
            return
        self.owner.remove(path)
        self.answer(200, {"kind": "Status", "status": "Success"})

    def _write(self, path: str, body: Object) -> None:
        api = self.owner
        if self.command == "POST":
            path = f"{path}/{body['metadata']['name']}"
            if path in api.objects:
                self.answer(409, {"reason": "AlreadyExists", "message": "exists"})
                return
        elif self.command == "PUT":
            known = api.objects.get(path.removesuffix("/status"))
            if known is None:
                self.answer(404, {"reason": "NotFound", "message": "not found"})
                return
            if body["metadata"].get("resourceVersion") != known["metadata"]["resourceVersion"]:
                self.answer(409, {"reason": "Conflict", "message": "the object has been modified"})
                return
        elif self.headers.get("Content-Type") in PATCHES:
            made = self._patched(path, body)
            if made is None:
                return
            body = made
        if path.endswith("/status") and path.removesuffix("/status") in api.objects:
            body = {**api.objects[path.removesuffix("/status")], "status": body["status"]}
        self.answer(200, api.put(path.removesuffix("/status"), body))

    def _patched(self, path: str, change: Object) -> Object | None:
        """What a change in part makes of an object; None when it was refused, and answered so."""
        known = self.owner.objects.get(path)
        if known is None and self.headers["Content-Type"] == PATCHES[0]:
            self.answer(404, {"reason": "NotFound", "message": "not found"})
            return None
        asked = change.get("metadata", {}).get("resourceVersion")
        if known is not None and asked not in (None, known["metadata"]["resourceVersion"]):
            self.answer(409, {"reason": "Conflict", "message": "the object has been modified"})
            return None
        made = merged(known or {}, change)
        if known is not None and made.get("spec") != known.get("spec"):
            made["metadata"]["generation"] = known["metadata"].get("generation", 1) + 1
        return made

    def answer(self, status: int, content: Any) -> None:
        super().answer(status, content)
        if self.owner.close_after_answer:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True

    def _watch(self, path: str, query: dict[str, str]) -> None:
        api = self.owner
        name = query.get("fieldSelector", "").removeprefix("metadata.name=")
        self.begin_chunks()
        asked = query.get("resourceVersion")
        if asked and int(asked) < api.oldest:
            self._event("ERROR", {"code": 410, "reason": "Expired", "message": "too old resource version"})
            self.end_chunks()
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
        size = self.owner.chunk or len(data)
        self.chunks(data[start : start + size] for start in range(0, len(data), size))
