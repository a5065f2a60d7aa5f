"""A member of its colour's own group, without a broker: what is done at a resume, in which order, and what ends it."""

from pathlib import Path
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError

from tests.workloads.consumer.scripted import Bench, Clock, Record, records
from workloads.common.states import State
from workloads.consumer import carrier, copies
from workloads.handling.carry import Commit
from workloads.handling.member import ApplicationMember
from workloads.handling.metrics import ConsumerMetrics
from workloads.member.control import Answer, Command
from workloads.member.lifecycle import Pause, Resume

SEPARATE: dict[str, Any] = {"membership": "separate", "other_group_id": "h"}
FENCED = SEPARATE | {"fencing": "transactions", "transactional_id": "s", "transactional_ids": 2}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A waiting member does not leave the others alone first."""
    monkeypatch.setattr(carrier, "_QUIET_SECONDS", 0.0)
    monkeypatch.setattr(copies, "EVERY_SECONDS", 0.0)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A start has a deadline below the stall limit: of this clock, so that the machine may take its time."""
    return Clock(monkeypatch)


def waiting(folder: Path, *partitions: int, **settings: Any) -> Bench:
    """A member that was assigned these and waits; its clock for a start is short."""
    bench = Bench(folder, **(SEPARATE | {"stall_seconds": 2} | settings))
    bench.turn(lambda: bench.client.give(*partitions))
    assert (bench.lifecycle.state, bench.lifecycle.partitions) == (State.PAUSED, partitions)
    assert not bench.client.flowing
    bench.client.did.clear()
    return bench


def did(bench: Bench) -> list[str]:
    """What was asked of the client, but for polls."""
    return [what for what in bench.client.did if what != "poll"]


