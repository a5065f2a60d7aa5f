"""An application that is a process of this machine, as a pod would have it: settings by file and by environment."""

import http.client
import json
import os
import resource
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.conformance.application import COLOR, NoAnswerError, Reply, wait_status
from experiments.errors import PreflightError

_START_SECONDS = 60.0
_LOOK_SECONDS = 0.02
_HOME = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV")


class ProcessApplication:
    """See `Application`, which it is. It gets nothing of this process's environment but where programs are."""

    def __init__(self, command: Sequence[str], folder: Path, settings: Mapping[str, Any]) -> None:
        """folder: its own, for settings, records and log. settings: those of the contract but for ports and folders."""
        self._command = list(command)
        self._log = folder / "log"
        self._records = folder / "records"
        self._records.mkdir(parents=True)
        self._lifecycle_port, self._http_port = _free_ports(2)
        self._settings = {
            **settings,
            "color": COLOR,
            "records_dir": str(self._records),
            "lifecycle_port": self._lifecycle_port,
            "http_port": self._http_port,
        }
        self._file = folder / "settings.yaml"
        self._file.write_text(json.dumps(self._settings))  # JSON is YAML
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """See `Application`."""
        environment = {name: os.environ[name] for name in _HOME if name in os.environ}
        environment |= {f"BG_{name.upper()}": str(value) for name, value in self._settings.items()}
        environment |= {"SETTINGS_FILE": str(self._file), "POD_NAME": f"conformance-{COLOR}-0"}
        try:
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(self._command, env=environment, stdout=log, stderr=log)
        except OSError as error:
            raise PreflightError(f"{self._command[0]} cannot be started: {error.strerror}") from error
        try:
            wait_status(self, _START_SECONDS, every=_LOOK_SECONDS, running=self._has_not_ended)
        except NoAnswerError as error:
            raise NoAnswerError(f"{error}: {self._log.read_text(errors='replace')[-500:].strip()}") from error

    def call(self, method: str, path: str, body: object = None, *, seconds: float = 30.0) -> Reply:
        """See `Application`."""
        own = path.startswith(("/lifecycle", "/faults"))
        return ask(self._lifecycle_port if own else self._http_port, method, path, body, seconds)

    def reachable(self) -> str:
        """See `Application`; looked for at the other addresses of this machine, which are nobody else's."""
        for address in _others():
            try:
                socket.create_connection((address, self._lifecycle_port), timeout=1).close()
            except OSError:
                continue
            return f"{address}:{self._lifecycle_port}"
        return ""

    def signal(self, name: str) -> None:
        """See `Application`."""
        self._running.send_signal(getattr(signal, f"SIG{name}"))

    def fill(self) -> None:
        """See `Application`."""
        resource.prlimit(self._running.pid, resource.RLIMIT_FSIZE, (0, 0))

    def ended(self, seconds: float) -> int:
        """See `Application`."""
        try:
            return self._running.wait(seconds)
        except subprocess.TimeoutExpired:
            raise NoAnswerError(f"it goes on after {seconds:g} s") from None

    def again(self) -> None:
        """See `Application`."""
        self.start()

    def lines(self, kind: str) -> list[Mapping[str, Any]]:
        """See `Application`."""
        found: list[Mapping[str, Any]] = []
        for file in sorted((self._records / kind).glob("*.jsonl"), key=lambda path: path.stat().st_mtime_ns):
            found += whole_lines(file.read_bytes())
        return found

    def close(self) -> None:
        """See `Application`."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _has_not_ended(self) -> None:
        if self._running.poll() is not None:
            raise NoAnswerError(f"it ended with {self._running.returncode}")

    @property
    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            raise NoAnswerError("it was not started")
        return self._process


def ask(port: int, method: str, path: str, body: object, seconds: float) -> Reply:
    """One request to a port of the loopback, on a connection of its own. Raises `NoAnswerError`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    payload = None if body is None else json.dumps(body)
    try:
        connection.request(method, path, payload, {"Content-Type": "application/json"} if payload else {})
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswerError(f"{method} {path}: {error!r}") from error
    finally:
        connection.close()
    return reply(answer.status, text)


def reply(status: int, text: str) -> Reply:
    """An answer of this status, with this body."""
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = {}
    return Reply(status, parsed if isinstance(parsed, dict) else {}, text)


def whole_lines(content: bytes) -> list[Mapping[str, Any]]:
    """The lines of a file that is being written, without a last one that is not at its end yet. Raises ValueError for
    one that is no JSON object.
    """
    found = [json.loads(line) for line in content[: content.rfind(b"\n") + 1].splitlines()]
    if any(not isinstance(line, dict) for line in found):
        raise ValueError("a line is no JSON object")
    return found


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _others() -> list[str]:
    """Addresses at which what binds all of this machine's answers, besides 127.0.0.1; no packet leaves it."""
    return ["127.0.0.2"]
