"""The consumer process that is told to leave, against a real broker: the group has what it says, and it comes back."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from confluent_kafka.cimpl import NewPartitions

from tests.support.broker import Broker
from tests.support.processes import ConsumerProcess, Feed, handled, sequences
from tests.support.waiting import until
from tests.workloads.conftest import PARTITIONS, Consumers

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("broker")]

PATIENT = {"stall_seconds": 60, "drain_timeout_seconds": 60}


def members(broker: Broker, group: str) -> set[str]:
    """The member ids that the coordinator knows."""
    found = broker.admin().describe_consumer_groups([group])[group].result()
    return {member.member_id for member in found.members}


def owned(*pods: ConsumerProcess) -> list[int]:
    """What they own between them."""
    return sorted(p for pod in pods for p in pod.status()["partitions"])


def leaves(pod: ConsumerProcess, epoch: int) -> None:
    """Tell it to leave; it is so when it answers."""
    status, said = pod.pause(epoch, deadline_ms=50_000, leave=True)
    assert (status, said["state"], said["left"], said["member_id"]) == (200, "PAUSED", True, ""), said


def resumes(pod: ConsumerProcess, epoch: int) -> None:
    """Resume it."""
    status, said = pod.resume(epoch, deadline_ms=50_000)
    assert (status, said["state"], said["left"]) == (200, "ACTIVE", False), said


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
@pytest.mark.parametrize("membership", ["takeover", "leave-join", "shared"])
def test_it_says_as_whom_the_coordinator_knows_it(
    consumer: Consumers, broker: Broker, topic: str, membership: str, protocol: str
) -> None:
    pods = [consumer(f"consumer-blue-{i}", membership=membership, group_protocol=protocol, **PATIENT) for i in range(2)]
    for pod in pods:
        resumes(pod.ready(), 1)
    until("both to own some", lambda: all(owned(pod) for pod in pods) and len(owned(*pods)) == PARTITIONS)
    assert {pod.status()["member_id"] for pod in pods} == members(broker, topic)


@pytest.mark.parametrize("membership", ["leave-join", "takeover"])
def test_who_has_no_place_in_the_group_is_out_of_it_when_it_says_so(
    consumer: Consumers, broker: Broker, topic: str, membership: str
) -> None:
    """A static member leaves its place behind, for the controller to remove; its id is no living process's any more."""
    pod = consumer(membership=membership, **PATIENT).ready()
    resumes(pod, 1)
    before = pod.status()["member_id"]
    leaves(pod, 2)
    assert members(broker, topic) == (set() if membership == "leave-join" else {before})
    pod.ready()
    resumes(pod, 3)
    assert members(broker, topic) == {pod.status()["member_id"]} != {before}


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_who_joins_after_partitions_were_added_gets_them(
    consumer: Consumers, broker: Broker, topic: str, protocol: str
) -> None:
    """Also by a client that has stood by since before: the group's leader asks anew for the topic at each join."""
    pods = [consumer(f"consumer-{c}", membership="leave-join", group_protocol=protocol, **PATIENT)
            for c in ("blue-0", "blue-1", "green-0")]  # fmt: skip
    blue, green = pods[:2], pods[2:]
    for pod in pods:
        pod.ready()
    for pod in blue:
        resumes(pod, 1)
    until("all to be owned", lambda: owned(*blue) == list(range(PARTITIONS)))
    more = list(range(3 * PARTITIONS))
    broker.admin().create_partitions([NewPartitions(topic, len(more))])[topic].result()
    broker_knows = partial(broker.admin().list_topics, topic, timeout=5)
    until("the broker to know of them", lambda: len(broker_knows().topics[topic].partitions) == len(more))
    for epoch, old, new in ((2, blue, green), (4, green, blue)):
        for pod in old:
            leaves(pod, epoch)
        for pod in new:
            resumes(pod, epoch + 1)
        until("all to be owned", lambda new=new: owned(*new) == more)


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
@pytest.mark.parametrize("membership", ["takeover", "leave-join", "shared"])
def test_leaving_and_coming_back_loses_and_repeats_nothing(
    consumer: Consumers, feed: Feed, membership: str, protocol: str
) -> None:
    """Of one pod, so that nothing has to be removed: its own place is what it comes back to."""
    pod = consumer(membership=membership, group_protocol=protocol, **PATIENT).ready()
    resumes(pod, 1)
    feed.stream(400)
    for epoch in (2, 4, 6):
        enough = len(handled(pod)) + 100
        until("some records", lambda enough=enough: len(handled(pod)) > enough)
        leaves(pod, epoch)
        resumes(pod, epoch + 1)
    sent = feed.stop()
    until("all records", lambda: len(handled(pod)) >= sent)
    assert sequences(pod) == list(range(sent))
    assert pod.stop(60) == 0


def test_a_colour_that_left_by_closing_is_ready_for_the_way_back(consumer: Consumers, feed: Feed) -> None:
    """With KIP-848 the pause closes its client; there was never another one that stood by."""
    pods = {color: consumer(f"consumer-{color}-0", group_protocol="consumer", **PATIENT) for color in ("blue", "green")}
    for pod in pods.values():
        pod.ready()
    resumes(pods["blue"], 1)
    feed.stream(400)
    with ThreadPoolExecutor(1) as pool:
        for epoch, old, new in ((2, "blue", "green"), (4, "green", "blue"), (6, "blue", "green")):
            enough = len(handled(*pods.values())) + 100
            until("some records", lambda enough=enough: len(handled(*pods.values())) > enough)
            pods[new].ready()
            assert pods[old].pause(epoch)[0] == 200
            told = pool.submit(pods[old].pause, epoch + 1)
            resumes(pods[new], epoch + 1)
            assert told.result()[0] == 200
            time.sleep(0.3)
    sent = feed.stop()
    until("all records", lambda: len(handled(*pods.values())) >= sent)
    assert sequences(*pods.values()) == list(range(sent))


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_what_came_to_a_member_that_was_about_to_leave_is_read_when_it_is_back(
    consumer: Consumers, feed: Feed, protocol: str
) -> None:
    """The group gives a member that was frozen what the others left; it hears of that when it may not work any more,
    and leaves. librdkafka keeps a partition paused beyond the assignment in which it was paused
    (confluent-kafka-go#193).
    """
    stood_still = {**PATIENT, "stall_seconds": 1}
    frozen, other = (
        consumer(f"consumer-blue-{i}", membership="leave-join", group_protocol=protocol, **stood_still)
        for i in range(2)
    )
    for pod in (frozen, other):
        resumes(pod.ready(), 1)
    until("both to own some", lambda: owned(frozen) and owned(other) and len(owned(frozen, other)) == PARTITIONS)
    frozen.signal(signal.SIGSTOP)
    leaves(other, 2)
    time.sleep(1.5)
    frozen.signal(signal.SIGCONT)
    until("it to know", lambda: frozen.status()["state"] == "PAUSED")
    leaves(frozen, 2)
    resumes(frozen.ready(), 3)
    until("it to own all", lambda: owned(frozen) == list(range(PARTITIONS)))
    feed.send(10 * PARTITIONS)
    until("all of it", lambda: len(handled(frozen)) >= feed.sent, 30)
