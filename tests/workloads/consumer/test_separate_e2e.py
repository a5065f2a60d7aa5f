"""Each colour in a group of its own, on a real broker: where it starts, there and back, whatever stood there."""

import signal
import time

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition

from tests.support.broker import Broker
from tests.support.processes import Feed, handled
from tests.support.waiting import until
from tests.workloads.conftest import PARTITIONS, Consumers
from tests.workloads.consumer.separate import ALL, Pair, everything_once, more, sent, stays
from workloads.handling.carry import Commit

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("broker")]


def commit(broker: Broker, group: str, offsets: dict[int, tuple[int, str]], topic: str) -> None:
    """Offsets with metadata, for a group without members; a broker's first group has a topic to wait for."""
    places = [TopicPartition(topic, p, offset, metadata) for p, (offset, metadata) in offsets.items()]

    def taken() -> bool:
        asked = broker.admin().alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, places)])
        return all(place.error is None for place in next(iter(asked.values())).result().topic_partitions)

    until("the offsets to be taken", taken)


@pytest.mark.parametrize("fencing", ["none", "transactions"])
@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_switches_under_load_lose_and_repeat_nothing(  # noqa: PLR0917 - fixtures
    consumer: Consumers, feed: Feed, broker: Broker, topic: str, protocol: str, fencing: str
) -> None:
    pair = Pair(consumer, broker, topic, protocol=protocol, fencing=fencing, stall_seconds=30).ready()
    pair.grant("blue")
    feed.stream(400)
    for new in ("green", "blue", "green"):
        old = "blue" if new == "green" else "green"
        more(pair.pods[old], 200)
        epoch = pair.switch(new)
        assert pair.starts(new, epoch) == pair.ends(old, epoch - 1)  # the difference is 0, on every partition
        assert pair.starts(new, epoch).keys() == set(ALL)
    feed.stop()
    everything_once(pair, feed)
    assert all(pod.metric("bg_consumer_stalls_total") == 0 for pod in pair.everybody)
    assert [one.stop() for one in pair.everybody] == [0, 0, 0, 0]


def test_commits_tell_their_epoch_and_who_made_them(
    consumer: Consumers, feed: Feed, broker: Broker, topic: str
) -> None:
    pair = Pair(consumer, broker, topic).ready()
    feed.send(40)
    pair.grant("blue")
    by = {p: i for i, pod in enumerate(pair.pods["blue"]) for p in pod.status()["partitions"]}
    sent(pair, feed)
    pair.switch("green")
    assert pair.labels("blue") == {p: f"epoch=1 by={by[p]}" for p in ALL}
    by = {p: i for i, pod in enumerate(pair.pods["green"]) for p in pod.status()["partitions"]}
    assert pair.labels("green") == {p: f"epoch=3 start by={by[p]}" for p in ALL}


# --- start positions


def test_a_group_without_commits_begins_at_the_earliest_record(
    consumer: Consumers, feed: Feed, broker: Broker, topic: str
) -> None:
    feed.send(40)
    pair = Pair(consumer, broker, topic, fencing="none").ready()
    pair.grant("blue")
    sent(pair, feed)
    told = until("both to say where they began", lambda: _all_told(pair, "blue"))
    assert {start[1] for start in told} == {"earliest"}
    pair.switch("green")
    feed.send(40)
    sent(pair, feed)
    pair.switch("blue")
    everything_once(pair, feed)


def _all_told(pair: Pair, color: str) -> list[list[object]] | None:
    """Where the pods of a colour say in their logs that they began, once they all do: a line may be held a moment."""
    lines = [line for pod in pair.pods[color] for line in pod.logged("starts carried over")]
    starts = [start for line in lines for start in line["starts"].values()]
    return starts if len(starts) == PARTITIONS else None


def test_offset_0_is_a_position_like_any_other(consumer: Consumers, feed: Feed, broker: Broker, topic: str) -> None:
    """Blue had started and handled nothing; a 0 is no missing commit, and green's later one none that is newer."""
    pair = Pair(consumer, broker, topic, fencing="none").ready()
    pair.grant("blue")
    pair.switch("green")
    assert pair.committed("green") == dict.fromkeys(ALL, Commit(0, 3))
    feed.send(40)
    sent(pair, feed)
    pair.switch("blue")
    assert pair.starts("blue", 5) == dict.fromkeys(ALL, 10)
    everything_once(pair, feed)


