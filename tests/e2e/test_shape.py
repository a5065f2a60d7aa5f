"""A pair that lives, under flow: other numbers of pods, a rest, and somebody else in its group. Nothing is lost by any
of it, nothing handled twice that was not asked for, and nobody who stays is restarted.
"""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from experiments.cluster import LiveSwitch
from tests.support.engine import kubectl
from tests.support.field import Field, Ground
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("strategy-c"), pytest.mark.usefixtures("judged")]

GROUP, TOPIC = "bluegreen-c", "bluegreen"
AGAIN = 5
DUPLICATES = AGAIN  # what `test_one_that_rests` puts back
_MEMBER = f"""
import sys, threading
from confluent_kafka import Consumer
# It commits nothing: what somebody else commits is lost to the pair.
asked = {{"group.id": "{GROUP}", "client.id": "debugging", "enable.auto.commit": False}}
consumer = Consumer({{"bootstrap.servers": sys.argv[1], **asked}})
consumer.subscribe(["{TOPIC}"])
ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
while not ended.is_set():
    consumer.poll(0.1)
consumer.close()
"""


def ready(switch: LiveSwitch) -> tuple[str, str]:
    """The status of Ready, and its reason."""
    found = next(c for c in switch.raw["status"]["conditions"] if c["type"] == "Ready")
    return found["status"], found["reason"]


def groups(*arguments: str) -> str:
    """What an operator asks of a group, in the broker's pod."""
    script = ("/opt/kafka/bin/kafka-consumer-groups.sh", "--bootstrap-server", "localhost:9092", "--group", GROUP)
    return kubectl("exec", "-n", "kafka-bluegreen", "kafka-0", "-c", "kafka", "--", *script, *arguments)


def test_fewer_pods_and_more_again_restart_nobody_who_stays(blue: Field) -> None:
    before, epoch = blue.uids("blue"), blue.switch().epoch
    try:
        fewer = blue.up("blue", replicas=2)
        assert fewer.error is None, fewer.error
        left = blue.uids("blue")
        assert left == {name: uid for name, uid in before.items() if not name.endswith("-2")}
        assert ready(blue.switch()) == ("True", "Switched")
        switch = blue.up("green")
        assert switch.error is None, switch.error
        back = blue.up("blue")
        assert back.error is None, back.error
    finally:
        more = blue.up("blue", replicas=3)
    assert more.error is None, more.error
    blue.wait_ready_pods()
    assert left.items() <= blue.uids("blue").items()
    # Two switches, and two grants to blue in another shape: each a withdrawal and a grant.
    assert blue.switch().epoch == epoch + 8
    assert ready(blue.switch()) == ("True", "Switched")


def test_one_that_rests_has_an_empty_group_and_goes_on_where_it_is_told(blue: Field) -> None:
    try:
        update = blue.up("blue", paused=True)
        assert update.error is None, update.error
        switch = blue.switch()
        assert (switch.active, switch.raw["status"]["phase"], ready(switch)) == ("blue", "Paused", ("False", "Paused"))
        assert "consumer-" not in groups("--describe", "--members")
        groups("--reset-offsets", "--topic", f"{TOPIC}:0", "--shift-by", str(-AGAIN), "--execute")
    finally:
        again = blue.up("blue", paused=False)
    assert again.error is None, again.error
    assert ready(blue.switch()) == ("True", "Switched")


@contextmanager
def somebody_else(field: Field, servers: str) -> Iterator[None]:
    """A consumer with the group's name, in a pod that is none of the consumers'."""
    command = ["kubectl", "exec", "-i", "-n", field.namespace, "producer-0", "-c", "producer", "--"]
    with subprocess.Popen(
        [*command, "python3", "-c", _MEMBER, servers], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(30)


def test_a_member_of_others_is_named_and_a_switch_waits_for_it_to_go(blue: Field, ground: Ground) -> None:
    with ExitStack() as member:
        member.enter_context(somebody_else(blue, ground.bootstrap))
        until("it to be seen", lambda: ready(blue.switch()) == ("False", "ForeignMember"), 60, 0.2)
        said = next(c for c in blue.switch().raw["status"]["conditions"] if c["type"] == "Ready")["message"]
        assert "client debugging at /" in said
        with blue.updating("green") as updates:
            until("the switch to wait", lambda: blue.switch().raw["status"]["phase"] == "WaitingForReady", 60, 0.1)
            assert blue.holder() == "blue"
            assert "debugging" in groups("--describe", "--members"), "it is never removed"
            member.close()
    assert updates[0].error is None, updates[0].error
    assert blue.holder() == "green"