def quiet(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """No copies, no warming."""
    monkeypatch.setattr(bench.loop._carrier, "stand_by", lambda _now, _client: None)


def test_a_resume_begins_where_the_higher_epoch_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interleaving 12."""
    bench = waiting(tmp_path, 0, 1, 2)
    quiet(bench, monkeypatch)
    bench.offsets.own = {0: Commit(10, 5), 1: Commit(70, 9)}
    bench.offsets.other = {0: Commit(40, 7), 1: Commit(40, 7)}
    bench.offsets.bounds = {2: (3, 50)}
    command = bench.command(Resume(11))
    assert bench.answer(command) is Answer.DONE
    assert did(bench) == ["commit epoch=11 start", "start"]
    assert bench.client.started == bench.client.commits == [{0: 40, 1: 70, 2: 3}]
    told = [(event["event"], event["epoch"], event["partitions"]) for event in bench.events()]
    assert told == [
        ("ASSIGNED", 0, [["t", 0], ["t", 1], ["t", 2]]),
        ("ASSIGNED", 11, [["t", 0, 40], ["t", 1, 70], ["t", 2, 3]]),  # at once, without a record
        ("ACTIVE", 11, [["t", 0, 40], ["t", 1, 70], ["t", 2, 3]]),
    ]
    pause = bench.command(Pause(12))
    bench.until("paused", lambda: bench.answer(pause))
    assert bench.events("PAUSED")[0]["partitions"] == [["t", 0, 40], ["t", 1, 70], ["t", 2, 3]]
    assert bench.client.commits == [{0: 40, 1: 70, 2: 3}]  # nothing was handled, so there was nothing to commit


def test_a_repeated_resume_goes_on_and_commits_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = waiting(tmp_path, 0, 1)
    quiet(bench, monkeypatch)
    bench.offsets.own = {0: Commit(90, 11), 1: Commit(70, 11)}
    bench.offsets.other = {0: Commit(40, 7), 1: Commit(40, 7)}
    assert bench.answer(bench.command(Resume(11))) is Answer.DONE
    assert (bench.client.started, bench.client.commits) == ([{0: 90, 1: 70}], [])


def test_with_transactions_the_id_is_initialised_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = waiting(tmp_path, 0, **FENCED)
    quiet(bench, monkeypatch)
    bench.offsets.other = {0: Commit(40, 7, by=0)}
    asked: list[list[str]] = []
    ask = bench.offsets.ask

    def note(*of: Any) -> Any:
        asked.append(did(bench))
        return ask(*of)

    monkeypatch.setattr(bench.offsets, "ask", note)
    assert bench.answer(bench.command(Resume(11))) is Answer.DONE
    assert asked == [["fence 0"]]
    assert did(bench) == ["fence 0", "commit epoch=11 start by=0", "start"]
    assert bench.offsets.notes == {0: 11}
    bench.turn(records(0, 40, 44))
    pause = bench.command(Pause(12))
    bench.until("paused", lambda: bench.answer(pause))
    assert bench.client.metadata[-1] == "epoch=11 by=0"  # the grant's, not the pause's


def test_an_unfinished_transaction_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interleaving 14."""
    bench = waiting(tmp_path, 0, **FENCED)
    quiet(bench, monkeypatch)
    bench.offsets.unstable = 3
    assert bench.answer(bench.command(Resume(11))) is Answer.DONE
    assert bench.offsets.unstable == 0


def test_a_colleagues_id_is_waited_for_and_what_it_did_until_then_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unequal layouts: the other colour's pod 1 committed what is pod 0's here."""
    bench = waiting(tmp_path, 0, **FENCED)
    quiet(bench, monkeypatch)
    bench.offsets.other = {0: Commit(40, 7, by=1)}
    turns = 0

    def colleague() -> list[Record]:
        nonlocal turns
        turns += 1
        if turns == 3:  # its last commit came before its id was initialised
            bench.offsets.other = {0: Commit(45, 7, by=1)}
            bench.offsets.notes[1] = 11
        return []

    bench.client.script.extend([colleague] * 3)
    assert bench.answer(bench.command(Resume(11))) is Answer.DONE
    assert bench.client.started == [{0: 45}]
    assert bench.client.did.count("fence 1") == 0


@pytest.mark.parametrize("note", [None, 7, 6, 12])
def test_a_colleagues_id_that_nobody_initialises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, note: int | None
) -> None:
    """Nor is it enough that somebody did so before the commit, or under a grant that is not ours yet."""
    bench = waiting(tmp_path, 0, **(FENCED | {"stall_seconds": 0.1}))
    quiet(bench, monkeypatch)
    bench.offsets.other = {0: Commit(40, 7, by=1)}
    if note is not None:
        bench.offsets.notes[1] = note
    assert bench.answer(bench.command(Resume(11))) is Answer.VOID
    assert "transactional ids [1]" in str(bench.truth.last_error)
    assert not bench.client.started
    bench.offsets.notes[1] = 9  # a colleague that was active under 9, and still is
    assert bench.answer(bench.command(Resume(11))) is Answer.DONE


def test_an_id_that_no_colleague_has_is_initialised_by_who_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = waiting(tmp_path, 0, **FENCED)
    quiet(bench, monkeypatch)
    bench.offsets.other = {0: Commit(40, 7, by=3)}
    assert bench.answer(bench.command(Resume(11))) is Answer.DONE
    assert did(bench) == ["fence 0", "fence 3", "commit epoch=11 start by=0", "start"]
    assert len(bench.offsets.asked) == 2  # and again, after it


def test_a_start_that_nobody_can_say_voids_the_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = waiting(tmp_path, 0, 1)
    quiet(bench, monkeypatch)
    bench.offsets.other = {0: Commit(40, 7), 1: Commit(1001, 7)}
    assert bench.answer(bench.command(Resume(11))) is Answer.VOID
    assert str(bench.truth.last_error).startswith("OffsetOutOfRange: partition 1: the other group's committed")
    assert (bench.client.started, bench.client.commits, bench.lifecycle.wanted) == ([], [], False)
    bench.offsets.other[1] = Commit(1000, 7)
    assert bench.answer(bench.command(Resume(11))) is Answer.DONE
    assert bench.truth.last_error is None


@pytest.mark.parametrize("settings", [SEPARATE, FENCED], ids=["none", "transactions"])
@pytest.mark.parametrize("own", [True, False])
def test_a_newer_epoch_than_the_grants_ends_the_start_and_has_been_heard_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: bool, settings: dict[str, Any]
) -> None:
    """An earlier life's, when the Lease began anew; or, of a call that came late, the next grant's."""
    bench = waiting(tmp_path, 0, 1, **settings)
    quiet(bench, monkeypatch)
    bench.offsets.other = {0: Commit(40, 2)}
    (bench.offsets.own if own else bench.offsets.other)[1] = Commit(50, 41)
    assert bench.answer(bench.command(Resume(3))) is Answer.STALE
    assert str(bench.truth.last_error).startswith("the groups know of epoch 41, this grant's is 3: ")
    assert (bench.client.started, bench.client.commits) == ([], [])
    now = bench.lifecycle
    assert (now.state, now.epoch, now.seen_epoch, now.wanted) == (State.PAUSED, 0, 41, False)
    assert bench.answer(bench.command(Pause(4))) is Answer.STALE
    assert bench.answer(bench.command(Pause(1000))) is Answer.DONE
    assert bench.answer(bench.command(Resume(1001))) is Answer.DONE
    assert bench.client.started == [{0: 40, 1: 50}]
    assert bench.truth.last_error is None


def test_a_newer_epoch_that_a_rebalance_brings_to_light_drains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A colleague was granted anew and has begun; this one is still at work under the grant before."""
    bench = waiting(tmp_path, 0)
    quiet(bench, monkeypatch)
    bench.offsets.other = {0: Commit(40, 7)}
    assert bench.answer(bench.command(Resume(11))) is Answer.DONE
    bench.turn(records(0, 40, 44))
    bench.offsets.own = {0: Commit(45, 11), 1: Commit(61, 13)}
    bench.turn(lambda: bench.client.again(0, 1))
    bench.until("paused", lambda: bench.lifecycle.state is State.PAUSED)
    assert (bench.lifecycle.epoch, bench.lifecycle.seen_epoch) == (11, 13)
    assert bench.client.started == [{0: 40}]
    assert bench.client.metadata == ["epoch=11 start", "epoch=11"]
    assert bench.answer(bench.command(Resume(13))) is Answer.DONE
    assert bench.client.started[1:] == [{0: 45, 1: 61}]


@pytest.mark.parametrize("what", ["read", "fence", "commit"])
def test_a_step_that_the_broker_refuses_voids_the_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    bench = waiting(tmp_path, 0, **FENCED)
    quiet(bench, monkeypatch)
    error = KafkaError(KafkaError._TIMED_OUT, "no answer")
    if what == "read":
        bench.offsets.fails = error
    elif what == "fence":
        bench.client.refuses_fence = error
    else:
        bench.client.answers = False
        bench.client.script.append(lambda: bench.client.answer(error))
    assert bench.answer(bench.command(Resume(11))) is Answer.VOID
    assert "no answer" in str(bench.truth.last_error)
    assert not bench.client.started
    bench.offsets.fails = bench.client.refuses_fence = None
    bench.client.answers = True
    assert bench.answer(bench.command(Resume(11))) is Answer.DONE


def test_a_broker_that_does_not_answer_is_given_up_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    bench = waiting(tmp_path, 0, stall_seconds=0.2)
    quiet(bench, monkeypatch)
    bench.client.answers = False
    began = clock.now
    assert bench.answer(bench.command(Resume(11))) is Answer.VOID
    assert clock.now - began < 0.2
    assert "the starts' commit" in str(bench.truth.last_error)
    assert bench.loop.figures.stalls == 0


def test_an_answer_that_comes_after_a_freeze_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    bench = waiting(tmp_path, 0, stall_seconds=0.2)
    quiet(bench, monkeypatch)
    ask = bench.offsets.ask

    def frozen(*of: Any) -> Any:
        clock.passes(0.3)
        return ask(*of)

    monkeypatch.setattr(bench.offsets, "ask", frozen)
    assert bench.answer(bench.command(Resume(11))) is Answer.VOID
    assert not bench.client.started
    assert not bench.client.commits


def test_a_pause_ends_a_start_between_two_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = waiting(tmp_path, 0)
    quiet(bench, monkeypatch)
    bench.client.answers = False
    paused: list[Command] = []
    bench.client.script.append(lambda: paused.append(bench.control.submit(Pause(12))))
    command = bench.command(Resume(11))
    bench.turn()
    assert (bench.answer(command), bench.answer(paused[0])) == (Answer.STALE, Answer.DONE)
    assert not bench.client.started
    assert bench.lifecycle.state is State.PAUSED
    bench.client.answers = True
    assert bench.answer(bench.command(Resume(13))) is Answer.DONE


def test_a_resume_that_is_taken_together_with_its_pause_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interleaving 27. PAUSED is told before effects are carried out: the other colour may be granted by then, and own
    the id.
    """
    bench = waiting(tmp_path, 0, **FENCED)
    quiet(bench, monkeypatch)
    bench.offsets.other = {0: Commit(40, 7)}
    resume, pause = bench.control.submit(Resume(11)), bench.control.submit(Pause(12))
    bench.turn()
    assert (bench.answer(resume), bench.answer(pause)) == (Answer.STALE, Answer.DONE)
    assert did(bench) == []
    assert bench.answer(bench.command(Resume(13))) is Answer.DONE
    assert bench.client.metadata == ["epoch=13 start by=0"]


def test_a_pause_that_is_stale_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = waiting(tmp_path, 0)
    quiet(bench, monkeypatch)
    stale: list[Command] = []
    bench.client.script.append(lambda: stale.append(bench.control.submit(Pause(10))))
    assert bench.answer(bench.command(Resume(11))) is Answer.DONE


def test_what_is_fatal_to_the_producer_is_the_end_of_the_membership(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = waiting(tmp_path, 0, **FENCED)
    quiet(bench, monkeypatch)
    assert bench.answer(bench.command(Resume(11))) is Answer.DONE
    bench.turn(records(0, 0, 4))
    bench.client.answers = False
    command = bench.command(Pause(12))
    fenced = KafkaError(KafkaError._FENCED, "This instance has been fenced by a newer instance")
    old = bench.client
    bench.turn(lambda: old.answer(fenced), [])
    assert bench.answer(command) is Answer.DONE
    assert bench.lifecycle.committed is False
    assert [event["event"] for event in bench.events()][-2:] == ["FENCED", "PAUSED"]
    assert len(bench.clients) == 2
    assert old.detached
    assert bench.client.did[0] == "join"


# --- rebalances


def test_what_a_rebalance_brings_while_active_is_started_by_the_same_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = waiting(tmp_path, 0)
    quiet(bench, monkeypatch)
    bench.offsets.other = {0: Commit(40, 7), 1: Commit(60, 7)}
    assert bench.answer(bench.command(Resume(11))) is Answer.DONE
    bench.turn(records(0, 40, 44))
    bench.offsets.own = {0: Commit(45, 11), 1: Commit(61, 11)}  # a colleague had 1 until now
    bench.client.did.clear()
    flowed: list[bool] = []

    def rebalance() -> None:
        bench.client.again(0, 1)
        flowed.append(bench.client.flowing)

    bench.turn(rebalance)
    assert flowed == [False]  # not before its start
    assert bench.client.started[1:] == [{0: 45, 1: 61}]
    assert did(bench) == ["commit epoch=11", "start"]  # what it had handled went out before the partition did
    assert bench.lifecycle.partitions == (0, 1)
    assert bench.lifecycle.state is State.ACTIVE


def test_a_rebalance_in_the_middle_of_a_start_is_started_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = waiting(tmp_path, 0)
    quiet(bench, monkeypatch)
    bench.offsets.other = {0: Commit(40, 7), 1: Commit(60, 7)}
    bench.client.script.append(lambda: bench.client.again(0, 1))
    assert bench.answer(bench.command(Resume(11))) is Answer.DONE
    assert bench.client.started == [{0: 40, 1: 60}]
    assert bench.lifecycle.partitions == (0, 1)


def test_an_assignment_alone_makes_nobody_active(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The resume came before the group had given anything; its start failed, and then partitions come."""
    bench = Bench(tmp_path, **SEPARATE)
    quiet(bench, monkeypatch)
    assert bench.answer(bench.command(Resume(11))) is Answer.DONE  # of nothing
    bench.offsets.other = {0: Commit(1001, 7)}
    bench.turn(lambda: bench.client.give(0), [])
    assert bench.lifecycle.state is State.PAUSED
    assert "OffsetOutOfRange" in str(bench.truth.last_error)
    assert not bench.client.started
    bench.turn(lambda: bench.client.again(0))
    assert bench.lifecycle.state is State.PAUSED


def test_a_start_is_its_own_position_whatever_statistics_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interleaving 24. `next_offset` runs ahead of what was handed to us; a position taken from it and committed would
    lose records.
    """
    bench = waiting(tmp_path, 0)
    quiet(bench, monkeypatch)
    bench.offsets.other = {0: Commit(40, 7)}
    assert bench.answer(bench.command(Resume(11))) is Answer.DONE
    figures = {"ls_offset": 99, "hi_offset": 99}
    listener = bench.client.listener
    assert listener is not None
    listener.observed({0: figures})
    assert bench.worker.positions == {0: 40}
    pause = bench.command(Pause(12))
    bench.until("paused", lambda: bench.answer(pause))
    assert bench.client.commits == [{0: 40}]


# --- while it waits


def test_a_waiting_member_follows_the_other_group(tmp_path: Path) -> None:
    bench = waiting(tmp_path, 0, 1)
    bench.offsets.other = {0: Commit(40, 7), 1: Commit(50, 6)}
    bench.until("one epoch's copies", lambda: bench.client.commits)
    bench.offsets.own = {1: Commit(50, 6, copy=True)}
    bench.until("the other's", lambda: len(set(bench.client.metadata)) == 2)
    bench.offsets.own = {0: Commit(40, 7, copy=True), 1: Commit(50, 6, copy=True)}
    told = list(zip(bench.client.metadata, bench.client.commits, strict=True))
    assert {label for label, _ in told} == {"epoch=6 copy", "epoch=7 copy"}
    assert all(offsets == {"epoch=6 copy": {1: 50}, "epoch=7 copy": {0: 40}}[label] for label, offsets in told)
    assert not bench.events("COMMITTED")
    bench.turn([], [], [])
    made = len(bench.client.commits)
    asked = len(bench.offsets.asked)
    bench.until("another look", lambda: len(bench.offsets.asked) > asked + 1)
    assert len(bench.client.commits) == made


def test_copies_end_before_the_start_begins(tmp_path: Path) -> None:
    """Interleaving 15. One that is under way is answered first: on another connection it could overtake the start, and
    stay there.
    """
    bench = waiting(tmp_path, 0, **FENCED)
    bench.offsets.other = {0: Commit(40, 7)}
    bench.client.answers = False
    bench.until("a copy", lambda: bench.client.commits)
    bench.client.did.clear()
    turns: list[list[str]] = []

    def later() -> None:
        turns.append(did(bench))
        bench.client.answers = len(turns) == 3

    bench.client.script.extend([later] * 3)
    assert bench.answer(bench.command(Resume(11))) is Answer.DONE
    assert turns == [[], [], []]
    assert did(bench) == ["fence 0", "commit epoch=11 start by=0", "start"]
    bench.turn([], [], [])
    assert len(bench.client.commits) == 2  # none while it is active


def test_who_waits_tells_no_positions(tmp_path: Path) -> None:
    """Also when it was active before: it would pass for one at work."""
    bench = waiting(tmp_path, 0)
    member = ApplicationMember(bench.control, bench.loop, bench.worker, cast("ConsumerMetrics", None))
    assert bench.answer(bench.command(Resume(11))) is Answer.DONE
    bench.turn(records(0, 0, 4))
    assert (member.progress.positions, member.progress.handled) == ({0: 5}, 5)
    pause = bench.command(Pause(12))
    bench.until("paused", lambda: bench.answer(pause))
    assert bench.lifecycle.partitions == (0,)
    assert (member.progress.positions, member.progress.handled) == ({}, 5)


def test_what_was_asked_for_a_copy_before_a_start_is_not_used(tmp_path: Path) -> None:
    bench = waiting(tmp_path, 0)
    bench.offsets.other = {0: Commit(40, 7)}
    bench.offsets.slow = True
    bench.until("a question", lambda: bench.offsets.asked)
    bench.offsets.slow = False
    assert bench.answer(bench.command(Resume(11))) is Answer.DONE
    bench.offsets.slow = True
    asked = len(bench.offsets.asked)
    pause = bench.command(Pause(12))
    bench.until("paused", lambda: bench.answer(pause))
    bench.until("a question after it", lambda: len(bench.offsets.asked) > asked)
    assert bench.client.metadata == ["epoch=11 start"]


@pytest.mark.parametrize("own", [True, False])
def test_who_waits_hears_of_what_the_groups_bear(tmp_path: Path, own: bool) -> None:
    bench = waiting(tmp_path, 0, 1)
    assert bench.answer(bench.command(Pause(1))) is Answer.DONE
    bench.offsets.other = {0: Commit(40, 7)}
    (bench.offsets.own if own else bench.offsets.other)[1] = Commit(50, 41)
    bench.until("it to have heard", lambda: bench.lifecycle.seen_epoch == 41)
    assert (bench.lifecycle.state, bench.lifecycle.epoch) == (State.PAUSED, 1)
    assert bench.answer(bench.command(Resume(2))) is Answer.STALE
    assert not bench.client.started
    assert bench.answer(bench.command(Pause(1000))) is Answer.DONE


def test_in_a_life_of_the_lease_what_is_heard_of_stands_in_no_commands_way(tmp_path: Path) -> None:
    """A colleague of the same grant has begun, and the other colour has: both before this pod was told."""
    bench = waiting(tmp_path, 0)
    assert bench.answer(bench.command(Pause(10))) is Answer.DONE
    bench.offsets.own = {0: Commit(40, 11)}
    bench.until("the grant to be heard of", lambda: bench.lifecycle.seen_epoch == 11)
    assert bench.answer(bench.command(Resume(11))) is Answer.DONE
    assert bench.client.started == [{0: 40}]
    pause = bench.command(Pause(12))
    bench.until("paused", lambda: bench.answer(pause) is Answer.DONE)
    bench.offsets.other = {0: Commit(45, 13)}
    bench.until("the other's grant to be heard of", lambda: bench.lifecycle.seen_epoch == 13)
    assert bench.answer(bench.command(Pause(13))) is Answer.DONE
    assert bench.lifecycle.epoch == 13
    # What had been posted before is still refused; what follows is not.
    assert [bench.answer(bench.command(late)) for late in (Resume(11), Pause(12))] == [Answer.STALE] * 2
    assert bench.answer(bench.command(Resume(15))) is Answer.DONE


def test_an_obstacle_is_told_while_it_waits_and_once(tmp_path: Path) -> None:
    bench = waiting(tmp_path, 0)
    bench.offsets.other = {0: Commit(1001, 7)}
    bench.until("an obstacle", lambda: bench.truth.obstacle)
    told = bench.truth.obstacle
    assert told == "OffsetOutOfRange: partition 0: the other group's committed offset 1001 is beyond the end, 1000"
    bench.offsets.bounds = {0: (0, 1000)}
    seen = _looks(bench)
    bench.until("other looks", lambda: _looks(bench) > seen + 2)
    bench.offsets.bounds = {0: (0, 999)}  # the end moves: no news
    bench.until("other looks", lambda: _looks(bench) > seen + 5)
    assert bench.truth.obstacle == told
    assert not bench.client.commits
    bench.offsets.bounds = {0: (0, 1001)}
    bench.until("it is gone", lambda: bench.truth.obstacle is None)


def _looks(bench: Bench) -> int:
    return len(bench.offsets.asked)


def test_offsets_that_cannot_be_read_are_no_obstacle(tmp_path: Path) -> None:
    bench = waiting(tmp_path, 0)
    bench.offsets.fails = KafkaError(KafkaError._TIMED_OUT)
    bench.until("looks", lambda: _looks(bench) > 3)
    assert bench.truth.obstacle is None
    assert bench.lifecycle.state is State.PAUSED


def test_ready_is_who_owns_something(tmp_path: Path) -> None:
    bench = Bench(tmp_path, **SEPARATE)
    bench.turn()
    assert not bench.loop.ready
    bench.turn(lambda: bench.client.give(0))
    assert bench.loop.ready
    bench.turn(bench.client.take)
    assert not bench.loop.ready
