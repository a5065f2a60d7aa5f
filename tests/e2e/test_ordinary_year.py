"""What happens to a pair that is kept for years, as a team would meet it: each ends with the colour that was asked for
at work, by nothing but the commands of the tutorial's chapter 4, and nothing is lost.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.test_shape import TOPIC, ready
from tests.support.engine import kubectl
from tests.support.field import Field, Ground
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("strategy-c"), pytest.mark.usefixtures("judged")]

DUPLICATES = 0
_ABORTED = f"""
import sys
from confluent_kafka import Producer
writer = Producer({{"bootstrap.servers": sys.argv[1], "transactional.id": "an-ordinary-year"}})
writer.init_transactions(30)
writer.begin_transaction()
for partition in range(int(sys.argv[2])):
    writer.produce("{TOPIC}", b"nobody is handed this", partition=partition)
writer.flush(30)  # what is not sent yet, an abort never sends
writer.abort_transaction(30)
"""


@contextmanager
def quiet(field: Field) -> Iterator[None]:
    """Nothing is produced within the block: no record comes behind what is there."""
    rate = field.lab.producer.rate()
    field.lab.producer.set_rate(0)
    try:
        yield
    finally:
        field.lab.producer.set_rate(rate)


def test_another_way_into_the_group_comes_with_a_switch_and_has_its_way_back(blue: Field) -> None:
    """KIP-848 and leave-join at once, a switch in each direction by them, and home again."""
    try:
        there = blue.up("green", groupProtocol="consumer", membership="leave-join")
        assert there.error is None, there.error
        assert (blue.holder(), ready(blue.switch())) == ("green", ("True", "Switched"))
        back = blue.up("blue")
        assert back.error is None, back.error
        assert (blue.holder(), ready(blue.switch())) == ("blue", ("True", "Switched"))
    finally:
        home = blue.up("green", groupProtocol="classic", membership="takeover")
    assert home.error is None, home.error
    assert (blue.holder(), ready(blue.switch())) == ("green", ("True", "Switched"))


def test_a_pod_of_the_colour_that_is_asked_for_restarts_just_now(blue: Field) -> None:
    blue.cluster.delete_pod(blue.namespace, "consumer-green-1")
    update = blue.up("green")
    assert update.error is None, update.error
    assert blue.holder() == "green"


def test_a_topic_that_is_written_by_transactions_keeps_no_switch_waiting(blue: Field, ground: Ground) -> None:
    """Each leaves a marker, and an aborted one its records, too: nobody is handed them, and they are no lag."""
    assert blue.switch().raw["spec"]["lagPolicy"] == "wait"
    with quiet(blue):
        program = ("python3", "-c", _ABORTED, ground.bootstrap, str(blue.lab.settings.partitions))
        kubectl("exec", "-n", blue.namespace, "producer-0", "-c", "producer", "--", *program)
        update = blue.up("green")
    assert update.error is None, update.error
    assert blue.holder() == "green"


def test_an_old_colour_that_cannot_be_asked_is_left_by_taking_its_pods_away(blue: Field) -> None:
    """The tutorial's 4.7: a decision, and no way around it through Pulumi."""
    scale, there = ("-n", blue.namespace, "scale", "statefulset", "consumer-blue"), len(blue.pods("blue"))
    kubectl(*scale, "--replicas=0")
    until("blue's pods to be gone", lambda: not blue.pods("blue"), 60, 0.2)
    try:
        update = blue.up("green", lagPolicy="immediate")
        assert update.error is None, update.error
        assert (blue.holder(), ready(blue.switch())) == ("green", ("True", "Switched"))
    finally:
        blue.stack.configuration.set(lagPolicy="wait")
        kubectl(*scale, f"--replicas={there}")
        blue.wait_ready_pods()
