"""A scaler's number, which comes whenever it likes: what is under way goes on without it, and what has ended stays."""

from dataclasses import replace

import pytest

from tests.protocol.decisions import ACTIVE, BLUE, FAILED, GREEN, PAUSED, SWITCHED, pod, see
from tests.protocol.test_decide_shape import ASKED, HELD, NEW, STAY, THREE, TO_GREEN, TWO, blues, greens
from workloads.common.lease import Grant
from workloads.common.states import Outcome
from workloads.controller.decide import decide
from workloads.controller.scaled import Size, held, sizes, switching
from workloads.controller.terms import Member, Spec, phase_key


def numbered(spec: Spec, number: int, generation: int = 7) -> Spec:
    """What is asked for with a scaler's number, as of this generation."""
    return replace(spec, number=number, replicas=(number, number), generation=generation)


AS_IT_WAS = numbered(STAY, 2, 6)
MORE = numbered(STAY, 3)
FEWER = numbered(STAY, 1)
STOOD = replace(HELD, asked=STAY.asked)
WITHDRAWN = Grant(None, 11, BLUE, BLUE, 7, shape=TWO, asked=ASKED)
GRANTED = Grant(GREEN, 12, GREEN, BLUE, 7, shape=TWO, origin_shape=TWO, asked=ASKED)
AGAIN = replace(
    GRANTED, holder=None, epoch=15, last_holder=GREEN, outcome=Outcome.ROLLBACK_BLOCKED, reason="RollbackBlocked: x"
)
BACK = replace(GRANTED, holder=None, epoch=13, last_holder=GREEN, reason="AnalysisFailed: x")


def test_a_number_settles_at_once_and_the_pods_are_waited_for_without_an_end() -> None:
    """A pod that takes a minute to come refuses nothing: the scaler will not ask again."""
    there = (*blues(0, 1), *greens())
    taken = decide(see(STOOD, there, MORE)).write
    assert taken is not None
    assert (taken.holder, taken.epoch, taken.generation, taken.outcome, taken.shape) == (BLUE, 10, 7, SWITCHED, TWO)
    late = decide(see(taken, there, MORE, elapsed=1000.0))
    assert (late.write, late.deadline) == (None, None)


def test_the_holder_gets_the_number_once_its_pods_are_there() -> None:
    taken = replace(STOOD, generation=7)
    write = decide(see(taken, (*blues(0, 1), NEW, *greens()), MORE)).write
    assert write is not None
    assert (write.holder, write.epoch, write.last_holder, write.leave, write.shape) == (None, 11, BLUE, True, TWO)
    gone = (*blues(0, 1, epoch=11, state=PAUSED, left=True), pod(BLUE, 2, PAUSED, 11, owns=()), *greens())
    given = decide(see(write, _left(gone), MORE, removed=True)).write
    assert given is not None
    assert (given.holder, given.epoch, given.shape) == (BLUE, 12, THREE)


def _left(members: tuple[Member, ...]) -> tuple[Member, ...]:
    return tuple(replace(m, report=replace(m.report, left=True)) if m.report else m for m in members)


def test_fewer_are_granted_at_once() -> None:
    write = decide(see(replace(STOOD, generation=7), (*blues(0, 1), *greens()), FEWER)).write
    assert write is not None
    assert (write.holder, write.leave) == (None, True)


def test_a_pod_that_is_not_ready_puts_the_number_off() -> None:
    decision = decide(see(replace(STOOD, generation=7), (*blues(0, 1), replace(NEW, ready=False), *greens()), MORE))
    assert decision.write is None


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_switch_that_failed_stays_failed_and_its_holder_is_scaled_all_the_same(number: int) -> None:
    failed = replace(STOOD, generation=7, outcome=FAILED, reason="DrainTimeout: x", asked=ASKED)
    spec = numbered(TO_GREEN, number, 8)
    there = (*blues(0, 1), NEW, *greens())
    taken = decide(see(failed, there, held(spec, failed))).write
    assert taken is not None
    assert (taken.holder, taken.outcome, taken.generation) == (BLUE, FAILED, 8)
    after = decide(see(taken, there, held(spec, taken))).write
    assert (after is None) == (number == 2)
    if after is not None:
        assert (after.last_holder, after.outcome, after.reason) == (BLUE, FAILED, "DrainTimeout: x")


def test_a_number_that_comes_while_a_failed_switchs_holder_is_scaled_tries_nothing_again() -> None:
    """Without that the colour that failed is granted, and nobody has asked."""
    leaving = replace(WITHDRAWN, leave=True, generation=8, outcome=FAILED, reason="DrainTimeout: x")
    there = (*blues(0, 1, epoch=11, state=PAUSED, left=True), *greens(11))
    for number, at in ((1, 8), (2, 9)):
        spec = held(numbered(TO_GREEN, number, 9), leaving)
        write = decide(see(leaving, there, spec, removed=True)).write
        assert write is not None
        assert (write.holder, write.outcome, write.reason) == (BLUE, FAILED, "DrainTimeout: x")
        assert (write.shape, write.generation) == (TWO, at), "as it was; what it is to be begins from there"


