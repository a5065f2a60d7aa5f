"""The consumer's lifecycle: each guarantee of its docstring, and properties of every sequence of events."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from tests.protocol.names import forgetful
from tests.support.search import examples
from workloads.common.states import GroupProtocol, Membership, State
from workloads.member.lifecycle import (
    Assigned,
    Client,
    Closed,
    CommitEnded,
    Effect,
    Event,
    Heard,
    Left,
    Lifecycle,
    Lost,
    Owned,
    Pause,
    Resume,
    Revoked,
    Stalled,
    StartFailed,
    Step,
    start,
    step,
)

CLASSIC, KIP_848 = GroupProtocol.CLASSIC, GroupProtocol.CONSUMER
TAKEOVER, LEAVE_JOIN, SHARED = Membership.TAKEOVER, Membership.LEAVE_JOIN, Membership.SHARED
SEPARATE = Membership.SEPARATE
OK, FAILED = CommitEnded(ok=True), CommitEnded(ok=False)
GOT = Assigned((0, 1))


def after(events: Sequence[Event], membership: Membership = TAKEOVER, protocol: GroupProtocol = CLASSIC) -> Step:
    """The last step of a fresh process that takes these events in order."""
    last = start(membership, protocol)
    for event in events:
        last = step(last.lifecycle, event)
    return last


@pytest.mark.parametrize(
    ("membership", "client", "effects"),
    [
        (TAKEOVER, Client.STANDBY, ()),
        (LEAVE_JOIN, Client.STANDBY, ()),
        (SHARED, Client.MEMBER, (Effect.JOIN,)),
        (SEPARATE, Client.MEMBER, (Effect.JOIN,)),
    ],
)
def test_a_process_starts_paused(membership: Membership, client: Client, effects: tuple[Effect, ...]) -> None:
    begun = start(membership, CLASSIC)
    assert (begun.lifecycle.state, begun.lifecycle.epoch, begun.lifecycle.client) == (State.PAUSED, 0, client)
    assert begun.effects == effects


TABLE: list[tuple[str, Membership, GroupProtocol, list[Event], State, int, tuple[Effect, ...]]] = [
    # what, membership, protocol, events, state afterwards, its epoch, effects of the last event
    ("a resume joins", TAKEOVER, CLASSIC, [Resume(2)], State.PAUSED, 0, (Effect.JOIN,)),
    ("assigned it is active", TAKEOVER, CLASSIC, [Resume(2), GOT], State.ACTIVE, 2, ()),
    ("nothing assigned is active too", TAKEOVER, CLASSIC, [Resume(2), Assigned(())], State.ACTIVE, 2, ()),
    ("a shared member rewinds", SHARED, CLASSIC, [Assigned(()), Resume(2)], State.PAUSED, 0, (Effect.REWIND,)),
    ("a shared member is active when rewound", SHARED, CLASSIC, [GOT, Resume(2), GOT], State.ACTIVE, 2, ()),
    ("assigned without a resume stays paused", SHARED, CLASSIC, [GOT], State.PAUSED, 0, ()),
    ("a pause drains", TAKEOVER, CLASSIC, [Resume(2), GOT, Pause(3)], State.DRAINING, 3, (Effect.COMMIT,)),
    ("takeover stays a member", TAKEOVER, CLASSIC, [Resume(2), GOT, Pause(3), OK], State.PAUSED, 3, ()),
    ("leave-join leaves first", LEAVE_JOIN, CLASSIC, [Resume(2), GOT, Pause(3), OK], State.DRAINING, 3, (Effect.LEAVE,)),
    ("takeover by KIP-848 leaves first", TAKEOVER, KIP_848, [Resume(2), GOT, Pause(3), OK], State.DRAINING, 3,
     (Effect.LEAVE,)),
    ("then it is paused", LEAVE_JOIN, CLASSIC, [Resume(2), GOT, Pause(3), OK, Left()], State.PAUSED, 3, ()),
    ("shared stays by KIP-848 too", SHARED, KIP_848, [GOT, Resume(2), GOT, Pause(3), OK], State.PAUSED, 3, ()),
    ("the other colour's grant retires the client", TAKEOVER, CLASSIC, [Resume(2), GOT, Pause(3), OK, Pause(4)],
     State.PAUSED, 4, (Effect.RETIRE,)),
    ("the same pause again does not", TAKEOVER, CLASSIC, [Resume(2), GOT, Pause(3), OK, Pause(3)], State.PAUSED, 3, ()),
    ("a newer pause of a standby does nothing", TAKEOVER, CLASSIC, [Pause(3), Pause(4)], State.PAUSED, 4, ()),
    ("granted again it starts anew", TAKEOVER, CLASSIC, [Resume(2), GOT, Pause(3), OK, Resume(4)], State.PAUSED, 3,
     (Effect.REPLACE, Effect.JOIN)),
    ("a pause aborts a resume", TAKEOVER, CLASSIC, [Resume(2), Pause(3)], State.PAUSED, 3, (Effect.REPLACE,)),
    ("and what is assigned then is not used", TAKEOVER, CLASSIC, [Resume(2), Pause(3), GOT], State.PAUSED, 3, ()),
    ("a pause aborts a rewind", SHARED, CLASSIC, [GOT, Resume(2), Pause(3), GOT], State.PAUSED, 3, ()),
    ("a newer resume while active only counts", TAKEOVER, CLASSIC, [Resume(2), GOT, Resume(4)], State.ACTIVE, 4, ()),
    ("a resume in a drain waits for its end", TAKEOVER, CLASSIC, [Resume(2), GOT, Pause(3), Resume(4)], State.DRAINING, 3,
     ()),
    ("and goes on from there", TAKEOVER, CLASSIC, [Resume(2), GOT, Pause(3), Resume(4), OK], State.PAUSED, 3,
     (Effect.REPLACE, Effect.JOIN)),
    ("a pause in a drain takes it back", TAKEOVER, CLASSIC, [Resume(2), GOT, Pause(3), Resume(4), Pause(5), OK],
     State.PAUSED, 5, ()),
    ("lost while active", TAKEOVER, CLASSIC, [Resume(2), GOT, Lost()], State.PAUSED, 2, (Effect.REPLACE,)),
    ("lost while joining", TAKEOVER, CLASSIC, [Resume(2), Lost()], State.PAUSED, 0, (Effect.REPLACE,)),
    ("a shared member joins again, paused", SHARED, CLASSIC, [GOT, Resume(2), GOT, Lost()], State.PAUSED, 2,
     (Effect.REPLACE, Effect.JOIN)),
    ("what it is given then changes nothing", SHARED, CLASSIC, [GOT, Resume(2), GOT, Lost(), GOT], State.PAUSED, 2, ()),
    ("a stall while active drains", TAKEOVER, CLASSIC, [Resume(2), GOT, Stalled()], State.DRAINING, 2, (Effect.COMMIT,)),
    ("and ends paused", TAKEOVER, CLASSIC, [Resume(2), GOT, Stalled(), OK], State.PAUSED, 2, ()),
    ("a stall while joining", TAKEOVER, CLASSIC, [Resume(2), Stalled(), GOT], State.PAUSED, 0, ()),
    ("confirmed it goes on under the same epoch", TAKEOVER, CLASSIC, [Resume(2), GOT, Stalled(), OK, Resume(2), GOT],
     State.ACTIVE, 2, ()),
    ("a member of its own group carries over", SEPARATE, CLASSIC, [Owned((0, 1)), Resume(2)], State.PAUSED, 0,
     (Effect.REWIND,)),
    ("and is active when that is done", SEPARATE, CLASSIC, [Owned((0, 1)), Resume(2), GOT], State.ACTIVE, 2, ()),
    ("what the group gives alone makes nobody active", SEPARATE, CLASSIC, [Resume(2), Owned((0, 1))], State.PAUSED, 0,
     ()),
    ("what it gives later is carried over too", SEPARATE, KIP_848, [Resume(2), GOT, Owned((0, 1, 2))], State.ACTIVE, 2,
     (Effect.REWIND,)),
    ("a start that failed voids the resume", SEPARATE, CLASSIC, [Owned((0,)), Resume(2), StartFailed(), GOT],
     State.PAUSED, 0, ()),
    ("the same resume tries again", SEPARATE, CLASSIC, [Owned((0,)), Resume(2), StartFailed(), Resume(2)],
     State.PAUSED, 0, (Effect.REWIND,)),
    ("a start that failed while active drains", SEPARATE, CLASSIC, [Resume(2), GOT, Owned((0, 1)), StartFailed()],
     State.DRAINING, 2, (Effect.COMMIT,)),
    ("fenced it joins its group again, paused", SEPARATE, CLASSIC, [GOT, Resume(2), GOT, Lost()], State.PAUSED, 2,
     (Effect.REPLACE, Effect.JOIN)),
    ("what is heard of at work drains", TAKEOVER, CLASSIC, [Resume(2), GOT, Heard(3)], State.DRAINING, 2, (Effect.COMMIT,)),
    ("and ends paused under its old epoch", TAKEOVER, CLASSIC, [Resume(2), GOT, Heard(3), OK], State.PAUSED, 2, ()),
    ("heard of while joining", TAKEOVER, CLASSIC, [Resume(2), Heard(3), GOT], State.PAUSED, 0, ()),
    ("its client is not used again", TAKEOVER, CLASSIC, [Resume(2), Heard(3)], State.PAUSED, 0, (Effect.REPLACE,)),
    ("heard of at a start", SEPARATE, CLASSIC, [Owned((0,)), Resume(2), Heard(3), GOT], State.PAUSED, 0, ()),
    ("heard of at the start of what a rebalance brought", SEPARATE, CLASSIC, [Resume(2), GOT, Owned((0, 1)), Heard(3)],
     State.DRAINING, 2, (Effect.COMMIT,)),
    ("heard of in a drain: the resume that waits for its end is void", TAKEOVER, CLASSIC,
     [Resume(2), GOT, Pause(3), Resume(4), Heard(5), OK], State.PAUSED, 3, ()),
    ("what is heard of at work, and is its own grant's", TAKEOVER, CLASSIC, [Resume(2), GOT, Heard(2)], State.ACTIVE, 2, ()),
    ("... or older", TAKEOVER, CLASSIC, [Resume(2), GOT, Heard(1)], State.ACTIVE, 2, ()),
    ("... while joining", TAKEOVER, CLASSIC, [Resume(2), Heard(2), GOT], State.ACTIVE, 2, ()),
    ("its grant, heard of by a colleague's commit before its own resume", SEPARATE, CLASSIC,
     [GOT, Pause(2), Heard(3), Resume(3), GOT], State.ACTIVE, 3, ()),
    ("the other's grant, heard of before its own pause", SEPARATE, CLASSIC, [GOT, Pause(2), Heard(3), Pause(3)],
     State.PAUSED, 3, ()),
    ("... and after it", SEPARATE, CLASSIC, [GOT, Pause(3), Heard(3)], State.PAUSED, 3, ()),
    ("... and then its own", SEPARATE, CLASSIC, [GOT, Pause(2), Heard(3), Pause(3), Resume(5), GOT], State.ACTIVE, 5, ()),
    ("a newer resume after what was heard of", SEPARATE, CLASSIC, [GOT, Heard(41), Resume(1001), GOT], State.ACTIVE, 1001,
     ()),
    ("a pause to leave drains first", TAKEOVER, CLASSIC, [Resume(2), GOT, Pause(3, leave=True)], State.DRAINING, 3,
     (Effect.COMMIT,)),
    ("and closes in the place of a member that stays", TAKEOVER, CLASSIC, [Resume(2), GOT, Pause(3, leave=True), OK],
     State.PAUSED, 3, (Effect.CLOSE,)),
    ("... of one that leaves by unsubscribing", LEAVE_JOIN, CLASSIC, [Resume(2), GOT, Pause(3, leave=True), OK],
     State.PAUSED, 3, (Effect.CLOSE,)),
    ("... of one by KIP-848", TAKEOVER, KIP_848, [Resume(2), GOT, Pause(3, leave=True), OK], State.PAUSED, 3,
     (Effect.CLOSE,)),
    ("to leave, asked for in a drain", TAKEOVER, CLASSIC, [Resume(2), GOT, Pause(3), Pause(3, leave=True), OK],
     State.PAUSED, 3, (Effect.CLOSE,)),
    ("... while it is leaving", LEAVE_JOIN, CLASSIC, [Resume(2), GOT, Pause(3), OK, Pause(3, leave=True), Left()],
     State.PAUSED, 3, (Effect.CLOSE,)),
    ("to leave, of a paused member", TAKEOVER, CLASSIC, [Resume(2), GOT, Pause(3), OK, Pause(5, leave=True)],
     State.PAUSED, 5, (Effect.CLOSE,)),
    ("... under the same epoch", TAKEOVER, CLASSIC, [Resume(2), GOT, Pause(3), OK, Pause(3, leave=True)],
     State.PAUSED, 3, (Effect.CLOSE,)),
    ("to leave, of one whose place was taken", TAKEOVER, CLASSIC,
     [Resume(2), GOT, Pause(3), OK, Pause(4), Pause(5, leave=True)], State.PAUSED, 5, (Effect.CLOSE,)),
    ("to leave, while joining", TAKEOVER, CLASSIC, [Resume(2), Pause(3, leave=True)], State.PAUSED, 3, (Effect.CLOSE,)),
    ("to leave, after a loss", TAKEOVER, CLASSIC, [Resume(2), GOT, Lost(), Pause(3, leave=True)], State.PAUSED, 3,
     (Effect.CLOSE,)),
    ("to leave, lost in the drain", TAKEOVER, CLASSIC, [Resume(2), GOT, Pause(3, leave=True), Lost()], State.PAUSED, 3,
     (Effect.REPLACE, Effect.CLOSE)),
    ("a standby has left already", TAKEOVER, CLASSIC, [Pause(3, leave=True)], State.PAUSED, 3, ()),
    ("once out, a newer pause does nothing", TAKEOVER, CLASSIC,
     [Resume(2), GOT, Pause(3, leave=True), OK, Closed(), Pause(4), Pause(5, leave=True)], State.PAUSED, 5, ()),
    ("granted again it joins", TAKEOVER, CLASSIC, [Resume(2), GOT, Pause(3, leave=True), OK, Closed(), Resume(4)],
     State.PAUSED, 3, (Effect.JOIN,)),
    ("granted again before it is out it joins all the same", TAKEOVER, CLASSIC,
     [Resume(2), GOT, Pause(3, leave=True), OK, Resume(4)], State.PAUSED, 3, (Effect.JOIN,)),
    ("granted again in the drain it does not leave", TAKEOVER, CLASSIC,
     [Resume(2), GOT, Pause(3, leave=True), Resume(4), OK], State.PAUSED, 3, (Effect.REPLACE, Effect.JOIN)),
    ("to leave, of a member from the start", SHARED, CLASSIC, [GOT, Pause(3, leave=True)], State.PAUSED, 3,
     (Effect.CLOSE,)),
    ("it stays out under the same epoch", SHARED, CLASSIC, [GOT, Pause(3, leave=True), Closed(), Pause(3)], State.PAUSED,
     3, ()),
    ("... when it is lost", SHARED, CLASSIC, [GOT, Pause(3, leave=True), Lost()], State.PAUSED, 3,
     (Effect.REPLACE, Effect.CLOSE)),
    ("... and when it is asked once more", SHARED, CLASSIC, [GOT, Pause(3, leave=True), Closed(), Pause(5, leave=True)],
     State.PAUSED, 5, ()),
    ("it enters again at a newer pause", SHARED, CLASSIC, [GOT, Pause(3, leave=True), Closed(), Pause(4)], State.PAUSED, 4,
     (Effect.JOIN,)),
    ("... and at a resume", SHARED, CLASSIC, [GOT, Pause(3, leave=True), Closed(), Resume(4)], State.PAUSED, 3,
     (Effect.JOIN, Effect.REWIND)),
    ("... in a group of its own too", SEPARATE, CLASSIC, [GOT, Pause(3, leave=True), Closed(), Resume(4)], State.PAUSED, 3,
     (Effect.JOIN, Effect.REWIND)),
    ("closed, and nobody had asked", TAKEOVER, CLASSIC, [Resume(2), Closed()], State.PAUSED, 0, ()),
    ("a commit's end without a drain", TAKEOVER, CLASSIC, [Resume(2), GOT, OK], State.ACTIVE, 2, ()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("membership", "protocol", "events", "state", "epoch", "effects"),
    [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_what_follows(
    membership: Membership,
    protocol: GroupProtocol,
    events: list[Event],
    state: State,
    epoch: int,
    effects: tuple[Effect, ...],
) -> None:
    last = after(events, membership, protocol)
    assert (last.lifecycle.state, last.lifecycle.epoch, last.effects) == (state, epoch, effects)
    assert not last.refused


@pytest.mark.parametrize(
    "events",
    [
        [Pause(3), Pause(2)],
        [Pause(3), Resume(2)],
        [Pause(3), Resume(3)],
        [Resume(3), Pause(3), Resume(3)],
        [Resume(4), Pause(3)],
        [Resume(4), Resume(3)],
        [Resume(2), GOT, Pause(3), OK, Resume(2)],
        [Resume(2), GOT, Resume(4), Pause(3)],
        [Heard(41), Pause(3)],
        [Heard(41), Resume(40)],
        [Pause(41), Heard(41), Resume(41)],
        [Resume(2), Heard(3), Resume(2)],
    ],
    ids=str,
)
def test_what_is_stale_is_refused_and_changes_nothing(events: list[Event]) -> None:
    before = after(events[:-1]).lifecycle
    last = step(before, events[-1])
    assert last == Step(before, refused=True)


def test_a_pause_beats_a_resume_at_the_same_epoch_whichever_comes_first() -> None:
    assert after([Resume(3), Pause(3)]).lifecycle.state is State.PAUSED
    assert after([Resume(3), GOT, Pause(3)]).lifecycle.state is State.DRAINING
    assert after([Pause(3), Resume(3)]).refused


def test_paused_tells_whether_everything_is_committed() -> None:
    assert after([Resume(2), GOT, Pause(3), OK]).lifecycle.committed
    assert not after([Resume(2), GOT, Pause(3), FAILED]).lifecycle.committed
    assert not after([Resume(2), GOT, Pause(3), Lost()]).lifecycle.committed
    assert after([Resume(2), GOT, Pause(3), FAILED, Resume(4), GOT]).lifecycle.committed


def test_partitions_are_what_is_owned() -> None:
    assert after([Resume(2), Assigned((3, 1))]).lifecycle.partitions == (1, 3)
    assert after([Resume(2), Assigned((3, 1)), Revoked((3,))]).lifecycle.partitions == (1,)
    assert after([Resume(2), Assigned((3, 1)), Lost()]).lifecycle.partitions == ()
    assert after([Resume(2), Assigned((3, 1)), Pause(3), OK, Left()], LEAVE_JOIN).lifecycle.partitions == ()


def test_a_resume_that_is_still_joining_is_not_paused_under_its_epoch() -> None:
    """Else a withdrawal of that number would take it for a confirmation."""
    joining = after([Pause(3), Resume(4)]).lifecycle
    assert (joining.state, joining.epoch, joining.seen_epoch) == (State.PAUSED, 3, 4)


def test_what_is_heard_of_is_no_confirmation_of_anything() -> None:
    """Its own state is still that of the epoch before, and its report says what it knows of."""
    heard = after([Pause(1), Heard(41)]).lifecycle
    assert (heard.state, heard.epoch, heard.paused_epoch, heard.seen_epoch) == (State.PAUSED, 1, 1, 41)
    assert after([Pause(1), Heard(1)]) == Step(after([Pause(1)]).lifecycle)


def test_it_says_that_it_has_left_when_it_has() -> None:
    def left(*events: Event, membership: Membership = TAKEOVER) -> bool:
        return after(events, membership).lifecycle.left

    active = (Resume(2), GOT)
    assert [left(), left(Pause(3)), left(Pause(3, leave=True))] == [True] * 3, "it has never been in the group"
    assert not any(left(*events, membership=membership) for membership in (SHARED, SEPARATE) for events in ((), (GOT,)))
    assert not any(left(*active, *more) for more in ((), (Pause(3),), (Pause(3), OK), (Pause(3), OK, Pause(4))))
    assert not left(*active, Pause(3), OK, Left(), membership=LEAVE_JOIN), "nobody has looked whether it is over"
    out = (Pause(3, leave=True), OK, Closed())
    assert [left(*active, *out[:n]) for n in range(4)] == [False, False, False, True]
    assert [left(*active, *out, Pause(4)), left(*active, *out, Resume(4))] == [True, False]
    assert not left(*active, Pause(3, leave=True), Closed()), "still draining"
    assert not left(*active, Pause(3, leave=True), OK, Resume(4), Closed()), "on its way in again"


EVENTS = some.lists(
    some.one_of(
        some.builds(Pause, some.integers(0, 6), some.booleans()),
        some.builds(Resume, some.integers(0, 6)),
        some.builds(Assigned, some.sets(some.integers(0, 3)).map(lambda owned: tuple(sorted(owned)))),
        some.builds(Revoked, some.sets(some.integers(0, 3)).map(lambda taken: tuple(sorted(taken)))),
        some.just(Lost()),
        some.builds(CommitEnded, some.booleans()),
        some.just(Left()),
        some.just(Closed()),
        some.just(Stalled()),
        some.just(StartFailed()),
        some.builds(Heard, some.integers(0, 6)),
        some.builds(Owned, some.sets(some.integers(0, 3)).map(lambda owned: tuple(sorted(owned)))),
    ),
    max_size=25,
)
MEMBERSHIPS = some.sampled_from(list(Membership))
PROTOCOLS = some.sampled_from(list(GroupProtocol))


def lives(events: list[Event], membership: Membership, protocol: GroupProtocol) -> list[tuple[Lifecycle, Event, Step]]:
    """(before, event, step) for each event."""
    now = start(membership, protocol).lifecycle
    steps = []
    for event in events:
        taken = step(now, event)
        steps.append((now, event, taken))
        now = taken.lifecycle
    return steps


@settings(max_examples=examples(400), deadline=None)
@given(EVENTS, MEMBERSHIPS, PROTOCOLS)
def test_epochs_never_fall(events: list[Event], membership: Membership, protocol: GroupProtocol) -> None:
    for before, _, taken in lives(events, membership, protocol):
        now = taken.lifecycle
        assert now.epoch >= before.epoch
        assert now.seen_epoch >= before.seen_epoch
        assert now.paused_epoch >= before.paused_epoch
        assert now.seen_epoch >= now.epoch >= now.paused_epoch or now.paused_epoch == -1


@settings(max_examples=examples(400), deadline=None)
@given(EVENTS, MEMBERSHIPS, PROTOCOLS)
def test_a_pause_that_a_newer_command_has_overtaken_is_of_no_matter(
    events: list[Event], membership: Membership, protocol: GroupProtocol
) -> None:
    """The model rests on it: there it is forgotten."""
    forgotten = start(membership, protocol).lifecycle
    for before, event, taken in lives(events, membership, protocol):
        last = step(forgotten, event)
        assert (last.effects, last.refused) == (taken.effects, taken.refused)
        assert replace(last.lifecycle, paused_epoch=-1) == replace(taken.lifecycle, paused_epoch=-1), before
        forgotten = forgetful(last.lifecycle)


@settings(max_examples=examples(400), deadline=None)
@given(EVENTS, MEMBERSHIPS, PROTOCOLS)
def test_a_pause_is_for_good(events: list[Event], membership: Membership, protocol: GroupProtocol) -> None:
    paused = -1
    for before, event, taken in lives(events, membership, protocol):
        now = taken.lifecycle
        if isinstance(event, Pause) and not taken.refused:
            paused = max(paused, event.epoch)
            assert now.state is not State.ACTIVE
        if now.state is State.ACTIVE:
            assert now.epoch > paused
        if isinstance(event, Pause | Resume) and event.epoch < before.seen_epoch:
            assert taken == Step(before, refused=True)


@settings(max_examples=examples(400), deadline=None)
@given(EVENTS, MEMBERSHIPS, PROTOCOLS)
def test_only_a_resume_makes_it_active_and_only_once(
    events: list[Event], membership: Membership, protocol: GroupProtocol
) -> None:
    asked = False
    for before, event, taken in lives(events, membership, protocol):
        now = taken.lifecycle
        if isinstance(event, Resume) and not taken.refused:
            asked = True
        if isinstance(event, Pause) and not taken.refused:
            asked = False
        if isinstance(event, Lost | Stalled | StartFailed):
            asked = False
        if isinstance(event, Heard) and event.epoch > before.seen_epoch:
            asked = False
        if before.state is not State.ACTIVE and now.state is State.ACTIVE:
            assert asked
            assert isinstance(event, Assigned)
        if now.wanted or now.state is State.ACTIVE:
            assert asked


@settings(max_examples=examples(400), deadline=None)
@given(EVENTS, MEMBERSHIPS, PROTOCOLS)
def test_processing_ends_by_a_drain_or_a_loss(
    events: list[Event], membership: Membership, protocol: GroupProtocol
) -> None:
    for before, event, taken in lives(events, membership, protocol):
        now = taken.lifecycle
        if before.state is State.ACTIVE and now.state is not State.ACTIVE:
            if isinstance(event, Lost):
                assert now.state is State.PAUSED
            else:
                assert (now.state, taken.effects) == (State.DRAINING, (Effect.COMMIT,))
        if before.state is State.DRAINING and now.state is State.PAUSED:
            assert isinstance(event, CommitEnded | Left | Lost)
        if Effect.REPLACE in taken.effects:
            assert now.partitions == ()


@settings(max_examples=examples(400), deadline=None)
@given(EVENTS, MEMBERSHIPS, PROTOCOLS)
def test_nobody_is_active_under_an_epoch_below_the_newest(
    events: list[Event], membership: Membership, protocol: GroupProtocol
) -> None:
    newest = 0
    for _, event, taken in lives(events, membership, protocol):
        if isinstance(event, Pause | Resume | Heard) and not taken.refused:
            newest = max(newest, event.epoch)
        assert taken.lifecycle.seen_epoch == newest
        if taken.lifecycle.state is State.ACTIVE:
            assert taken.lifecycle.epoch == newest


@settings(max_examples=examples(400), deadline=None)
@given(EVENTS, MEMBERSHIPS, PROTOCOLS)
def test_who_was_told_to_leave_is_out_or_on_its_way(
    events: list[Event], membership: Membership, protocol: GroupProtocol
) -> None:
    """`closing`: a CLOSE was begun that nothing has overtaken. Closed ends it, and comes of nothing else."""
    closing = False
    for _, event, taken in lives([e for e in events if not isinstance(e, Closed)], membership, protocol):
        now = taken.lifecycle
        closing = (closing or Effect.CLOSE in taken.effects) and Effect.JOIN not in taken.effects
        if now.left:
            assert now.client is Client.STANDBY
            assert not now.wanted
        if now.leave:
            assert Effect.JOIN not in taken.effects
            assert not now.wanted
            assert now.state is not State.ACTIVE
        if now.leave and now.state is State.PAUSED:
            assert now.client is Client.STANDBY
            assert closing or now.left, event
            assert step(now, Closed()).lifecycle.left


@pytest.mark.parametrize("membership", list(Membership))
def test_what_makes_a_grant_void_is_counted(membership: Membership) -> None:
    """A stall in every state; a loss of what was granted; not a start that failed, which the same grant may repeat."""

    def voids(*events: Event) -> int:
        return after(events, membership).lifecycle.voids

    active = (Resume(2), GOT)
    assert [voids(), voids(*active), voids(*active, Pause(3), OK, Left())] == [0, 0, 0]
    assert [voids(Stalled()), voids(Resume(2), Stalled()), voids(*active, Stalled()), voids(*active, Lost())] == [1] * 4
    assert voids(*active, Stalled(), OK, Stalled()) == 2
    assert [voids(Resume(2), StartFailed()), voids(Lost())] == [0, 0]


def test_a_resume_that_was_decided_before_is_refused() -> None:
    """However late it arrives: one that was decided after it, or by hand, is executed."""
    stalled = after((Resume(2), GOT, Stalled(), OK, Left())).lifecycle
    assert step(stalled, Resume(2, 0)).refused
    assert step(stalled, Resume(2, 0)).lifecycle == stalled
    assert [step(stalled, again).lifecycle.wanted for again in (Resume(2, 1), Resume(2))] == [True, True]
