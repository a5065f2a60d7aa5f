"""An API server that misbehaves on demand, and a client of it."""

from collections.abc import Iterator

import pytest

from tests.support.fake_kube import FakeApi
from workloads.common.kube import Access, Kube


@pytest.fixture
def api() -> Iterator[FakeApi]:
    """Closed at the end of the test."""
    made = FakeApi()
    yield made
    made.close()


@pytest.fixture
def client(api: FakeApi) -> Kube:
    """One user of it."""
    return Kube(Access(api.url), "test")
