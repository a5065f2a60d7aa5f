"""Producer and topic job against a real broker: what the log says is what the broker has."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from confluent_kafka import Consumer, TopicPartition

from tests.support.broker import Broker
from tests.support.fenced import Front
from tests.support.processes import logged
from tests.support.waiting import until
from tests.workloads.conftest import PARTITIONS

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("broker")]


class ProducerProcess:
    """`python -m workloads.producer` as pod producer-0."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder = folder
        self.records = folder / "records"
        self.log = folder / "log.jsonl"
        self.file = folder / "settings.yaml"
        self.write({"records_dir": str(self.records), "http_host": "127.0.0.1", "http_port": 0, **settings})
        environment = {**os.environ, "SETTINGS_FILE": str(self.file), "POD_NAME": "producer-0"}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "workloads.producer"], env=environment, stdout=log, stderr=log
            )
        self.port = until("the producer to start", self._started)

    def write(self, settings: dict[str, Any]) -> None:
        """Write the settings file."""
        self.settings = settings
        self.file.write_text(json.dumps(settings))

    def _started(self) -> int | None:
        assert self.process.poll() is None, self.log.read_text()
        for line in self.log.read_bytes().splitlines():
            if b'"message":"started"' in line:
                return int(json.loads(line)["port"])
        return None

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """One request: (status, JSON)."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"http://127.0.0.1:{self.port}{path}", data=data, method=method)
        try:
            with urlopen(request, timeout=10) as answer:
                content = answer.read()
                return answer.status, json.loads(content) if path != "/metrics" else content.decode()
        except HTTPError as error:
            return error.code, json.loads(error.read())

    def status(self) -> Any:
        """GET /status."""
        return self.call("GET", "/status")[1]

    def ready(self) -> "ProducerProcess":
        """Wait until it is connected."""
        until("the producer to be ready", lambda: self.call("GET", "/readyz")[0] == 200)
        return self

    def settle(self) -> int:
        """Rate 0, and wait until every record's fate is known; how many there were."""
        assert self.call("PUT", "/config", {"rate": 0})[0] == 200

        def settled() -> bool:
            before = self.status()
            time.sleep(0.3)
            return bool(before == self.status() and before["in_flight"] == 0)

        until("everything to be acknowledged", settled, 60)
        return int(self.status()["seq"])

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def lines(self) -> list[dict[str, Any]]:
        """Its log."""
        (file,) = (self.records / "produced").glob("producer-0.*.jsonl")
        return [json.loads(line) for line in file.read_bytes().splitlines()]


Producers = Callable[..., ProducerProcess]


@pytest.fixture
def producer(broker: Broker, topic: str, tmp_path: Path) -> Iterator[Producers]:
    started: list[ProducerProcess] = []

    def start(**settings: Any) -> ProducerProcess:
        usual = {"bootstrap_servers": broker.bootstrap_servers, "topic": topic}
        started.append(ProducerProcess(tmp_path, usual | settings))
        return started[-1]

    yield start
    for process in started:
        process.process.kill()
        process.process.wait()


def stored(broker: Broker, topic: str) -> dict[tuple[int, int], bytes]:
    """Every record of the topic by (partition, offset)."""
    consumer = Consumer(
        {"bootstrap.servers": broker.bootstrap_servers, "group.id": "reader", "enable.auto.commit": False}
    )
    found = {}
    for partition in range(PARTITIONS):
        _, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
        if end:
            consumer.assign([TopicPartition(topic, partition, 0)])
            while True:
                message = consumer.poll(10)
                assert message is not None
                assert message.error() is None
                found[partition, message.offset()] = message.value()
                if message.offset() == end - 1:
                    break
    consumer.close()
    return found  # type: ignore[return-value]


def test_the_log_is_what_the_broker_has(producer: Producers, broker: Broker, topic: str) -> None:
    made = producer(rate=500, message_bytes=200).ready()
    until("records", lambda: made.status()["acked"] > 500)
    assert made.stop() == 0
    *lines, end = made.lines()
    name = lines[0]["producer"]
    assert name.startswith("p0-")
    assert end == {"producer": name, "end": len(lines)}
    assert sorted(line["seq"] for line in lines) == list(range(len(lines)))
    assert {line["status"] for line in lines} == {"acked"}
    there = stored(broker, topic)
    assert len(there) == len(lines)
    for line in lines:
        value = there[line["partition"], line["offset"]]
        content = json.loads(value)
        assert (content["producer"], content["seq"], line["topic"]) == (name, line["seq"], topic)
        assert len(value) == 200
    # Random, but cut from one reservoir: by chance two may begin at one place.
    assert len({value[-50:] for value in there.values()}) >= len(there) - 4


