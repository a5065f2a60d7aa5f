"""A sequence that fails is made as short as it gets."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.fault_campaign.kinds import Role
from experiments.fault_campaign.plan import Step, planned
from experiments.fault_campaign.shrink import OutOfTrialsError, shrink

STEPS = planned(3, 3, frozenset(Role))


def marks(steps: Sequence[Step]) -> list[tuple[int, str]]:
    return [(step.number, one.way) for step in steps for one in step.injections]


def test_what_one_fault_does_is_shown_with_that_fault_alone() -> None:
    guilty = marks(STEPS[-1:])[0]
    found = shrink(STEPS, lambda steps: guilty in marks(steps))
    assert marks(found.steps) == [guilty]
    assert (found.minimal, found.again) == (True, True)


def test_what_two_switches_do_together_keeps_both() -> None:
    guilty = {marks(STEPS[-1:])[-1], marks(STEPS[1:2])[0]}
    found = shrink(STEPS, lambda steps: guilty <= set(marks(steps)))
    assert set(marks(found.steps)) == guilty
    assert [step.number for step in found.steps] == [2, 3]


def test_what_a_plain_switch_does_needs_no_fault() -> None:
    found = shrink(STEPS, lambda steps: steps[-1].number == 3)
    assert [(step.number, step.injections) for step in found.steps] == [(3, ())]
    assert found.minimal


def test_what_does_not_fail_again_is_said_so_and_kept_whole() -> None:
    found = shrink(STEPS, lambda _: False)
    assert (found.again, found.minimal, found.steps) == (False, False, tuple(STEPS))
    assert found.trials == 3, "the last one, the last two, all"


def test_when_no_more_trials_are_allowed_the_shortest_so_far_is_kept() -> None:
    last = STEPS[-1:]
    found = shrink(STEPS, lambda steps: True, most=1)
    assert (found.steps, found.minimal, found.again, found.trials) == (tuple(last), False, True, 1)

    def over(_: Sequence[Step]) -> bool:
        raise OutOfTrialsError

    assert not shrink(STEPS, over).again


@given(st.sets(st.sampled_from(marks(planned(9, 4, frozenset(Role)))), min_size=1, max_size=4))
def test_what_is_left_is_what_it_takes(guilty: set[tuple[int, str]]) -> None:
    steps = planned(9, 4, frozenset(Role))
    found = shrink(steps, lambda some: guilty <= set(marks(some)), most=1000)
    assert set(marks(found.steps)) == guilty


def test_a_trial_that_breaks_is_no_verdict() -> None:
    def broken(_: Sequence[Step]) -> bool:
        raise RuntimeError("no cluster")

    with pytest.raises(RuntimeError):
        shrink(STEPS, broken)
