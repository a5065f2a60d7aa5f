"""The one rule for trying again."""

import pytest

from workloads.common.backoff import Backoff


def test_each_wait_is_longer_up_to_the_limit() -> None:
    backoff = Backoff(0.1, 1.0)
    assert [backoff.next() for _ in range(6)] == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    assert backoff.waits == 6


def test_what_worked_begins_anew() -> None:
    backoff = Backoff(0.25, 5.0, factor=3)
    assert [backoff.next(), backoff.next()] == [0.25, 0.75]
    backoff.reset()
    assert backoff.waits == 0
    assert [backoff.next(), backoff.next()] == [0.25, 0.75]


def test_it_may_stay_as_it_is() -> None:
    backoff = Backoff(0.5, 0.5, factor=1)
    assert [backoff.next() for _ in range(3)] == [0.5, 0.5, 0.5]


def test_however_long_it_lasts_it_stays_a_number_of_seconds() -> None:
    backoff = Backoff(0.001, 2.0)
    assert [backoff.next() for _ in range(10_000)][-1] == 2.0


@pytest.mark.parametrize(
    ("first", "most", "factor"),
    [(0, 1, 2), (-1, 1, 2), (2, 1, 2), (1, 2, 0.5), (float("nan"), 1, 2), (1, 2, float("nan"))],
)
def test_a_backoff_that_would_not_wait_or_grow_is_refused(first: float, most: float, factor: float) -> None:
    with pytest.raises(ValueError, match="a backoff needs"):
        Backoff(first, most, factor)