@pytest.mark.parametrize("rate", [100, 5000])
def test_the_rate_is_kept(producer: Producers, rate: int) -> None:
    """It sends on for as long as it is asked to, and never more than the rate makes in the time it ran. How steady it
    is meanwhile, and that it is no slower, are the machine's too: `workloads.producer.benchmark` says that.
    """
    made = producer(rate=rate).ready()
    until("five seconds' records", lambda: made.status()["acked"] > 5 * rate)
    made.settle()
    assert made.stop() == 0
    began = datetime.fromisoformat(logged(made.log, "producing")[0]["time"]).timestamp()
    times = [line["t"] for line in made.lines() if "t" in line]
    assert len(times) <= 1 + rate * (max(times) / 1e9 - began)


def test_load_changes_at_run_time(producer: Producers, broker: Broker, topic: str) -> None:
    made = producer(rate=0).ready()
    status, config = made.call("GET", "/config")
    assert abs(config.pop("time") - time.time_ns()) < 60e9
    assert (status, config) == (200, {"rate": 0.0, "message_bytes": 512, "plain_keys": 0.0})
    assert made.call("PUT", "/config", {"rate": 200, "message_bytes": 100}) == (
        200,
        {"rate": 200.0, "message_bytes": 100, "plain_keys": 0.0},
    )
    until("records", lambda: made.status()["acked"] > 100)
    assert (
        made.call("PUT", "/config", {"message_bytes": 1000})[1].items()
        >= {"rate": 200.0, "message_bytes": 1000}.items()
    )
    until("records", lambda: made.status()["acked"] > 200)
    made.settle()
    assert {len(value) for value in stored(broker, topic).values()} == {100, 1000}
    refused: list[Any] = [
        {"rate": -1},
        {"rate": "1"},
        {"message_bytes": 63},
        {"message_bytes": 1_000_001},
        {"x": 1},
        [],
    ]
    for wrong in refused:
        assert made.call("PUT", "/config", wrong)[0] == 400
    made.write(made.settings | {"rate": 50})
    until(
        "the file to be read",
        lambda: made.call("GET", "/config")[1].items() >= {"rate": 50.0, "message_bytes": 512}.items(),
    )
    text = made.call("GET", "/metrics")[1]
    assert 'kafka_producer_records_sent_rate{pod="producer-0"}' in text


def test_a_broker_that_restarts_costs_nothing(producer: Producers, broker: Broker, topic: str) -> None:
    made = producer(rate=300).ready()
    until("records", lambda: made.status()["acked"] > 200)
    broker.kill()
    until("readiness to go", lambda: made.call("GET", "/readyz")[0] == 503)
    broker.start()
    count = made.settle()
    assert made.stop() == 0
    lines = made.lines()
    assert lines[-1]["end"] == count == len(lines) - 1
    there = stored(broker, topic)
    acked = [line for line in lines[:-1] if line["status"] == "acked"]
    assert len(acked) == count == len(there)
    assert all(json.loads(there[line["partition"], line["offset"]])["seq"] == line["seq"] for line in acked)


def test_a_client_without_any_broker_is_the_end_of_the_process(
    producer: Producers, front: Front, broker: Broker, topic: str
) -> None:
    """A broker that was shutting down left it so (librdkafka issue 5301). What is not known is written down as such."""
    often = {"topic.metadata.refresh.interval.ms": 300}
    made = producer(rate=100, bootstrap_servers=front.bootstrap_servers, client=often).ready()
    until("records", lambda: made.status()["acked"] > 100)
    with front.fenced():
        assert made.process.wait(90) == 1
    assert "knows no broker any more" in made.log.read_text()
    *lines, end = made.lines()
    assert [line["seq"] for line in sorted(lines, key=lambda line: line["seq"])] == list(range(end["end"]))
    there = stored(broker, topic)
    acked = [line for line in lines if line["status"] == "acked"]
    assert all(json.loads(there[line["partition"], line["offset"]])["seq"] == line["seq"] for line in acked)
    assert {line["status"] for line in lines} == {"acked", "unknown"}


