"""The poll loop without a broker: what becomes of records, commits and commands, whatever happens within a poll."""

import threading
import time
from collections import Counter
from pathlib import Path
from typing import cast

import pytest
from confluent_kafka import KafkaError

from tests.workloads.consumer.scripted import Bench, Record, ScriptedClient, records
from workloads.common.states import State
from workloads.consumer.client import Listener
from workloads.consumer.commits import Commits
from workloads.handling import processing
from workloads.member.control import Answer
from workloads.member.faults import FaultInjection, Faults
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
def test_an_assignment_voids_what_was_fetched_before_also_without_a_revocation(tmp_path: Path) -> None:
    bench = Bench(tmp_path).active(1, 0, 1)
    bench.turn([*records(0, 0, 2), *records(1, 0, 0)])
    bench.turn(lambda: bench.client.give(0))
    bench.turn(records(0, 1, 2), *[[]] * 4)
    assert bench.lines() == [(0, 0), (1, 0), (0, 1), (0, 2)]


@pytest.mark.usefixtures("one_by_one")
def test_what_a_poll_brings_after_its_rebalance_is_kept(tmp_path: Path) -> None:
    bench = Bench(tmp_path).active(1, 0, 1)
    bench.turn(records(0, 0, 2))

    def happens() -> list[Record]:
        bench.client.again(0, 1)
        return records(0, 1, 2)

    bench.turn(happens, *[[]] * 4)
    assert bench.lines() == [(0, 0), (0, 1), (0, 2)]


def end(partition: int, offset: int) -> Record:
    """The partition is read up to here."""
    return Record(partition, offset, KafkaError(KafkaError._PARTITION_EOF))


@pytest.mark.usefixtures("one_by_one")
def test_where_a_partition_ended_is_committed_behind_its_records(tmp_path: Path) -> None:
    """The markers of transactions are passed, and never records that still wait: interleaving 24."""
    bench = Bench(tmp_path).active(1, 0)
    bench.turn([*records(0, 0, 1), end(0, 3)])
    assert bench.worker.positions == {0: 1}
    bench.turn([], [])
    assert bench.worker.positions == {0: 3}
    pause = bench.command(Pause(2))
    bench.until("paused", lambda: bench.answer(pause))
    assert (bench.client.commits[-1], bench.lifecycle.state) == ({0: 3}, State.PAUSED)
    assert bench.lines() == [(0, 0), (0, 1)]


@pytest.mark.usefixtures("one_by_one")
def test_the_end_of_a_partition_that_was_taken_is_nobodys_position(tmp_path: Path) -> None:
    bench = Bench(tmp_path).active(1, 0, 1)
    bench.turn([*records(0, 0, 1), end(1, 9)])
    bench.turn(lambda: bench.client.again(0))
    bench.turn(records(0, 1, 1), [])
    assert 1 not in bench.worker.positions
    assert all(1 not in commit for commit in bench.client.commits)


def test_the_end_of_a_partition_comes_too_late_for_who_is_paused(tmp_path: Path) -> None:
    bench = Bench(tmp_path).active(1, 0)
    bench.turn(records(0, 0, 0))
    pause = bench.command(Pause(2))
    bench.turn([end(0, 7)])
    bench.until("paused", lambda: bench.answer(pause))
    assert bench.worker.positions == {0: 1}
    assert bench.client.commits == [{0: 1}]


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


def test_what_a_lost_client_has_to_say_after_its_end_is_not_heard(tmp_path: Path) -> None:
    bench = Bench(tmp_path).active(1, 0)
    fatal, other = KafkaError(KafkaError._FATAL), KafkaError(KafkaError._ALL_BROKERS_DOWN)
    bench.turn([Record(0, -1, fatal), Record(0, -1, other)], [])
    assert bench.loop.figures.client_errors == Counter({"_FATAL": 1})
    assert bench.lifecycle.state is State.PAUSED


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
    bench = Bench(tmp_path)
    command = bench.command(Resume(3))
    bench.worker.pulse.last -= 100.0
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


@pytest.mark.parametrize("spent", [False, True])
def test_who_left_with_partitions_that_stay_paused_joins_by_another_client(tmp_path: Path, spent: bool) -> None:
    bench = Bench(tmp_path, membership="leave-join", group_protocol="consumer").active(1, 0)
    bench.client.spent = spent
    command = bench.command(Pause(2))
    bench.until("paused", lambda: bench.answer(command))
    bench.active(3, 0)
    assert len(bench.clients) == 1 + spent
    bench.until("the old one to be closed", lambda: ("close" in bench.clients[0].did) == spent)


