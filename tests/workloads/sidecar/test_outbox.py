"""Which report is written next, and when."""

from workloads.common.report import Report
from workloads.common.states import State
from workloads.sidecar.outbox import AFTER_ERROR_SECONDS, REPEAT_SECONDS, Outbox

ONE, TWO = Report("b", State.PAUSED, 1, 1), Report("b", State.ACTIVE, 2, 2)


def test_nothing_is_due_before_something_was_offered() -> None:
    assert Outbox().next(10.0) == (None, 10.0 + REPEAT_SECONDS)


def test_a_report_goes_out_when_it_is_due_and_is_not_put_off() -> None:
    outbox = Outbox()
    assert outbox.offer(ONE, 12.0)
    assert outbox.next(10.0) == (None, 12.0)
    assert not outbox.offer(ONE, 13.0), "said again, later"
    assert outbox.offer(ONE, 11.0), "it became urgent"
    assert outbox.next(11.0) == (ONE, 11.0)


def test_the_newest_takes_the_place_of_what_has_not_gone_out() -> None:
    outbox = Outbox()
    outbox.offer(ONE, 10.0)
    outbox.offer(TWO, 12.0)
    assert outbox.next(11.0) == (None, 12.0)
    outbox.was_written(ONE, 12.0)  # it was under way
    assert not outbox.empty
    assert outbox.next(12.0) == (TWO, 12.0)
    outbox.was_written(TWO, 12.5)
    assert outbox.empty


def test_what_is_no_longer_true_is_not_due() -> None:
    outbox = Outbox()
    outbox.offer(ONE, 10.0)
    outbox.offer(None, 10.0)
    assert outbox.empty
    assert outbox.next(11.0)[0] is None


def test_silence_is_broken_by_the_report_that_was_written_last() -> None:
    outbox = Outbox()
    outbox.was_written(ONE, 10.0)
    assert outbox.next(10.0) == (None, 10.0 + REPEAT_SECONDS)
    assert outbox.next(10.0 + REPEAT_SECONDS)[0] == ONE
    outbox.was_written(ONE, 31.0)
    assert outbox.next(31.0) == (None, 31.0 + REPEAT_SECONDS)


def test_after_an_error_it_is_written_again_and_once_more() -> None:
    outbox = Outbox()
    outbox.offer(ONE, 10.0)
    outbox.was_not_written(10.0, 0.1)
    assert outbox.next(10.0) == (None, 10.1)
    assert outbox.next(10.1)[0] == ONE
    outbox.was_written(ONE, 10.2)
    again = 10.1 + AFTER_ERROR_SECONDS
    assert outbox.next(10.2) == (None, again)
    assert outbox.next(again)[0] == ONE
    outbox.was_written(ONE, again)
    assert outbox.next(again) == (None, again + REPEAT_SECONDS), "and no more"


def test_an_end_hurries_what_is_due() -> None:
    outbox = Outbox()
    outbox.hurry(10.0)
    assert outbox.next(10.0)[0] is None
    outbox.offer(ONE, 3600.0)
    outbox.hurry(10.0)
    assert outbox.next(10.0)[0] == ONE
