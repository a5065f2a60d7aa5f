"""A coordinator or a leader that is new or moves is asked again, within the time that was given."""

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from workloads.common import bystander
from workloads.common.bystander import Bystander, Committed

MOVING = [
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.UNKNOWN_LEADER_EPOCH,
]


class Brokers:
    """What they answer: these errors, one a client, and from then on what is asked for."""

    def __init__(self, *errors: int) -> None:
        self.errors = list(errors)
        self.clients = 0

    def client(self, _: object) -> "Brokers":
        self.clients += 1
        return self

    def committed(self, places: list[TopicPartition], seconds: float) -> list[TopicPartition]:
        if self.errors:
            raise KafkaException(KafkaError(self.errors.pop(0)))
        return [TopicPartition(place.topic, place.partition, 7) for place in places]

    bounds = committed


@pytest.fixture
def asked() -> Bystander:
    return Bystander({"bootstrap.servers": "127.0.0.1:1"}, "g")


@pytest.mark.parametrize("code", MOVING)
def test_by_a_client_of_its_own(asked: Bystander, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    brokers = Brokers(code, code)
    monkeypatch.setattr(bystander, "_Client", brokers.client)
    assert asked.committed("t", [0, 1], 5.0) == {0: Committed(7), 1: Committed(7)}
    assert brokers.clients == 3
    brokers.errors = [code]
    assert asked.bounds("t", [1], 5.0) == {1: (7, 7)}


def test_until_the_time_is_over(asked: Bystander, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bystander, "_Client", Brokers(*[KafkaError.NOT_COORDINATOR] * 1000).client)
    with pytest.raises(KafkaException) as refused:
        asked.offsets("t", [0], 0.1)
    assert refused.value.args[0].code() == KafkaError.NOT_COORDINATOR


@pytest.mark.parametrize("code", [KafkaError._TIMED_OUT, KafkaError.GROUP_AUTHORIZATION_FAILED])
def test_but_not_what_will_be_the_same_again(asked: Bystander, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    brokers = Brokers(code)
    monkeypatch.setattr(bystander, "_Client", brokers.client)
    with pytest.raises(KafkaException):
        asked.committed("t", [0], 5.0)
    assert brokers.clients == 1
