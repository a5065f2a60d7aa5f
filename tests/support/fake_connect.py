"""A Connect cluster's REST API in a hundred lines, for what a real one cannot be made to do on demand: answer late,
refuse, fail. Its connectors change state at once; nothing runs.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from tests.support.loopback import Exchange, Loopback

MOVES = {"pause": "PAUSED", "resume": "RUNNING", "stop": "STOPPED"}


class FakeConnect(Loopback):
    """Serves until `close`. `connectors` has name -> config, state, offsets; `requests` what was asked, as texts."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.connectors: dict[str, dict[str, Any]] = {}
        self.requests: list[str] = []
        self.failures: dict[str, list[int]] = {}  # "METHOD path" -> statuses of the next answers
        self.states: list[tuple[str, str]] = []  # every change of a state: name, state
        self.slow = False  # take changes of state, and carry them out in `settle`
        self._taken: list[tuple[str, str]] = []
        self._free = threading.Event()
        self._free.set()
        self.held = threading.Event()  # whether a request is being held
        super().__init__(_Handler)

    def close(self) -> None:
        """Stop answering."""
        self._free.set()
        super().close()

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Take requests, and answer them when this is left."""
        self.held.clear()
        self._free.clear()
        try:
            yield
        finally:
            self._free.set()

    def state(self, name: str) -> str | None:
        """Of a connector; None when there is none."""
        with self.lock:
            found = self.connectors.get(name)
            return None if found is None else str(found["state"])

    def set_state(self, name: str, state: str) -> None:
        """Of a connector, as somebody else would."""
        with self.lock:
            self.connectors[name]["state"] = state
            self.states.append((name, state))

    def settle(self) -> None:
        """Carry out the changes of state that were taken while it was slow."""
        with self.lock:
            while self._taken:
                self.set_state(*self._taken.pop(0))

    def wait_free(self) -> None:
        """Until nothing is held."""
        if not self._free.is_set():
            self.held.set()
            self._free.wait()

    def answer_to(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """The status and the body of an answer."""
        with self.lock:
            asked = f"{method} {path}"
            self.requests.append(asked)
            if self.failures.get(asked):
                return self.failures[asked].pop(0), {"message": "a test asked for it"}
            if path == "/connector-plugins":
                return 200, [{"class": "FileStreamSink", "type": "sink", "version": "4.3.1"}]
            if path == "/connectors":
                return self._create(body) if method == "POST" else (200, list(self.connectors))
            name, _, of = path.removeprefix("/connectors/").partition("/")
            found = self.connectors.get(unquote(name))
            if found is None:
                return 404, {"message": f"no connector {unquote(name)}"}
            if method == "PUT" and of in MOVES:
                return self._move(unquote(name), of)
            return self._of(method, unquote(name), of, body)

    def _create(self, body: Any) -> tuple[int, Any]:
        state = body["initial_state"]
        self.connectors[body["name"]] = {"config": body["config"], "state": state, "offsets": []}
        self.states.append((body["name"], state))
        return 201, body

    def _move(self, name: str, verb: str) -> tuple[int, Any]:
        self._taken.append((name, MOVES[verb]))
        if not self.slow:
            self.settle()
        return (204, None) if verb == "stop" else (202, None)

    def _of(self, method: str, name: str, of: str, body: Any) -> tuple[int, Any]:
        found = self.connectors[name]
        match method, of:
            case "GET", "config":
                return 200, found["config"]
            case "PUT", "config":
                found["config"] = {**body, "name": name}
                return 200, {}
            case "GET", "status":
                running = found["state"] in {"RUNNING", "PAUSED"}
                tasks = [{"id": 0, "state": found["state"]}] if running else []
                return 200, {"name": name, "connector": {"state": found["state"]}, "tasks": tasks, "type": "sink"}
            case "GET", "topics":
                return 200, {name: {"topics": []}}
            case _, "offsets":
                if method != "GET":
                    found["offsets"] = body["offsets"] if method == "PATCH" else []
                return 200, {"offsets": found["offsets"]}
            case "DELETE", "":
                del self.connectors[name]
                return 204, None
        return 405, {"message": f"{method} {of}"}


class _Handler(Exchange):
    owner: ClassVar[FakeConnect]

    def respond(self) -> None:
        body = self.received_json()
        self.owner.wait_free()
        self.answer(*self.owner.answer_to(self.command, urlsplit(self.path).path, body))
