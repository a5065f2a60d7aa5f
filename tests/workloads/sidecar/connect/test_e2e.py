"""The agent by REST against a real Connect worker and a real broker: switches, and what stands in their way."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from experiments.in_pod import dead_letters
from tests.support.broker import Broker
from tests.support.connect_worker import PROPERTIES, ConnectWorker, libs
from tests.support.waiting import until
from workloads.common.states import State
from workloads.producer.payload import key
from workloads.recorder.line import understood
from workloads.sidecar.connect.account import Account
from workloads.sidecar.connect.agent import Agent, AgentWay
from workloads.sidecar.connect.command import Hands
from workloads.sidecar.connect.group import KafkaGroups
from workloads.sidecar.connect.http import ConnectHttp
from workloads.sidecar.connect.journal import Journal
from workloads.sidecar.connect.ledger import Ledger
from workloads.sidecar.connect.memory import Goal
from workloads.sidecar.connect.recorders import Recorders
from workloads.sidecar.connect.rest import ConnectorAddress, RestControl
from workloads.sidecar.connect.workers import Pod, Workers
from workloads.sidecar.subject import Answer, NoAnswerError, Result

PARTITIONS = 4
pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("broker")]


@pytest.fixture(scope="module")
def worker(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConnectWorker]:
    properties = PROPERTIES.format(broker=broker.bootstrap_servers, name="shared")
    started = ConnectWorker(libs(), tmp_path_factory.mktemp("connect"), properties)
    yield started
    started.kill()


class Scene:
    """Two connectors in one cluster, blue and green, each with its agent; a file each."""

    def __init__(self, broker: Broker, worker: ConnectWorker, topic: str, folder: Path) -> None:
        self.broker, self.worker, self.topic, self.folder = broker, worker, topic, folder
        self.groups = KafkaGroups(broker.bootstrap_servers, topic, PARTITIONS)
        self.blue, self.green = self.agent("blue", "green"), self.agent("green", "blue")
        self._stop = threading.Event()
        self._feed = threading.Thread(target=self._run)
        self.sent = 0
        self.plain_keys = 0.0

    def config(self, color: str) -> dict[str, str]:
        package = "org.apache.kafka.connect"
        return {
            "connector.class": f"{package}.file.FileStreamSinkConnector",
            "tasks.max": "2",
            "topics": self.topic,
            "file": str(self.folder / f"{color}.txt"),
            "key.converter": f"{package}.storage.StringConverter",
            "value.converter": f"{package}.storage.StringConverter",
            "transforms": "value,at,epoch",
            "transforms.value.type": f"{package}.transforms.HoistField$Value",
            "transforms.value.field": "v",
            "transforms.at.type": f"{package}.transforms.InsertField$Value",
            "transforms.at.partition.field": "p",
            "transforms.at.offset.field": "o",
            "transforms.at.timestamp.field": "ts",
            "transforms.epoch.type": f"{package}.transforms.InsertField$Value",
            "transforms.epoch.static.field": "e",
            "consumer.override.auto.offset.reset": "earliest",
        }

    def agent(self, color: str, other: str, **config: str) -> AgentWay:
        return AgentWay(self.shared(color, other, **config))

    def shared(self, color: str, other: str, **config: str) -> Agent:
        def pods(_: float) -> list[Pod]:
            return [Pod("w-0", str(self.worker.process.pid), "127.0.0.1")]

        ledger = Ledger()
        http = ConnectHttp(pods, self.worker.port, ledger)
        own, others = ConnectorAddress(f"{self.topic}-{color}", http), ConnectorAddress(f"{self.topic}-{other}", http)
        workers = Workers(pods, self.worker.metrics)
        hands = Hands(
            RestControl(own, others, self.config(color) | config, ledger),
            self.groups,
            workers,
            Recorders(lambda _: []),
            Journal(None, self.topic),
        )
        return Agent(hands, Goal(self.topic, PARTITIONS), Account(workers, own.name))

    def start(self) -> None:
        self._feed.start()

    def end(self) -> None:
        self._stop.set()
        if self._feed.ident:
            self._feed.join()

    def _run(self) -> None:
        producer = Producer({"bootstrap.servers": self.broker.bootstrap_servers, "linger.ms": 0})
        while not self._stop.wait(0.01):
            value = json.dumps({"producer": "p", "seq": self.sent}, separators=(",", ":"))
            producer.produce(
                self.topic, value.encode(), key(self.sent, self.plain_keys), partition=self.sent % PARTITIONS
            )
            producer.poll(0)
            self.sent += 1
        producer.flush()

    def handled(self) -> dict[int, list[tuple[str, int]]]:
        """By seq: the colour and the epoch of each line."""
        found: dict[int, list[tuple[str, int]]] = {}
        for color in ("blue", "green"):
            path = self.folder / f"{color}.txt"
            for line in path.read_bytes().splitlines() if path.exists() else ():
                record = understood(line)
                found.setdefault(record.seq, []).append((color, record.epoch))
        return found


@pytest.fixture
def scene(broker: Broker, worker: ConnectWorker, topic: str, tmp_path: Path) -> Iterator[Scene]:
    made = Scene(broker, worker, topic, tmp_path)
    yield made
    made.end()
    for agent in (made.blue, made.green):
        done(agent.pause, 1000)
    made.groups.close()


def done(call: object, epoch: int, seconds: float = 60.0) -> Answer:
    """The answer to a command that is repeated, as a sidecar does, until it is carried out."""
    ends = time.monotonic() + seconds
    while True:
        answer: Answer = call(epoch, 5.0)  # type: ignore[operator]
        if answer.result is Result.DONE:
            return answer
        assert time.monotonic() < ends, answer


def test_switches_there_and_back_lose_nothing_and_double_nothing(scene: Scene) -> None:
    done(scene.blue.pause, 1)
    done(scene.green.pause, 1)
    scene.start()
    done(scene.blue.resume, 2)
    old, new, epoch = scene.blue, scene.green, 2
    for _ in range(4):
        before = scene.sent
        until("a hundred records", lambda before=before: scene.sent > before + 100)
        paused = done(old.pause, epoch + 1)
        assert (paused.report.state, paused.report.epoch) == (State.PAUSED, epoch + 1)
        active = done(new.resume, epoch + 2)
        assert (active.report.state, active.report.epoch) == (State.ACTIVE, epoch + 2)
        assert active.report.partitions == tuple(range(PARTITIONS))
        old, new, epoch = new, old, epoch + 2
    scene.end()
    until("every record", lambda: len(scene.handled()) == scene.sent)
    handled = scene.handled()
    assert {len(lines) for lines in handled.values()} == {1}
    assert {line for lines in handled.values() for line in lines} == {
        ("blue", 2),
        ("green", 4),
        ("blue", 6),
        ("green", 8),
        ("blue", 10),
    }


def test_a_restarted_agent_leaves_its_connector_running(scene: Scene) -> None:
    done(scene.blue.resume, 2)
    again = scene.agent("blue", "green")
    until("its state", lambda: state(again) is State.ACTIVE)
    assert again.resume(2, 5).result is Result.DONE
    assert done(again.pause, 3).report.state is State.PAUSED


def test_a_frozen_worker_confirms_nothing(scene: Scene) -> None:
    """Interleaving 20."""
    done(scene.blue.resume, 2)
    scene.worker.freeze()
    try:
        with pytest.raises(NoAnswerError):
            scene.blue.pause(3, 3.0)
    finally:
        scene.worker.thaw()
    assert done(scene.blue.pause, 3).report.state is State.PAUSED


def test_a_class_that_does_not_exist_is_an_obstacle(scene: Scene) -> None:
    bad = scene.agent("bad", "blue", **{"connector.class": "no.such.Connector"})
    answer = done(bad.pause, 1)
    assert "no.such.Connector" in answer.report.obstacle
    assert bad.resume(2, 1.0).result is Result.NOT_YET


def state(way: AgentWay) -> State | None:
    """What it says; None while Connect says nothing, as before a rebalance."""
    try:
        return way.status(2).state
    except NoAnswerError:
        return None


def test_a_connector_started_by_hand_is_seen_and_stopped(scene: Scene) -> None:
    import urllib3

    done(scene.blue.pause, 1)
    path = f"{scene.worker.url}/connectors/{scene.topic}-blue/resume"
    assert urllib3.request("PUT", path, timeout=5, retries=False).status == 202
    until("it not being paused", lambda: state(scene.blue) not in (None, State.PAUSED))
    assert done(scene.blue.pause, 1).report.state is State.PAUSED


def reads_keys_as_json(**more: str) -> dict[str, str]:
    return {
        "key.converter": "org.apache.kafka.connect.json.JsonConverter",
        "key.converter.schemas.enable": "false",
        **more,
    }


def test_what_connect_skips_is_counted_by_its_agent_and_lies_in_the_queue(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    queue, servers = f"{scene.topic}-dead-letters", scene.broker.bootstrap_servers
    dead_letters.make(servers, queue)
    dead_letters.make(servers, queue)  # what is there stays
    skips = reads_keys_as_json(
        **{
            "errors.tolerance": "all",
            "errors.deadletterqueue.topic.name": queue,
            "errors.deadletterqueue.topic.replication.factor": "-1",
            "errors.deadletterqueue.context.headers.enable": "true",
        }
    )
    agent = scene.shared("green", "blue", **skips)
    scene.green, scene.plain_keys = AgentWay(agent), 0.5
    done(scene.blue.pause, 1)
    done(scene.green.pause, 1)
    before = int(time.time() * 1000)
    assert agent.progress(2)["handled"] == 0
    scene.start()
    done(scene.green.resume, 2)
    until("two hundred records", lambda: scene.sent > 200)
    scene.end()
    until("every record", lambda: agent.progress(2)["handled"] == scene.sent, 30)
    failed = agent.progress(2)["failed"]
    assert isinstance(failed, int)
    assert 0.3 * scene.sent < failed < 0.7 * scene.sent
    assert len(scene.handled()) == scene.sent - failed
    capsys.readouterr()
    dead_letters.read(servers, queue, before)
    *letters, end = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert end == {"end": failed}
    assert {letter["seq"] for letter in letters} | scene.handled().keys() == set(range(scene.sent))
    assert {(letter["connector"], letter["topic"], letter["producer"]) for letter in letters} == {
        (f"{scene.topic}-green", scene.topic, "p")
    }
    assert all("KEY_CONVERTER" in letter["error"] and letter["t"] >= before for letter in letters)


def test_a_task_that_ends_at_a_record_has_failed_and_the_other_colour_handles_it(scene: Scene) -> None:
    scene.green = scene.agent("green", "blue", **reads_keys_as_json(**{"errors.tolerance": "none"}))
    scene.plain_keys = 0.5
    done(scene.blue.pause, 1)
    done(scene.green.pause, 1)
    scene.start()
    scene.green.resume(2, 5.0)
    until("what has failed", lambda: "FAILED" in scene.green.status(2).failed, 30)
    told = scene.green.status(2)
    assert (told.state, told.epoch) == (State.DRAINING, 2)
    assert scene.green.resume(2, 1.0).result is Result.NOT_YET  # nobody starts it again
    assert done(scene.green.pause, 3).report.failed == ""
    done(scene.blue.resume, 4)
    scene.end()
    until("every record", lambda: len(scene.handled()) == scene.sent, 30)
    assert {len(lines) for lines in scene.handled().values()} == {1}
