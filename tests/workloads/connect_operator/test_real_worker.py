"""The operator with a real Kafka Connect worker: that what it asks for is what Connect 4.3.1 does."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from tests.support.broker import Broker
from tests.support.connect_worker import ConnectWorker, libs
from tests.support.waiting import until
from tests.workloads.connect_operator.place import Place, connect_resource
from tests.workloads.connect_operator.play import resource
from workloads.connect_operator import cluster, names
from workloads.connect_operator.properties import worker_file

pytestmark = pytest.mark.e2e

STRING = "org.apache.kafka.connect.storage.StringConverter"
SETTINGS = {
    "key.converter": STRING,
    "value.converter": STRING,
    "config.storage.replication.factor": 1,
    "offset.storage.replication.factor": 1,
    "status.storage.replication.factor": 1,
    "offset.storage.partitions": 1,
    "status.storage.partitions": 1,
    "offset.flush.interval.ms": 1000,
    "scheduled.rebalance.max.delay.ms": 0,
    "plugin.discovery": "SERVICE_LOAD",
    "connector.client.config.override.policy": "All",
}


@pytest.fixture(scope="module")
def worker(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConnectWorker]:
    """A worker with the configuration that a KafkaConnect's pods get."""
    wanted = cluster.read(connect_resource(config=SETTINGS, bootstrapServers=broker.bootstrap_servers))
    text = worker_file(wanted.config).replace(f"{names.REST_PORT}", "{port}")
    started = ConnectWorker(libs(), tmp_path_factory.mktemp("connect"), text)
    yield started
    started.kill()


@pytest.fixture
def place(worker: ConnectWorker) -> Iterator[Place]:
    """An operator of the test's own, with this worker as cluster `blue`."""
    made = Place(rest_url=worker.url)
    made.start()
    made.make_cluster()
    made.cluster_is("Ready")
    yield made
    for name in worker.get("/connectors"):
        if f"{PATH}/{name}" in made.api.objects:
            made.api.remove(f"{PATH}/{name}")
    until("the connectors are gone", lambda: worker.get("/connectors") == [])
    made.close()


PATH = "/apis/kafka.strimzi.io/v1/namespaces/n/kafkaconnectors"
TO = "/api/v1/namespaces/n/configmaps/to"


class Sink:
    """A file sink by its resource."""

    def __init__(self, place: Place, topic: str, file: Path) -> None:
        self._place = place
        self.name = f"sink-{topic}"
        self.file = file
        self.spec: dict[str, Any] = {
            "class": "org.apache.kafka.connect.file.FileStreamSinkConnector",
            "tasksMax": 1,
            "state": "stopped",
            "config": {"topics": topic, "file": str(file), "consumer.override.auto.offset.reset": "earliest"},
            "listOffsets": {"toConfigMap": {"name": "to"}},
            "alterOffsets": {"fromConfigMap": {"name": "from"}},
        }
        self.generation = 0
        self.pokes = 0

    def write(self, annotations: dict[str, str] | None = None, **changed: Any) -> None:
        """The resource, changed so."""
        if changed or not self.generation:
            self.generation += 1
        self.spec |= changed
        labels = {"strimzi.io/cluster": "blue"}
        made = resource(self.spec, annotations, name=self.name, generation=self.generation, labels=labels)
        self._place.write(made)

    def observed(self) -> dict[str, Any]:
        """The status, once the newest generation was carried out."""
        return self._place.is_observed(self.name, self.generation)

    def told(self) -> dict[str, Any]:
        """What the resource says of Connect's status."""
        found: dict[str, Any] = (self._place.connector(self.name).get("status") or {}).get("connectorStatus") or {}
        return found

    def says(self, state: str, *tasks: str) -> None:
        """Return once connector and tasks are in these states.

        A request that Connect has taken shows some time later, and then nothing happens to the resource: an annotation
        of one's own has it reconciled.
        """
        wanted = (state, list(tasks))

        def check() -> bool:
            told = self.told()
            if ((told.get("connector") or {}).get("state"), [t["state"] for t in told.get("tasks") or ()]) == wanted:
                return True
            self.pokes += 1
            self.write({"poke": str(self.pokes)})
            return False

        until(f"{self.name} to be {wanted}", check, every=0.2)

    def manage(self, asked: str) -> None:
        """Have its offsets altered or reset."""
        self.write({names.OFFSETS: asked})
        until(f"{asked} done", lambda: names.OFFSETS not in self._place.connector(self.name)["metadata"]["annotations"])

    def lines(self) -> list[str]:
        """What it wrote."""
        return self.file.read_text().splitlines() if self.file.exists() else []


@pytest.fixture
def sink(place: Place, topic: str, tmp_path: Path) -> Sink:
    return Sink(place, topic, tmp_path / "out.txt")


