"""Each colour in a group of its own, on a real broker: where it starts, there and back, whatever was committed before."""

import time

import pytest

from tests.support.broker import Broker
from tests.support.processes import Feed, handled
from tests.workloads.conftest import Consumers
from tests.workloads.consumer.separate import ALL, Pair, everything_once, more

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("broker")]


@pytest.mark.parametrize("fencing", ["none", "transactions"])
@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_switches_under_load_lose_and_repeat_nothing(
    consumer: Consumers, feed: Feed, broker: Broker, topic: str, protocol: str, fencing: str
) -> None:
    pair = Pair(consumer, broker, topic, protocol=protocol, fencing=fencing).ready()
    pair.grant("blue")
    feed.stream(400)
    for new in ("green", "blue", "green", "blue"):
        old = "blue" if new == "green" else "green"
        more(pair.pods[old], 200)
        time.sleep(1)
        epoch = pair.switch(new)
        assert pair.starts(new, epoch) == pair.ends(old, epoch - 1)  # the difference is 0, on every partition
        more(pair.pods[new], 100)
        first = {p: next(l for l in handled(*pair.pods[new]) if l["epoch"] == epoch and l["partition"] == p) for p in ALL}
        last = {p: [l for l in handled(*pair.pods[old]) if l["epoch"] == epoch - 2 and l["partition"] == p][-1] for p in ALL}
        print(protocol, fencing, "gap ms", [round((first[p]["t"] - last[p]["t"]) / 1e6, 1) for p in ALL])
    feed.stop()
    everything_once(pair, feed)
    for color in pair.pods:
        for t in pair.took(color):
            print(protocol, fencing, color, t)
    assert [one.stop() for one in pair.everybody] == [0, 0, 0, 0]
