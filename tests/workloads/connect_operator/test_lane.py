"""The lock of a Connect cluster."""

import threading
from collections.abc import Iterator

import pytest

from tests.support.waiting import until
from workloads.connect_operator.lane import Lane


class Place:
    """A lane with a job in it that can be held."""

    def __init__(self, limit: float) -> None:
        self.dropped = 0
        self.done: list[str] = []
        self.lane = Lane("blue", self._drop, limit)
        self.lane.thread.start()
        self.begun, self.free = threading.Event(), threading.Event()

    def hold(self) -> None:
        """Have a job run that ends when `free` is set."""

        def run() -> None:
            self.begun.set()
            self.free.wait(10)

        self.lane.submit("held", run)
        assert self.begun.wait(5)

    def submit(self, name: str) -> None:
        self.lane.submit(name, lambda: self.done.append(name))

    def _drop(self) -> None:
        self.dropped += 1


@pytest.fixture(params=[10.0])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    made = Place(request.param)
    yield made
    made.free.set()
    made.lane.end()
    made.lane.thread.join(5)


def test_one_after_the_other_in_the_order_in_which_they_came(place: Place) -> None:
    place.hold()
    for number in range(20):
        place.submit(str(number))
    assert place.done == []
    assert place.lane.busy_for() > 0
    place.free.set()
    until("all are done", lambda: len(place.done) == 20)
    assert place.done == [str(number) for number in range(20)]
    until("nothing is in hand", lambda: place.lane.busy_for() == 0)


@pytest.mark.parametrize("place", [1.0], indirect=True)
def test_who_waited_too_long_is_left_out(place: Place) -> None:
    place.hold()
    place.submit("late")
    assert not threading.Event().wait(1.1)  # the lane's limit passes
    place.submit("in time")
    place.free.set()
    until("the one in time is done", lambda: place.done)
    assert place.done == ["in time"]
    assert place.dropped == 1


def test_a_job_that_fails_ends_nothing(place: Place) -> None:
    def fail() -> None:
        raise ValueError("a test asked for it")

    place.lane.submit("fails", fail)
    place.submit("next")
    until("the next one is done", lambda: place.done == ["next"])


def test_an_ended_lane_begins_nothing(place: Place) -> None:
    place.hold()
    place.submit("never")
    place.lane.end()
    place.free.set()
    place.lane.thread.join(5)
    assert place.done == []
