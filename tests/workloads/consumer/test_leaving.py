"""The poll loop that is told to leave its group: whatever it did, it is out when it says so, and ready again then."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.workloads.consumer.scripted import Bench, ScriptedClient, records
from workloads.common.states import State
from workloads.member.control import Answer
from workloads.member.lifecycle import Pause, Resume


def paused(bench: Bench, pause: Pause) -> None:
    """Tell it, and wait until it is so."""
    command = bench.command(pause)
    bench.until("an answer", lambda: bench.answer(command))
    assert bench.answer(command) is Answer.DONE


def does_not_close(client: ScriptedClient) -> threading.Event:
    """Its close ends when this is set."""
    may_close = threading.Event()

    def close() -> None:
        may_close.wait(60)

    client.close = close  # type: ignore[method-assign]
    return may_close


def told_to_leave(bench: Bench, epoch: int) -> ScriptedClient:
    """Tell it, and see that it is true when it is answered, and not before; the client that it was told of."""
    old = bench.client
    closed = _watched(old, lambda: bench.lifecycle.left)
    paused(bench, Pause(epoch, leave=True))
    assert closed == [False]
    assert (bench.lifecycle.state, bench.lifecycle.left, bench.truth.member_id) == (State.PAUSED, True, "")
    assert bench.lifecycle.partitions == ()
    return old


def _watched(client: ScriptedClient, look: Callable[[], bool]) -> list[bool]:
    """What `look` finds at each close of this client."""
    found: list[bool] = []
    close = client.close

    def watched() -> None:
        found.append(look())
        close()

    client.close = watched  # type: ignore[method-assign]
    return found


def stands_by_again(bench: Bench, old: ScriptedClient) -> None:
    """A fresh client is warm and outside, and that is being ready."""
    bench.until("a fresh client", lambda: bench.client is not old and bench.loop.ready)
    assert "join" not in bench.client.did


WAYS = [("takeover", "classic"), ("leave-join", "classic"), ("takeover", "consumer"), ("leave-join", "consumer")]


@pytest.mark.parametrize(("membership", "protocol"), WAYS)
def test_at_work_it_commits_and_leaves(tmp_path: Path, membership: str, protocol: str) -> None:
    bench = Bench(tmp_path, membership=membership, group_protocol=protocol).active(1, 0, 1)
    bench.turn(records(0, 0, 4))
    assert bench.truth.member_id == "member-1"
    old = told_to_leave(bench, 2)
    assert old.commits == [{0: 5}]
    assert bench.lifecycle.committed
    stands_by_again(bench, old)
    bench.active(3, 0)
    assert len(bench.clients) == 2


def test_a_commit_that_is_not_answered_does_not_keep_it_in(tmp_path: Path) -> None:
    bench = Bench(tmp_path, drain_timeout_seconds=0.1).active(1, 0)
    bench.turn(records(0, 0, 4))
    bench.client.answers = False
    told_to_leave(bench, 2)
    assert not bench.lifecycle.committed


def test_a_paused_member_leaves(tmp_path: Path) -> None:
    bench = Bench(tmp_path).active(1, 0)
    paused(bench, Pause(2))
    assert (bench.lifecycle.left, bench.truth.member_id) == (False, "member-1")
    stands_by_again(bench, told_to_leave(bench, 3))


def test_a_paused_member_leaves_under_the_epoch_that_it_is_paused_under(tmp_path: Path) -> None:
    bench = Bench(tmp_path).active(1, 0)
    paused(bench, Pause(2))
    stands_by_again(bench, told_to_leave(bench, 2))


def test_one_whose_place_was_taken_is_closed_before_its_time(tmp_path: Path) -> None:
    bench = Bench(tmp_path).active(1, 0)
    paused(bench, Pause(2))
    bench.command(Pause(3))
    stands_by_again(bench, told_to_leave(bench, 4))


def test_a_join_in_progress_is_given_up(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    resume = bench.command(Resume(1))
    stands_by_again(bench, told_to_leave(bench, 2))
    assert bench.answer(resume) is Answer.STALE


def test_who_has_never_been_in_the_group_keeps_its_client(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert bench.answer(bench.command(Pause(2, leave=True))) is Answer.DONE
    bench.turn()
    assert (len(bench.clients), bench.lifecycle.left, bench.loop.ready) == (1, True, True)


def test_who_left_before_keeps_its_client(tmp_path: Path) -> None:
    bench = Bench(tmp_path, membership="leave-join").active(1, 0)
    paused(bench, Pause(2))
    paused(bench, Pause(3, leave=True))
    assert (len(bench.clients), "close" in bench.client.did, bench.lifecycle.left) == (1, False, True)


@pytest.mark.parametrize("lost", [True, False])
def test_it_has_left_when_the_last_of_its_clients_is_closed(tmp_path: Path, lost: bool) -> None:
    """Interleaving 2. One that was lost is closed in the background, and so is one whose coordinator is
    out of reach.
    """
    bench = Bench(tmp_path).active(1, 0)
    old, may_close = bench.client, does_not_close(bench.client)
    if lost:
        bench.turn(lambda: old.lose("fenced", fenced=True))
    else:
        old.connected = False
    command = bench.command(Pause(2, leave=True))
    bench.turn([], [], [])
    assert (bench.lifecycle.state, bench.lifecycle.left, bench.answer(command)) == (State.PAUSED, False, None)
    may_close.set()
    bench.until("an answer", lambda: bench.answer(command))
    assert bench.lifecycle.left


def test_nobody_waits_for_a_close_to_enter_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path).active(1, 0)
    old, may_close = bench.client, does_not_close(bench.client)
    old.connected = False
    leave = bench.command(Pause(2, leave=True))
    bench.active(3, 0)
    may_close.set()
    bench.turn([], [])
    assert (bench.lifecycle.state, bench.lifecycle.left, bench.answer(leave)) == (State.ACTIVE, False, Answer.STALE)
    assert len(bench.clients) == 2


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_member_from_the_start_stays_out_until_a_newer_epoch(tmp_path: Path, protocol: str) -> None:
    bench = Bench(tmp_path, membership="shared", group_protocol=protocol)
    bench.turn(lambda: bench.client.give(0, 1))
    old = told_to_leave(bench, 2)
    bench.until("a fresh client", lambda: bench.client is not old and bench.loop.ready)
    bench.command(Pause(2))
    assert "join" not in bench.client.did
    bench.command(Pause(3))
    assert bench.client.did.count("join") == 1
    bench.turn(lambda: bench.client.give(0, 1))
    assert (bench.lifecycle.state, bench.lifecycle.partitions, bench.lifecycle.left) == (State.PAUSED, (0, 1), False)
    assert not bench.client.flowing


def test_a_member_from_the_start_is_granted_again_from_outside(tmp_path: Path) -> None:
    bench = Bench(tmp_path, membership="shared")
    bench.turn(lambda: bench.client.give(0, 1))
    told_to_leave(bench, 2)
    bench.command(Resume(3))
    bench.turn(lambda: bench.client.give(0, 1, 2))
    assert (bench.lifecycle.state, bench.lifecycle.epoch, bench.lifecycle.partitions) == (State.ACTIVE, 3, (0, 1, 2))
    assert bench.client.flowing


def test_a_member_of_its_own_group_is_granted_again_from_outside(tmp_path: Path) -> None:
    bench = Bench(tmp_path, membership="separate", other_group_id="o")
    bench.turn(lambda: bench.client.give(0, 1))
    told_to_leave(bench, 2)
    assert not bench.loop.ready, "it would take over nothing"
    bench.command(Resume(3))
    bench.turn(lambda: bench.client.give(0, 1, 2))
    bench.until("all to be started", lambda: bench.client.started and bench.lifecycle.partitions == (0, 1, 2))
    assert bench.lifecycle.state is State.ACTIVE
    assert bench.client.started[-1].keys() == {0, 1, 2}


def test_the_id_of_a_member_is_told_from_its_join_on(tmp_path: Path) -> None:
    bench = Bench(tmp_path, group_protocol="consumer")
    bench.client.chosen_id = "chosen"
    bench.command(Resume(1))
    assert bench.truth.member_id == "chosen"


# --- the way back of a colour that leaves by closing


def test_a_static_kip_848_member_is_ready_again_after_its_pause(tmp_path: Path) -> None:
    """It was not: the way back was refused as NotReady for ever."""
    bench = Bench(tmp_path, group_protocol="consumer").active(1, 0)
    old = bench.client
    paused(bench, Pause(2))
    assert "close" in old.did
    assert len(bench.clients) == 1, "the other colour is joining: not in its way"
    stands_by_again(bench, old)
    bench.command(Pause(3))
    bench.active(4, 0)
    assert len(bench.clients) == 2


def test_a_process_that_ends_makes_no_fresh_client(tmp_path: Path) -> None:
    bench = Bench(tmp_path, group_protocol="consumer").active(1, 0)
    bench.loop.stop()
    bench.loop.run()
    assert len(bench.clients) == 1
