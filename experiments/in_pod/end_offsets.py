"""Answers each line on standard input with one JSON line: the topic's end offsets by partition, and the time of the
answer.

Arguments: bootstrap servers, topic, number of partitions. It ends when its input ends or is silent, because the end of
a `kubectl exec` does not always reach the process that it began.
"""

import json
import select
import sys
import time
from typing import Any

from confluent_kafka import TopicPartition
from confluent_kafka import admin as kafka_admin

_SILENCE_SECONDS = 30.0
_REQUEST_SECONDS = 5.0


def main(bootstrap: str, topic: str, partitions: int) -> None:
    api: Any = kafka_admin  # its stubs leave out what is asked for here
    admin = api.AdminClient({"bootstrap.servers": bootstrap})
    asked = {TopicPartition(topic, partition): api.OffsetSpec.latest() for partition in range(partitions)}
    while select.select([sys.stdin], [], [], _SILENCE_SECONDS)[0] and sys.stdin.readline():
        answer: dict[str, object]
        try:
            futures = admin.list_offsets(asked, request_timeout=_REQUEST_SECONDS)
            ends = {str(where.partition): future.result(_REQUEST_SECONDS).offset for where, future in futures.items()}
            answer = {"t": time.time(), "ends": ends}
        except Exception as error:  # noqa: BLE001 - whatever it was, it is the answer
            answer = {"t": time.time(), "error": str(error)}
            admin = api.AdminClient({"bootstrap.servers": bootstrap})  # the old one keeps stale leader epochs
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