def produce(broker: Broker, topic: str, *values: str) -> None:
    """Into partition 0."""
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "linger.ms": 0, "log_level": 2})
    for value in values:
        producer.produce(topic, value, partition=0)
    assert producer.flush(30) == 0


def listed(place: Place, sink: Sink) -> Any:
    """The offset of partition 0, asked for now. Done is what is there: that the annotation is gone says nothing of
    which request was carried out, for an event of the one before can take it away.
    """
    if TO in place.api.objects:
        place.api.remove(TO)
    sink.write({names.OFFSETS: "list"})
    made = until("the offsets are listed", lambda: place.api.objects.get(TO))
    found = json.loads(made["data"][names.OFFSETS_KEY])["offsets"]
    return {entry["partition"]["kafka_partition"]: entry["offset"]["kafka_offset"] for entry in found}.get(0)


def test_the_cluster_tells_what_the_worker_has(place: Place) -> None:
    plugins = place.cluster_status()["connectorPlugins"]
    assert {plugin["class"] for plugin in plugins} >= {"org.apache.kafka.connect.file.FileStreamSinkConnector"}
    assert {plugin["version"] for plugin in plugins if "FileStreamSink" in plugin["class"]} == {"4.3.1"}


def test_made_stopped_it_writes_nothing_until_it_is_to_run(
    place: Place, sink: Sink, broker: Broker, topic: str, worker: ConnectWorker
) -> None:
    produce(broker, topic, "a", "b")
    sink.write()
    sink.says("STOPPED")
    assert "started" not in worker.log.read_text().split(f"connector {sink.name}")[-1]
    assert sink.lines() == []
    sink.write(state="running")
    until("the records are written", lambda: sink.lines() == ["a", "b"])
    sink.says("RUNNING", "RUNNING")


def test_offsets_are_listed_altered_and_reset(place: Place, sink: Sink, broker: Broker, topic: str) -> None:
    produce(broker, topic, "a", "b", "c")
    sink.write(state="running")
    until("the records are written", lambda: sink.lines() == ["a", "b", "c"])
    sink.write(state="stopped")
    sink.says("STOPPED")
    assert listed(place, sink) == 3
    entry = {"partition": {"kafka_topic": topic, "kafka_partition": 0}, "offset": {"kafka_offset": 1}}
    data = {names.OFFSETS_KEY: json.dumps({"offsets": [entry]})}
    place.api.put("/api/v1/namespaces/n/configmaps/from", {"data": data})
    sink.manage("alter")
    assert listed(place, sink) == 1
    sink.write(state="running")
    until("it starts there", lambda: sink.lines() == ["a", "b", "c", "b", "c"])
    sink.write(state="stopped")
    sink.says("STOPPED")
    sink.manage("reset")
    assert listed(place, sink) is None


def test_a_running_connectors_offsets_are_not_altered(place: Place, sink: Sink, broker: Broker, topic: str) -> None:
    produce(broker, topic, "a")
    sink.write(state="running")
    until("it runs", lambda: sink.lines() == ["a"])
    place.api.put("/api/v1/namespaces/n/configmaps/from", {"data": {names.OFFSETS_KEY: '{"offsets": []}'}})
    sink.write({names.OFFSETS: "alter"})
    status = place.connector_is("Warning", sink.name)
    assert status["conditions"][1]["reason"] == "AlterOffsets"


def test_a_changed_configuration_is_put_and_then_the_state(
    place: Place, sink: Sink, broker: Broker, topic: str, tmp_path: Path
) -> None:
    produce(broker, topic, "a")
    sink.write(state="running")
    until("it runs", lambda: sink.lines() == ["a"])
    other = tmp_path / "other.txt"
    sink.write(state="paused", config={**sink.spec["config"], "file": str(other)})
    assert sink.observed()["conditions"][0]["type"] == "Ready"
    sink.says("PAUSED", "PAUSED")
    sink.write(state="running")
    produce(broker, topic, "b")
    until("it writes to the other file", lambda: other.exists() and other.read_text() == "b\n")


def test_paused_keeps_its_tasks_and_stopped_has_none(sink: Sink, broker: Broker, topic: str) -> None:
    produce(broker, topic, "a")
    sink.write(state="running")
    until("it runs", lambda: sink.lines() == ["a"])
    sink.write(state="paused")
    sink.says("PAUSED", "PAUSED")
    sink.write(state="stopped")
    sink.says("STOPPED")


def test_a_class_that_does_not_exist_is_told(place: Place, sink: Sink) -> None:
    sink.spec["class"] = "no.such.Connector"
    sink.write()
    (condition,) = place.connector_is("NotReady", sink.name)["conditions"]
    assert condition["reason"] == "ConnectRestException"
    assert "no.such.Connector" in condition["message"]
