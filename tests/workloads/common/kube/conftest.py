"""A client of an API server that misbehaves on demand."""

import pytest

from tests.support.fake_kube import FakeApi
from workloads.common.kube import Access, Kube


@pytest.fixture
def client(api: FakeApi) -> Kube:
    """One user of it."""
    return Kube(Access(api.url), "test")
