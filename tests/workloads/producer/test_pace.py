"""The producer's schedule and its values."""

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from workloads.handling.processing import identity
from workloads.producer.pace import CATCH_UP_SECONDS, TICK_SECONDS, Pace
from workloads.producer.payload import Payload


@given(st.floats(0.1, 50_000), st.lists(st.floats(0, 0.5), max_size=200))
def test_what_is_due_follows_the_rate_exactly(rate: float, steps: list[float]) -> None:
    now, sent = 100.0, 0
    pace = Pace(rate, now)
    for step in steps:
        now += step
        due = pace.due(now)
        pace.sent(due)
        sent += due
        assert abs(sent - (now - 100.0) * rate) <= 1.001


def test_each_record_of_a_slow_rate_has_its_own_moment() -> None:
    moments: list[float] = []
    now, pace = 0.0, Pace(100, 0.0)
    while len(moments) < 50:
        now += pace.wait(now, 0.1) + 1e-9
        due = pace.due(now)
        assert due <= 1
        pace.sent(due)
        moments += [now] * due
    assert all(abs((b - a) - 0.01) < 1e-6 for a, b in pairwise(moments))


def test_a_fast_rate_is_sent_in_ticks_and_rate_zero_waits() -> None:
    assert Pace(20_000, 0).wait(0, 0.1) == TICK_SECONDS
    assert Pace(0, 0).wait(0, 0.1) == 0.1
    assert Pace(0, 0).due(1e6) == 0


def test_what_is_too_old_is_given_up() -> None:
    pace = Pace(100, 0.0)
    assert pace.due(60.0) == 100 * CATCH_UP_SECONDS
    pace.sent(100)
    assert pace.due(60.0) == 0
    assert pace.due(60.05) == 5


def test_a_change_owes_nothing_of_the_old_rate() -> None:
    pace = Pace(1000, 0.0)
    pace.change(10, 0.5)
    assert pace.due(0.5) == 0
    assert pace.due(1.0) == 5


@given(st.integers(0, 10**12), st.integers(64, 3000))
def test_values_are_json_of_the_size_asked_for(seq: int, size: int) -> None:
    value = Payload("p0-0123456789ab").value(seq, size)
    content = json.loads(value)
    assert (content["producer"], content["seq"]) == ("p0-0123456789ab", seq)
    assert len(value) == max(size, len(value) - len(content["payload"]))
    assert identity(value) == (b"p0-0123456789ab", b"%d" % seq)