def test_a_static_kip_848_member_leaves_by_closing(tmp_path: Path) -> None:
    bench = Bench(tmp_path, group_protocol="consumer").active(1, 0)
    command = bench.command(Pause(2))
    bench.until("paused", lambda: bench.answer(command))
    assert bench.client.did[-1] == "close"
    bench.active(3, 0)
    assert len(bench.clients) == 2


@pytest.mark.parametrize("ends", ["by a pause", "by a loss"])
def test_nobody_waits_for_a_static_kip_848_member_that_cannot_leave(tmp_path: Path, ends: str) -> None:
    """Its coordinator is out of reach: librdkafka goes on trying for up to a minute."""
    bench = Bench(tmp_path, group_protocol="consumer").active(1, 0)
    old, closed_by = bench.client, list[threading.Thread]()
    old.connected = False
    old.close = lambda: closed_by.append(threading.current_thread())  # type: ignore[method-assign]
    if ends == "by a pause":
        bench.command(Pause(2))
    else:
        bench.turn(lambda: old.lose("no broker is known"))
    bench.until("the old client to be closed", lambda: closed_by)
    assert closed_by[0] is not threading.current_thread()


def test_a_place_that_was_taken_is_given_up_when_nobody_waits(tmp_path: Path) -> None:
    bench = Bench(tmp_path).active(1, 0)
    command = bench.command(Pause(2))
    bench.until("paused", lambda: bench.answer(command))
    old = bench.client
    bench.command(Pause(3))
    assert old.detached
    bench.until("a fresh client", lambda: len(bench.clients) == 2)
    assert not bench.client.did.count("join")


def test_a_resume_does_not_wait_for_a_client_that_is_being_retired(tmp_path: Path) -> None:
    bench = Bench(tmp_path).active(1, 0)
    command = bench.command(Pause(2))
    bench.until("paused", lambda: bench.answer(command))
    old = bench.client
    bench.command(Pause(3))
    bench.active(4, 0)
    bench.until("the old client to be closed", lambda: "close" in old.did)
    bench.turn()
    assert len(bench.clients) == 2
    assert not bench.client.detached


def test_a_shared_member_is_given_what_it_had_at_the_committed_offsets(tmp_path: Path) -> None:
    bench = Bench(tmp_path, membership="shared")
    bench.turn(lambda: bench.client.give(0, 1))
    assert (bench.lifecycle.state, bench.lifecycle.partitions) == (State.PAUSED, (0, 1))
    command = bench.command(Resume(2))
    assert bench.client.did.count("rewind") == 1
    assert bench.answer(command) is Answer.DONE
    bench.turn(records(0, 0, 4))
    command = bench.command(Pause(3))
    bench.until("paused", lambda: bench.answer(command))
    bench.command(Resume(5))  # the other colour had it meanwhile
    assert bench.worker.positions == {}
    bench.turn(records(0, 9, 9))
    assert bench.lines() == [*((0, offset) for offset in range(5)), (0, 9)]
    assert [event["partitions"] for event in bench.events("ASSIGNED")] == [[["t", 0], ["t", 1]], [["t", 0, 0]]]


# --- slow commits


def slow(bench: Bench, milliseconds: float) -> None:
    bench.faults.replace(Faults(commit_delay_ms=milliseconds))


def held(bench: Bench) -> bool:
    """Whether a turn passes without a poll."""
    before = bench.client.did.count("poll")
    bench.loop.turn()
    return bench.client.did.count("poll") == before


def test_a_slow_commit_holds_the_loop(tmp_path: Path) -> None:
    """Nothing is polled and nothing handled while it lasts, and yet the loop turns: it is no stall, and stays ready."""
    bench = Bench(tmp_path, commit_interval_seconds=0.001).active(1, 0)
    slow(bench, 60_000)
    bench.turn(records(0, 0, 4))
    bench.until("the loop to be held", lambda: held(bench))
    bench.client.script.append(records(0, 5, 5))
    bench.client.connected = False  # it is not polled, so it does not know
    moved = bench.worker.pulse.last
    bench.turn()
    bench.turn()
    assert bench.lines() == [(0, offset) for offset in range(5)]
    assert not bench.client.commits
    assert bench.loop.ready
    assert bench.worker.pulse.last > moved
    assert (bench.loop.figures.stalls, bench.lifecycle.state) == (0, State.ACTIVE)


