"""The consumer process against a real broker: what it answers is true, and what it wrote down is what happened."""

import resource
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, Producer, TopicPartition

from tests.support.broker import Broker
from tests.support.processes import ConsumerProcess, Feed, handled, sequences
from tests.support.waiting import until
from tests.workloads.conftest import PARTITIONS, Consumers
from workloads.common import contract
from workloads.common.labels import unsealed

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("broker")]

ALL = list(range(PARTITIONS))
# For a test that is not about these limits: a consumer that gets no CPU for a moment neither voids its grant, nor gives
# a drain up.
PATIENT = {"stall_seconds": 60, "drain_timeout_seconds": 60}


def committed(broker: Broker, group: str) -> dict[int, TopicPartition]:
    """The group's committed offsets, by partition."""
    found = broker.admin().list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group].result()
    return {partition.partition: partition for partition in found.topic_partitions}


def caught_up(consumer: ConsumerProcess, count: int) -> None:
    """Wait until it has handled so many records."""
    until(f"{consumer.name} to handle {count}", lambda: consumer.call("GET", "/progress")[1]["handled"] >= count)


def active(*consumers: ConsumerProcess, partitions: int = PARTITIONS) -> None:
    """Wait until all are ACTIVE and own all partitions between them."""

    def look() -> bool:
        states = [consumer.status() for consumer in consumers]
        owned = sorted(p for state in states for p in state["partitions"])
        return all(state["state"] == "ACTIVE" for state in states) and owned == list(range(partitions))

    until("all partitions to be owned", look)


def rebalances(*consumers: ConsumerProcess) -> float:
    """How many all of them have counted so far."""
    return sum(one.metric("kafka_consumer_rebalance_count_total") for one in consumers)


def test_starts_paused_and_is_active_only_when_told(
    consumer: Consumers, feed: Feed, broker: Broker, topic: str
) -> None:
    blue = consumer(commit_interval_seconds=60).ready()  # what is committed, the pause commits
    feed.send(40)
    assert blue.status() == {
        contract.KEY: contract.VERSION,
        "state": "PAUSED",
        "epoch": 0,
        "seen_epoch": 0,
        "boot_id": blue.status()["boot_id"],
        "committed": True,
        "partitions": [],
        "last_error": None,
        "obstacle": None,
        "voids": 0,
        "left": True,
        "member_id": "",
    }
    assert not handled(blue)
    status, answer = blue.resume(1)
    assert (status, answer["state"], answer["epoch"], answer["partitions"]) == (200, "ACTIVE", 1, ALL)
    caught_up(blue, 40)
    status, answer = blue.pause(2)
    assert (status, answer["state"], answer["epoch"], answer["committed"]) == (200, "PAUSED", 2, True)
    offsets = committed(broker, topic)
    assert {p: (o.offset, unsealed(o.metadata)) for p, o in offsets.items()} == dict.fromkeys(ALL, (10, "epoch=2"))
    feed.send(40)
    time.sleep(0.3)
    lines = handled(blue)
    assert sequences(blue) == list(range(40))
    line = lines[0]
    assert line == {
        "color": "blue",
        "pod": "consumer-blue-0",
        "version": "1",
        "topic": topic,
        "epoch": 1,
        "producer": "p0-test",
        "seq": line["seq"],
        "partition": line["seq"] % PARTITIONS,
        "offset": line["seq"] // PARTITIONS,
        "t": line["t"],
    }
    assert abs(line["t"] - time.time_ns()) < 60e9
    events = [event for event in blue.lines("events") if event["event"] != "COMMITTED"]
    names = ["ASSIGNED", "ACTIVE", "ASSIGNED", "DRAINING", "PAUSED"]  # assigned, and then where reading began
    assert [event["event"] for event in events] == names
    assert events[0]["partitions"] == [[topic, p] for p in ALL]
    assert events[2]["partitions"] == [[topic, p, 0] for p in ALL]
    assert {event["version"] for event in events} == {"1"}
    assert blue.events("PAUSED")[0]["partitions"] == [[topic, p, 10] for p in ALL]