# -- during a switch -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grant", [WITHDRAWN, GRANTED, BACK, AGAIN], ids=["withdrawn", "granted", "back", "back again"])
def test_a_number_that_comes_during_a_switch_waits_with_its_generation(grant: Grant) -> None:
    before, after = (held(numbered(TO_GREEN, n, g), grant) for n, g in ((2, 7), (3, 8)))
    assert switching(after, grant)
    assert after.replicas == (2, 2)
    assert (after.generation, after.newest) == (7, 8)
    assert phase_key(after, grant) == phase_key(before, grant), "its clocks and lists go on"
    members = (*blues(0, 1, epoch=11, state=PAUSED), pod(GREEN, 0, PAUSED, 13), pod(GREEN, 1, PAUSED, 13))
    assert decide(see(grant, members, after)) == decide(see(grant, members, before))


def test_a_way_back_is_not_given_up_for_a_number() -> None:
    """Without waiting, the colour that failed would be granted again: something newer is asked for."""
    members = (*blues(0, 1), pod(GREEN, 0, PAUSED, 13), pod(GREEN, 1, PAUSED, 13))
    spec = numbered(TO_GREEN, 3, 8)
    write = decide(see(BACK, members, held(spec, BACK))).write
    assert write is not None
    assert (write.holder, write.outcome) == (BLUE, Outcome.ROLLED_BACK)
    unheld = decide(see(BACK, members, spec)).write
    assert unheld is not None
    assert unheld.holder is GREEN


def test_a_switch_that_is_asked_for_comes_before_a_number_that_waits() -> None:
    spec = held(numbered(TO_GREEN, 3, 7), STOOD)
    assert (spec.replicas, spec.generation) == ((2, 2), 7)
    write = decide(see(STOOD, (*blues(0, 1), *greens()), spec)).write
    assert write is not None
    assert (write.holder, write.last_holder, write.leave) == (None, BLUE, False), "the places are taken over"


def test_the_number_follows_when_the_switch_has_ended() -> None:
    ended = replace(GRANTED, outcome=SWITCHED)
    spec = numbered(TO_GREEN, 3, 8)
    assert held(spec, ended) == spec
    members = (*blues(0, 1, epoch=11, state=PAUSED), *(pod(GREEN, n, ACTIVE, 12) for n in (0, 1)))
    taken = decide(see(ended, members, spec)).write
    assert taken is not None
    assert (taken.holder, taken.generation, taken.shape) == (GREEN, 8, TWO)


def test_another_ask_during_a_switch_is_decided_from_there() -> None:
    spec = held(numbered(STAY, 3, 9), GRANTED)
    assert (spec.generation, spec.replicas) == (9, (2, 2))


def test_without_a_scaler_nothing_waits() -> None:
    spec = replace(TO_GREEN, generation=8)
    assert held(spec, WITHDRAWN) is spec
    assert sizes(spec, WITHDRAWN) is None


# -- the sets ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "grant", "size"),
    [
        (AS_IT_WAS, STOOD, Size(2, fewer=True)),
        (MORE, STOOD, Size(3, fewer=True)),
        (FEWER, STOOD, Size(2, fewer=True)),
        (FEWER, replace(STOOD, holder=None, outcome=None), Size(2, fewer=False)),
        (FEWER, replace(STOOD, shape=replace(TWO, members=1), outcome=None), Size(1, fewer=False)),
        (FEWER, replace(STOOD, shape=replace(TWO, members=1)), Size(1, fewer=True)),
        (numbered(TO_GREEN, 3, 8), GRANTED, Size(2, fewer=False)),
        (numbered(TO_GREEN, 1, 8), WITHDRAWN, Size(2, fewer=False)),
        (MORE, replace(STOOD, shape=replace(TWO, members=0)), Size(3, fewer=True)),
        (FEWER, replace(STOOD, shape=None), Size(1, fewer=False)),
    ],
    ids=[
        "as it is",
        "more first",
        "fewer later",
        "leaving",
        "joining",
        "fewer now",
        "switch",
        "withdrawn",
        "at rest",
        "unnamed",
    ],
)
def test_more_pods_come_before_the_grant_and_fewer_go_after_it(spec: Spec, grant: Grant, size: Size) -> None:
    assert sizes(held(spec, grant), grant) == size


def test_nothing_is_scaled_while_nobody_knows_the_grant() -> None:
    assert sizes(MORE, None) is None


def test_what_resting_is_granted_is_its_numbers_matter_no_more() -> None:
    resting = replace(STOOD, shape=replace(TWO, members=0))
    spec = replace(MORE, paused=True)
    taken = decide(see(resting, (*blues(0, 1, state=PAUSED), *greens()), spec)).write
    assert taken is not None
    assert (taken.holder, taken.shape) == (BLUE, resting.shape)
