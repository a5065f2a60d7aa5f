"""A broker with a way to it that can be cut, for the applications that are tried."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from experiments.conformance.suite import Suite
from tests.support.conformance import BrokerAndWay, broker_and_way, suite

Try = Callable[..., Suite]


@pytest.fixture(scope="session")
def way(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerAndWay]:
    """One for all of them."""
    with broker_and_way(tmp_path_factory.mktemp("broker")) as made:
        yield made


@pytest.fixture
def tried(way: BrokerAndWay) -> Try:
    """The suite for a module of the repository, or a program by its path, called with these arguments."""
    return partial(suite, way)
