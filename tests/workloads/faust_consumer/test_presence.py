"""Whether brokers were there all along: what tells a client that hangs from one that waits for them."""

import pytest

from workloads.common.settings import validated
from workloads.faust_consumer import presence
from workloads.faust_consumer.presence import Presence
from workloads.faust_consumer.settings import FaustSettings


class Clock:
    """The time of a test."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(presence, "time", clock)
    return clock


@pytest.fixture
def brokers() -> Presence:
    settings = {"bootstrap_servers": "b:1", "topic": "t", "group_id": "g", "other_group_id": "h", "color": "green"}
    settings |= {"strategy": "x"}
    return Presence(validated(FaustSettings, settings | {"membership": "separate", "pod_name": "p-0"}))


def test_they_are_there_since_the_first_of_answers_without_a_gap(clock: Clock, brokers: Presence) -> None:
    assert not brokers.there_since(clock.now), "nobody has answered yet"
    for clock.now in (100.0, 101.0, 102.1):
        brokers.answered(clock.now)
    assert brokers.there_since(100.0)
    assert not brokers.there_since(99.0)


def test_who_is_back_was_not_there_all_the_time(clock: Clock, brokers: Presence) -> None:
    """A client had to wait for them meanwhile: that it has not left yet is no sign of its hanging."""
    brokers.answered(100.0)
    clock.now = 104.0
    brokers.answered(104.0)
    assert brokers.there
    assert not brokers.there_since(101.0)
    assert brokers.there_since(104.0)


def test_who_does_not_answer_any_more_is_away(clock: Clock, brokers: Presence) -> None:
    brokers.answered(100.0)
    clock.now = 105.0
    assert not brokers.there_since(100.0)