@pytest.mark.parametrize("fencing", ["none", "transactions"])
def test_a_position_beyond_the_end_is_told_while_it_waits_and_refused(
    consumer: Consumers, feed: Feed, broker: Broker, topic: str, fencing: str
) -> None:
    feed.send(40)
    commit(broker, f"{topic}-blue", {p: (10 if p else 11, "epoch=7") for p in ALL}, topic)
    pair = Pair(consumer, broker, topic, fencing=fencing, stall_seconds=30).ready()
    pair.epoch = 8
    out = "OffsetOutOfRange: partition 0: the {} group's committed offset 11 is beyond the end, 10"
    for color, group in (("green", "other"), ("blue", "own")):
        holder = next(pod for pod in pair.pods[color] if 0 in pod.status()["partitions"])
        until("the obstacle", lambda holder=holder: holder.status()["obstacle"])
        assert holder.status()["obstacle"] == out.format(group)
        assert all(pod.status()["obstacle"] is None for pod in pair.pods[color] if pod is not holder)
    answers = pair.tell("green", "resume", 9)
    assert sorted(status for status, _ in answers) == [200, 503]
    assert next(answer["last_error"] for status, answer in answers if status == 503) == out.format("other")
    assert not handled(*pair.everybody)
    feed.send(40)  # now the end is there, or beyond: nothing stands in the way, to either side
    until("no obstacle", lambda: not any(pod.status()["obstacle"] for pod in pair.everybody))
    pair.done("green", "resume", 9)
    pair.epoch = 9
    assert pair.starts("green", 9) == {p: 10 if p else 11 for p in ALL}
    pair.switch("blue")


def test_a_position_before_the_beginning_is_told_while_it_waits_and_refused(
    consumer: Consumers, feed: Feed, broker: Broker, topic: str
) -> None:
    """There and back: retention overtook what blue had committed, and then what green had."""
    feed.send(40)
    pair = Pair(consumer, broker, topic, fencing="none", protocol="consumer").ready()  # who stops leaves its group
    pair.grant("blue")
    sent(pair, feed)
    for new, offset in (("green", 15), ("blue", 35)):
        old = "blue" if new == "green" else "green"
        pair.withdraw(old)
        pair.done(new, "pause", pair.epoch)
        feed.send(80)
        broker.admin().delete_records([TopicPartition(topic, 1, offset)])[TopicPartition(topic, 1)].result()
        holder = next(pod for pod in pair.pods[new] if 1 in pod.status()["partitions"])
        until("the obstacle", lambda holder=holder: holder.status()["obstacle"])
        told = holder.status()["obstacle"]
        assert told.startswith("OffsetOutOfRange: partition 1: the ")
        assert told.endswith(f"is before the beginning, {offset}")
        pair.epoch += 1
        answers = pair.tell(new, "resume", pair.epoch)
        assert sorted(status for status, _ in answers) == [200, 503]
        pair.done(new, "pause", pair.epoch + 1)
        # Somebody says that what is gone is gone: the group is emptied, and its offset set.
        for pod in pair.pods[new]:
            pod.stop()
        commit(broker, f"{topic}-{new}", {1: (offset, f"epoch={pair.epoch}")}, topic)
        for pod in pair.pods[new]:
            pod.start()
        pair.epoch += 1
        pair.ready()
        pair.grant(new)
        assert pair.starts(new, pair.epoch)[1] == offset
        until("all of it", lambda new=new: _caught_up(pair, new, feed))


