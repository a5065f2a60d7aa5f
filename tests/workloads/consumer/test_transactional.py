"""Commits by transactions, without a broker: how each refusal of a producer ends them."""

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from tests.support.waiting import until
from workloads.consumer import transactional
from workloads.consumer.client import Listener
from workloads.consumer.transactional import Transaction, TransactionalClient

TIMED_OUT = KafkaError(KafkaError._TIMED_OUT, "", False, True, False)
ABORTABLE = KafkaError(KafkaError.ILLEGAL_GENERATION, "", False, False, True)
REFUSED = KafkaError(KafkaError._STATE)
FENCED = KafkaError(KafkaError._FENCED, "", True, False, False)


class FakeProducer:
    """What a transaction asks a producer for; `answers`: what each call is refused with, None: it is not."""

    def __init__(self, **answers: list[KafkaError | None]) -> None:
        self._answers: dict[str, list[KafkaError | None]] = dict(answers)
        self.did: list[str] = []
        self.hangs = threading.Event()
        self.hangs.set()

    def telling(self, on_error: Callable[[KafkaError], None]) -> "FakeProducer":
        self.on_error = on_error
        return self

    def poll(self, _: float) -> None:
        """Nothing waits to be told."""

    def begin_transaction(self) -> None:
        self.did.append("begin")

    def __getattr__(self, name: str) -> Callable[..., None]:
        def call(*_: Any) -> None:
            self.hangs.wait(10)
            short = name.split("_", maxsplit=1)[0]
            self.did.append(short)
            error = next(iter(self._answers.get(short, [])), None)
            self._answers[short] = self._answers.get(short, [])[1:]
            if error is not None:
                raise KafkaException(error)

        return call


def made(producer: FakeProducer) -> Transaction:
    return Transaction(cast("Producer", producer), [], None)


@pytest.mark.parametrize(
    ("answers", "did", "error"),
    [
        ({}, "send commit", None),
        ({"send": [TIMED_OUT, TIMED_OUT]}, "send send send commit", None),
        ({"commit": [TIMED_OUT]}, "send commit commit", None),
        ({"send": [ABORTABLE]}, "send abort", ABORTABLE),
        ({"commit": [ABORTABLE]}, "send commit abort", ABORTABLE),
        ({"send": [REFUSED]}, "send abort", REFUSED),
        ({"send": [REFUSED], "abort": [TIMED_OUT]}, "send abort abort", REFUSED),
        ({"send": [FENCED]}, "send", FENCED),
        ({"commit": [FENCED]}, "send commit", FENCED),
        ({"send": [ABORTABLE], "abort": [FENCED]}, "send abort", FENCED),
    ],
)
def test_how_it_ends(answers: dict[str, list[KafkaError | None]], did: str, error: KafkaError | None) -> None:
    producer = FakeProducer(**answers)
    transaction = made(producer)
    assert transaction.ended(10)
    assert producer.did == ["begin", *did.split()]
    assert transaction.error is error


def test_a_call_that_hangs_holds_nobody_up() -> None:
    producer = FakeProducer()
    producer.hangs.clear()
    transaction = made(producer)
    assert not transaction.ended(0)
    producer.hangs.set()
    assert transaction.ended(10)


@pytest.mark.parametrize("refused", [[TIMED_OUT], []])
def test_one_that_is_given_up_is_not_committed(refused: list[KafkaError | None]) -> None:
    producer = FakeProducer(send=refused)
    producer.hangs.clear()
    transaction = made(producer)
    transaction.give_up()
    producer.hangs.set()
    assert transaction.ended(10)
    assert producer.did == ["begin", "send", "abort"]


SEEN = '{"brokers": {}, "topics": {}}'


