"""A consumer whose client was left without any broker by one that was shutting down (librdkafka issue 5301)."""

import json
import logging
from typing import Any

import pytest
from confluent_kafka import Consumer

from tests.support.broker import Broker
from tests.support.fenced import Front
from tests.support.processes import ConsumerProcess, Feed, handled, sequences
from tests.support.waiting import until
from tests.workloads.conftest import Consumers
from workloads.common.clients import Stranding

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("broker")]

# Metadata are asked for so often that the broker is met while it is shutting down.
OFTEN = {"topic.metadata.refresh.interval.ms": 300}
# Every attempt to lose the brokers takes a reconnect; to be sure of it takes 5 s.
SECONDS = 90.0


def stranded(front: Front, *consumers: ConsumerProcess) -> None:
    """Have their clients lose every broker, and wait until they say so."""
    with front.fenced():
        for consumer in consumers:
            until(f"{consumer.name} to give its client up", lambda c=consumer: c.logged("membership lost"), SECONDS)
    for consumer in consumers:
        assert "knows no broker any more" in consumer.logged("membership lost")[0]["reason"]


def caught_up(consumer: ConsumerProcess, sent: int) -> None:
    """Wait until it has handled all of it; the last before the loss may come again."""
    until(f"{consumer.name} to handle {sent}", lambda: set(sequences(consumer)) == set(range(sent)), SECONDS)


# Whoever has no place of the classic protocol's that it can take over waits for the session of its lost client to end.
# It has to outlast the time that it takes to be sure: what ends first is what the client says of its loss.
WAYS: list[dict[str, Any]] = [
    {},
    {"membership": "leave-join", "session_timeout_seconds": 20},
    {"group_protocol": "consumer"},
]


@pytest.mark.parametrize("way", WAYS, ids=["takeover", "leave-join", "consumer"])
def test_an_active_member_goes_on_with_a_fresh_client(
    consumer: Consumers, feed: Feed, front: Front, way: dict[str, Any]
) -> None:
    blue = consumer(bootstrap_servers=front.bootstrap_servers, client=OFTEN, **way).ready()
    assert blue.resume(1)[0] == 200
    feed.send(20)
    caught_up(blue, 20)
    stranded(front, blue)
    lost = blue.status()
    assert (lost["state"], lost["voids"] > 0) == ("PAUSED", True)
    until("a resume to be carried out", lambda: blue.resume(1)[0] == 200, SECONDS)
    feed.send(20)
    caught_up(blue, 40)


@pytest.mark.parametrize("membership", ["takeover", "shared"])
def test_a_client_that_waits_is_replaced(consumer: Consumers, feed: Feed, front: Front, membership: str) -> None:
    """Outside of the group, or as a member that reads nothing."""
    blue = consumer(bootstrap_servers=front.bootstrap_servers, client=OFTEN, membership=membership).ready()
    stranded(front, blue)
    until("it to be ready again", lambda: blue.call("GET", "/readyz")[0] == 200, SECONDS)
    assert (blue.status()["state"], blue.status()["voids"]) == ("PAUSED", 0)
    feed.send(20)
    assert blue.resume(1)[0] == 200
    caught_up(blue, 20)
    assert len(handled(blue)) == 20


def test_a_broker_that_is_away_strands_nobody(broker: Broker, topic: str) -> None:
    """It is named in the statistics while it refuses connections, through every re-bootstrap, and after it is back."""
    stranding, observed = Stranding(), list[bool]()
    client = Consumer(
        {
            "bootstrap.servers": broker.bootstrap_servers,
            "group.id": topic,
            "statistics.interval.ms": 50,
            "stats_cb": lambda text: observed.append(stranding.observe(json.loads(text))),
            "reconnect.backoff.max.ms": 200,
            "logger": logging.getLogger("test"),
        }
    )
    client.subscribe([topic])

    def watched(count: int) -> None:
        observed.clear()
        until("statistics", lambda: client.poll(0) is None and len(observed) >= count, SECONDS)
        assert not any(observed)

    until("an assignment", lambda: client.poll(0) is None and client.assignment(), SECONDS)
    broker.kill()
    try:
        watched(100)
    finally:
        broker.start()
    watched(20)
    client.close()
