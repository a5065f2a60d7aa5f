"""A real Kafka Connect worker on the loopback, distributed mode, from a folder of jars: `CONNECT_LIBS` names it
(connect-runtime, connect-file, and what they need, log4j-slf4j-impl beside).
"""

import json
import os
import signal
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

from tests.support.broker import free_ports

START_SECONDS = 90.0
LOGGING = """\
<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="WARN">
  <Appenders><Console name="STDOUT"><PatternLayout pattern="[%d{ISO8601}] %p %m (%c)%n"/></Console></Appenders>
  <Loggers><Root level="INFO"><AppenderRef ref="STDOUT"/></Root></Loggers>
</Configuration>
"""


class ConnectWorker:
    """One worker. `properties` is the file that it reads; {port} in it is the port of its REST API."""

    def __init__(self, libs: Path, folder: Path, properties: str) -> None:
        self._folder = folder
        self._libs = libs
        (self.port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "worker.log"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "connect.properties").write_text(properties.replace("{port}", str(self.port)))
        (folder / "log4j2.xml").write_text(LOGGING)
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        """Start it, and wait until it is in its group and answers."""
        command = ["java", "-Xms64m", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
        command += [f"-Dlog4j2.configurationFile={self._folder / 'log4j2.xml'}", "-cp", f"{self._libs}/*"]
        command += ["org.apache.kafka.connect.cli.ConnectDistributed", str(self._folder / "connect.properties")]
        environment = {**os.environ, "ADVERTISED_HOSTNAME": "127.0.0.1"}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.get("/connectors")
                return self.process
            except OSError as error:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    tail = self.log.read_text(errors="replace")[-3000:]
                    raise TimeoutError(f"the worker does not answer: {error}; its log ends with:\n{tail}") from error
                time.sleep(0.1)

    def get(self, path: str) -> Any:
        """The body of an answer. Raises OSError."""
        with urllib.request.urlopen(f"{self.url}{path}", timeout=5) as answer:
            return json.loads(answer.read())

    def kill(self) -> None:
        """As a crash would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def libs() -> Path | None:
    """The folder of jars; None when nobody named one."""
    named = os.environ.get("CONNECT_LIBS")
    return Path(named) if named else None
