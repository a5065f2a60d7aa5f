"""Real consumer processes for tests: started as in a pod, spoken to by HTTP, judged by their record logs."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from tests.support.waiting import until


def whole(content: bytes) -> list[bytes]:
    """The lines of a file that is being written, without a last one that is not at its end yet."""
    return content[: content.rfind(b"\n") + 1].splitlines()


class ConsumerProcess:
    """`python -m workloads.consumer`, or another such module, as pod `<name>` with its own records folder."""

    def __init__(self, folder: Path, name: str, settings: dict[str, Any], module: str = "workloads.consumer") -> None:
        self.name = name
        self._module = module
        self.color = name.split("-")[1]
        self.folder = folder / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.records = self.folder / "records"
        self.log = self.folder / "log.jsonl"
        self._settings = {
            "color": self.color,
            "records_dir": str(self.records),
            "http_host": "127.0.0.1",
            "http_port": 0,
            "lifecycle_port": 0,
            **settings,
        }
        self.ports: list[int] = []
        self.process: subprocess.Popen[bytes] | None = None
        self._connections: dict[int, http.client.HTTPConnection] = {}

    def start(self) -> "ConsumerProcess":
        """Start it, and wait until it answers."""
        file = self.folder / "settings.yaml"
        file.write_text(json.dumps(self._settings))  # JSON is YAML
        env = {**os.environ, "SETTINGS_FILE": str(file), "POD_NAME": self.name}
        begin = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([sys.executable, "-m", self._module], env=env, stdout=log, stderr=log)

        def started() -> list[int] | None:
            assert self.process is not None
            assert self.process.poll() is None, f"{self.name} ended: {self.log.read_text()[-2000:]}"
            for line in whole(self.log.read_bytes()[begin:]):
                if b'"message":"started"' in line:
                    return list(json.loads(line)["ports"])
            return None

        self.ports = until(f"{self.name} to start", started)
        self._connections.clear()
        return self

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """One request on a kept connection: (status, JSON)."""
        port = self.ports[0] if path.startswith(("/lifecycle", "/faults")) else self.ports[1]
        connection = self._connections.get(port)
        if connection is None:
            connection = self._connections[port] = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request(method, path, body=None if body is None else json.dumps(body))
            answer = connection.getresponse()
            content = answer.read()
        except OSError:
            self._connections.pop(port).close()
            raise
        return answer.status, json.loads(content) if answer.getheader("Content-Type") == "application/json" else content

    def pause(self, epoch: int, deadline_ms: int = 10_000, *, leave: bool = False) -> tuple[int, Any]:
        """POST /lifecycle/pause."""
        return self.call("POST", "/lifecycle/pause", {"epoch": epoch, "deadline_ms": deadline_ms, "leave": leave})

    def resume(self, epoch: int, deadline_ms: int = 10_000) -> tuple[int, Any]:
        """POST /lifecycle/resume."""
        return self.call("POST", "/lifecycle/resume", {"epoch": epoch, "deadline_ms": deadline_ms})

    def status(self) -> Any:
        """GET /lifecycle/status."""
        return self.call("GET", "/lifecycle/status")[1]

    def ready(self) -> "ConsumerProcess":
        """Wait until it is ready."""
        until(f"{self.name} to be ready", lambda: self.call("GET", "/readyz")[0] == 200)
        return self

    def metric(self, name: str, **labels: str) -> float:
        """The value of one metric."""
        text = self.call("GET", "/metrics")[1].decode()
        for line in text.splitlines():
            if line.startswith(name + "{") and all(f'{k}="{v}"' in line for k, v in labels.items()):
                return float(line.rpartition(" ")[2])
        raise AssertionError(f"no {name} with {labels} in:\n{text}")

    def signal(self, number: int) -> None:
        """Send a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self, seconds: float = 20.0) -> int:
        """SIGTERM, and its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def kill(self) -> None:
        """As a crash would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def lines(self, kind: str) -> list[dict[str, Any]]:
        """All lines of one kind of its record logs, in order of files."""
        files = sorted((self.records / kind).glob("*.jsonl"), key=lambda file: file.stat().st_mtime_ns)
        return [json.loads(line) for file in files for line in whole(file.read_bytes())]

    def events(self, name: str) -> list[dict[str, Any]]:
        """The lifecycle events of one name."""
        return [event for event in self.lines("events") if event["event"] == name]

    def logged(self, message: str) -> list[dict[str, Any]]:
        """The log lines with this message."""
        return logged(self.log, message)


def logged(log: Path, message: str) -> list[dict[str, Any]]:
    """The lines with this message of a program's log; what else was printed there is passed over."""
    lines = map(json.loads, filter(lambda raw: raw.startswith(b"{"), whole(log.read_bytes())))
    return [line for line in lines if line["message"] == message]


class Feed:
    """Puts numbered records into a topic, round robin."""

    def __init__(self, servers: str, topic: str, partitions: int) -> None:
        self._topic = topic
        self._partitions = partitions
        self._producer = Producer({"bootstrap.servers": servers, "linger.ms": 1, "log_level": 2})
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.sent = 0

    def send(self, count: int) -> None:
        """So many now; returns when the broker has them."""
        for _ in range(count):
            self._one()
        assert self._producer.flush(60) == 0

    def stream(self, rate: float) -> None:
        """So many a second from now on, until `stop`; not more than a second's ahead of a broker that takes fewer."""

        def run() -> None:
            started, before = time.monotonic(), self.sent
            while not self._stopping.wait(0.002):
                while self.sent - before < (time.monotonic() - started) * rate and len(self._producer) < rate:
                    self._one()
                self._producer.poll(0)

        self._thread = threading.Thread(target=run)
        self._thread.start()

    def stop(self) -> int:
        """End the stream; how many were sent in all."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        assert self._producer.flush(60) == 0
        return self.sent

    def _one(self) -> None:
        value = b'{"producer":"p0-test","seq":%d,"payload":"%b"}' % (self.sent, b"x" * 32)
        self._producer.produce(self._topic, value, partition=self.sent % self._partitions)
        self.sent += 1


def handled(*consumers: ConsumerProcess) -> list[dict[str, Any]]:
    """The consumed lines of all of them, by time; end lines are no records."""
    lines = (line for consumer in consumers for line in consumer.lines("consumed") if "end" not in line)
    return sorted(lines, key=lambda line: line["t"])


def sequences(*consumers: ConsumerProcess) -> list[int]:
    """What they handled, in the order of sequences: a missing one is lost, a repeated one is a duplicate."""
    return sorted(line["seq"] for line in handled(*consumers))
