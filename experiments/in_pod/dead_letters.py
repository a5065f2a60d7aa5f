"""Makes a dead-letter queue whose records have the time at which they came to it, or prints what is in one.

Arguments: `make <settings> <topic>`, or `read <settings> <topic> <since>` (milliseconds since 1970); the settings file
of the workload that it runs beside says where the broker is. `read` prints a JSON object a line, of each record that
Connect skipped since then: `connector` and `task`, the `topic`, `partition` and `offset` that it came from, its
`producer` and `seq`, `t` (ms) at which it came to the queue, and the `error`; then `{"end": n}`. A topic that is not
there is empty.

Where a record came from, Connect writes into headers, if it is asked to
(`errors.deadletterqueue.context.headers.enable`).
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import yaml
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

_REQUEST_SECONDS = 20.0
_READ_SECONDS = 60.0
_CONTEXT = "__connect.errors."
_LONGEST = 200


def make(servers: str, topic: str) -> None:
    # Connect's producer gives a record the time of the one that was skipped, unless the broker has its own.
    new = NewTopic(topic, 1, -1, config={"message.timestamp.type": "LogAppendTime"})
    admin = AdminClient({"bootstrap.servers": servers})
    try:
        admin.create_topics([new], operation_timeout=_REQUEST_SECONDS)[topic].result(_REQUEST_SECONDS)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise


def read(servers: str, topic: str, since: int) -> None:
    reader = Consumer({"bootstrap.servers": servers, "group.id": f"{topic}-reader", "enable.auto.commit": False})
    count = 0
    # Named, it would be made where the broker makes topics that are asked for.
    there = reader.list_topics(timeout=_REQUEST_SECONDS).topics.get(topic)
    if there is not None and there.error is not None:
        raise KafkaException(there.error)
    for partition in there.partitions if there is not None else ():
        (start,) = reader.offsets_for_times([TopicPartition(topic, partition, since)], timeout=_REQUEST_SECONDS)
        if start.error is not None:  # it bears the time that was asked for in place of an offset, beyond every end
            raise KafkaException(start.error)
        _, end = reader.get_watermark_offsets(TopicPartition(topic, partition), timeout=_REQUEST_SECONDS)
        if not 0 <= start.offset < end:
            continue
        reader.assign([start])
        count += _until(reader, end)
        reader.unassign()
    reader.close()
    print(json.dumps({"end": count}))


def _until(reader: Consumer, end: int) -> int:
    """Print the records of the partition that is assigned, up to this offset; how many there were."""
    count, deadline = 0, time.monotonic() + _READ_SECONDS
    while time.monotonic() < deadline:
        for message in reader.consume(500, 0.5):
            if message.error() is not None:
                raise KafkaException(message.error())
            print(json.dumps(_told(message)))
            count += 1
        if reader.position(reader.assignment())[0].offset >= end:
            return count
    raise SystemExit(f"the queue could not be read to offset {end} within {_READ_SECONDS:g} s")


def _told(message: Any) -> dict[str, Any]:
    said = {name: (value or b"").decode(errors="replace") for name, value in message.headers() or ()}
    context = {name.removeprefix(_CONTEXT): value for name, value in said.items() if name.startswith(_CONTEXT)}
    value = json.loads(message.value())
    return {
        "connector": context["connector.name"],
        "task": int(context["task.id"]),
        "topic": context["topic"],
        "partition": int(context["partition"]),
        "offset": int(context["offset"]),
        "producer": value["producer"],
        "seq": value["seq"],
        "t": message.timestamp()[1],
        "error": f"{context.get('stage', '')}: {context.get('exception.message', '')}"[:_LONGEST],
    }


if __name__ == "__main__":
    command, settings, *arguments = sys.argv[1:]
    brokers = yaml.safe_load(Path(settings).read_text())["bootstrap_servers"]
    if command == "make":
        make(brokers, arguments[0])
    else:
        read(brokers, arguments[0], int(arguments[1]))
