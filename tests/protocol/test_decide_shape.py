"""A colour that is to consist of something else, and two colours of different shapes in one group: a table."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from tests.protocol.decisions import (
    ACTIVE,
    ALL_PAUSED,
    BLUE,
    FAILED,
    GREEN,
    LATE,
    LOST,
    PAUSED,
    REFUSED,
    SPEC,
    STUCK,
    SWITCHED,
    held,
    missing,
    pod,
    see,
)
from workloads.common.lease import Grant, Shape
from workloads.common.states import Color, Outcome, Phase
from workloads.controller.decide import decide
from workloads.controller.terms import Decision, Member, Observation, Spec, phase_key

WAY = "takeover/classic"
TWO, THREE = Shape(2, 4, WAY), Shape(3, 4, WAY)
OTHER_WAY = replace(TWO, way="takeover/consumer")
ASKED = "green v1 1"
TO_GREEN = replace(SPEC, way=WAY, asked=ASKED)
STAY = replace(TO_GREEN, active=BLUE, asked="blue v1 1")
MORE = replace(STAY, replicas=(3, 2))
FEWER = replace(STAY, replicas=(1, 2))
WIDER = replace(STAY, partitions=6)


def shaped(
    color: Color, epoch: int, shape: Shape | None = TWO, outcome: Outcome | None = SWITCHED, **more: object
) -> Grant:
    """A grant of the generation before, in a shape."""
    return replace(held(color, epoch, outcome=outcome), shape=shape, **more)  # type: ignore[arg-type]


def blues(*numbers: int, epoch: int = 10, state: object = ACTIVE, left: bool = False) -> tuple[Member, ...]:
    found = (pod(BLUE, n, state, epoch, owns=((0, 1), (2, 3), ())[n] if state is ACTIVE else ()) for n in numbers)  # type: ignore[arg-type]
    return tuple(replace(m, report=replace(m.report, left=left)) if m.report else m for m in found)


def greens(epoch: int = 10) -> tuple[Member, ...]:
    return pod(GREEN, 0, PAUSED, epoch), pod(GREEN, 1, PAUSED, epoch)


HELD = shaped(BLUE, 10)
NEW = pod(BLUE, 2, PAUSED, 10, owns=())
WITHDRAWN = Grant(None, 11, BLUE, BLUE, 7, shape=TWO, asked=STAY.asked, leave=True)
FORWARD = Grant(None, 11, BLUE, BLUE, 7, shape=TWO, asked=ASKED, leave=True)
OUT = blues(0, 1, epoch=11, state=PAUSED, left=True)


def written(decision: Decision) -> Grant:
    assert decision.write is not None, decision
    return decision.write


def waits(seen: Observation) -> Decision:
    decision = decide(seen)
    assert decision.write is None, decision
    return decision


# -- the holder is to be another shape ------------------------------------------------------------------------------


def test_one_more_pod_is_waited_for_and_nothing_is_touched_meanwhile() -> None:
    """Interleaving 4."""
    decision = waits(see(HELD, (*blues(0, 1), *greens()), MORE))
    assert (decision.phase, decision.message) == (Phase.WAITING_FOR_READY, "NotReady: 2 of 3 blue pods exist")


@pytest.mark.parametrize("spec", [MORE, FEWER, WIDER])
def test_the_holder_is_withdrawn_from_and_has_to_leave(spec: Spec) -> None:
    write = written(decide(see(HELD, (*blues(0, 1), NEW, *greens()), spec)))
    assert (write.holder, write.epoch, write.last_holder, write.leave, write.shape) == (None, 11, BLUE, True, TWO)
    assert (write.generation, write.outcome, write.rolling_back) == (7, None, False)


def test_a_pod_that_never_gets_ready_is_a_refusal_and_the_grant_stays() -> None:
    write = written(decide(see(HELD, (*blues(0, 1), *greens()), MORE, elapsed=31.0)))
    assert (write.holder, write.epoch, write.outcome, write.shape) == (BLUE, 10, REFUSED, TWO)
    assert "2 of 3 blue pods exist" in write.reason


@pytest.mark.parametrize("outcome", [SWITCHED, FAILED])
def test_partitions_that_somebody_adds_are_waited_for_and_refuse_nothing(outcome: Outcome) -> None:
    """No generation asks for them: how it ended stays, and is not written again and again while a pod is away."""
    spec = replace(TO_GREEN if outcome is FAILED else STAY, partitions=6)
    settled = shaped(BLUE, 10, outcome=outcome, generation=7, asked=spec.asked)
    assert waits(see(settled, (*blues(0), *greens()), spec, elapsed=1000.0)).deadline is None
    write = written(decide(see(settled, (*blues(0, 1), *greens()), spec)))
    assert (write.holder, write.leave, write.outcome) == (None, True, FAILED if outcome is FAILED else None)


@pytest.mark.parametrize("elapsed", [1.0, LATE])
def test_partitions_that_come_in_the_middle_of_a_switch_take_nothing_back(elapsed: float) -> None:
    """Interleaving 8: who joins after they were added is given them all, and is at work on all that there are now; who
    has taken a place over has the old ones until the next change of shape.
    """
    granted = Grant(GREEN, 12, GREEN, BLUE, 7, shape=TWO, asked=ASKED)
    green = pod(GREEN, 0, ACTIVE, 12, owns=(0, 1, 4)), pod(GREEN, 1, ACTIVE, 12, owns=(2, 3, 5))
    for owning in (green, (pod(GREEN, 0, ACTIVE, 12), pod(GREEN, 1, ACTIVE, 12))):
        members = (*blues(0, 1, epoch=12, state=PAUSED), *owning)
        write = written(decide(see(granted, members, replace(TO_GREEN, partitions=6), elapsed=elapsed)))
        assert (write.holder, write.outcome) == (GREEN, SWITCHED)


@pytest.mark.parametrize("owns", [(0, 1), (0, 1, 4, 4), (0, 1, 4, 7)])
def test_some_of_what_has_come_is_not_all_of_it(owns: tuple[int, ...]) -> None:
    granted = Grant(GREEN, 12, GREEN, BLUE, 7, shape=TWO, asked=ASKED)
    green = pod(GREEN, 0, ACTIVE, 12, owns=owns), pod(GREEN, 1, ACTIVE, 12, owns=(2, 3, 5))
    seen = see(granted, (*blues(0, 1, epoch=12, state=PAUSED), *green), replace(TO_GREEN, partitions=6), elapsed=1.0)
    assert waits(seen).phase is Phase.RESUMING


def test_what_is_as_it_was_granted_is_left_alone() -> None:
    """More pods than were granted are there before they are wanted, or still there."""
    write = written(decide(see(HELD, (*blues(0, 1), NEW, *greens()), STAY)))
    assert (write.holder, write.epoch, write.outcome) == (BLUE, 10, SWITCHED)


def test_a_grant_from_before_shapes_is_taken_as_it_should_be() -> None:
    write = written(decide(see(shaped(BLUE, 10, None), (*blues(0, 1), *greens()), STAY)))
    assert (write.holder, write.epoch, write.outcome, write.shape) == (BLUE, 10, SWITCHED, TWO)


def test_paused_is_not_enough_where_everybody_has_to_leave() -> None:
    stayed = blues(0, 1, epoch=11, state=PAUSED)
    assert "blue-0, blue-1" in waits(see(WITHDRAWN, (*stayed, NEW, *greens()), MORE)).message
    outside = replace(
        NEW, report=replace(OUT[0].report, boot_id="b", epoch=11, seen_epoch=11) if OUT[0].report else None
    )
    decision = waits(see(WITHDRAWN, (*OUT, outside, *greens()), MORE))
    assert (decision.need_removal, decision.phase) == (True, Phase.PAUSING)


def test_the_same_colour_is_granted_again_when_nobody_is_left_in_the_group() -> None:
    write = written(decide(see(WITHDRAWN, (*OUT, *greens()), FEWER, removed=True)))
    assert (write.holder, write.epoch, write.shape, write.outcome) == (BLUE, 12, Shape(1, 4, WAY), None)
    assert (write.origin, write.leave) == (None, False)


def test_a_removal_that_does_not_come_is_a_failure_in_the_old_shape() -> None:
    seen = see(WITHDRAWN, (*OUT, *greens()), FEWER, elapsed=20.0, removal_detail="the broker is away")
    write = written(decide(seen))
    assert (write.holder, write.epoch, write.outcome, write.shape) == (BLUE, 12, FAILED, TWO)
    assert "the broker is away" in write.reason
    assert waits(replace(seen, elapsed=19.0)).deadline == 20.0


def test_nothing_is_removed_before_a_list_says_that_everybody_has_left() -> None:
    assert not waits(see(WITHDRAWN, (*OUT, *greens()), FEWER, listed=False)).need_removal


def test_flipped_back_before_anybody_was_removed_the_old_shape_is_granted_at_once() -> None:
    """Interleaving 3. Nobody has to have confirmed: places are removed by the members that had them, and whoever joins
    has another.
    """
    asked_back = replace(STAY, generation=8)
    write = written(decide(see(WITHDRAWN, (*blues(0, 1), *greens()), asked_back)))
    assert (write.holder, write.epoch, write.shape, write.generation) == (BLUE, 12, TWO, 8)


def test_another_shape_asked_for_in_the_middle_begins_from_the_old_one() -> None:
    """Under the old generation, so that the new one is carried out from there."""
    write = written(decide(see(WITHDRAWN, (*blues(0, 1), *greens()), replace(WIDER, generation=8))))
    assert (write.holder, write.shape, write.generation, write.outcome) == (BLUE, TWO, 7, None)
    again = written(decide(see(write, (*blues(0, 1, epoch=12), *greens()), replace(WIDER, generation=8))))
    assert (again.holder, again.leave, again.generation) == (None, True, 8)


def test_in_its_new_shape_it_is_whole_without_the_pods_outside_of_it() -> None:
    grant = replace(HELD, epoch=12, shape=Shape(1, 4, WAY), generation=7, outcome=None)
    alone = pod(BLUE, 0, ACTIVE, 12, owns=(0, 1, 2, 3))
    outside = pod(BLUE, 1, PAUSED, 12, owns=())
    write = written(decide(see(grant, (alone, outside, *greens()), FEWER)))
    assert write.outcome is SWITCHED
    short = replace(grant, shape=TWO)
    assert "blue-1" in waits(see(short, (alone, outside, *greens()), STAY)).message


def test_late_is_better_than_never() -> None:
    """A new shape that was not whole in time failed, with nothing to go back to; when it is, it has succeeded."""
    grant = replace(HELD, generation=7, outcome=FAILED, reason="ResumeTimeout: after 10 s …")
    assert written(decide(see(grant, (*blues(0, 1), *greens()), STAY))).outcome is SWITCHED
    assert waits(see(grant, (*blues(0), *greens()), STAY)).reason == "Failed"


# -- a failure stays one, whatever the numbers -------------------------------------------------------------------------


def test_a_number_that_changes_is_no_new_try() -> None:
    """Interleaving 6."""
    failed = shaped(BLUE, 14, outcome=Outcome.ROLLED_BACK, reason="why", asked=ASKED)
    write = written(decide(see(failed, (*blues(0, 1, epoch=14), *greens()), replace(TO_GREEN, replicas=(2, 3)))))
    assert (write.holder, write.epoch, write.outcome, write.reason, write.generation) == (
        BLUE, 14, Outcome.ROLLED_BACK, "why", 7,
    )  # fmt: skip


def test_the_holders_shape_is_changed_all_the_same() -> None:
    failed = shaped(BLUE, 14, outcome=Outcome.ROLLED_BACK, reason="why", asked=ASKED)
    spec = replace(TO_GREEN, replicas=(1, 2))
    away = written(decide(see(failed, (*blues(0, 1, epoch=14), *greens()), spec)))
    assert (away.holder, away.leave, away.outcome) == (None, True, Outcome.ROLLED_BACK)
    out = blues(0, 1, epoch=15, state=PAUSED, left=True)
    back = written(decide(see(away, (*out, *greens()), spec, removed=True)))
    assert (back.holder, back.shape, back.outcome, back.reason) == (BLUE, Shape(1, 4, WAY), Outcome.ROLLED_BACK, "why")


@pytest.mark.parametrize("asked", ["green v1 2", "green v2 1"])
def test_another_attempt_or_version_is(asked: str) -> None:
    failed = shaped(BLUE, 14, outcome=Outcome.ROLLED_BACK, reason="why", asked=ASKED)
    write = written(decide(see(failed, (*blues(0, 1, epoch=14), *greens()), replace(TO_GREEN, asked=asked))))
    assert (write.holder, write.epoch, write.asked) == (None, 15, asked)


def test_a_blocked_rollback_stays_blocked() -> None:
    blocked = shaped(GREEN, 14, outcome=STUCK, reason="why", asked=ASKED, blocked_by=("green-1",))
    write = written(decide(see(blocked, (*blues(0, 1), *greens()), TO_GREEN)))
    assert (write.outcome, write.blocked_by, write.generation) == (STUCK, ("green-1",), 7)


# -- a rollback whose group cannot be emptied --------------------------------------------------------------------------

LEAVING = replace(
    shaped(GREEN, 13, THREE, None, reason="ResumeTimeout: late"),
    holder=None, origin=BLUE, generation=7, origin_shape=TWO, asked=ASKED, leave=True,
)  # fmt: skip


def greens_out(epoch: int) -> tuple[Member, ...]:
    return tuple(replace(m, report=replace(m.report, left=True)) for m in greens(epoch) if m.report)


def blocked_by_the_group(grant: Grant = LEAVING, **more: Any) -> Grant:
    return written(decide(see(grant, (*OUT, *greens_out(grant.epoch)), TO_GREEN, elapsed=20.0, **more)))


def test_a_group_that_cannot_be_emptied_is_waited_for_by_name() -> None:
    blocked = blocked_by_the_group(removal_detail="taken out of group g, and in it again: member g-1")
    assert (blocked.holder, blocked.outcome, blocked.blocked_by, blocked.tries) == (GREEN, STUCK, ("the group",), 1)
    assert blocked.reason == (
        "RollbackBlocked: ResumeTimeout: late; rollback waits for the group, not empty within 20 s: "
        "taken out of group g, and in it again: member g-1"
    )
    seen = see(blocked, (*blues(0, 1), *greens(14)), TO_GREEN)
    for listed in (True, False):
        waiting = waits(replace(seen, listed=listed))
        assert (waiting.phase, waiting.reason, waiting.deadline) == (Phase.FAILED, "RollbackBlocked", 30.0)
        assert waiting.message.endswith("member g-1; tried again 30 s after that")
        assert not waiting.need_list
    again = written(decide(replace(seen, elapsed=30.0)))
    assert (again.holder, again.leave, again.tries) == (None, True, 1)


def test_a_generation_that_asks_for_nothing_else_does_not_begin_the_pause_anew() -> None:
    """As a scaler writes one whenever it likes: each would put the next try off."""
    blocked = blocked_by_the_group()
    spec = see(blocked, (), TO_GREEN).spec
    later = replace(spec, generation=spec.generation + 1)
    renumbered = written(decide(see(blocked, (), later)))
    assert (renumbered.generation, renumbered.epoch, renumbered.tries) == (later.generation, blocked.epoch, 1)
    assert phase_key(spec, blocked) == phase_key(later, blocked) == phase_key(later, renumbered)
    for other in (replace(later, asked="green v2 1"), replace(later, uid="another")):
        assert phase_key(other, blocked) != phase_key(spec, blocked)
    assert phase_key(spec, replace(blocked, epoch=blocked.epoch + 2)) != phase_key(spec, blocked)


def test_the_pause_grows_with_each_try_and_is_forgotten_by_another() -> None:
    pauses = []
    grant = LEAVING
    for _ in range(8):
        blocked = blocked_by_the_group(grant)
        pauses.append(waits(see(blocked, (), TO_GREEN)).deadline)
        grant = written(decide(see(blocked, (), TO_GREEN, elapsed=1e6)))
    assert pauses == [30.0, 60.0, 120.0, 240.0, 480.0, 960.0, 960.0, 960.0]
    stays = written(decide(see(grant, (*OUT, pod(GREEN, 0, ACTIVE, 12)), TO_GREEN, elapsed=20.0)))
    assert (stays.blocked_by, stays.tries) == (("green-0",), 0)
    freed = written(decide(see(grant, (*OUT, *greens_out(grant.epoch)), TO_GREEN, removed=True)))
    assert (freed.holder, freed.outcome, freed.tries) == (BLUE, Outcome.ROLLED_BACK, 0)


# -- from one colour to another ----------------------------------------------------------------------------------------


def test_places_are_taken_over_between_colours_of_one_shape() -> None:
    write = written(decide(see(HELD, (*blues(0, 1), *greens()), TO_GREEN)))
    assert (write.holder, write.leave) == (None, False)


@pytest.mark.parametrize(
    ("grant", "spec"),
    [
        (HELD, replace(TO_GREEN, replicas=(2, 3))),
        (HELD, replace(TO_GREEN, way="takeover/consumer")),
        (HELD, replace(TO_GREEN, partitions=6)),
    ],
)
def test_a_colour_of_another_shape_finds_an_empty_group(grant: Grant, spec: Spec) -> None:
    third = pod(GREEN, 2, PAUSED, 10, owns=())
    write = written(decide(see(grant, (*blues(0, 1), *greens(), third), spec)))
    assert (write.holder, write.leave) == (None, True)


def test_nobody_is_asked_to_leave_by_an_update_that_names_shapes_first() -> None:
    """The old colour's sidecars may be of before that, and would not know how."""
    unnamed = replace(HELD, shape=None)
    assert not written(decide(see(unnamed, (*blues(0, 1), *greens()), TO_GREEN))).leave
    more = replace(TO_GREEN, replicas=(2, 3))
    assert written(decide(see(unnamed, (*blues(0, 1), *greens(), pod(GREEN, 2, PAUSED, 10, owns=())), more))).leave


