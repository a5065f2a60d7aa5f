"""A real Kafka broker on the loopback, from a folder of jars: `KAFKA_LIBS` names it (kafka_2.13 with what it needs).

`python -m tests.support.broker COMMAND…` runs a command with such a broker, whose address is in `BOOTSTRAP_SERVERS`.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from workloads.common.bystander import Bystander

START_SECONDS = 180.0

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{client},BEHIND://127.0.0.1:{behind},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{client},BEHIND://127.0.0.1:{front}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,BEHIND:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
group.consumer.min.session.timeout.ms=1000
group.consumer.session.timeout.ms=10000
group.consumer.min.heartbeat.interval.ms=100
group.consumer.heartbeat.interval.ms=500
num.network.threads=2
num.io.threads=4
"""

_LOGGING = """\
<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="WARN">
  <Appenders><Console name="STDOUT"><PatternLayout pattern="[%d{ISO8601}] %p %m (%c)%n"/></Console></Appenders>
  <Loggers><Root level="INFO"><AppenderRef ref="STDOUT"/></Root></Loggers>
</Configuration>
"""


class Broker:
    """One broker with its data in `folder`; it can be killed and started again on the same data.

    behind: a port for a proxy; whoever comes that way is told that the broker is at the proxy.
    """

    def __init__(self, libs: Path, folder: Path, *, front: int | None = None) -> None:
        """front: the port that such a proxy listens on."""
        if not any(libs.glob("kafka_2.13-*.jar")):
            raise FileNotFoundError(f"KAFKA_LIBS={libs} holds no kafka_2.13 jar")
        self._folder = folder
        self._classpath = f"{folder}:{libs}/*"
        client, controller, self.behind = free_ports(3)
        self.bootstrap_servers = f"127.0.0.1:{client}"
        self.log = folder / "broker.log"
        self._admin: AdminClient | None = None
        (folder / "log4j2.xml").write_text(_LOGGING)
        (folder / "server.properties").write_text(
            _PROPERTIES.format(
                client=client,
                controller=controller,
                behind=self.behind,
                front=front or self.behind,
                data=folder / "data",
            )
        )
        self._java("kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAA", "-c").wait(START_SECONDS)
        self.process = self.start()

    def _java(self, main: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = ["java", "-Xms256m", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
        command += [
            "-cp",
            self._classpath,
            f"-Dlog4j2.configurationFile={self._folder / 'log4j2.xml'}",
            main,
            *arguments,
        ]
        with self.log.open("ab") as log:
            return subprocess.Popen([*command, str(self._folder / "server.properties")], stdout=log, stderr=log)

    def start(self) -> subprocess.Popen[bytes]:
        """Start it, and wait until it answers."""
        self.process = self._java("kafka.Kafka")
        deadline = time.monotonic() + START_SECONDS
        admin = self.admin()
        while True:
            try:
                admin.list_topics(timeout=1)
                return self.process
            except KafkaException as error:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    self.kill()  # whoever would have ended it has no broker to end
                    tail = self.log.read_text(errors="replace")[-2000:]
                    raise TimeoutError(f"the broker does not answer: {error}; its log ends with:\n{tail}") from error

    def admin(self) -> AdminClient:
        """A client for questions to it; the broker keeps it, for a client that is dropped takes its answers with it."""
        if self._admin is None:
            self._admin = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 2})
        return self._admin

    def create_topic(self, name: str, partitions: int) -> None:
        """Make a topic, and wait until every partition can be read: the controller names leaders a moment before the
        broker knows that it is one.
        """
        self.admin().create_topics([NewTopic(name, partitions, 1)])[name].result()
        asking = Bystander({"bootstrap.servers": self.bootstrap_servers}, name)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                asking.bounds(name, range(partitions), START_SECONDS)
                return
            except KafkaException as error:  # the broker has not heard of the topic, or of some of its partitions
                if time.monotonic() > deadline:
                    raise TimeoutError(f"topic {name} cannot be read: {error}") from error

    def kill(self) -> None:
        """As a crash would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def libs() -> Path:
    """The folder of jars. Raises `LookupError` with what to do when there is none."""
    named = os.environ.get("KAFKA_LIBS")
    if not named:
        raise LookupError("KAFKA_LIBS must name a folder with Kafka's jars; `python -m tools.sandbox env` prints it")
    return Path(named)


def main() -> int:
    """Run the command given as arguments with a broker beside it; its exit code."""
    try:
        jars = libs()
    except LookupError as error:
        print(error, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="kafka-") as folder:
        broker = Broker(jars, Path(folder))
        try:
            return subprocess.call(sys.argv[1:], env={**os.environ, "BOOTSTRAP_SERVERS": broker.bootstrap_servers})
        finally:
            broker.kill()


if __name__ == "__main__":
    sys.exit(main())
