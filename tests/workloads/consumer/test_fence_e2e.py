"""What a zombie can still do, by the broker's word: with transactions, and without."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.broker import Broker
from tests.support.processes import Feed, handled
from tests.support.waiting import until
from tests.workloads.conftest import Consumers
from tests.workloads.consumer.separate import ALL, Pair, everything_once, more, sent

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("broker")]


@pytest.mark.parametrize("fencing", ["transactions", "none"])
def test_a_zombie(consumer: Consumers, feed: Feed, broker: Broker, topic: str, fencing: str) -> None:
    """Blue is frozen in the middle of its work, green takes over, blue thaws and knows of nothing. The guard against
    stalls, which would stop it at once, is off. Its commit is overdue when it thaws: how many records it handles until
    the broker has refused that is the broker's time, so that scenario `zombie` measures it; here, that none follows.
    """
    often = 0.3
    pair = Pair(
        consumer, broker, topic, fencing=fencing, pods=1, stall_seconds=600, commit_interval_seconds=often
    ).ready()
    blue, green = pair.pods["blue"][0], pair.pods["green"][0]
    pair.grant("blue")
    feed.stream(200)
    until("blue to commit", lambda: len(blue.events("COMMITTED")) >= 2)
    until("a moment between commits", lambda: time.time_ns() - blue.events("COMMITTED")[-1]["t"] > 0.1e9)
    blue.signal(signal.SIGSTOP)
    stood = pair.committed("blue")
    pair.epoch += 2
    pair.done("green", "resume", pair.epoch)
    assert pair.starts("green", pair.epoch) == {p: stood[p].offset for p in ALL}
    more([green], 200)
    before = len(handled(blue))
    blue.signal(signal.SIGCONT)
    if fencing == "transactions":
        until("blue to be fenced", lambda: blue.events("FENCED"))
        until("standby", lambda: blue.status()["state"] == "PAUSED")  # the event is written just before
        status = blue.status()
        assert status["committed"] is False
        assert "fenced" in status["last_error"].lower()
        assert pair.committed("blue") == stood  # nothing of it reached its group
        assert handled(blue)[-1]["t"] < blue.events("FENCED")[0]["t"]
        assert blue.ready().status()["partitions"] == ALL  # it stands by again, in its own group
    else:
        until("blue to go on", lambda: len(handled(blue)) > before + 50)
        until("blue to commit", lambda: pair.committed("blue") != stood)
        assert {commit.epoch for commit in pair.committed("blue").values()} == {1}
    assert green.status()["state"] == "ACTIVE"
    pair.done("blue", "pause", pair.epoch)
    feed.stop()
    until("green to have all", lambda: _newest(pair, "green") == feed.sent)
    pair.switch("blue")  # the zombie's commits are of an older epoch: it goes on where green stood
    assert pair.starts("blue", pair.epoch) == pair.ends("green", pair.epoch - 1)
    seen = [line["seq"] for line in handled(*pair.everybody)]
    assert set(seen) == set(range(feed.sent))


def _newest(pair: Pair, color: str) -> int:
    return 1 + max(int(line["seq"]) for line in handled(*pair.pods[color]))


def test_a_waiting_pod_that_starts_fences_nobody(consumer: Consumers, feed: Feed, broker: Broker, topic: str) -> None:
    """Interleaving 13. An id is initialised by an executed resume and by nothing else."""
    pair = Pair(consumer, broker, topic, commit_interval_seconds=0.2).ready()
    feed.stream(200)
    pair.grant("blue")
    more(pair.pods["blue"], 50)
    for pod in pair.pods["green"]:
        pod.kill()
        pod.start()
    pair.ready()
    until("green to follow", lambda: {c.copy for c in pair.committed("green").values()} == {True})
    before = len(pair.pods["blue"][0].events("COMMITTED"))
    until("blue to commit on", lambda: len(pair.pods["blue"][0].events("COMMITTED")) > before + 3)
    feed.stop()
    everything_once(pair, feed)
    assert not any(pod.events("FENCED") for pod in pair.everybody)
    assert not any(pod.logged("transactional id initialised") for pod in pair.pods["green"])


def test_unequal_layouts_wait_for_each_other(consumer: Consumers, feed: Feed, broker: Broker, topic: str) -> None:
    """Interleaving 14. Blue had one pod and green has two: green-1's partitions were committed by an id that green-0
    initialises.
    """
    pair = Pair(consumer, broker, topic, pods=1, stall_seconds=8)
    for pod in pair.pods["green"]:
        pod.stop()
    pair.pods["green"] = [pair.start(f"consumer-green-{i}", transactional_ids=2) for i in range(2)]
    pair.ready()
    feed.send(40)
    pair.grant("blue")
    sent(pair, feed)
    pair.withdraw("blue")
    first, second = pair.pods["green"]
    status, answer = second.resume(3)
    assert (status, answer["state"]) == (503, "PAUSED")
    assert "transactional ids [0]" in answer["last_error"]
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(second.resume, 3)
        until("it to wait", lambda: [line["epoch"] for line in second.logged("command executed")][-1:] == [3])
        until("the other to start", lambda: first.resume(3)[0] == 200)
        answered = waiting.result()
    if answered[0] != 200:  # the machine was slow: its sidecar asks again
        answered = second.resume(3)
    assert answered[0] == 200, answered
    pair.epoch = 3
    assert pair.starts("green", 3) == dict.fromkeys(ALL, 10)
    feed.send(40)
    sent(pair, feed)
    pair.switch("blue")  # and back: blue-0 needs the id of a green-1 that it has no colleague for
    assert pair.starts("blue", 5) == dict.fromkeys(ALL, 20)
    everything_once(pair, feed)


def test_an_open_transaction_is_ended_by_the_next_start(
    consumer: Consumers, feed: Feed, broker: Broker, topic: str
) -> None:
    """Blue dies by force again and again, at any point of a commit; green's starts are whole all the same."""
    pair = Pair(consumer, broker, topic, pods=1, commit_interval_seconds=0.001).ready()
    feed.stream(500)
    pair.grant("blue")
    for _ in range(2):
        more(pair.pods["blue"], 100)
        pair.pods["blue"][0].kill()
        stood = pair.epoch
        pair.epoch += 2
        until("the resume", lambda: pair.tell("green", "resume", pair.epoch)[0][0] == 200)
        assert stood < pair.epoch
        more(pair.pods["green"], 50)
        pair.pods["blue"][0].start()
        pair.ready()
        pair.switch("blue")
    feed.stop()
    until("all of it", lambda: {line["seq"] for line in handled(*pair.everybody)} == set(range(feed.sent)))
