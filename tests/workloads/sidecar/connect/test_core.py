"""What an agent does next, in everything that can happen: walked through exhaustively."""

from collections import deque
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.workloads.sidecar.connect.world import TOPIC, World, running, standing
from workloads.sidecar.connect import core
from workloads.sidecar.connect.core import Alter, Bear, Done, Look, Stale, Start, Step, Stop, Wait
from workloads.sidecar.connect.seen import ABSENT, NO_EPOCH, RUNNING, STOPPED, Connector, Member, Seen, Worker

EPOCH = 9
Decide = Callable[[Seen], Step]
# Gets what was decided, the world and what was seen of it; raises when that must not be.
Judge = Callable[[Step, World, Seen], None]


def resume(seen: Seen) -> Step:
    return core.resuming(seen, EPOCH, TOPIC, 2)


def walk(start: World, decide: Decide, judge: Judge) -> int:
    """Everything that can come to pass from here; how many states that is. Wherever it stands, an end can be reached.

    A step is taken at any time, and may also be cut off right after it: what was seen is forgotten.
    """
    first = (start, Seen())
    known: dict[str, list[str]] = {}
    ends: set[str] = set()
    queue = deque([first])
    while queue:
        world, seen = queue.popleft()
        here = repr((world, seen))
        if here in known:
            continue
        step = decide(seen)
        judge(step, world, seen)
        nexts = [(after, seen) for _, after in world.happenings()]
        if isinstance(step, Look):
            nexts.append((world, world.look(seen, step.at)))
        elif isinstance(step, Done):
            ends.add(here)
        elif not isinstance(step, Wait | Stale):
            nexts.append((world.done(step), Seen()))
            nexts.append((world, Seen(sent=step)))  # accepted, and not yet true
        if not isinstance(step, Done):
            nexts.append((world, Seen()))
        known[here] = [repr(one) for one in nexts]
        queue.extend(nexts)
    stuck = known.keys() - reaching(known, ends)
    assert not stuck, f"no end can be reached from {min(stuck, key=len)}"
    return len(known)


def reaching(known: dict[str, list[str]], ends: set[str]) -> set[str]:
    """Whatever has a way to an end."""
    back: dict[str, list[str]] = {}
    for here, nexts in known.items():
        for there in nexts:
            back.setdefault(there, []).append(here)
    found, queue = set(ends), deque(ends)
    while queue:
        for here in back.get(queue.popleft(), ()):
            if here not in found:
                found.add(here)
                queue.append(here)
    return found


def confirmed(step: Step, world: World, seen: Seen) -> None:
    assert not (isinstance(step, Done) and not world.stands), f"confirmed, and does not stand: {world} {seen}"


@pytest.mark.parametrize("start", [running(), running(pending=True), standing(), standing(pending=True)])
def test_what_is_confirmed_stands_whatever_happens_meanwhile(start: World) -> None:
    assert walk(start, core.pausing, confirmed) > 5


def blindly_stopped(seen: Seen) -> Seen:
    """Takes any STOPPED for that of its own stop."""
    if seen.own is None or seen.own.state != STOPPED:
        return seen
    return replace(seen, own=replace(seen.own, asked=STOPPED))


BLIND: dict[str, Callable[[Seen], Seen]] = {
    "workers": lambda seen: seen if seen.workers is None else replace(seen, workers=(Worker("0", generation=1),)),
    "worker generations": lambda seen: (
        seen
        if seen.workers is None
        else replace(seen, workers=tuple(replace(one, generation=None) for one in seen.workers))
    ),
    "whose stop it sees": blindly_stopped,
    "unanswered calls": lambda seen: replace(blindly_stopped(seen), unanswered=()),
}


@pytest.mark.parametrize("to", BLIND)
def test_no_proof_can_be_left_out(to: str) -> None:
    """The walk itself: an agent that is blind to one of its proofs confirms what does not stand."""

    def everything() -> None:
        for start in (running(pending=True), standing(pending=True)):
            walk(start, lambda seen: core.pausing(BLIND[to](seen)), confirmed)

    with pytest.raises(AssertionError, match="confirmed, and does not stand"):
        everything()


def started_rightly(step: Step, world: World, seen: Seen) -> None:
    if isinstance(step, Alter | Bear):
        assert world.stands, f"{step} while it does not stand: {world}"
    if isinstance(step, Bear):
        assert world.other_epoch < world.epoch or world.offset == world.other_offset, f"{step}: offsets are not there"
    if isinstance(step, Start):
        assert world.epoch == EPOCH, f"started under {world.epoch}"
    if isinstance(step, Stop | Alter):
        assert world.epoch != EPOCH, f"{step} of a connector that bears the epoch"
    if isinstance(step, Done):
        assert world.epoch == EPOCH