def test_colours_with_a_group_each_leave_nothing() -> None:
    spec = replace(TO_GREEN, replicas=(2, 3), one_group=False)
    third = pod(GREEN, 2, PAUSED, 10, owns=())
    assert not written(decide(see(HELD, (*blues(0, 1), *greens(), third), spec))).leave


def test_a_target_of_no_pods_is_refused() -> None:
    write = written(decide(see(HELD, blues(0, 1), replace(TO_GREEN, replicas=(2, 0)))))
    assert "ReplicaMismatch" in write.reason


def test_forward_into_another_shape_and_back() -> None:
    spec = replace(TO_GREEN, replicas=(2, 3))
    third = pod(GREEN, 2, PAUSED, 10, owns=())
    assert waits(see(FORWARD, (*OUT, *greens(), third), spec)).need_removal
    grant = written(decide(see(FORWARD, (*OUT, *greens(), third), spec, removed=True)))
    assert (grant.holder, grant.shape, grant.origin_shape, grant.origin) == (GREEN, THREE, TWO, BLUE)
    late = (*OUT, pod(GREEN, 0, ACTIVE, 12), pod(GREEN, 1, ACTIVE, 12), third)
    back = written(decide(see(grant, late, spec, elapsed=10.0)))
    assert (back.holder, back.last_holder, back.leave, back.shape, back.origin_shape) == (None, GREEN, True, THREE, TWO)
    out = tuple(
        replace(m, report=replace(m.report, left=True))
        for m in (*greens(13), pod(GREEN, 2, PAUSED, 13, owns=()))
        if m.report
    )
    assert waits(see(back, (*OUT, *out), spec)).need_removal
    again = written(decide(see(back, (*OUT, *out), spec, removed=True)))
    assert (again.holder, again.shape, again.outcome) == (BLUE, TWO, Outcome.ROLLED_BACK)


