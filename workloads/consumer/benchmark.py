"""How fast the consumer is, as a ratio: `python3 -m workloads.consumer.benchmark --bootstrap-servers HOST:PORT`.

Three programs read the same topic from its beginning, in turn, several times over: a bare confluent-kafka loop that
only counts (`bare`), one that writes the same lines the consumer writes, one `write` each (`lines`), and the consumer
itself as it runs in a pod (`consumer`). Each is a process of its own with the same client settings; its rate is taken
from the time of its first to that of its last record, so start-up does not count. A round's ratio compares runs that
stand side by side; the medians over the rounds are the result.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.request import Request, urlopen

import orjson
from confluent_kafka import Consumer, Message, Producer

from workloads.common import benchmark
from workloads.common.records import LogName
from workloads.common.states import Color, Membership
from workloads.consumer.loop import BATCH
from workloads.consumer.settings import ConsumerSettings
from workloads.handling.processing import identity

_POD = "consumer-blue-0"
_TIMEOUT_SECONDS = 300.0


def settings_for(servers: str, topic: str) -> dict[str, object]:
    """A new group's settings: every run reads everything."""
    return {
        "bootstrap_servers": servers,
        "topic": topic,
        "group_id": f"benchmark-{uuid.uuid4().hex[:8]}",
        "color": Color.BLUE.value,
        "strategy": "benchmark",
        "membership": Membership.LEAVE_JOIN.value,
    }


def fill(servers: str, topic: str, partitions: int, records: int, size: int) -> None:
    """Put the records into the topic as the producer does."""
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 20, "acks": "all", "enable.idempotence": True})
    for seq in range(records):
        frame = b'{"producer":"p0-benchmark","seq":%d,"payload":"' % seq
        value = frame + b"x" * (size - len(frame) - 2) + b'"}'
        while True:
            try:
                producer.produce(topic, value, partition=seq % partitions)
                break
            except BufferError:
                producer.poll(0.1)
    if left := producer.flush(_TIMEOUT_SECONDS):
        raise TimeoutError(f"{left} of {records} records were not acknowledged within {_TIMEOUT_SECONDS:g} s")


def read(settings: dict[str, object], records: int, handle: Callable[[list[Message]], None]) -> float:
    """A bare loop around `handle`; records per second."""
    consumer = Consumer(ConsumerSettings(**settings, pod_name=_POD).client_configuration())  # type: ignore[arg-type]
    consumer.subscribe([str(settings["topic"])])
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    seen, first = 0, 0
    while seen < records:
        batch = [message for message in consumer.consume(BATCH, 0.1) if message.error() is None]
        if batch:
            first = first or time.monotonic_ns()
            handle(batch)
            seen += len(batch)
        elif time.monotonic() > deadline:
            raise TimeoutError(f"{seen} of {records} records came within {_TIMEOUT_SECONDS:g} s")
    rate = seen / ((time.monotonic_ns() - first) / 1e9)
    consumer.close()
    return rate


def count(batch: list[Message]) -> None:
    """What `bare` does with records."""
    for message in batch:
        message.value()


