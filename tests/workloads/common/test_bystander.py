"""A group's offsets, asked by a client that never joins it: on a real broker, also when that restarts."""

import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from tests.support.broker import Broker, libs
from tests.support.waiting import until
from workloads.common.bystander import Bystander, Committed
from workloads.common.labels import sealed

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("broker")]

SECONDS = 30.0


@pytest.fixture
def group() -> str:
    return f"group-{uuid.uuid4().hex}"


@pytest.fixture
def bystander(broker: Broker, group: str) -> Iterator[Bystander]:
    made = Bystander({"bootstrap.servers": broker.bootstrap_servers}, group)
    yield made
    made.close()


@pytest.fixture
def member(broker: Broker, topic: str, group: str) -> Iterator[Consumer]:
    """The one member of the group."""
    consumer = Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": group, "enable.auto.commit": False})
    consumer.subscribe([topic])
    until("an assignment", lambda: consumer.poll(0.01) or consumer.assignment(), every=0)
    yield consumer
    consumer.close()


def test_what_it_commits_is_read_with_its_metadata(bystander: Bystander, topic: str) -> None:
    assert list(bystander.offsets(topic, [0, 3], SECONDS).values()) == [-1001, -1001]
    bystander.commit(topic, {3: (7, "epoch=4;")}, SECONDS)
    assert bystander.committed(topic, [0, 3], SECONDS) == {0: Committed(-1001), 3: Committed(7, "epoch=4")}


def test_a_label_ends_where_it_says_whatever_lies_behind_it(bystander: Bystander, topic: str) -> None:
    """Hundreds of readings of labels of every length, in a process whose memory is full of other things."""
    for length in range(1, 40):
        text = "7" * length
        bystander.commit(topic, dict.fromkeys(range(4), (length, sealed(text))), SECONDS)
        for _ in range(10):
            found = bystander.committed(topic, range(4), SECONDS)
            assert found == dict.fromkeys(range(4), Committed(length, text))


def test_bounds(broker: Broker, bystander: Bystander, topic: str) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
    for _ in range(5):
        producer.produce(topic, b"x", partition=3)
    assert producer.flush(SECONDS) == 0
    producer.close()
    assert bystander.bounds(topic, [0, 3], SECONDS) == {0: (0, 0), 3: (0, 5)}
    broker.admin().delete_records([TopicPartition(topic, 3, 2)])[TopicPartition(topic, 3)].result(SECONDS)
    assert bystander.bounds(topic, [3, 0], SECONDS) == {3: (2, 5), 0: (0, 0)}


@pytest.mark.usefixtures("member")
def test_it_cannot_commit_for_a_group_that_has_members(bystander: Bystander, topic: str) -> None:
    with pytest.raises(KafkaException) as refused:
        bystander.commit(topic, {0: (7, "")}, SECONDS)
    assert refused.value.args[0].code() == KafkaError.UNKNOWN_MEMBER_ID


def test_a_transaction_is_waited_for_where_what_is_stable_was_asked_for(
    broker: Broker, bystander: Bystander, member: Consumer, topic: str, group: str
) -> None:
    member.commit(offsets=[TopicPartition(topic, 0, 4)], asynchronous=False)
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "transactional.id": group})
    producer.init_transactions(SECONDS)
    producer.begin_transaction()
    places = [TopicPartition(topic, 0, 9)]
    producer.send_offsets_to_transaction(places, member.consumer_group_metadata(), SECONDS)
    stable = Bystander({"bootstrap.servers": broker.bootstrap_servers}, group, stable=True)
    with pytest.raises(KafkaException) as refused:
        stable.committed(topic, [0], 1.0)
    assert refused.value.args[0].code() == KafkaError._TIMED_OUT
    assert bystander.committed(topic, [0], SECONDS)[0].offset == 4
    producer.commit_transaction(SECONDS)
    assert stable.committed(topic, [0], SECONDS)[0].offset == 9
    stable.close()
    producer.close()


def test_nobody_there(topic: str) -> None:
    alone = Bystander({"bootstrap.servers": "127.0.0.1:1"}, "g")
    for ask in (lambda: alone.committed(topic, [0], 0.2), lambda: alone.commit(topic, {0: (1, "")}, 0.2)):
        with pytest.raises(KafkaException) as refused:
            ask()
        assert refused.value.args[0].code() == KafkaError._TIMED_OUT


_ASKS = """
import sys
from confluent_kafka import KafkaException
from workloads.common.bystander import Bystander, Committed
from workloads.common.labels import sealed

asked = Bystander({"bootstrap.servers": sys.argv[1]}, "g")
for _ in sys.stdin:
    try:
        print(asked.committed("t", [0], 2.0)[0].offset, flush=True)
    except KafkaException as error:
        print(error.args[0].name(), flush=True)
"""


def test_a_broker_that_restarts_ends_no_process(tmp_path: Path) -> None:
    """An admin client's question to a coordinator that goes away does."""
    broker = Broker(libs(), tmp_path)
    command = [sys.executable, "-c", _ASKS, broker.bootstrap_servers]
    asking = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def told() -> str:
        assert asking.stdin is not None
        assert asking.stdout is not None
        asking.stdin.write("\n")
        asking.stdin.flush()
        return asking.stdout.readline().strip()

    try:
        broker.create_topic("t", 1)
        until("an answer", lambda: told() == "-1001", seconds=SECONDS)
        broker.kill()
        assert [told() for _ in range(5)] == ["_TIMED_OUT"] * 5
        broker.start()
        until("an answer of the new broker", lambda: told() == "-1001", seconds=SECONDS)
        asking.communicate(timeout=SECONDS)
        assert asking.returncode == 0
    finally:
        asking.kill()
        broker.kill()