def test_commands_are_ordered_by_epoch(consumer: Consumers) -> None:
    blue = consumer().ready()
    assert blue.resume(5)[0] == 200
    assert blue.resume(5)[0] == 200  # the present truth
    assert blue.pause(4)[0] == 409
    assert blue.status()["state"] == "ACTIVE"
    status, answer = blue.pause(5)  # a pause beats a resume at the same epoch
    assert (status, answer["state"]) == (200, "PAUSED")
    status, answer = blue.resume(5)  # for good
    assert (status, answer["state"], answer["seen_epoch"]) == (409, "PAUSED", 5)
    assert blue.pause(5)[0] == 200
    assert blue.resume(6)[0] == 200
    active(blue)


@pytest.mark.parametrize("membership", ["takeover", "leave-join"])
@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_switches_under_load_lose_and_repeat_nothing(
    consumer: Consumers, feed: Feed, membership: str, protocol: str
) -> None:
    settings = PATIENT | {"membership": membership, "group_protocol": protocol}
    colors = {color: [consumer(f"consumer-{color}-{i}", **settings) for i in range(2)] for color in ("blue", "green")}
    everybody = colors["blue"] + colors["green"]
    for one in everybody:
        one.ready()
    with ThreadPoolExecutor(4) as pool:

        def tell(pods: list[ConsumerProcess], call: str, epoch: int) -> None:
            answers = list(pool.map(lambda pod: getattr(pod, call)(epoch, deadline_ms=50_000), pods))
            assert [status for status, _ in answers] == [200, 200], answers

        tell(colors["blue"], "resume", 1)
        active(*colors["blue"])
        # The broker waits for nobody (group.initial.rebalance.delay.ms=0): when one of blue joins after the other's
        # generation began there is another, which is the group's beginning and no switch's.
        formed = rebalances(*everybody)
        feed.stream(400)
        for epoch, (old, new) in enumerate([("blue", "green"), ("green", "blue"), ("blue", "green")], start=1):
            enough = len(handled(*everybody)) + 200
            until("some records", partial(lambda enough: len(handled(*everybody)) > enough, enough))
            tell(colors[old], "pause", 2 * epoch)
            told = pool.submit(tell, colors[old], "pause", 2 * epoch + 1)
            tell(colors[new], "resume", 2 * epoch + 1)
            active(*colors[new])
            told.result()
        sent = feed.stop()
        until("all records", lambda: len(handled(*everybody)) >= sent)
        counted = rebalances(*everybody) - formed
    assert sequences(*everybody) == list(range(sent))
    for partition in ALL:
        lines = [line for line in handled(*everybody) if line["partition"] == partition]
        assert [line["offset"] for line in lines] == list(range(len(lines)))
        assert [line["epoch"] for line in lines] == sorted(line["epoch"] for line in lines)
        assert {line["color"] for line in lines} == {"blue", "green"}
    if membership == "takeover" and protocol == "classic":
        assert counted == 0
    assert [one.stop(60) for one in everybody] == [0, 0, 0, 0]


def test_shared_members_keep_their_partitions_while_paused(consumer: Consumers, feed: Feed) -> None:
    blue = consumer("consumer-blue-0", membership="shared").ready()
    green = consumer("consumer-green-0", membership="shared").ready()
    until("both to be members", lambda: all(len(one.status()["partitions"]) == 2 for one in (blue, green)))
    assert blue.resume(1)[0] == 200
    feed.send(40)
    caught_up(blue, 20)
    time.sleep(0.3)
    assert not handled(green)
    assert sorted({line["partition"] for line in handled(blue)}) == sorted(blue.status()["partitions"])
    assert blue.pause(2)[0] == 200
    assert green.resume(3)[0] == 200
    caught_up(green, 20)
    assert blue.resume(5)[0] == 200
    feed.send(40)
    caught_up(blue, 40)
    caught_up(green, 40)  # both write: the logs are read when neither does any more
    assert sequences(blue, green) == list(range(80))


def test_paused_member_stays_paused_through_a_rebalance(consumer: Consumers, feed: Feed) -> None:
    blue = consumer("consumer-blue-0", membership="shared").ready()
    until("blue to be a member", lambda: blue.status()["partitions"] == ALL)
    feed.send(20)
    other = consumer("consumer-blue-1", membership="shared").ready()
    until("a rebalance", lambda: len(blue.status()["partitions"]) == 2 and len(other.status()["partitions"]) == 2)
    other.kill()
    time.sleep(0.5)
    assert blue.status()["state"] == "PAUSED"
    assert not handled(blue, other)
    assert blue.logged("partitions assigned")[-1]["paused"] is True


