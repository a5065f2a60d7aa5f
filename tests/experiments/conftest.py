import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments.cluster import Cluster
from tests.experiments.fake_api import FakeApi


@pytest.fixture
def api() -> Iterator[FakeApi]:
    fake = FakeApi()
    yield fake
    fake.close()


@pytest.fixture
def cluster(api: FakeApi, tmp_path: Path) -> Cluster:
    return Cluster(api.kubeconfig(tmp_path))


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """An interrupted run leaves its process deaf to signals; pytest's has to hear them."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