def test_a_withdrawal_that_nobody_has_to_leave_by_is_no_way_into_another_shape() -> None:
    """The number was changed in the middle: whoever had it has it again, and the new generation begins from there."""
    plain = replace(FORWARD, leave=False, generation=6)
    third = pod(GREEN, 2, PAUSED, 10, owns=())
    write = written(decide(see(plain, (*OUT, *greens(), third), replace(TO_GREEN, replicas=(2, 3)))))
    assert (write.holder, write.shape, write.generation, write.outcome) == (BLUE, TWO, 6, None)


def test_after_a_lost_lease_everybody_leaves() -> None:
    made = written(decide(see(None, (*blues(0, 1), *greens()), STAY)))
    assert (made.unconfirmed, made.leave) == (True, True)
    at = made.epoch
    gone = tuple(
        replace(m, report=replace(m.report, left=True))
        for m in (*blues(0, 1, epoch=at, state=PAUSED), *greens(at))
        if m.report
    )
    assert waits(see(made, gone, STAY)).need_removal
    assert "blue-0" in waits(see(made, (*blues(0, 1, epoch=at, state=PAUSED), *greens(at)), STAY)).message
    again = written(decide(see(made, gone, STAY, removed=True)))
    assert (again.holder, again.shape, again.leave) == (BLUE, TWO, False)


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.REFUSED])
def test_a_lost_lease_brings_the_shape_that_could_not_be_had_before(outcome: Outcome) -> None:
    """Everybody leaves because of the loss, so the colour is granted in the shape asked for, and verified in it."""
    made = replace(LOST, leave=True, generation=STAY.generation, outcome=outcome, reason="DrainTimeout", shape=THREE)
    gone = tuple(replace(m, report=replace(m.report, left=True)) for m in ALL_PAUSED if m.report)
    again = written(decide(see(made, gone, STAY, removed=True)))
    assert (again.holder, again.shape, again.outcome, again.reason) == (BLUE, TWO, None, "")