class FencedClient(TransactionalClient):
    """One that commits by a producer of the test's; `up`: whether the coordinator is connected."""

    up = True

    @property
    def connected(self) -> bool:
        return self.up


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[FencedClient, FakeProducer]]:
    """A client whose producer does not return from a call, and that gives up at once."""
    monkeypatch.setattr(transactional, "_LOST_SECONDS", 0.0)
    monkeypatch.setattr(transactional, "_COMMIT_SECONDS", 0.0)
    monkeypatch.setattr(transactional, "_LATE_SECONDS", 0.0)
    producer = FakeProducer()
    client = FencedClient(
        {"bootstrap.servers": "127.0.0.1:1", "group.id": "g", "log_level": 0},
        "t",
        incremental=False,
        listener=cast("Listener", None),
        make_producer=lambda _, on_error: cast("Producer", producer.telling(on_error)),
        number=0,
    )
    client.fence((0,), 1.0)
    producer.hangs.clear()
    yield client, producer
    producer.hangs.set()
    client.close()


def test_a_commit_that_a_broker_never_answers_is_the_end_of_the_client(
    hanging: tuple[FencedClient, FakeProducer], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, producer = hanging
    ends: list[tuple[KafkaError | None, Mapping[int, int]]] = []
    monkeypatch.setattr(client, "_tell_ended", lambda _, error, taken, __: ends.append((error, taken)))
    client.up = False
    client.commit({0: 5}, "epoch=3")
    client.poll(0, 1)
    assert client.committing, "an outage is waited out"
    until("it to be late", lambda: client.late)
    client.up = True
    until("the end", lambda: client.poll(0, 1) or ends)
    ((error, taken),) = ends
    assert error is not None
    assert error.fatal()
    assert taken == {}
    client._on_stats(SEEN)
    assert not client.committing
    assert not client.late
    producer.hangs.set()  # nothing is closed under a call that is still being made
    until("the producer's end", lambda: producer.did[-1] == "close")
    assert producer.did == ["init", "begin", "send", "abort", "close"]


def test_a_producer_that_is_at_its_end_is_not_waited_for(
    hanging: tuple[FencedClient, FakeProducer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """librdkafka tells it as an error of the producer, and leaves the call in progress as it is."""
    client, producer = hanging
    monkeypatch.setattr(transactional, "_LOST_SECONDS", 60.0)
    ends: list[KafkaError | None] = []
    monkeypatch.setattr(client, "_tell_ended", lambda _, error, __, ___: ends.append(error))
    client.commit({0: 5}, "epoch=3")
    monkeypatch.setattr(producer, "poll", lambda _: producer.on_error(FENCED))
    client.poll(0, 1)
    assert ends == [FENCED]


def test_no_commit_is_begun_while_the_broker_is_away(hanging: tuple[FencedClient, FakeProducer]) -> None:
    client, _ = hanging
    client._on_stats(SEEN)
    assert not client.committing
    for error in (TIMED_OUT, KafkaError(KafkaError._TRANSPORT), TIMED_OUT):
        client._on_error(error)
    assert client.committing, "before the statistics say so"
    client._on_stats(SEEN)
    assert not client.committing
    client.up = False
    assert client.committing


def test_a_producer_is_given_up_when_all_brokers_were_away(
    hanging: tuple[FencedClient, FakeProducer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When they are back, and not before; meanwhile nothing is to be handled that could not be committed."""
    client, producer = hanging
    reasons: list[str] = []

    class Told:
        def lost(self, reason: str, *, fenced: bool) -> None:
            reasons.append(reason)

        def failed(self, error: KafkaError) -> None:
            pass

        def observed(self, partitions: object) -> None:
            pass

    monkeypatch.setattr(client, "_listener", Told())
    client._on_stats(SEEN)
    assert not client.late
    client._on_error(KafkaError(KafkaError._ALL_BROKERS_DOWN))
    client.poll(0, 1)
    assert (client.late, reasons) == (True, [])
    client.up = False
    client._on_stats(SEEN)
    client.poll(0, 1)
    assert (client.late, reasons) == (True, [])
    client.up = True

    def told() -> list[str]:
        client._on_stats(SEEN)
        client.poll(0, 1)
        return reasons

    until("the end", told)
    assert ["all brokers were away" in reason for reason in reasons] == [True]
    producer.hangs.set()
    until("the producer's end", lambda: producer.did[-1] == "close")
    assert not client.late
