"""Copies a topic's committed offsets from one consumer group to another, or waits until a group has no members.

Arguments: `empty <settings> <group> <seconds>`, or
`copy <settings> <source group> <target group> <topic> <partitions>`; the settings file of the workload that it runs
beside says where the broker is. Prints one JSON object: `{"empty": bool, "members": n}`, or what was copied,
`{"offsets": {"<partition>": offset, ...}}`.

Copying is what `kafka-consumer-groups.sh --reset-offsets --from-file` does, by the same two requests, without the start
of a JVM for each. The broker refuses it while the target group has members.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import yaml
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka import admin as kafka_admin

_REQUEST_SECONDS = 10.0
_PAUSE_SECONDS = 0.2


def _members(admin: Any, group: str) -> int:
    found = admin.describe_consumer_groups([group], request_timeout=_REQUEST_SECONDS)[group]
    return len(found.result(_REQUEST_SECONDS).members)


def empty(admin: Any, group: str, seconds: float) -> dict[str, object]:
    """Ask again and again: the broker tells nobody when a group has become empty."""
    deadline = time.monotonic() + seconds
    while (members := _members(admin, group)) and time.monotonic() < deadline:
        time.sleep(_PAUSE_SECONDS)
    return {"empty": members == 0, "members": members}


def copy(admin: Any, source: str, target: str, topic: str, partitions: int) -> dict[str, object]:
    """Offsets that there are; a partition without one stays as it is."""
    wanted = [TopicPartition(topic, partition) for partition in range(partitions)]
    asked = ConsumerGroupTopicPartitions(source, wanted)
    told = admin.list_consumer_group_offsets([asked], require_stable=True, request_timeout=_REQUEST_SECONDS)[source]
    known = [
        TopicPartition(topic, where.partition, where.offset)
        for where in told.result(_REQUEST_SECONDS).topic_partitions
        if where.offset >= 0
    ]
    changed = admin.alter_consumer_group_offsets(
        [ConsumerGroupTopicPartitions(target, known)], request_timeout=_REQUEST_SECONDS
    )[target]
    for where in changed.result(_REQUEST_SECONDS).topic_partitions:
        if where.error is not None:
            raise RuntimeError(f"partition {where.partition}: {where.error}")
    return {"offsets": {str(where.partition): where.offset for where in known}}


def main(what: str, settings: str, *arguments: str) -> None:
    bootstrap = yaml.safe_load(Path(settings).read_text())["bootstrap_servers"]
    admin: Any = kafka_admin.AdminClient({"bootstrap.servers": bootstrap})
    if what == "empty":
        answer = empty(admin, arguments[0], float(arguments[1]))
    else:
        answer = copy(admin, arguments[0], arguments[1], arguments[2], int(arguments[3]))
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
