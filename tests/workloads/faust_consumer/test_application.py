"""One activation on a real broker: nothing of it is in its group when it has ended, whatever came in between."""

import asyncio
from typing import Any

import pytest

from experiments.conformance.kafka import Kafka
from tests.support.broker import Broker
from tests.support.waiting import until
from workloads.common.settings import validated
from workloads.faust_consumer.application import Activation
from workloads.faust_consumer.settings import FaustSettings

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("broker")]


def test_who_stops_while_its_group_takes_it_back_leaves_it(broker: Broker) -> None:
    """Its group took it for gone; while it is stopped it has entered again, as another member, and is assigned."""
    kafka = Kafka(broker.bootstrap_servers)
    group = f"{kafka.topic}-group"
    settings = validated(
        FaustSettings,
        {
            "bootstrap_servers": broker.bootstrap_servers,
            "topic": kafka.topic,
            "group_id": group,
            "color": "blue",
            "strategy": "x",
            "pod_name": "consumer-blue-0",
        },
    )
    kafka.send(4)

    async def lost_and_stopped() -> None:
        at_work, revoked = asyncio.Event(), asyncio.Event()

        async def record(_: Activation, __: Any) -> None:
            at_work.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                # Its stop takes a moment, in which it is back: the consumer is stopped after this.
                await asyncio.to_thread(until, "it to be back", back)
                raise

        async def assigned(_: Activation, __: Any) -> None:
            return

        async def gone(_: Activation, __: Any) -> None:
            if at_work.is_set():
                revoked.set()

        def back() -> bool:
            return any(member.partitions for member in kafka.members(group) if member.member_id != first)

        activation = Activation(settings, str, on_record=record, on_assigned=assigned, on_revoked=gone)
        activation.start()
        async with asyncio.timeout(30):
            await at_work.wait()
            first = activation.member_id
            await asyncio.to_thread(kafka.remove, group)
            await revoked.wait()
            await activation.ended()

    try:
        asyncio.run(lost_and_stopped())
        assert kafka.members(group) == [], "its place stays for a session"
    finally:
        kafka.close()