def test_a_full_queue_is_waited_for(producer: Producers, broker: Broker, topic: str) -> None:
    made = producer(rate=2000, client={"queue.buffering.max.messages": 100}).ready()
    until("records", lambda: made.status()["acked"] > 200)
    broker.process.send_signal(signal.SIGSTOP)
    time.sleep(1)
    assert made.status()["in_flight"] <= 100
    broker.process.send_signal(signal.SIGCONT)
    count = made.settle()
    assert made.stop() == 0
    lines = made.lines()[:-1]
    assert sorted(line["seq"] for line in lines) == list(range(count))
    assert {line["status"] for line in lines} == {"acked"}


def test_too_large_is_failed_and_without_an_answer_is_unknown(producer: Producers, broker: Broker) -> None:
    made = producer(rate=50, message_bytes=5000, flush_seconds=0.5, client={"message.max.bytes": 2000}).ready()
    until("failures", lambda: made.status()["failed"] > 10)
    assert made.call("PUT", "/config", {"message_bytes": 100})[0] == 200
    until("records", lambda: made.status()["acked"] > 10)
    broker.process.send_signal(signal.SIGSTOP)
    try:
        time.sleep(0.5)
        assert made.stop() == 0
    finally:
        broker.process.send_signal(signal.SIGCONT)
    *lines, end = made.lines()
    assert end["end"] == len(lines)
    assert {line["seq"] for line in lines} == set(range(len(lines)))
    counts = {status: sum(line["status"] == status for line in lines) for status in ("failed", "acked", "unknown")}
    assert all(count > 5 for count in counts.values()), counts
    assert all(line["partition"] is None for line in lines if line["status"] != "acked")


def test_only_the_partitions_asked_for(producer: Producers) -> None:
    made = producer(rate=200, write_partitions=[1, 3]).ready()
    until("records", lambda: made.status()["acked"] > 50)
    assert made.stop() == 0
    assert {line["partition"] for line in made.lines()[:-1]} == {1, 3}


def test_a_killed_producer_leaves_no_end_line(producer: Producers, tmp_path: Path) -> None:
    made = producer(rate=1000).ready()
    until("records", lambda: made.status()["acked"] > 100)
    made.process.kill()
    made.process.wait()
    assert all("end" not in line for line in made.lines())


def test_partitions_that_are_not_there_are_refused(broker: Broker, topic: str, tmp_path: Path) -> None:
    environment = _environment(broker, topic) | {"BG_WRITE_PARTITIONS": "[0, 99]", "BG_RECORDS_DIR": str(tmp_path)}
    done = _run("workloads.producer", environment | {"POD_NAME": "producer-0", "BG_HTTP_PORT": "0"})
    assert done.returncode == 1
    assert "not [99]" in done.stdout


def _environment(broker: Broker, topic: str) -> dict[str, str]:
    return {"BG_BOOTSTRAP_SERVERS": broker.bootstrap_servers, "BG_TOPIC": topic}


def _run(module: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module],
        env={**os.environ, **environment},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_topic_job(broker: Broker, topic: str) -> None:
    name = f"{topic}-job"
    outcomes = []
    for partitions in ("3", "3", "5", "2"):
        done = _run("workloads.topic", _environment(broker, name) | {"BG_PARTITIONS": partitions})
        outcomes.append((done.returncode, json.loads(done.stdout.splitlines()[-1])))
    assert [code for code, _ in outcomes] == [0, 0, 0, 1]
    assert [line["outcome"] for _, line in outcomes[:3]] == [
        "created with 3 partitions",
        "was there with 3 partitions",
        "grew from 3 to 5 partitions",
    ]
    assert "has 5 partitions and 2 were asked for" in outcomes[3][1]["error"]
    assert len(broker.admin().list_topics(name, timeout=5).topics[name].partitions) == 5


def test_topic_job_without_a_broker_ends_in_time() -> None:
    environment = {
        "BG_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "BG_TOPIC": "t",
        "BG_PARTITIONS": "1",
        "BG_TIMEOUT_SECONDS": "2",
    }
    started = time.monotonic()
    done = _run("workloads.topic", environment)
    assert done.returncode == 1
    assert "no usable answer from 127.0.0.1:1 within 2 s" in done.stdout
    assert time.monotonic() - started < 20
