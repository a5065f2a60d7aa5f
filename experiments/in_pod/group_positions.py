"""Answers each line on standard input with one JSON line: what consumer groups have committed of a topic, and which of
its partitions their members are assigned.

Arguments: bootstrap servers, topic, number of partitions, groups. The answer:
`{"t": seconds, "groups": {"<group>": {"committed": {"<partition>": offset, ...}, "assigned": [partition, ...],
"members": n}, ...}}`; a group that there is not has none of it. It ends when its input ends or is silent, because the
end of a `kubectl exec` does not always reach the process that it began.
"""

import json
import select
import sys
import time
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka import admin as kafka_admin

_SILENCE_SECONDS = 30.0
_REQUEST_SECONDS = 5.0


def _members(admin: Any, group: str) -> list[Any]:
    asked = admin.describe_consumer_groups([group], request_timeout=_REQUEST_SECONDS)[group]
    try:
        return list(asked.result(_REQUEST_SECONDS).members)
    except KafkaException as error:
        # Brokers since 4.0 (KIP-1043) say so of a group that they do not have.
        if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
            return []
        raise


def read(admin: Any, group: str, topic: str, partitions: int) -> dict[str, object]:
    """One group."""
    members = _members(admin, group)
    wanted = [TopicPartition(topic, partition) for partition in range(partitions)]
    asked = ConsumerGroupTopicPartitions(group, wanted)
    told = admin.list_consumer_group_offsets([asked], request_timeout=_REQUEST_SECONDS)[group]
    committed = {
        str(where.partition): where.offset
        for where in told.result(_REQUEST_SECONDS).topic_partitions
        if where.error is None and where.offset >= 0
    }
    assigned = sorted(
        where.partition
        for member in members
        for where in (member.assignment.topic_partitions if member.assignment else [])
        if where.topic == topic
    )
    return {"committed": committed, "assigned": assigned, "members": len(members)}


def main(bootstrap: str, topic: str, partitions: int, groups: list[str]) -> None:
    admin: Any = kafka_admin.AdminClient({"bootstrap.servers": bootstrap})
    while select.select([sys.stdin], [], [], _SILENCE_SECONDS)[0] and sys.stdin.readline():
        answer: dict[str, object]
        try:
            found = {group: read(admin, group, topic, partitions) for group in groups}
            answer = {"t": time.time(), "groups": found}
        except Exception as error:  # noqa: BLE001 - whatever it was, it is the answer
            answer = {"t": time.time(), "error": str(error)}
            admin = kafka_admin.AdminClient({"bootstrap.servers": bootstrap})  # the old one keeps stale coordinators
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:])