@pytest.mark.parametrize(
    "start",
    [
        standing(),
        running(),
        standing(epoch=6),
        running(epoch=6),
        running(epoch=EPOCH),
        standing(epoch=EPOCH),
        standing(epoch=-1, other_epoch=-1, other_offset=0),
        standing(pending=True),
    ],
)
def test_nothing_is_started_but_under_its_epoch_and_at_the_offsets_of_the_higher_one(start: World) -> None:
    assert walk(start, resume, started_rightly) > 10


def test_offsets_are_the_higher_epochs_not_the_last_holders() -> None:
    """Interleaving 12: a green that was active for an hour is resumed where it is, not where blue was."""
    seen = standing(epoch=6, stopped=True).look(Seen(halted=True), core.Sight.OWN)
    seen = standing(epoch=6).look(seen, core.Sight.OTHER)
    assert resume(seen) == Bear(EPOCH)
    seen = standing(epoch=4, stopped=True).look(Seen(halted=True), core.Sight.OWN)
    seen = standing(epoch=4).look(seen, core.Sight.OTHER)
    assert resume(seen) == Look(core.Sight.OFFSETS)


STOOD = Connector("own", STOPPED, epoch=3, group="g", asked=STOPPED)
AT_WORK = Connector("own", RUNNING, ((0, RUNNING), (1, RUNNING)), EPOCH, "g")


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (Seen(own=Connector("own", STOPPED, ((1, RUNNING),), 3, "g", STOPPED)), "task 1 RUNNING"),
        (Seen(own=replace(STOOD, pending="the operator has come to generation 3 of 4")), "generation 3 of 4"),
        (Seen(own=STOOD, unanswered=("start at w-1",)), "start at w-1"),
        (Seen(own=STOOD, quiet_in=4.2), "earlier start"),
        (Seen(own=STOOD, members=(Member("c-0", "/10.0.0.7"),)), "c-0 at /10.0.0.7"),
        (Seen(own=STOOD, members=(), workers=()), "no worker"),
        (Seen(own=STOOD, members=(), workers=(Worker("w-0"), Worker("w-1", problem="silent"))), "w-1 (silent)"),
        (Seen(own=STOOD, members=(), workers=(Worker("w-0", (2,)),)), "w-0 (task 2)"),
        (Seen(own=STOOD, members=(), workers=(Worker("w-0", rebalancing=True),)), "rebalancing: w-0"),
        (Seen(own=Connector("own", "FAILED", ((0, RUNNING),), 3, "g", asked=STOPPED)), "own is FAILED"),
    ],
)
def test_who_keeps_a_pause_from_being_confirmed_is_named(seen: Seen, why: str) -> None:
    step = core.pausing(seen)
    assert isinstance(step, Wait)
    assert why in step.why


def test_a_stop_that_is_seen_may_be_from_before_a_start() -> None:
    assert core.pausing(Seen(own=replace(STOOD, asked=""))) == Stop()
    assert core.pausing(Seen(own=replace(STOOD, asked=RUNNING))) == Stop()


def test_a_failed_connector_is_stopped_like_any_other() -> None:
    """Its tasks may run on."""
    assert core.pausing(Seen(own=Connector("own", "FAILED", ((0, RUNNING),), 3, "g"))) == Stop()


@pytest.mark.parametrize("state", ["", RUNNING, "PAUSED", "FAILED", "UNASSIGNED", "RESTARTING"])
def test_nothing_but_stopped_is_a_stop(state: str) -> None:
    assert core.pausing(Seen(own=Connector("own", state, group="g"))) == Stop()


@pytest.mark.parametrize(("left", "stopped"), [("UNASSIGNED", True), (RUNNING, False), ("FAILED", False)])
def test_a_task_that_no_worker_has_may_be_listed_for_good(left: str, stopped: bool) -> None:
    """Seen on a cluster: the workers ended while it ran, and it was stopped before their successors had its tasks."""
    seen = Seen(own=replace(STOOD, tasks=((0, left), (1, "UNASSIGNED"))))
    assert isinstance(core.pausing(seen), Wait) is not stopped


def test_offsets_of_an_older_grant_are_taken_back_and_those_of_this_one_waited_for() -> None:
    seen = Seen(own=replace(STOOD, altering=7, asked=STOPPED, pending="annotation"), halted=True)
    assert core.pausing(seen) == Stop()
    assert resume(seen) == Stop()
    seen = Seen(own=replace(STOOD, altering=EPOCH, asked=STOPPED, pending="annotation"), halted=True)
    assert isinstance(resume(seen), Wait)


def test_a_step_that_was_accepted_is_not_repeated_at_once() -> None:
    own = Connector("own", RUNNING, ((0, RUNNING),), 3, "g")
    assert isinstance(core.pausing(Seen(own=own, sent=Stop())), Wait)
    assert core.pausing(Seen(own=own, sent=Start())) == Stop()


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ((), "partitions [0, 1] are not assigned"),
        ((Member("c", "/h", ((TOPIC, 0),)),), "partitions [1] are not assigned"),
        ((Member("c", "/h", ((TOPIC, 0), (TOPIC, 1))), Member("d", "/h", ((TOPIC, 1),))), "[1] are assigned twice"),
        ((Member("c", "/h", (("else", 0), ("else", 1))),), "partitions [0, 1] are not assigned"),
    ],
)
def test_active_is_every_partition_exactly_once(members: tuple[Member, ...], why: str) -> None:
    step = resume(Seen(own=AT_WORK, members=members))
    assert isinstance(step, Wait)
    assert why in step.why