def line_writer(topic: str, path: Path) -> Callable[[list[Message]], None]:
    """What `lines` does with records."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    head = b'{"color":"blue","pod":"%b","topic":"%b","epoch":1,"producer":"' % (_POD.encode(), topic.encode())

    def handle(batch: list[Message]) -> None:
        for message in batch:
            producer, seq = identity(message.value())
            where = (message.partition() or 0, message.offset() or 0, time.time_ns())
            os.write(fd, b'%b%b","seq":%b,"partition":%d,"offset":%d,"t":%d}\n' % (head, producer, seq, *where))

    return handle


def consume(settings: dict[str, object], records: int, folder: Path) -> float:
    """The consumer itself: started, resumed, and ended when it has handled everything; records per second by its own
    lines.
    """
    process, log = benchmark.start("workloads.consumer", _POD, settings | {"lifecycle_port": 0}, folder)
    try:
        lifecycle, pod = _ports(process, log)
        body = b'{"epoch":1,"deadline_ms":60000}'
        urlopen(Request(f"http://127.0.0.1:{lifecycle}/lifecycle/resume", data=body, method="POST"), timeout=90).close()
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        while True:
            with urlopen(f"http://127.0.0.1:{pod}/progress", timeout=10) as answer:
                handled = json.load(answer)["handled"]
            if handled >= records:
                break
            if time.monotonic() > deadline:
                raise TimeoutError(f"the consumer handled {handled} of {records} records within {_TIMEOUT_SECONDS:g} s")
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    finally:
        process.kill()
    parts = sorted((folder / "consumed").glob("*.jsonl"), key=lambda path: LogName.of(path).part)
    with parts[0].open("rb") as lines:
        first = orjson.loads(lines.readline())["t"]
    with parts[-1].open("rb") as lines:
        lines.seek(-400, os.SEEK_END)
        last = orjson.loads(lines.read().splitlines()[-2])["t"]  # the last line is the end line
    return records * 1e9 / int(last - first)


def _ports(process: subprocess.Popen[bytes], log: Path) -> tuple[int, int]:
    """The consumer's ports, from the line that says it has started."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        for line in log.read_bytes().splitlines():
            if b'"message":"started"' in line and line.endswith(b"}"):
                lifecycle, pod = orjson.loads(line)["ports"]
                return int(lifecycle), int(pod)
        time.sleep(0.05)
    raise RuntimeError(f"the consumer did not start: {log.read_text()[-2000:]}")


def measure(kind: str, settings: dict[str, object], records: int) -> float:
    """One run in a process of its own; records per second."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        if kind == "consumer":
            return consume(settings, records, Path(folder))
        command = [sys.executable, "-m", "workloads.consumer.benchmark", "--one", kind, "--records", str(records)]
        command += ["--folder", folder, "--settings", json.dumps(settings)]
        return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=_TIMEOUT_SECONDS).stdout)


def _summary(values: Sequence[float]) -> dict[str, float]:
    return {"median": round(statistics.median(values), 3), "min": round(min(values), 3), "max": round(max(values), 3)}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; the result is JSON on standard output, progress goes to standard error."""
    parser = argparse.ArgumentParser(
        prog="python3 -m workloads.consumer.benchmark", description=__doc__.splitlines()[0]
    )
    benchmark.add_common(parser)
    parser.add_argument("--records", type=int, default=400_000, help="in each round (default: 400000)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each of the ways (default: 5)")
    parser.add_argument("--one", choices=("bare", "lines"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--settings", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        settings = json.loads(options.settings)
        handle = count if options.one == "bare" else line_writer(settings["topic"], options.folder / "lines.jsonl")
        print(read(settings, options.records, handle))
        return 0
    if not options.bootstrap_servers:
        parser.error("--bootstrap-servers (or BOOTSTRAP_SERVERS) must name a broker")
    rates: dict[str, list[float]] = {"bare": [], "lines": [], "consumer": []}
    with benchmark.topic(options) as topic:
        print(f"filling {topic} with {options.records} records of {options.message_bytes} bytes", file=sys.stderr)
        fill(options.bootstrap_servers, topic, options.partitions, options.records, options.message_bytes)
        for number in range(options.rounds):
            for kind, values in rates.items():
                settings = settings_for(options.bootstrap_servers, topic)
                values.append(measure(kind, settings, options.records))
                print(f"round {number + 1}: {kind} {values[-1]:,.0f} records/s", file=sys.stderr)
    ratios = {
        f"consumer_to_{kind}": _summary([a / b for a, b in zip(rates["consumer"], rates[kind], strict=True)])
        for kind in ("bare", "lines")
    }
    result = {
        "records_per_second": {kind: _summary(values) for kind, values in rates.items()},
        "ratios": ratios,
        "rounds": {kind: [round(value) for value in values] for kind, values in rates.items()},
        "records": options.records,
    }
    benchmark.show(result, options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