def test_a_pod_of_the_holder_that_is_gone_is_missed(caplog: object) -> None:
    grant = replace(HELD, generation=7, outcome=None)
    assert "1 of 2 blue pods exist" in waits(see(grant, (*missing(blues(0, 1), "blue-1"), *greens()), STAY)).message


# -- a holder that is to rest ----------------------------------------------------------------------------------------

REST = replace(STAY, paused=True)
NOBODY = replace(TWO, members=0)
"""The shape of whoever rests."""


def test_a_holder_that_is_to_rest_leaves_and_is_granted_to_nobody_of_its_pods() -> None:
    """Whoever is ill may be paused, too: nothing is asked of its pods but to leave."""
    ill = (pod(BLUE, 0, ACTIVE, 10), pod(BLUE, 1, ACTIVE, 10, ready=False))
    out = written(decide(see(HELD, (*ill, *greens()), REST)))
    assert (out.holder, out.leave, out.generation) == (None, True, REST.generation)
    grant = written(decide(see(out, (*OUT, *greens()), REST, removed=True)))
    assert (grant.holder, grant.shape, grant.origin) == (BLUE, NOBODY, None)
    resting = blues(0, 1, epoch=12, state=PAUSED, left=True)
    settled = written(decide(see(grant, (*resting, *greens()), REST)))
    assert (settled.outcome, settled.shape) == (SWITCHED, NOBODY)
    assert waits(see(settled, (*resting, *greens()), REST)).phase is Phase.READY


def test_whoever_rests_is_at_work_again_by_a_grant_of_its_own() -> None:
    resting = partial(blues, 0, 1, state=PAUSED, left=True)
    out = written(decide(see(replace(HELD, shape=NOBODY), (*resting(epoch=10), *greens()), STAY)))
    assert (out.holder, out.leave, out.epoch) == (None, True, 11)
    again = written(decide(see(out, (*resting(epoch=11), *greens()), STAY, removed=True)))
    assert (again.holder, again.shape) == (BLUE, TWO)


@pytest.mark.parametrize(
    ("grant", "spec"), [(replace(HELD, shape=NOBODY), TO_GREEN), (HELD, replace(TO_GREEN, paused=True))]
)
def test_for_the_lag_of_whoever_rests_nobody_waits(grant: Grant, spec: Spec) -> None:
    spec = replace(spec, wait_for_lag=True)
    assert written(decide(see(grant, (*blues(0, 1), *greens()), spec))).holder is None
