"""What a bystander leaves behind when nobody answers it; needs no broker."""

from pathlib import Path

import pytest
from confluent_kafka import KafkaException

from tests.support.waiting import until
from workloads.common.bystander import Bystander


def threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def test_a_client_that_failed_is_gone_with_its_threads() -> None:
    """Each failure makes a new one: a broker that is away for an hour would cost thousands."""
    bystander = Bystander({"bootstrap.servers": "127.0.0.1:1"}, "g")

    def fail() -> None:
        with pytest.raises(KafkaException):
            bystander.committed("t", [0], 0.01)

    fail()
    before = threads()
    for _ in range(10):
        fail()
    until("their threads to end", lambda: threads() <= before, 10)