def test_active_is_every_task_running() -> None:
    whole = (Member("c", "/h", ((TOPIC, 0), (TOPIC, 1))),)
    assert resume(Seen(own=AT_WORK, members=whole)) == Done()
    failed = replace(AT_WORK, tasks=((0, RUNNING), (1, "FAILED")), trace="java.lang.IllegalStateException")
    step = resume(Seen(own=failed, members=whole))
    assert isinstance(step, Wait)
    assert "task 1 FAILED" in step.why
    assert "IllegalStateException" in step.why


def test_a_command_behind_what_a_connector_bears_is_stale() -> None:
    assert isinstance(resume(Seen(own=replace(STOOD, epoch=EPOCH + 1))), Stale)
    assert isinstance(resume(Seen(own=STOOD, halted=True, other=replace(STOOD, epoch=EPOCH + 1))), Stale)


def test_the_other_colour_has_to_stand() -> None:
    step = resume(Seen(own=STOOD, halted=True, other=Connector("blue", RUNNING, ((0, RUNNING),), 7, "b")))
    assert isinstance(step, Wait)
    assert "blue is RUNNING" in step.why


NOBODY = Connector("blue", ABSENT, group="b", refused="its cluster has no worker")


@pytest.mark.parametrize("other", [replace(STOOD, epoch=NO_EPOCH, name="blue"), NOBODY])
def test_where_nobody_knows_whose_epoch_is_higher_nothing_is_repeated_and_nothing_skipped(other: Connector) -> None:
    own = replace(STOOD, epoch=NO_EPOCH)
    assert resume(Seen(own=own, halted=True, other=other)) == Look(core.Sight.OFFSETS)
    mine, theirs = {(TOPIC, 0): 5, (TOPIC, 1): 9}, {(TOPIC, 0): 8, (TOPIC, 2): 1}
    seen = Seen(own=own, halted=True, other=other, own_offsets=mine, source_offsets=theirs)
    assert resume(seen) == core.Alter({(TOPIC, 0): 8, (TOPIC, 1): 9, (TOPIC, 2): 1})
    assert resume(replace(seen, own_offsets={}, source_offsets={})) == core.Bear(EPOCH)


def test_of_a_connector_without_an_epoch_that_is_seen_at_work_nothing_is_taken_over() -> None:
    at_work = Connector("blue", RUNNING, ((0, RUNNING),), NO_EPOCH, "b")
    assert isinstance(resume(Seen(own=replace(STOOD, epoch=NO_EPOCH), halted=True, other=at_work)), Wait)


def test_who_bears_the_higher_epoch_needs_nothing_of_the_other() -> None:
    assert resume(Seen(own=STOOD, halted=True, other=replace(STOOD, epoch=STOOD.epoch - 1))) == core.Bear(EPOCH)


def test_a_connector_that_connect_refuses_is_none_and_says_so() -> None:
    assert core.pausing(Seen(own=Connector("own", ABSENT))) == core.Create()
    refused = Seen(
        own=Connector("own", ABSENT, refused="no such class"), members=(), workers=(Worker("w"),), committed=True
    )
    assert core.pausing(refused) == Done()
    step = resume(refused)
    assert isinstance(step, Wait)
    assert "no such class" in step.why


def test_a_new_configuration_is_given_to_a_standing_connector_only() -> None:
    drifted = replace(STOOD, drift=True)
    assert core.pausing(Seen(own=drifted, halted=True)) == core.Configure()
    assert core.pausing(Seen(own=drifted)) == Look(core.Sight.MEMBERS)
    assert resume(Seen(own=replace(AT_WORK, drift=True))) == Look(core.Sight.MEMBERS)


def test_offsets_are_written_as_whole_sets() -> None:
    assert core.whole_set({("t", 0): 5, ("t", 1): 6}, {("t", 1): 9, ("t", 2): 1}) == {
        ("t", 0): 5,
        ("t", 1): 6,
        ("t", 2): None,
    }


def test_committed_offsets_behind_what_was_handled_are_told() -> None:
    assert core.is_behind({("t", 0): 5}, {0: 5}, "t") == ""
    assert core.is_behind({("t", 0): 6}, {0: 5}, "t") == ""
    assert "partition 0 is committed up to 4 and handled up to 5" in core.is_behind({("t", 0): 4}, {0: 5}, "t")
    assert "partition 1 is committed up to 0" in core.is_behind({("t", 0): 9}, {1: 1}, "t")