def test_pause_aborts_a_resume_in_progress(consumer: Consumers, broker: Broker) -> None:
    blue = consumer().ready()
    broker.process.send_signal(signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(1) as pool:
            resuming = pool.submit(
                blue.call, "POST", "/lifecycle/resume?wait=true", {"epoch": 1, "deadline_ms": 20_000}
            )
            until("the resume to be executed", lambda: blue.logged("command executed"))
            other = ConsumerProcess(blue.folder, "consumer-blue-0", {})  # a connection of its own
            other.ports = blue.ports
            assert other.status()["state"] == "PAUSED"
            status, answer = other.pause(1)
            assert (status, answer["state"]) == (200, "PAUSED")
            assert resuming.result(5)[0] == 409
    finally:
        broker.process.send_signal(signal.SIGCONT)
    time.sleep(1)
    assert blue.status()["state"] == "PAUSED"
    assert blue.ready().resume(2)[0] == 200


def test_late_answers_tell_the_truth(consumer: Consumers, feed: Feed) -> None:
    blue = consumer(faults={"processing_delay_ms": 1500}).ready()
    feed.send(4)
    assert blue.resume(1)[0] == 200
    until("the first record to be handled, and the next to be in hand", lambda: handled(blue))
    status, answer = blue.pause(2, deadline_ms=100)
    assert (status, answer["state"]) == (503, "ACTIVE")
    assert blue.call("POST", "/lifecycle/pause?wait=false", {"epoch": 2})[0] == 202
    status, answer = blue.pause(2)
    assert (status, answer["state"], answer["committed"]) == (200, "PAUSED", True)
    assert len(handled(blue)) == 2  # the record in hand, and no further one


def test_regranted_consumer_starts_at_committed_offsets(
    consumer: Consumers, feed: Feed, broker: Broker, topic: str
) -> None:
    blue = consumer().ready()
    feed.send(40)
    assert blue.resume(1)[0] == 200
    caught_up(blue, 40)
    assert blue.pause(2)[0] == 200
    assert blue.pause(3)[0] == 200  # the other colour is granted: the client goes
    until("a fresh client", lambda: blue.logged("client closed"))
    blue.ready()
    # What another owner would have committed meanwhile; the group has no member that could object.
    stand_in = Consumer(
        {"bootstrap.servers": broker.bootstrap_servers, "group.id": topic, "group.instance.id": f"{topic}-0"}
    )
    stand_in.subscribe([topic])
    until("the stand-in to own all", lambda: stand_in.poll(0.05) is None and len(stand_in.assignment()) == PARTITIONS)
    stand_in.commit(offsets=[TopicPartition(topic, 0, 3)], asynchronous=False)
    stand_in.close()
    assert blue.resume(5)[0] == 200
    caught_up(blue, 47)
    assert [(line["partition"], line["offset"]) for line in handled(blue)[40:]] == [(0, o) for o in range(3, 10)]


def test_frozen_consumer_is_void_until_confirmed(consumer: Consumers, feed: Feed) -> None:
    blue = consumer(faults={"processing_delay_ms": 20}, stall_seconds=1).ready()
    green = consumer("consumer-green-0").ready()
    assert blue.resume(1)[0] == 200
    feed.send(400)
    caught_up(blue, 20)
    blue.signal(signal.SIGSTOP)
    time.sleep(0.1)
    before = len(handled(blue))
    assert green.resume(3)[0] == 200
    caught_up(green, 300)
    time.sleep(1.2)
    blue.signal(signal.SIGCONT)
    until("blue to know", lambda: blue.status()["state"] == "PAUSED")
    blue.ready()
    assert len(handled(blue)) == before  # not a single one after the thaw, the record in hand included
    assert "stood still" in blue.logged("stalled")[0]["message"] or blue.logged("stalled")[0]["seconds"] > 1
    feed.send(40)
    # What blue had in hand since its last commit green has handled again: a count does not tell that it has the last.
    until("green to have all", lambda: set(sequences(blue, green)) >= set(range(400, 440)))
    assert green.status()["state"] == "ACTIVE"
    assert blue.status()["partitions"] == []
    assert sorted(set(sequences(blue, green))) == list(range(440))


def test_fenced_consumer_stands_by_and_waits(consumer: Consumers, feed: Feed) -> None:
    blue = consumer(session_timeout_seconds=6).ready()
    green = consumer("consumer-green-0").ready()
    feed.send(40)
    assert blue.resume(1)[0] == 200
    caught_up(blue, 40)
    until("a commit", lambda: blue.events("COMMITTED"))
    assert green.resume(3)[0] == 200  # nobody paused blue
    until("blue to be fenced", lambda: blue.events("FENCED"))
    until("standby", lambda: blue.status()["state"] == "PAUSED")  # the event is written just before
    status = blue.status()
    assert (status["partitions"], status["epoch"]) == ([], 1)
    assert "fenced" in status["last_error"].lower()
    blue.ready()
    feed.send(40)
    caught_up(green, 40)
    time.sleep(1)
    assert green.status()["state"] == "ACTIVE"
    assert sequences(blue, green) == list(range(80))
    assert blue.resume(4)[0] == 200  # its sidecar's word brings it back
    until("green to be fenced", lambda: green.status()["state"] == "PAUSED")
    active(blue)


def test_commit_without_an_answer_is_told(consumer: Consumers, feed: Feed, broker: Broker) -> None:
    blue = consumer(drain_timeout_seconds=2, commit_interval_seconds=60).ready()
    feed.send(40)
    assert blue.resume(1)[0] == 200
    caught_up(blue, 40)
    broker.process.send_signal(signal.SIGSTOP)
    try:
        started = time.monotonic()
        status, answer = blue.pause(2)
        took = time.monotonic() - started
    finally:
        broker.process.send_signal(signal.SIGCONT)
    assert (status, answer["state"], answer["committed"]) == (200, "PAUSED", False)
    assert took > 0.9  # half of the drain timeout
    assert "not acknowledged" in answer["last_error"]


def test_lost_poll_interval_ends_in_standby(consumer: Consumers, feed: Feed) -> None:
    client = {"max.poll.interval.ms": 6000}
    blue = consumer(client=client, session_timeout_seconds=6).ready()
    feed.send(40)
    assert blue.resume(1)[0] == 200
    caught_up(blue, 40)
    assert blue.call("PUT", "/faults", {"exceed_max_poll_interval": True})[0] == 200
    feed.send(4)
    # The client says that it lost the group, or the broker refuses its commit first: the member has rejoined meanwhile.
    until("the membership to be lost", lambda: blue.events("LOST") or blue.events("FENCED"))
    until("standby", lambda: blue.status()["state"] == "PAUSED")  # the event is written just before
    assert blue.call("GET", "/healthz")[0] == 200
    time.sleep(2)
    assert blue.status()["partitions"] == []
    assert blue.call("PUT", "/faults", {"exceed_max_poll_interval": False})[0] == 200
    assert blue.ready().resume(1)[0] == 200  # the same grant, confirmed
    until("the rest", lambda: sorted(set(sequences(blue))) == list(range(44)))


def test_killed_consumer_comes_back_paused_and_repeats_what_it_had_not_committed(
    consumer: Consumers, feed: Feed, broker: Broker, topic: str
) -> None:
    blue = consumer(commit_interval_seconds=0.2).ready()

    def done() -> int:
        return sum(max(0, place.offset) for place in committed(broker, topic).values())

    assert blue.resume(1)[0] == 200
    feed.stream(500)
    caught_up(blue, 500)
    until("commits of it while it goes on", lambda: done() >= 500)
    blue.kill()
    before = len(handled(blue))
    open_at_the_kill = before - done()
    blue.start()
    assert blue.status()["state"] == "PAUSED"
    assert blue.ready().resume(1)[0] == 200
    sent = feed.stop()
    until("all records", lambda: len(set(sequences(blue))) == sent)
    assert 0 <= len(sequences(blue)) - sent <= open_at_the_kill  # less, where a commit was on its way
    assert len(list((blue.records / "consumed").iterdir())) == 2


def test_broker_restart_loses_nothing(consumer: Consumers, feed: Feed, broker: Broker) -> None:
    blue = consumer(client={"socket.connection.setup.timeout.ms": 2000}).ready()
    assert blue.resume(1)[0] == 200
    feed.send(100)
    caught_up(blue, 100)
    until("a commit", lambda: len(blue.events("COMMITTED")) > 0)
    broker.kill()
    until("readiness to go", lambda: blue.call("GET", "/readyz")[0] == 503)
    broker.start()
    feed.send(100)
    until("all records", lambda: len(set(sequences(blue))) == 200)
    assert sequences(blue) == list(range(200))
    blue.ready()
    assert blue.pause(2)[0] == 200


def test_sigterm_commits_and_ends_cleanly(consumer: Consumers, feed: Feed, broker: Broker, topic: str) -> None:
    blue = consumer(commit_interval_seconds=60).ready()
    assert blue.resume(1)[0] == 200
    feed.send(400)
    caught_up(blue, 400)
    started = time.monotonic()
    assert blue.stop() == 0
    assert time.monotonic() - started < 30  # half of the commit interval
    assert {p: o.offset for p, o in committed(broker, topic).items()} == dict.fromkeys(ALL, 100)
    assert [event["event"] for event in blue.lines("events")][-3:] == ["DRAINING", "COMMITTED", "PAUSED"]
    *lines, end = blue.lines("consumed")
    assert end == {"pod": "consumer-blue-0", "end": 400} == {"pod": "consumer-blue-0", "end": len(lines)}


def test_record_logs_are_bounded_while_they_grow(consumer: Consumers, feed: Feed) -> None:
    blue = consumer(records_keep_bytes=200_000).ready()
    assert blue.resume(1)[0] == 200
    feed.send(4000)
    caught_up(blue, 4000)
    assert sum(file.stat().st_size for file in blue.records.rglob("*.jsonl")) < 400_000
    told = blue.events("TRUNCATED")
    assert told[0]["file"] == f"consumed/consumer-blue-0.{blue.status()['boot_id']}.jsonl"
    assert blue.metric("bg_record_log_truncated_total") == len(told)
    assert blue.stop() == 0
    parts = sorted((blue.records / "consumed").iterdir())
    assert parts[-1].read_bytes().splitlines()[-1] == b'{"pod":"consumer-blue-0","end":4000}'


def test_full_volume_stops_before_the_commit(consumer: Consumers, feed: Feed, broker: Broker, topic: str) -> None:
    blue = consumer(commit_interval_seconds=0.1).ready()
    assert blue.process is not None
    resource.prlimit(blue.process.pid, resource.RLIMIT_FSIZE, (10_000, 10_000))
    feed.send(400)
    blue.resume(1)
    assert blue.process.wait(15) == 1
    written = handled(blue)
    assert 40 < len(written) < 100  # and every line is whole, or it could not have been read
    for partition, offset in committed(broker, topic).items():
        assert offset.offset <= sum(line["partition"] == partition for line in written)
    assert "consumed" in blue.logged("failed")[-1]["error"]


def test_faults(consumer: Consumers, feed: Feed, broker: Broker, topic: str) -> None:
    blue = consumer(faults={"failure_rate": 1}).ready()
    feed.send(20)
    assert blue.resume(1)[0] == 200
    caught_up(blue, 20)
    assert all(line["error"] == "injected failure (failure_rate 1)" for line in handled(blue))
    assert "ProcessingError" in blue.logged("processing failed")[0]["stack"]
    until("committed past", lambda: {o.offset for o in committed(broker, topic).values()} == {5})
    assert blue.metric("kafka_consumer_errors_total") == 20
    assert blue.call("GET", "/faults")[1]["failure_rate"] == 1
    assert blue.call("PUT", "/faults", {"failure_rate": 0, "processing_delay_ms": 50})[0] == 200
    feed.send(10)
    caught_up(blue, 30)
    lines = handled(blue)[20:]
    assert all(b["t"] - a["t"] > 50e6 for a, b in pairwise(lines))
    assert not any("error" in line for line in lines)
    for wrong in ({"failure_rate": 2}, {"processing_delay_ms": -1}, {"nope": 1}, {"exceed_max_poll_interval": "yes"}):
        status, answer = blue.call("PUT", "/faults", wrong)
        assert status == 400
        assert next(iter(wrong)) in answer["error"]
    assert blue.call("PUT", "/faults", {"processing_delay_ms": 0, "commit_delay_ms": 700})[0] == 200
    feed.send(4)
    caught_up(blue, 34)
    started = time.monotonic()
    status, answer = blue.pause(2)
    assert (status, answer["committed"]) == (200, True)
    assert time.monotonic() - started > 0.7


def test_a_slow_commit_stands_in_the_poll_loop(consumer: Consumers, feed: Feed) -> None:
    """As in a consumer that sleeps before `commitSync`: nothing is handled meanwhile. It is no stall, and no command
    waits for it.
    """
    blue = consumer(stall_seconds=1, commit_interval_seconds=0.5, drain_timeout_seconds=4).ready()
    assert blue.resume(1)[0] == 200
    feed.stream(200)
    caught_up(blue, 100)
    assert blue.call("PUT", "/faults", {"commit_delay_ms": 1500})[0] == 200

    def gaps() -> list[int]:
        times = [line["t"] for line in handled(blue)]
        return [after - before for before, after in pairwise(times) if after - before > 1.4e9]

    until("processing to stand twice", lambda: len(gaps()) == 2)
    assert blue.metric("bg_consumer_stalls_total") == 0
    status, answer = blue.pause(2)
    assert (status, answer["state"], answer["committed"]) == (200, "PAUSED", True)
    feed.stop()
    before = len(handled(blue))
    assert blue.call("PUT", "/faults", {"commit_delay_ms": 60_000})[0] == 200
    assert blue.resume(3)[0] == 200
    until("the rest, or some of it", lambda: len(handled(blue)) > before)
    started = time.monotonic()
    status, answer = blue.pause(4)
    assert (status, answer["state"], answer["committed"]) == (200, "PAUSED", False)
    assert time.monotonic() - started < 30  # half of the injected delay
    assert len(set(sequences(blue))) == len(sequences(blue))


def test_faults_are_off_unless_enabled(consumer: Consumers) -> None:
    blue = consumer(faults_enabled=False)
    assert blue.call("GET", "/faults")[0] == 403
    assert blue.call("PUT", "/faults", {"failure_rate": 1})[0] == 403


def test_faults_follow_the_settings_file(consumer: Consumers) -> None:
    blue = consumer()
    file = blue.folder / "settings.yaml"
    file.write_text(file.read_text()[:-1] + ', "faults": {"failure_rate": 0.5}}')
    until("the file to be read", lambda: blue.call("GET", "/faults")[1]["failure_rate"] == 0.5)
    file.write_text(file.read_text()[:-1] + ', "nope": 1}')
    until(
        "the wrong file to be told",
        lambda: any(
            "nope" in line.get("error", "")
            for line in blue.logged("the changed settings file is wrong and was not applied")
        ),
    )
    assert blue.call("GET", "/faults")[1]["failure_rate"] == 0.5


def test_malformed_calls(consumer: Consumers) -> None:
    blue = consumer()
    wrong: list[Any] = [
        {},
        {"epoch": "1"},
        {"epoch": -1},
        {"epoch": True},
        {"epoch": 1, "x": 1},
        [1],
        1,
        None,
        {"epoch": 1, "deadline_ms": -5},
    ]
    for body in wrong:
        assert blue.call("POST", "/lifecycle/pause", body)[0] == 400, body
    assert blue.call("POST", "/lifecycle/pause?wait=maybe", {"epoch": 1})[0] == 400
    assert blue.call("GET", "/lifecycle/pause")[0] == 405
    assert blue.call("GET", "/lifecycle/nope")[0] == 404
    assert blue.status()["seen_epoch"] == 0


def test_records_that_nobody_can_read_are_failures(consumer: Consumers, feed: Feed, broker: Broker, topic: str) -> None:
    blue = consumer().ready()
    producer = feed._producer
    for value in (b"junk", None, b'{"producer":1,"seq":0}', b'{"seq":0}', b'{"seq": 3, "producer": "p\\u00e4"}'):
        producer.produce(topic, value, partition=0)
    producer.flush()
    assert blue.resume(1)[0] == 200
    caught_up(blue, 5)
    lines = handled(blue)
    assert [(line["producer"], line["seq"], "error" in line) for line in lines] == [
        ("unreadable", 0, True),
        ("unreadable", 1, True),
        ("unreadable", 2, True),
        ("unreadable", 3, True),
        ("pä", 3, False),
    ]


def test_metrics_have_the_names_of_the_plan(consumer: Consumers, feed: Feed) -> None:
    blue = consumer().ready()
    assert blue.resume(1)[0] == 200
    feed.stream(200)
    caught_up(blue, 400)
    until("a lag", lambda: b"bg_consumer_lag{" in blue.call("GET", "/metrics")[1])
    labels = {"color": "blue", "strategy": "c", "pod": "consumer-blue-0"}
    assert blue.metric("kafka_consumer_lifecycle_state", state="ACTIVE", **labels) == 1
    assert blue.metric("kafka_consumer_lifecycle_state", state="PAUSED", **labels) == 0
    until("a rate of 200/s", lambda: 150 < blue.metric("kafka_consumer_records_consumed_rate", **labels) < 300)
    assert blue.metric("kafka_consumer_errors_total", **labels) == 0
    assert blue.metric("bg_consumer_lag", group=feed._topic, topic=feed._topic, partition="0", **labels) < 200
    assert blue.metric("kafka_consumer_rebalance_count_total", group=feed._topic, **labels) == 0
    assert 0 < blue.metric("kafka_consumer_commit_latency_avg", group=feed._topic, **labels) < 1000
    first = blue.metric("bg_consumer_first_record_timestamp_seconds", epoch="1", **labels)
    assert abs(first - handled(blue)[0]["t"] / 1e9) < 0.001
    assert blue.metric("bg_consumer_processing_seconds_count", **labels) >= 400


def test_progress_is_what_the_lag_policy_needs(consumer: Consumers, feed: Feed) -> None:
    blue = consumer().ready()
    feed._producer.produce(feed._topic, b'{"producer":"p","seq":0,"payload":""}', partition=1)
    feed._producer.flush()
    assert blue.resume(1)[0] == 200
    # Empty partitions too: their owner stands at their end.
    until("positions", lambda: blue.call("GET", "/progress")[1]["positions"] == {"0": 0, "1": 1, "2": 0, "3": 0})
    answer = blue.call("GET", "/progress")[1]
    assert (answer["handled"], answer["failed"], answer["state"], answer["epoch"]) == (1, 0, "ACTIVE", 1)
    assert abs(answer["time"] - time.time_ns()) < 60e9


def test_a_position_passes_what_transactions_leave_behind(
    consumer: Consumers, feed: Feed, broker: Broker, topic: str
) -> None:
    """A marker behind each commit, and records that were aborted, are handed to nobody: a position that stood before
    them would be behind for ever, and every switch that waits for lag 0 refused.
    """
    writer = Producer({"bootstrap.servers": broker.bootstrap_servers, "transactional.id": topic})
    writer.init_transactions(30)
    for handed, seq in ((True, 0), (False, 1), (True, 2)):
        writer.begin_transaction()
        writer.produce(topic, b'{"producer":"p0-test","seq":%d,"payload":""}' % seq, partition=1)
        writer.flush(30)  # what is not sent yet, an abort never sends
        (writer.commit_transaction if handed else writer.abort_transaction)(30)
    blue = consumer(commit_interval_seconds=0.2).ready()
    assert blue.resume(1)[0] == 200
    # Three records and a marker behind each.
    at = {"0": 0, "1": 6, "2": 0, "3": 0}
    until("the position behind them", lambda: blue.call("GET", "/progress")[1]["positions"] == at)
    until("its commit", lambda: {p: o.offset for p, o in committed(broker, topic).items()}.get(1) == 6)
    assert sequences(blue) == [0, 2]
    # And aborted ones alone, behind what stands.
    writer.begin_transaction()
    writer.produce(topic, b"nobody's", partition=1)
    writer.flush(30)
    writer.abort_transaction(30)
    until("the marker", lambda: blue.call("GET", "/progress")[1]["positions"]["1"] == 8)
    status, answer = blue.pause(2)
    assert (status, answer["committed"]) == (200, True)
    assert committed(broker, topic)[1].offset == 8
    assert sequences(blue) == [0, 2]


def test_fatal_code_is_what_the_trap_list_says() -> None:
    """A fenced client's message has code _FATAL and `fatal()` False: the loop tests the code."""
    assert KafkaError(KafkaError._FATAL).fatal() is False
