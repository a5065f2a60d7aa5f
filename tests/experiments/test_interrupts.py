import os
import signal

import pytest

from experiments.interrupts import Interrupted, Interrupts


def press(number: int = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_raises_where_the_run_is(number: int) -> None:
    with Interrupts() as interrupts, pytest.raises(Interrupted):
        press(number)
    assert interrupts.count == 1


def test_inside_a_shield_it_waits_for_the_end_of_it() -> None:
    told: list[int] = []
    reached = False
    with Interrupts() as interrupts:
        with pytest.raises(Interrupted), interrupts.shielded(told.append):  # noqa: PT012 - the shield's end raises
            press()
            reached = True
        assert reached
        assert told == [1]


def test_nested_shields_are_all_told_and_only_the_outermost_raises() -> None:
    inner: list[int] = []
    outer: list[int] = []
    after_inner = False
    with Interrupts() as interrupts, pytest.raises(Interrupted), interrupts.shielded(outer.append):  # noqa: PT012
        with interrupts.shielded(inner.append):
            press()
        after_inner = True
    assert after_inner
    assert (inner, outer) == ([1], [1])


def test_an_error_inside_a_shield_is_not_replaced_and_the_signal_is_not_forgotten() -> None:
    with Interrupts() as interrupts:
        with pytest.raises(RuntimeError), interrupts.shielded():  # noqa: PT012
            press()
            raise RuntimeError
        with pytest.raises(Interrupted):
            interrupts.check()
        interrupts.check()  # once


def test_the_second_signal_hurries_and_the_third_insists() -> None:
    with Interrupts() as interrupts:
        with pytest.raises(Interrupted):
            press()
        assert not interrupts.hurried
        press()  # while tidying up: does not raise
        assert interrupts.hurried
        with pytest.raises(Interrupted):
            press()


def test_not_even_the_third_breaks_a_shield() -> None:
    told: list[int] = []
    with Interrupts() as interrupts:
        with pytest.raises(Interrupted):
            press()
        with interrupts.shielded(told.append):
            press()
            press()
            press()
    assert told == [2, 3, 4]


def test_no_signal_no_interrupt_and_the_former_handlers_are_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupts() as interrupts:
        with interrupts.shielded():
            pass
        interrupts.check()
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before


def test_after_the_end_of_an_interrupted_run_one_more_signal_changes_nothing() -> None:
    with Interrupts(), pytest.raises(Interrupted):
        press()
    press()
    press(signal.SIGTERM)


def test_after_the_end_of_any_other_run_signals_are_what_they_were() -> None:
    with Interrupts():
        pass
    with pytest.raises(KeyboardInterrupt):
        press()
