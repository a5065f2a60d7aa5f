"""Faust beside ours on a real broker: there and back in one group, and in a group for each colour."""

import pytest

from tests.support.broker import Broker
from tests.support.processes import ConsumerProcess, Feed, sequences
from tests.support.waiting import until
from tests.workloads.conftest import PARTITIONS, Consumers
from tests.workloads.consumer.separate import Pair

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("broker")]

FAUST = "workloads.faust_consumer"
ALL = list(range(PARTITIONS))


def moved(source: ConsumerProcess, target: ConsumerProcess, epoch: int) -> None:
    """As the sidecars do it: a pause, then a resume under the next epoch, repeated until it is done."""
    status, said = source.pause(epoch)
    assert (status, said["state"], said["committed"]) == (200, "PAUSED", True)
    until("the other colour to work", lambda: target.resume(epoch + 1)[0] == 200)
    until("it to own all partitions", lambda: sorted(target.status()["partitions"]) == ALL)
    assert source.pause(epoch + 1)[0] == 200


@pytest.mark.parametrize("modules", [("workloads.consumer", FAUST), (FAUST, FAUST)])
def test_there_and_back_in_one_group(consumer: Consumers, feed: Feed, modules: tuple[str, str]) -> None:
    names = ("consumer-blue-0", "consumer-green-0")
    blue, green = (
        consumer(name, module=module, membership="leave-join") for name, module in zip(names, modules, strict=True)
    )
    for pod in (blue, green):
        pod.ready()
    until("blue to work", lambda: blue.resume(1)[0] == 200)
    feed.stream(200)
    until("blue to handle some", lambda: len(sequences(blue)) > 100)
    moved(blue, green, 2)
    until("green to handle some", lambda: len(sequences(green)) > 100)
    moved(green, blue, 4)
    sent = feed.stop()
    until("everything to be handled", lambda: len(sequences(blue, green)) >= sent)
    assert sequences(blue, green) == list(range(sent))


def test_there_and_back_in_a_group_for_each_colour(consumer: Consumers, broker: Broker, topic: str, feed: Feed) -> None:
    pair = Pair(consumer, broker, topic, fencing="none", pods=2, module=FAUST)
    for pod in pair.everybody:
        pod.ready()
    feed.stream(200)
    pair.grant("blue")
    until("blue to handle some", lambda: len(sequences(*pair.pods["blue"])) > 100)
    epoch = pair.switch("green")
    until("green to handle some", lambda: len(sequences(*pair.pods["green"])) > 100)
    assert set(pair.labels("green").values()) <= {f"epoch={epoch}", f"epoch={epoch} start"}
    for color in ("blue", "green", "blue", "green", "blue"):  # to epochs of two digits
        pair.switch(color)
    sent = feed.stop()
    until("everything to be handled", lambda: len(set(sequences(*pair.everybody))) >= sent)
    assert set(sequences(*pair.everybody)) == set(range(sent))


def test_one_that_hangs_while_it_leaves_gives_its_place_up_and_ends(
    consumer: Consumers, broker: Broker, topic: str
) -> None:
    hung = consumer("consumer-blue-0", module="tests.applications.hung", membership="leave-join").ready()
    until("it to work", lambda: hung.resume(1)[0] == 200)
    status, said = hung.pause(2)
    assert (status, said["state"], said["left"]) == (200, "PAUSED", False)
    found = broker.admin().describe_consumer_groups([topic])[topic].result()
    assert [member.member_id for member in found.members] == [], "its session has begun a moment ago"
    assert hung.process is not None
    until("its end", hung.process.poll)  # 1, not 0
    assert hung.process.returncode == 1
