"""The client on confluent-kafka without a broker: what a rebalance within a batch leaves of it."""

import json
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from tests.workloads.consumer.scripted import Record, records
from workloads.common.clients import STRANDED
from workloads.consumer import kafka
from workloads.consumer.kafka import KafkaClient


class FakeConsumer:
    """The part of confluent_kafka.Consumer that a client in a group uses; `first` and `rest` are what it gives next."""

    def __init__(self, _: Mapping[str, Any]) -> None:
        self.first: Record | None = None
        self.rest: Callable[[], list[Record]] = list
        self.did: list[tuple[str, list[int]]] = []
        self.at: dict[int, int] = {}
        self.fails: set[str] = set()
        self.partitions = 2

    def consumer_group_metadata(self) -> None:
        return None

    def memberid(self) -> str:
        return "consumer-blue-0-17"

    def list_topics(self, topic: str, timeout: float) -> Any:
        there = {topic: SimpleNamespace(partitions=dict.fromkeys(range(self.partitions)))}
        return SimpleNamespace(topics=there, brokers={1: SimpleNamespace(port=9092), 2: SimpleNamespace(port=9094)})

    def close(self) -> None:
        self.did.append(("close", []))

    def poll(self, _: float) -> Record | None:
        return self.first

    def consume(self, _most: int, _seconds: float) -> list[Record]:
        return self.rest()

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        if "committed" in self.fails:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        return [TopicPartition(p.topic, p.partition, self.at.get(p.partition, -1001)) for p in partitions]

    def _note(self, name: str) -> Callable[[list[TopicPartition]], None]:
        return lambda partitions: self.did.append((name, [p.partition for p in partitions]))

    def seek(self, partition: TopicPartition) -> None:
        self.did.append(("seek", [partition.partition, partition.offset]))

    def offsets_for_times(self, partitions: list[TopicPartition], timeout: float) -> None:
        self.did.append(("asked", [p.partition for p in partitions]))

    def unassign(self) -> None:
        self.did.append(("unassign", []))

    def __getattr__(self, name: str) -> Callable[[list[TopicPartition]], None]:
        return self._note(name)


class Heard:
    """A listener that remembers, and wants to read."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def wants_flow(self) -> bool:
        return True

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *values, **more: self.calls.append((name, *values, *more.items()))


def made(monkeypatch: pytest.MonkeyPatch, *, incremental: bool) -> tuple[KafkaClient, Any, Heard]:
    monkeypatch.setattr(kafka, "Consumer", FakeConsumer)
    heard = Heard()
    client = KafkaClient({}, "t", incremental=incremental, listener=heard)
    return client, client._consumer, heard


def partitions(*numbers: int) -> list[TopicPartition]:
    return [TopicPartition("t", number) for number in numbers]


def offsets(got: list[Any]) -> list[tuple[int, int]]:
    return [(message.partition(), message.offset()) for message in got]


def test_a_batch_without_a_rebalance_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    client, consumer, _ = made(monkeypatch, incremental=False)
    client._on_assign(consumer, partitions(0, 1))
    consumer.first, consumer.rest = Record(0, 3), lambda: records(1, 0, 1)
    assert offsets(client.poll(0, 10)) == [(0, 3), (1, 0), (1, 1)]
    assert consumer.did == [("assign", [0, 1])]


def test_what_is_warm_is_what_the_topic_has_now(monkeypatch: pytest.MonkeyPatch) -> None:
    client, consumer, _ = made(monkeypatch, incremental=False)
    asked: list[list[int]] = []
    monkeypatch.setattr(consumer, "committed", lambda places, timeout: asked.append([p.partition for p in places]))
    assert client.warm_up()
    consumer.partitions = 4
    assert client.warm_up()
    assert asked == [[0, 1], [0, 1, 2, 3]]


def test_what_it_asked_for_and_nobody_has_heard_is_dropped_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A member that was cut off in its join, and gave it up, would enter when it is reached again, in the place of who
    is at work by then.
    """
    client, consumer, _ = made(monkeypatch, incremental=False)
    monkeypatch.setattr(kafka, "hush", lambda ports: consumer.did.append(("hush", sorted(ports))))
    assert client.warm_up()
    assert consumer.did == [("hush", [9092, 9094])], "as it stands by, too: a process may be killed in its join"
    client.close()
    assert consumer.did[1:] == [("hush", [9092, 9094]), ("close", [])]


def test_an_assignment_tells_as_whom_the_coordinator_knows_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    client, consumer, _ = made(monkeypatch, incremental=False)
    assert client.member_id == ""
    client._on_assign(consumer, partitions(0, 1))
    assert client.member_id == "consumer-blue-0-17"


def test_a_member_that_is_assigned_nothing_yet_tells_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """By KIP-848 it can be one for long; whoever is nobody's is removed from the group."""
    client, consumer, _ = made(monkeypatch, incremental=True)
    monkeypatch.setattr(consumer, "subscribe", lambda *_, **__: None)
    client.join()
    assert client.member_id == "consumer-blue-0-17"


