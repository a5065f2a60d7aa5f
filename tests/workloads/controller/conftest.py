"""Members of groups on a real broker."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer

from tests.support.broker import Broker
from tests.support.waiting import until

Members = Callable[..., Consumer]
PARTITIONS = 4  # of the fixture `topic`


@pytest.fixture
def member(broker: Broker, topic: str) -> Iterator[Members]:
    """Consumers that own every partition of the topic in a group of their own, or (`whole=False`) have only asked to be
    in it; closed at the end.
    """
    made: list[Consumer] = []

    def join(group: str, *, whole: bool = True, **settings: Any) -> Consumer:
        consumer = Consumer(
            {
                "bootstrap.servers": broker.bootstrap_servers,
                "group.id": group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                **settings,
            }
        )
        made.append(consumer)
        consumer.subscribe([topic])
        if whole:
            until("every partition", lambda: consumer.poll(0.01) or len(consumer.assignment()) == PARTITIONS, every=0)
        return consumer

    yield join
    for consumer in made:
        consumer.close()
