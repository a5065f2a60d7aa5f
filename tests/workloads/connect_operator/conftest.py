"""An operator of a test's own, ended with it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.workloads.connect_operator.place import Place

Make = Callable[..., Place]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes places with settings of their own, and starts them."""
    made: list[Place] = []

    def one(**settings: Any) -> Place:
        place = Place(**settings)
        made.append(place)
        place.start()
        return place

    yield one
    for place in made:
        place.close()


@pytest.fixture
def place(make: Make) -> Place:
    """One with a cluster `blue` that is ready."""
    one = make()
    one.make_cluster()
    one.cluster_is("Ready")
    return one
