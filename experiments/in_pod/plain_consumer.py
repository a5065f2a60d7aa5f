"""A plain member of a consumer group, as an application without any of this project is one: it joins, handles what it
is given, and leaves, when its standard input says so.

Arguments: the settings file of the pod that it is in, which has the bootstrap servers, topic, group, its client id,
group protocol (`classic`, with cooperative-sticky as its assignor, or `consumer`). Everything else is the client's
default, commits included: by itself, every 5 s and at a rebalance. Lines that it reads: `join`, `leave`, and empty
ones, which say that it is still wanted. Lines that it writes, all with `t`, nanoseconds since 1970:
`{"event": "READY"|"ASSIGNED"|"REVOKED"|"LOST"|"LEFT", "partitions": [...]}` with what was added or taken,
`{"partition", "offset"}` of a record, and `{"error"}`. It ends when it has left, or when its input ends or is silent,
because the end of a `kubectl exec` does not always reach the process that it began.
"""

import json
import os
import queue
import select
import sys
import threading
import time
from pathlib import Path
from typing import Any

import yaml
from confluent_kafka import Consumer

_SILENCE_SECONDS = 30.0
_POLL_SECONDS = 0.05

OF_PROTOCOL = {
    "classic": {"group.protocol": "classic", "partition.assignment.strategy": "cooperative-sticky"},
    "consumer": {"group.protocol": "consumer"},
}


def say(**line: object) -> None:
    print(json.dumps({"t": time.time_ns(), **line}), flush=True)


def heard(words: "queue.Queue[str]") -> None:
    """Pass words on until there are no more; then it is to leave. Read without a buffer, in which a word would wait
    unseen.
    """
    rest = b""
    while select.select([0], [], [], _SILENCE_SECONDS)[0] and (read := os.read(0, 4096)):
        *whole, rest = (rest + read).split(b"\n")
        for word in whole:
            words.put(word.decode())
    words.put("leave")


def said(event: str) -> Any:
    return lambda _, partitions: say(event=event, partitions=sorted(one.partition for one in partitions))


def handle(consumer: Any) -> None:
    message = consumer.poll(_POLL_SECONDS)
    if message is not None and message.error() is None:
        say(partition=message.partition(), offset=message.offset())
    elif message is not None:
        say(error=message.error().str())


def main(settings: str, topic: str, group: str, client: str, protocol: str) -> None:
    consumer: Any = Consumer(
        {
            "bootstrap.servers": yaml.safe_load(Path(settings).read_text())["bootstrap_servers"],
            "group.id": group,
            "client.id": client,
            "auto.offset.reset": "earliest",
            **OF_PROTOCOL[protocol],
        }
    )
    words: queue.Queue[str] = queue.Queue()
    threading.Thread(target=heard, args=(words,), daemon=True).start()
    consumer.list_topics(topic, 10.0)  # connected, as a pod is that is Ready
    say(event="READY", partitions=[])
    joined = False
    while True:
        try:
            word = words.get(block=not joined)
        except queue.Empty:
            word = ""
        if word == "leave":
            break
        if word == "join" and not joined:
            consumer.subscribe([topic], on_assign=said("ASSIGNED"), on_revoke=said("REVOKED"), on_lost=said("LOST"))
            joined = True
        if joined:
            handle(consumer)
    consumer.close()
    say(event="LEFT", partitions=[])


if __name__ == "__main__":
    main(*sys.argv[1:6])
