"""Commits by transactions, without a broker: how each refusal of a producer ends them."""

import threading
from collections.abc import Callable
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from workloads.consumer.transactional import Transaction

TIMED_OUT = KafkaError(KafkaError._TIMED_OUT, "", False, True, False)
ABORTABLE = KafkaError(KafkaError.ILLEGAL_GENERATION, "", False, False, True)
REFUSED = KafkaError(KafkaError._STATE)
FENCED = KafkaError(KafkaError._FENCED, "", True, False, False)


class FakeProducer:
    """What a transaction asks a producer for; `answers`: what each call is refused with, None: it is not."""

    def __init__(self, **answers: list[KafkaError | None]) -> None:
        self._answers = answers
        self.did: list[str] = []
        self.hangs = threading.Event()
        self.hangs.set()

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


def test_one_that_is_given_up_calls_no_more() -> None:
    producer = FakeProducer(send=[TIMED_OUT])
    producer.hangs.clear()
    transaction = made(producer)
    transaction.give_up()
    producer.hangs.set()
    assert transaction.ended(10)
    assert producer.did == ["begin", "send", "abort"]
