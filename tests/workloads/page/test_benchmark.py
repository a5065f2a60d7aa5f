"""What the page's benchmark says of the times that it took."""

import argparse

import pytest

from workloads.page.benchmark import even, summed_up


def test_a_change_is_late_by_the_time_from_its_writing_to_its_hearing() -> None:
    written = {2: 1.0, 3: 10.0, 4: 10.02, 5: 20.0, 6: 20.03}
    heard = {2: 5.0, 3: 10.010, 4: 10.060, 6: 20.040}
    found = summed_up(written, heard, 2)
    assert (found["changes"], found["not_heard"]) == (3, 1)
    assert found["milliseconds"] == {"median": 10.0, "p95": 10.0, "worst": 40.0}
    assert found["criteria"] == [{"name": "heard_ms_worst", "limit": "< 200 ms", "measured": 40.0, "passed": True}]


def test_one_change_that_is_late_misses_it() -> None:
    found = summed_up({3: 1.0, 4: 2.0}, {3: 1.01, 4: 2.2001}, 2)
    assert found["criteria"][0]["passed"] is False


def test_without_a_change_nothing_was_measured() -> None:
    with pytest.raises(ValueError, match="of 1 changes of the Lease none was heard of"):
        summed_up({2: 1.0, 3: 2.0}, {2: 1.0}, 2)


@pytest.mark.parametrize("text", ["0", "3", "-2"])
def test_a_stack_is_left_as_it_was(text: str) -> None:
    assert even("4") == 4
    with pytest.raises(argparse.ArgumentTypeError, match="even number"):
        even(text)