def _caught_up(pair: Pair, color: str, feed: Feed) -> bool:
    """The colour's newest positions are the ends."""
    newest = {line["partition"]: line["offset"] + 1 for line in handled(*pair.everybody)}
    return newest == dict.fromkeys(ALL, feed.sent // PARTITIONS) and color in pair.pods


@pytest.mark.parametrize("fencing", ["none", "transactions"])
def test_groups_that_outlive_their_lease_are_heard_of_and_outranked(
    consumer: Consumers, feed: Feed, broker: Broker, topic: str, fencing: str
) -> None:
    """Interleaving 26. Blue had epoch 41 when the stack went away; the Lease of the one that is made anew
    begins at 1.
    """
    feed.send(40)
    for color, stood in (("blue", (5, "epoch=41")), ("green", (3, "epoch=40 copy"))):
        commit(broker, f"{topic}-{color}", dict.fromkeys(ALL, stood), topic)
    pair = Pair(consumer, broker, topic, fencing=fencing).ready()
    until("everybody to have heard", lambda: {pod.status()["seen_epoch"] for pod in pair.everybody} == {41})
    for call in ("resume", "pause"):
        assert {status for status, _ in pair.tell("green", call, 3)} == {409}
    assert not handled(*pair.everybody)
    assert {c.epoch for color in pair.pods for c in pair.committed(color).values()} <= {40, 41}
    pair.epoch = 999  # as the controller makes it again
    pair.withdraw("blue")
    pair.done("green", "pause", 1000)
    pair.grant("green")
    assert pair.starts("green", 1001) == dict.fromkeys(ALL, 5)
    until("the rest", lambda: len(handled(*pair.everybody)) >= 40 - 5 * PARTITIONS)
    until("blue's group to follow", lambda: pair.committed("blue") == dict.fromkeys(ALL, Commit(10, 1001, copy=True)))
    feed.send(40)
    pair.switch("blue")
    until("all of it", lambda: _caught_up(pair, "blue", feed))
    lines = [(line["partition"], line["offset"]) for line in handled(*pair.everybody)]
    assert sorted(lines) == [(p, offset) for p in ALL for offset in range(5, feed.sent // PARTITIONS)]


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_topic_made_anew_begins_at_its_beginning(
    consumer: Consumers, feed: Feed, broker: Broker, topic: str, protocol: str
) -> None:
    """There and back: its commits go with it, in both groups, and nobody may go on at the old topic's offsets."""
    feed.send(40)
    pair = Pair(consumer, broker, topic, fencing="none", protocol=protocol).ready()
    pair.grant("blue")
    sent(pair, feed)
    pair.withdraw("blue")
    # A copy that came after the topic is gone would be committed, too, and stand against every start.
    until("green's group to follow", lambda: pair.committed("green") == dict.fromkeys(ALL, Commit(10, 1, copy=True)))
    revoked = {pod: len(pod.events("REVOKED")) for pod in pair.everybody}
    broker.admin().delete_topics([topic])[topic].result()
    until("the topic to be gone", lambda: topic not in broker.admin().list_topics(timeout=5).topics)
    broker.create_topic(topic, PARTITIONS)
    feed.send(20)
    pair.epoch += 1
    if protocol == "consumer":
        # The group knows topics by their ids: members keep what they had of the old one until they are told, one by
        # one, and somebody else may have the new one's partition of that number by then.
        until(
            "the old topic's partitions to be taken from everybody",
            lambda: all(len(pod.events("REVOKED")) > count for pod, count in revoked.items()),
            30,
        )
    pair.ready()
    until("the resume", lambda: all(status == 200 for status, _ in pair.tell("green", "resume", pair.epoch)))
    assert pair.starts("green", pair.epoch) == dict.fromkeys(ALL, 0)
    sent(pair, feed)
    pair.switch("blue")
    feed.send(20)
    sent(pair, feed)
    assert pair.starts("blue", pair.epoch) == dict.fromkeys(ALL, 5)


# --- what was granted, and when


def test_a_resume_that_is_repeated_goes_on_where_its_own_commits_stand(
    consumer: Consumers, feed: Feed, broker: Broker, topic: str
) -> None:
    """Green was granted long ago; one of its pods restarts, and is resumed under the same epoch."""
    pair = Pair(consumer, broker, topic).ready()
    feed.stream(200)
    pair.grant("blue")
    more(pair.pods["blue"], 100)
    pair.switch("green")
    more(pair.pods["green"], 200)
    again = pair.pods["green"][1]
    assert again.stop() == 0
    again.start()
    again.ready()
    until("it to be assigned", lambda: again.status()["partitions"])
    # As a sidecar does: a further rebalance of its group voids a resume, which is then repeated.
    until("the resume", lambda: again.resume(3)[0] == 200)
    assert again.status()["state"] == "ACTIVE"
    until("all owned", lambda: sorted(p for pod in pair.pods["green"] for p in pod.status()["partitions"]) == ALL)
    more([again], 50)
    feed.stop()
    everything_once(pair, feed)


def test_the_way_back_from_a_green_that_never_started(
    consumer: Consumers, feed: Feed, broker: Broker, topic: str
) -> None:
    """Blue goes on at its own offsets, not at those of green's earlier reign."""
    pair = Pair(consumer, broker, topic).ready()
    feed.send(40)
    pair.grant("green")
    sent(pair, feed)
    pair.switch("blue")
    feed.send(40)
    sent(pair, feed)
    pair.withdraw("blue")
    pair.epoch += 1  # green's grant: no pod of it ever hears of it
    pair.done("green", "pause", pair.epoch + 1)
    pair.epoch += 1
    pair.grant("blue")
    assert pair.starts("blue", pair.epoch) == dict.fromkeys(ALL, 20)
    feed.send(40)
    sent(pair, feed)
    everything_once(pair, feed)


def test_the_waiting_groups_offsets_follow_and_a_crash_after_the_grant_starts_from_there(
    consumer: Consumers, feed: Feed, broker: Broker, topic: str
) -> None:
    pair = Pair(consumer, broker, topic, commit_interval_seconds=0.2).ready()
    pair.grant("blue")
    feed.send(40)
    sent(pair, feed)
    until("blue to commit", lambda: {c.offset for c in pair.committed("blue").values()} == {10})
    until("green's group to follow", lambda: pair.committed("green") == dict.fromkeys(ALL, Commit(10, 1, copy=True)))
    assert set(pair.labels("green").values()) == {"epoch=1 copy"}
    feed.send(40)
    until("green's group to follow", lambda: pair.committed("green") == dict.fromkeys(ALL, Commit(20, 1, copy=True)))
    assert not any(pod.events("COMMITTED") for pod in pair.pods["green"])
    pair.switch("green")
    feed.send(40)
    sent(pair, feed)
    stood = {p: (c.epoch, c.copy) for p, c in pair.committed("green").items()}
    assert stood == dict.fromkeys(ALL, (3, False))
    until("blue's group to follow", lambda: pair.committed("blue") == dict.fromkeys(ALL, Commit(30, 3, copy=True)))
    for pod in pair.pods["green"]:
        pod.kill()
        pod.start()
    pair.ready()
    pair.done("green", "resume", 3)
    assert pair.starts("green", 3) == dict.fromkeys(ALL, 30)
    everything_once(pair, feed)


def test_partitions_that_come_by_a_rebalance_are_started_by_the_same_rule(
    consumer: Consumers, feed: Feed, broker: Broker, topic: str
) -> None:
    """A pod leaves for good and its partitions move, under flow, to one that is ACTIVE."""
    pair = Pair(consumer, broker, topic, protocol="consumer", fencing="none").ready()
    feed.stream(200)
    pair.grant("blue")
    more(pair.pods["blue"], 100)
    stays_on, goes = pair.pods["blue"]
    assert goes.stop() == 0
    until("the other one to own all", lambda: stays_on.status()["partitions"] == ALL)
    more([stays_on], 200)
    feed.stop()
    everything_once(pair, feed)


def test_a_stalled_broker_is_no_stall(consumer: Consumers, feed: Feed, broker: Broker, topic: str) -> None:
    """Interleaving 16. Twice as long as a poll loop may stand still, in the middle of a commit; the grant lives on."""
    pair = Pair(consumer, broker, topic, pods=1, stall_seconds=1.5, commit_interval_seconds=0.1).ready()
    feed.send(40)
    blue = pair.pods["blue"][0]
    pair.grant("blue")
    sent(pair, feed)
    feed.send(400)
    broker.process.send_signal(signal.SIGSTOP)
    try:
        stays("ACTIVE", lambda: blue.status()["state"] == "ACTIVE", 3.0)
    finally:
        broker.process.send_signal(signal.SIGCONT)
    feed.send(40)
    until("all of it", lambda: len(handled(blue)) >= feed.sent)
    assert blue.metric("bg_consumer_stalls_total") == 0
    assert blue.status()["last_error"] is None or blue.status()["state"] == "ACTIVE"
    pair.switch("green")
    assert pair.starts("green", 3) == dict.fromkeys(ALL, feed.sent // PARTITIONS)
    everything_once(pair, feed)


def test_a_stalled_broker_fails_a_start_in_time_and_the_same_call_tries_again(
    consumer: Consumers, feed: Feed, broker: Broker, topic: str
) -> None:
    pair = Pair(consumer, broker, topic, pods=1).ready()
    blue = pair.pods["blue"][0]
    broker.process.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        status, answer = blue.resume(1, deadline_ms=60_000)
        assert time.monotonic() - began < 30  # half of what it was given
    finally:
        broker.process.send_signal(signal.SIGCONT)
    assert (status, answer["state"]) == (503, "PAUSED")
    assert "the transactional id" in answer["last_error"]
    feed.send(40)
    until("the resume", lambda: blue.resume(1)[0] == 200)
    sent(pair, feed)
    everything_once(pair, feed)
