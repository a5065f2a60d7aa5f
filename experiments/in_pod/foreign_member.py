"""Enters a consumer group that is not its own, reads, and commits nothing; says `began` when it polls, and leaves when
its input ends, or after a time.

Arguments: bootstrap servers, group, topic, seconds.
"""

import select
import sys
import time

from confluent_kafka import Consumer

_SESSION_MS = 6000


def main(bootstrap: str, group: str, topic: str, seconds: float) -> None:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "client.id": "somebody-else",
            "enable.auto.commit": False,
            "session.timeout.ms": _SESSION_MS,
        }
    )
    consumer.subscribe([topic])
    print("began", flush=True)
    ends = time.monotonic() + seconds
    try:
        while time.monotonic() < ends:
            consumer.poll(0.1)
            if select.select([sys.stdin], [], [], 0)[0] and not sys.stdin.read(1):
                return
    finally:
        consumer.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]))
