"""What stands still, from made-up lines whose answer is known."""

from experiments.ownership import Window
from experiments.standstill import Flow, Records, longest_silence
from tests.experiments.test_ownership import SECOND, acked, handled

WHOLE = Window(0, 10 * SECOND)


def test_a_partition_that_nobody_reads_stands_still_and_falls_behind() -> None:
    records = Records(
        [acked(p, n, n) for p in (0, 1) for n in range(10)],
        [handled(0, n, n + 0.5) for n in range(10)],
    )
    read, unread = records.within(WHOLE)
    assert read == Flow(0, produced=10, handled=10, silent_seconds=1.0, lag_begins=0, lag_ends=0)
    assert unread == Flow(1, produced=10, handled=0, silent_seconds=10.0, lag_begins=0, lag_ends=10)
    assert (read.still, unread.still) == (False, True)
    assert longest_silence([read, unread]) == 10.0


def test_a_window_has_what_is_in_it_and_the_lag_that_it_begins_with() -> None:
    records = Records([acked(0, n, n) for n in range(10)], [handled(0, 0, 1), handled(0, 1, 8)])
    (flow,) = records.within(Window(4 * SECOND, 9 * SECOND))
    assert flow == Flow(0, produced=5, handled=1, silent_seconds=4.0, lag_begins=3, lag_ends=7)
    assert not flow.still


def test_a_record_that_is_handled_again_is_no_less_lag() -> None:
    records = Records([acked(0, 0, 1), acked(0, 1, 2)], [handled(0, 0, 3), handled(0, 0, 4), {"end": 2}])
    (flow,) = records.within(WHOLE)
    assert (flow.handled, flow.lag_ends) == (2, 1)
    (flow,) = records.within(Window(0, int(3.5 * SECOND)))
    assert (flow.handled, flow.lag_ends) == (1, 1)


def test_nothing_came_in_is_no_standstill() -> None:
    records = Records([acked(0, 0, 20), {**acked(1, 0, 2), "status": "failed"}], [])
    (flow,) = records.within(WHOLE)
    assert not flow.still
    assert longest_silence([]) is None