def test_nothing_is_handled_while_a_commit_is_late(tmp_path: Path) -> None:
    """It would be handled again, should the commit be lost. Commands are carried out all the same."""
    bench = Bench(tmp_path).active(1, 0)
    bench.client.late = True
    bench.turn(records(0, 0, 4), records(0, 5, 5))
    assert bench.lines() == []
    bench.client.late = False
    bench.turn()
    assert bench.lines() == [(0, offset) for offset in range(6)]
    bench.client.late = True
    bench.turn(records(0, 6, 6))
    command = bench.command(Pause(2))
    bench.until("paused", lambda: bench.answer(command))
    assert len(bench.lines()) == 6


def test_a_slow_commit_goes_out_and_the_loop_goes_on(tmp_path: Path) -> None:
    bench = Bench(tmp_path, commit_interval_seconds=0.001).active(1, 0)
    slow(bench, 30)
    bench.turn(records(0, 0, 4), records(0, 5, 9))
    bench.until("both commits", lambda: bench.client.commits[-1:] == [{0: 10}])
    assert bench.lines() == [(0, offset) for offset in range(10)]


def test_a_commit_is_due_after_its_delay_and_the_next_an_interval_later() -> None:
    positions = {0: 5}
    faults = FaultInjection(Faults(commit_delay_ms=2000), enabled=True)
    commits = Commits(positions, faults, interval_seconds=1.0, drain_seconds=5.0)
    client = ScriptedClient(cast("Listener", None))
    commits.begin(100.0)
    assert (commits.due(100.9, client), commits.held(100.9)) == (False, 0.0)
    assert (commits.due(101.0, client), commits.held(101.0)) == (False, 2.0)
    assert (commits.due(102.5, client), commits.held(102.5)) == (False, 0.5)
    assert (commits.due(103.0, client), commits.held(103.0)) == (True, 0.0)
    commits.answered({0: 5}, more=False)
    positions[0] = 6
    assert not commits.due(103.9, client)
    assert (commits.due(104.0, client), commits.held(104.0)) == (False, 2.0)
    commits.begin_drain(104.5)  # a pause: its own commit is as slow
    assert commits.held(104.5) == 0.0
    assert [commits.drain_due(t, client) for t in (106.4, 106.5)] == [False, True]
    assert [commits.drained(t, client) for t in (109.4, 109.5)] == [None, False]
    commits.answered({0: 6}, more=False)
    assert commits.drained(109.5, client) is True


@pytest.mark.parametrize("taken", [True, False])
def test_what_was_taken_is_told_by_its_own_commit_and_not_by_the_one_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, taken: bool
) -> None:
    """A regular commit is on its way when the group takes a partition, whose commit goes out behind it."""
    bench = Bench(tmp_path, commit_interval_seconds=0.001).active(1, 0)
    bench.client.answers = False
    bench.turn(records(0, 0, 4))
    bench.until("a commit", lambda: bench.client.commits == [{0: 5}])
    bench.turn(records(0, 5, 9))
    bench.turn(bench.client.take)
    assert bench.client.commits == [{0: 5}, {0: 10}]
    with caplog.at_level("ERROR"):
        bench.client.answer_one()
        assert not caplog.records
        bench.client.answer_one(None if taken else KafkaError(KafkaError._TIMED_OUT))
    assert [record.message for record in caplog.records] == (
        [] if taken else ["handled, revoked, and not committed: will be handled again"]
    )


def test_a_pause_ends_the_hold_of_a_slow_commit(tmp_path: Path) -> None:
    bench = Bench(tmp_path, commit_interval_seconds=0.001, drain_timeout_seconds=0.4).active(1, 0)
    slow(bench, 60_000)
    bench.turn(records(0, 0, 4))
    bench.until("the loop to be held", lambda: held(bench))
    command = bench.command(Pause(2))
    assert bench.lifecycle.state is State.DRAINING
    bench.until("paused", lambda: bench.answer(command))
    assert bench.lifecycle.committed is False
    assert not bench.client.commits
    bench.active(3, 0)
    slow(bench, 50)
    bench.turn(records(0, 0, 4))
    command = bench.command(Pause(4))
    bench.until("paused", lambda: bench.answer(command))
    assert bench.client.commits == [{0: 5}]


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