def test_an_eager_rebalance_within_a_batch_reads_all_of_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can tell which records came before it; what is left out is fetched again, what is owned by others not."""
    client, consumer, _ = made(monkeypatch, incremental=False)
    client._on_assign(consumer, partitions(0, 1))
    error = Record(0, -1, KafkaError(KafkaError._ALL_BROKERS_DOWN))

    def rebalances() -> list[Record]:
        client._on_revoke(consumer, partitions(0, 1))
        client._on_assign(consumer, partitions(0))
        return [*records(1, 0, 1), Record(1, 2, KafkaError(KafkaError._PARTITION_EOF)), error, *records(0, 3, 5)]

    consumer.first, consumer.rest = Record(0, 3), rebalances
    assert [message.error() for message in client.poll(0, 10)] == [error.error()]
    assert consumer.did[-2:] == [("assign", [0]), ("assign", [0])]  # by the rebalance, and again
    consumer.rest = list
    assert offsets(client.poll(0, 10)) == [(0, 3)]


def test_a_cooperative_rebalance_within_a_batch_leaves_what_it_did_not_touch(monkeypatch: pytest.MonkeyPatch) -> None:
    client, consumer, _ = made(monkeypatch, incremental=True)
    client._on_assign(consumer, partitions(0, 1))
    consumer.at = {2: 40}

    def rebalances() -> list[Record]:
        client._on_revoke(consumer, partitions(1))
        client._on_assign(consumer, partitions(2))
        return [*records(0, 4, 5), *records(1, 0, 1), *records(2, 40, 41)]

    consumer.first, consumer.rest = Record(0, 3), rebalances
    assert offsets(client.poll(0, 10)) == [(0, 3), (0, 4), (0, 5)]
    assert [done for done in consumer.did if done[0] == "seek"] == [("seek", [2, 40])]


def test_what_cannot_be_read_again_is_lost_and_not_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    client, consumer, heard = made(monkeypatch, incremental=True)
    client._on_assign(consumer, partitions(0))

    def rebalances() -> list[Record]:
        client._on_assign(consumer, partitions(1))
        return records(1, 0, 1)

    consumer.first, consumer.rest, consumer.fails = Record(0, 3), rebalances, {"committed"}
    assert client.poll(0, 10) == []
    assert [call[0] for call in heard.calls[-2:]] == ["failed", "lost"]


def test_a_batch_that_fails_takes_its_first_record_along(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client would go on behind it."""
    client, consumer, heard = made(monkeypatch, incremental=False)
    client._on_assign(consumer, partitions(0))

    def fails() -> list[Record]:
        raise KafkaException(KafkaError(KafkaError._STATE))

    consumer.first, consumer.rest = Record(0, 3), fails
    assert client.poll(0, 10) == []
    assert heard.calls[-1][0] == "lost"


def test_what_was_paused_stays_so_when_it_is_taken_and_is_resumed_when_it_is_given_to_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By KIP-848; librdkafka forgets no pause."""
    client, consumer, heard = made(monkeypatch, incremental=True)
    monkeypatch.setattr(heard, "wants_flow", lambda: False)
    client._on_assign(consumer, partitions(0, 1))
    assert not client.spent
    client._on_revoke(consumer, partitions(0, 1))
    assert client.spent
    consumer.did.clear()
    monkeypatch.setattr(heard, "wants_flow", lambda: True)
    client._on_assign(consumer, partitions(1, 2))
    assert consumer.did == [("incremental_assign", [1, 2]), ("resume", [1])]
    assert client.spent  # 0 is not its any more, and still paused


@pytest.mark.parametrize("incremental", [False, True])
def test_what_is_started_is_read_from_there(monkeypatch: pytest.MonkeyPatch, incremental: bool) -> None:
    """By KIP-848 the broker is asked something, or its thread hears of the `resume` up to a second later."""
    client, consumer, _ = made(monkeypatch, incremental=incremental)
    monkeypatch.setattr(client, "_carries", True)
    client.start({0: 7, 1: 9})
    parts = [("seek", [0, 7]), ("seek", [1, 9]), ("resume", [0, 1]), ("asked", [0, 1])]
    assert consumer.did == (parts if incremental else [("assign", [0, 1])])
    assert client.flowing


def test_a_client_that_knows_no_broker_any_more_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    client, _, heard = made(monkeypatch, incremental=False)
    text = json.dumps({"brokers": {"GroupCoordinator": {"source": "logical", "state": "INIT"}}, "topics": {}})
    for _ in range(5):
        assert "lost" not in [call[0] for call in heard.calls]
        client._on_stats(text)
    assert heard.calls[-1] == ("lost", STRANDED, ("fenced", False))
