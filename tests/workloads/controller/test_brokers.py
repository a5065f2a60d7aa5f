"""Offsets as a real broker gives them: groups with members, without, and that nobody ever was in; transactions."""

import contextlib
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from prometheus_client.samples import Sample

from tests.support.broker import Broker
from tests.support.fake_kube import FakeApi
from tests.support.waiting import until
from tests.workloads.controller.conftest import PARTITIONS, Members
from tests.workloads.controller.samples import switch_object
from tests.workloads.controller.test_program import SWITCH
from workloads.common.http import Request
from workloads.common.kube import Access, Kube
from workloads.controller.__main__ import assembled, routes
from workloads.controller.brokers import BrokerOffsets
from workloads.controller.group_lag import GroupLag
from workloads.controller.measured import MeasureError
from workloads.controller.observe import read_switch
from workloads.controller.settings import ControllerSettings

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("broker")]


@pytest.fixture
def offsets(broker: Broker, topic: str) -> Iterator[BrokerOffsets]:
    """Of a broker whose group coordinator has loaded: one that has just begun refuses for a moment."""
    made = BrokerOffsets(broker.bootstrap_servers)

    def answers() -> bool:
        with contextlib.suppress(MeasureError):
            made.committed("anybody", topic, PARTITIONS)
            return True
        return False

    until("the group coordinator", answers, every=0.1)
    yield made
    made.close()


def produced(broker: Broker, topic: str, counts: dict[int, int], **settings: Any) -> Producer:
    """Write so many records to each of these partitions, in a transaction left open if the settings have an id."""
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, **settings})
    if "transactional.id" in settings:
        producer.init_transactions(30)
        producer.begin_transaction()
    for partition, count in counts.items():
        for number in range(count):
            producer.produce(topic, str(number).encode(), partition=partition)
    assert producer.flush(30) == 0
    return producer


def test_a_group_that_nobody_ever_was_in_has_committed_nothing(offsets: BrokerOffsets, topic: str) -> None:
    assert offsets.committed(f"never-{uuid.uuid4().hex}", topic, PARTITIONS) == {}


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_what_members_have_committed_also_when_they_are_gone(
    offsets: BrokerOffsets, member: Members, broker: Broker, topic: str, protocol: str
) -> None:
    produced(broker, topic, {0: 5, 3: 2})
    consumer = member(topic, **{"group.protocol": protocol})
    consumer.commit(offsets=[TopicPartition(topic, 0, 4), TopicPartition(topic, 3, 2)], asynchronous=False)
    assert offsets.committed(topic, topic, PARTITIONS) == {0: 4, 3: 2}
    consumer.close()
    assert offsets.committed(topic, topic, PARTITIONS) == {0: 4, 3: 2}


def test_bounds(offsets: BrokerOffsets, broker: Broker, topic: str) -> None:
    produced(broker, topic, {0: 5, 3: 2})
    assert offsets.beginnings(topic, PARTITIONS) == {0: 0, 1: 0, 2: 0, 3: 0}
    assert offsets.ends(topic, PARTITIONS) == {0: 5, 1: 0, 2: 0, 3: 2}
    broker.admin().delete_records([TopicPartition(topic, 0, 3)])[TopicPartition(topic, 0)].result(30)
    assert offsets.beginnings(topic, PARTITIONS)[0] == 3


def test_nobody_can_come_beyond_an_open_transaction(offsets: BrokerOffsets, broker: Broker, topic: str) -> None:
    """Interleaving 24."""
    produced(broker, topic, {0: 5})
    producer = produced(broker, topic, {0: 2}, **{"transactional.id": topic})
    assert offsets.ends(topic, PARTITIONS)[0] == 5
    producer.commit_transaction(30)
    # Two records, and the marker behind them.
    until("the transaction to be over", lambda: offsets.ends(topic, PARTITIONS)[0] == 8)


