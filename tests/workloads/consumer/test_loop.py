"""The poll loop without a broker: what becomes of records, commits and commands, whatever happens within a poll."""

import time
from collections import Counter
from pathlib import Path

import pytest
from confluent_kafka import KafkaError

from tests.workloads.consumer.scripted import Bench, Record, records
from workloads.common.states import State
from workloads.consumer import processing
from workloads.member.control import Answer
from workloads.member.faults import Faults
from workloads.member.lifecycle import Pause, Resume


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker returns to the loop after each record, as it does after 0.1 s: the rest is a backlog."""
    monkeypatch.setattr(processing, "_LONGEST_SECONDS", 0.0)


# --- rebalances and the backlog


@pytest.mark.usefixtures("one_by_one")
def test_what_a_rebalance_took_does_not_come_back(tmp_path: Path) -> None:
    """Records of others: partition 1 goes to another member while its records wait here."""
    bench = Bench(tmp_path).active(1, 0, 1)
    bench.turn([*records(1, 0, 1), *records(0, 0, 1)])
    assert bench.lines() == [(1, 0)]
    bench.turn(lambda: bench.client.again(0))
    bench.turn(records(0, 0, 3), [], [], [], [])
    assert bench.lines() == [(1, 0), (0, 0), (0, 1), (0, 2), (0, 3)]
    assert bench.client.commits[0] == {1: 1}  # went out before the partition did


@pytest.mark.usefixtures("one_by_one")
def test_a_partition_that_stays_is_not_handled_twice(tmp_path: Path) -> None:
    """An eager rebalance that gives back the same: it is read again from the committed offset."""
    bench = Bench(tmp_path).active(1, 0)
    bench.turn(records(0, 0, 5))
    assert bench.lines() == [(0, 0)]
    bench.turn(lambda: bench.client.again(0))
    assert bench.client.commits == [{0: 1}]
    bench.turn(records(0, 1, 5), *[[]] * 8)
    assert bench.lines() == [(0, offset) for offset in range(6)]


@pytest.mark.usefixtures("one_by_one")
def test_what_a_poll_brings_after_its_rebalance_is_kept(tmp_path: Path) -> None:
    bench = Bench(tmp_path).active(1, 0, 1)
    bench.turn(records(0, 0, 2))

    def happens() -> list[Record]:
        bench.client.again(0, 1)
        return records(0, 1, 2)

    bench.turn(happens, *[[]] * 4)
    assert bench.lines() == [(0, 0), (0, 1), (0, 2)]


@pytest.mark.usefixtures("one_by_one")
def test_an_error_in_the_backlog_outlives_a_rebalance(tmp_path: Path) -> None:
    bench = Bench(tmp_path).active(1, 0)
    bench.turn([*records(0, 0, 1), Record(0, -1, KafkaError(KafkaError._ALL_BROKERS_DOWN))])
    bench.turn(lambda: bench.client.again(0), [])
    assert bench.loop.figures.client_errors == Counter({"_ALL_BROKERS_DOWN": 1})


@pytest.mark.usefixtures("one_by_one")
def test_a_client_that_is_lost_takes_its_backlog_along(tmp_path: Path) -> None:
    bench = Bench(tmp_path).active(1, 0)
    bench.turn(records(0, 0, 3))
    bench.turn(lambda: bench.client.lose("fenced", fenced=True), [])
    assert len(bench.clients) == 2
    bench.active(2, 0)
    bench.turn(records(0, 7, 7))
    assert bench.lines() == [(0, 0), (0, 7)]


# --- commands


def test_a_resume_that_is_lost_while_it_joins_is_answered_at_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    command = bench.command(Resume(3))
    assert bench.answer(command) is None
    bench.turn(lambda: bench.client.lose("unreleased instance id"))
    assert bench.answer(command) is Answer.VOID
    assert bench.truth.last_error == "unreleased instance id"
    again = bench.command(Resume(3))  # the same call is a new try
    bench.turn(lambda: bench.client.give(0))
    assert bench.answer(again) is Answer.DONE


def test_a_resume_that_stalls_while_it_joins_is_answered_at_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path, stall_seconds=0.5)
    command = bench.command(Resume(3))
    bench.worker.pulse.last -= 1.0
    bench.turn()
    assert bench.answer(command) is Answer.VOID
    assert "stood still" in str(bench.truth.last_error)


def test_lost_with_uncommitted_work_is_not_committed(tmp_path: Path) -> None:
    bench = Bench(tmp_path).active(1, 0)
    bench.turn(records(0, 0, 4))
    bench.turn(lambda: bench.client.lose("session timed out"))
    pause = bench.command(Pause(2))
    assert bench.answer(pause) is Answer.DONE
    assert bench.lifecycle.committed is False
    bench.active(3, 0)
    pause = bench.command(Pause(4))
    bench.until("paused", lambda: bench.answer(pause))
    assert bench.lifecycle.committed is True


def test_lost_with_everything_committed_is_committed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, commit_interval_seconds=0.001).active(1, 0)
    bench.turn(records(0, 0, 4))
    bench.until("committed", lambda: bench.events("COMMITTED"))
    bench.turn(lambda: bench.client.lose("session timed out"))
    assert bench.answer(bench.command(Pause(2))) is Answer.DONE
    assert bench.lifecycle.committed is True


def test_lost_with_a_commit_on_its_way_is_not_committed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, commit_interval_seconds=0.001).active(1, 0)
    bench.client.answers = False
    bench.turn(records(0, 0, 4))
    bench.until("a commit to be sent", lambda: bench.client.commits)
    bench.turn(lambda: bench.client.lose("session timed out"))
    bench.command(Pause(2))
    assert bench.lifecycle.committed is False


def test_a_pause_commits_what_was_handled_and_no_more(tmp_path: Path) -> None:
    bench = Bench(tmp_path).active(1, 0)
    bench.turn(records(0, 0, 4))
    command = bench.command(Pause(2))
    bench.until("paused", lambda: bench.answer(command))
    assert bench.client.commits == [{0: 5}]
    assert bench.lifecycle.committed
    bench.turn(records(0, 5, 9), [])
    assert bench.lines() == [(0, offset) for offset in range(5)]


def test_a_pause_without_an_answer_from_the_broker_says_so_in_time(tmp_path: Path) -> None:
    bench = Bench(tmp_path, drain_timeout_seconds=0.2).active(1, 0)
    bench.turn(records(0, 0, 4))
    bench.client.answers = False
    command = bench.command(Pause(2))
    bench.until("paused", lambda: bench.answer(command))
    assert bench.lifecycle.committed is False
    assert "not acknowledged within 0.1 s" in str(bench.truth.last_error)


def test_leave_join_leaves_before_it_is_paused(tmp_path: Path) -> None:
    bench = Bench(tmp_path, membership="leave-join").active(1, 0)
    command = bench.command(Pause(2))
    bench.until("paused", lambda: bench.answer(command))
    assert bench.client.did.count("leave") == 1
    assert bench.lifecycle.partitions == ()


def test_a_static_kip_848_member_leaves_by_closing(tmp_path: Path) -> None:
    bench = Bench(tmp_path, group_protocol="consumer").active(1, 0)
    command = bench.command(Pause(2))
    bench.until("paused", lambda: bench.answer(command))
    assert bench.client.did[-1] == "close"
    bench.active(3, 0)
    assert len(bench.clients) == 2


def test_a_place_that_was_taken_is_given_up_when_nobody_waits(tmp_path: Path) -> None:
    bench = Bench(tmp_path).active(1, 0)
    command = bench.command(Pause(2))
    bench.until("paused", lambda: bench.answer(command))
    old = bench.client
    bench.command(Pause(3))
    assert old.detached
    bench.until("a fresh client", lambda: len(bench.clients) == 2)
    assert not bench.client.did.count("join")


def test_a_shared_member_is_given_what_it_had_at_the_committed_offsets(tmp_path: Path) -> None:
    bench = Bench(tmp_path, membership="shared")
    bench.turn(lambda: bench.client.give(0, 1))
    assert (bench.lifecycle.state, bench.lifecycle.partitions) == (State.PAUSED, (0, 1))
    command = bench.command(Resume(2))
    assert bench.client.did.count("rewind") == 1
    assert bench.answer(command) is Answer.DONE


# --- slow commits


def slow(bench: Bench, milliseconds: float) -> None:
    bench.faults.replace(Faults(commit_delay_ms=milliseconds))


def test_a_slow_commit_holds_the_loop(tmp_path: Path) -> None:
    """Nothing is polled and nothing handled while it lasts; then everything goes on. It is no stall."""
    bench = Bench(tmp_path, commit_interval_seconds=0.001, stall_seconds=0.1).active(1, 0)
    bench.turn(records(0, 0, 4))
    bench.until("the first commit", lambda: bench.events("COMMITTED"))
    slow(bench, 400)
    bench.turn(records(0, 5, 5))
    time.sleep(0.002)
    bench.loop.turn()  # due: held from here on
    bench.client.connected = False  # it is not polled, so it does not know
    assert bench.loop.ready
    began, polls = time.monotonic(), bench.client.did.count("poll")
    bench.client.script.append(records(0, 6, 6))
    while len(bench.client.commits) < 2:
        bench.loop.turn()
    assert time.monotonic() - began > 0.3
    assert bench.client.did.count("poll") == polls
    assert bench.client.commits[1] == {0: 6}
    bench.until("the next record", lambda: bench.lines()[-1] == (0, 6))
    assert bench.loop.figures.stalls == 0
    assert bench.lifecycle.state is State.ACTIVE
    assert not bench.loop.ready


def test_a_pause_ends_the_hold_of_a_slow_commit(tmp_path: Path) -> None:
    bench = Bench(tmp_path, commit_interval_seconds=0.001, drain_timeout_seconds=0.4).active(1, 0)
    slow(bench, 60_000)
    bench.turn(records(0, 0, 4))
    time.sleep(0.002)
    bench.turn()
    assert not bench.client.commits
    command = bench.command(Pause(2))
    assert bench.lifecycle.state is State.DRAINING
    began = time.monotonic()
    bench.until("paused", lambda: bench.answer(command))
    assert time.monotonic() - began > 0.15  # its own commit is as slow, for half of the drain timeout
    assert bench.lifecycle.committed is False
    bench.active(3, 0)
    slow(bench, 50)
    bench.turn(records(0, 0, 4))
    command = bench.command(Pause(4))
    bench.until("paused", lambda: bench.answer(command))
    assert bench.lifecycle.committed is True


def test_nothing_to_commit_is_not_slow(tmp_path: Path) -> None:
    bench = Bench(tmp_path, commit_interval_seconds=0.001).active(1, 0)
    slow(bench, 60_000)
    time.sleep(0.002)
    bench.turn()
    bench.turn(records(0, 0, 0))
    assert bench.lines() == [(0, 0)]


# --- what is written down


def test_events_bear_offsets_epoch_and_version(tmp_path: Path) -> None:
    bench = Bench(tmp_path, commit_interval_seconds=0.001).active(1, 0, 3)
    bench.turn(records(3, 17, 20))
    bench.until("a commit", lambda: bench.events("COMMITTED"))
    told = [(event["event"], event["partitions"]) for event in bench.events()]
    assert told == [
        ("ASSIGNED", [["t", 0], ["t", 3]]),
        ("ACTIVE", [["t", 0], ["t", 3]]),
        ("ASSIGNED", [["t", 3, 17]]),  # known by its first record, and before what leans on it
        ("COMMITTED", [["t", 3, 21]]),
    ]
    assert {(event["version"], event["epoch"]) for event in bench.events()} == {("7", 1)}


def test_a_start_is_told_as_soon_as_all_are_known(tmp_path: Path) -> None:
    bench = Bench(tmp_path, commit_interval_seconds=60).active(1, 0, 1)
    bench.turn(records(0, 5, 6))
    assert len(bench.events("ASSIGNED")) == 1
    bench.turn([*records(0, 7, 8), *records(1, 2, 3)])
    assert bench.events("ASSIGNED")[1]["partitions"] == [["t", 0, 5], ["t", 1, 2]]
    bench.turn(lambda: bench.client.again(0, 1))
    bench.turn([*records(0, 9, 9), *records(1, 4, 4)])
    assert [event["partitions"] for event in bench.events("ASSIGNED")[2:]] == [
        [["t", 0], ["t", 1]],
        [["t", 0, 9], ["t", 1, 4]],
    ]


def test_assigned_bears_the_newest_epoch(tmp_path: Path) -> None:
    """A resume that waits for the end of a drain is a grant that is already known."""
    bench = Bench(tmp_path).active(1, 0)
    bench.turn(records(0, 0, 1))
    bench.client.answers = False
    bench.command(Pause(2))
    bench.command(Resume(3))
    assert bench.lifecycle.state is State.DRAINING
    bench.turn(lambda: bench.client.again(0))
    assert bench.events("ASSIGNED")[-1]["epoch"] == 3


def test_a_clean_end_drains_and_writes_the_end_line(tmp_path: Path) -> None:
    bench = Bench(tmp_path).active(1, 0)
    bench.turn(records(0, 0, 4))
    bench.loop.stop()
    bench.loop.run()
    assert bench.client.commits == [{0: 5}]
    last = (tmp_path / "consumed" / "consumer-blue-0.b.jsonl").read_bytes().splitlines()[-1]
    assert last == b'{"pod":"consumer-blue-0","end":5}'
    assert bench.truth.stopping
