"""VictoriaLogs and its collector on the loopback: the programs that the sandbox builds, without a cluster."""

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from tools.sandbox.builds import VICTORIALOGS, Builder
from tools.sandbox.paths import Layout
from tools.sandbox.process import Runner
from tools.sandbox.progress import Progress

SECONDS = 60.0
#: Takes a JSON object a line, whose fields are the collector's.
INSERT = "/insert/jsonline?_stream_fields=kubernetes.container_name,kubernetes.pod_name,kubernetes.pod_namespace"


def programs() -> Path:
    """The folder of both, built now if they are not there yet."""
    return Builder(Layout.from_environment(os.environ), Runner(), Progress()).build(VICTORIALOGS)


def port() -> int:
    """One that is free now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class Program:
    """One of them, running until `close`. address: where it listens."""

    def __init__(self, name: str, arguments: Sequence[str], folder: Path, **environment: str) -> None:
        number = port()
        self.url = f"http://127.0.0.1:{number}"
        self.output = folder / f"{name}.log"
        command = [str(programs() / name), f"-httpListenAddr=127.0.0.1:{number}", *arguments]
        with self.output.open("wb") as output:
            self._process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **environment}
            )
        try:
            wait(f"{name} to answer", self._answers, self.output)
        except BaseException:
            self.close()
            raise

    def _answers(self) -> bool:
        assert self._process.poll() is None, self.output.read_text()
        try:
            return self.get("/health") is not None
        except (urllib.error.URLError, ConnectionError):
            return False

    def get(self, path: str, **query: str) -> str:
        """The body of an answer. HTTPError for a refusal."""
        address = f"{self.url}{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(address, timeout=SECONDS) as answer:
            return str(answer.read().decode())

    def ask(self, query: str) -> str:
        """The store's answer to a LogsQL query: a JSON object a line."""
        return self.get("/select/logsql/query", query=query)

    def count(self, filters: str) -> int:
        """How many lines of the store there are."""
        return int(json.loads(self.ask(f"{filters} | stats count() lines"))["lines"])

    def post(self, path: str, body: bytes) -> None:
        """Send JSON lines."""
        asked = urllib.request.Request(f"{self.url}{path}", body, {"Content-Type": "application/stream+json"})
        urllib.request.urlopen(asked, timeout=SECONDS).close()

    def flush(self) -> None:
        """Have all that was sent searchable, by its streams, too: a store does that about a second later by itself
        (https://docs.victoriametrics.com/victorialogs/#forced-flush).
        """
        urllib.request.urlopen(f"{self.url}/internal/force_flush", timeout=SECONDS).close()

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


def wait(what: str, holds: Callable[[], bool], output: Path) -> None:
    """Until it holds; AssertionError with what the program said, when it does not in time."""
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"waited {SECONDS:.0f} s for {what}:\n{output.read_text()[-3000:]}"
        time.sleep(0.05)