def test_a_commit_in_an_open_transaction_is_not_waited_for(
    offsets: BrokerOffsets, member: Members, broker: Broker, topic: str
) -> None:
    consumer = member(topic)
    consumer.commit(offsets=[TopicPartition(topic, 0, 4)], asynchronous=False)
    producer = produced(broker, topic, {}, **{"transactional.id": topic})
    moved = [TopicPartition(topic, 0, 9)]
    producer.send_offsets_to_transaction(moved, consumer.consumer_group_metadata(), 30)
    assert offsets.committed(topic, topic, PARTITIONS) == {0: 4}, "waiting would end in an error after 2 s"
    producer.commit_transaction(30)
    until("the commit", lambda: offsets.committed(topic, topic, PARTITIONS) == {0: 9})


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_the_lag_of_both_groups_there_and_with_nobody_there(
    offsets: BrokerOffsets, member: Members, broker: Broker, topic: str, protocol: str
) -> None:
    made = switch_object(topic=topic, partitions=PARTITIONS)
    made["spec"]["blue"]["group"], made["spec"]["green"]["group"] = f"{topic}-blue", f"{topic}-green"
    asked = read_switch(made)
    lag = GroupLag(offsets, lambda: asked)

    def seen() -> list[Sample]:
        lag.read()
        return [sample for family in lag.metrics("p", None) for sample in family.samples]

    def told(color: str) -> list[float]:
        samples = until("a figure, also of a broker that is slow to answer", seen)
        return [s.value for s in samples if s.labels["color"] == color and s.labels["group"] == f"{topic}-{color}"]

    produced(broker, topic, {0: 5, 3: 2})
    assert told("blue") == told("green") == [5, 0, 0, 2], "nobody ever was there"
    consumers = {color: member(f"{topic}-{color}", **{"group.protocol": protocol}) for color in ("blue", "green")}
    consumers["blue"].commit(offsets=[TopicPartition(topic, 0, 5), TopicPartition(topic, 3, 1)], asynchronous=False)
    assert told("blue") == [0, 0, 0, 1]
    assert told("green") == [5, 0, 0, 2]
    consumers["blue"].close()
    produced(broker, topic, {0: 10})
    assert told("blue") == [10, 0, 0, 1], "it grows with nobody there"
    # A position that was copied into the empty group by hand, as a runbook does.
    copied = [TopicPartition(topic, 0, 15)]
    asked_for = ConsumerGroupTopicPartitions(f"{topic}-blue", copied)
    answers = broker.admin().alter_consumer_group_offsets([asked_for], request_timeout=30)
    answers[f"{topic}-blue"].result(30)
    assert told("blue") == [0, 0, 0, 1]


def test_the_controller_publishes_it(broker: Broker, topic: str) -> None:
    """Once for a group that both colours share."""
    produced(broker, topic, {0: 5})
    api = FakeApi()
    settings = ControllerSettings(bootstrap_servers=broker.bootstrap_servers, pod_namespace="n", pod_name="p")
    program = assembled(Kube(Access(api.url), "test"), settings)
    running = threading.Thread(target=program.run, daemon=True)
    made = switch_object(active="blue", topic=topic, partitions=PARTITIONS, lagPolicy="immediate")
    made |= {"apiVersion": "kafka-bluegreen.io/v1alpha1", "kind": "KafkaConsumerSwitch"}
    made["metadata"] |= {"namespace": "n", "generation": 1}
    for color in ("blue", "green"):
        made["spec"][color]["group"] = topic
    api.put(SWITCH, made)
    scrape = routes(program, "p")["GET", "/metrics"]

    def lines() -> list[str]:
        text = scrape(Request("GET", "/metrics", {}, b"")).payload().decode()
        return [line for line in text.splitlines() if line.startswith("kafka_consumer_group_lag{")]

    running.start()
    try:
        found = until("the lag", lines)
    finally:
        program.store.stop()
        running.join(10)
        api.close()
    assert len(found) == PARTITIONS
    (first,) = (line for line in found if 'partition="0"' in line)
    assert f'group="{topic}"' in first
    assert f'topic="{topic}"' in first
    assert 'strategy="c"' in first
    assert first.endswith(" 5.0")
