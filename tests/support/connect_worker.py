"""A real Kafka Connect worker on the loopback, distributed mode, from folders of jars.

`CONNECT_LIBS` names the folders, separated by colons: connect-runtime with what it needs, connect-transforms,
connect-file, log4j-slf4j-impl, and a JMX exporter's agent (`jmx_prometheus_javaagent*.jar`). Where it names none, the
sandbox's are taken, and made when they are not there yet: nobody but these tests waits for them.
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
from tools.sandbox.paths import Layout
from tools.sandbox.progress import Progress
from tools.sandbox.up import assemble

START_SECONDS = 90.0

PROPERTIES = """\
bootstrap.servers={broker}
group.id=connect-{name}
config.storage.topic=connect-{name}-configs
offset.storage.topic=connect-{name}-offsets
status.storage.topic=connect-{name}-status
config.storage.replication.factor=1
offset.storage.replication.factor=1
offset.storage.partitions=1
status.storage.replication.factor=1
status.storage.partitions=1
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
listeners=http://127.0.0.1:{{port}}
rest.advertised.host.name=127.0.0.1
rest.advertised.port={{port}}
plugin.discovery=SERVICE_LOAD
connector.client.config.override.policy=All
offset.flush.interval.ms=1000
offset.flush.timeout.ms=5000
scheduled.rebalance.max.delay.ms=0
heartbeat.interval.ms=1000
session.timeout.ms=6000
consumer.session.timeout.ms=6000
consumer.heartbeat.interval.ms=500
"""

# What an agent reads of its workers (`workloads/sidecar/connect/workers.py`): as they are deployed.
RULES = Path(__file__).parents[2] / "components" / "files" / "connect" / "jmx-exporter.yaml"

_LOGGING = """\
<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="WARN">
  <Appenders><Console name="STDOUT"><PatternLayout pattern="[%d{ISO8601}] %p %m (%c)%n"/></Console></Appenders>
  <Loggers><Root level="INFO"><AppenderRef ref="STDOUT"/></Root></Loggers>
</Configuration>
"""


def libs() -> list[Path]:
    """The folders of jars, made now if need be. Raises `SandboxError` with what to do when they cannot be made."""
    if named := os.environ.get("CONNECT_LIBS"):
        return [Path(folder) for folder in named.split(":")]
    environment = dict(os.environ)
    return assemble(Layout.from_environment(environment), environment, Progress()).catalogue.connect_libs()


class ConnectWorker:
    """One worker. port, metrics: of its REST API and of its JMX exporter."""

    def __init__(self, folders: list[Path], folder: Path, properties: str) -> None:
        """properties: the file that it reads; {port} in it is the port of its REST API."""
        self.port, self.metrics = free_ports(2)
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "worker.log"
        folder.mkdir(parents=True, exist_ok=True)
        read, rules, logging = (folder / name for name in ("connect.properties", "jmx.yml", "log4j2.xml"))
        read.write_text(properties.replace("{port}", str(self.port)))
        rules.write_text(RULES.read_text(encoding="utf-8"))
        logging.write_text(_LOGGING)
        exporter = next(jar for one in folders for jar in one.glob("jmx_prometheus_javaagent*.jar"))
        self._command = ["java", "-Xms64m", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
        self._command += [f"-javaagent:{exporter}={self.metrics}:{rules}", f"-Dlog4j2.configurationFile={logging}"]
        self._command += ["-cp", ":".join(f"{one}/*" for one in folders)]
        self._command += ["org.apache.kafka.connect.cli.ConnectDistributed", str(read)]
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        """Start it, and wait until it is in its group and answers."""
        environment = {**os.environ, "ADVERTISED_HOSTNAME": "127.0.0.1"}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log, env=environment)
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

    def freeze(self) -> None:
        """It stands still, and nobody is told."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """As a crash would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
