"""What holds for all tests: on a shared machine an example's time says nothing, and luck decides nothing."""

import contextlib
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.cluster_use import shared
from tests.support.search import FACTOR, examples
from tests.support.waiting import TooLateError, until

settings.register_profile(
    "project",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=FACTOR == 0,
    max_examples=examples(100),
    print_blob=True,
)
settings.load_profile("project")

# What threads of a test that is over still log is nobody's to read; without any handler it would be printed.
logging.getLogger().addHandler(logging.NullHandler())


# The groups that take the longest, the longest first. What has Pulumi at work is in the first two, so that no more than
# two updates share the machine's cores.
LONGEST = ("strategy-c", "engine", "broker")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest groups first: each is one worker's, and the other tests are done beside them.

    In its group, what restarts parts of the cluster comes first: nobody else uses the cluster meanwhile, and at the
    beginning the others have enough to do without it.
    """

    def turn(item: pytest.Item) -> tuple[int, bool]:
        names = {name for mark in item.iter_markers("xdist_group") for name in mark.args}
        group = next((number for number, name in enumerate(LONGEST) if name in names), len(LONGEST))
        return group, item.get_closest_marker("restarts") is None

    items.sort(key=turn)


@pytest.fixture
def whole_cluster() -> Iterator[None]:
    """No part of the cluster is restarted during the test."""
    with shared():
        yield


@pytest.fixture(autouse=True)
def _other_tests_are_not_heard(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """The programs' threads run until their process ends, and so they outlive a test that has such parts in its own
    process. What they log then is no later test's.
    """
    others = set(threading.enumerate()) - {threading.main_thread(), threading.current_thread()}

    def own(_: logging.LogRecord) -> bool:
        return threading.current_thread() not in others

    caplog.handler.addFilter(own)
    yield
    caplog.handler.removeFilter(own)


_CLOSED_SECONDS = 30.0


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.fixture(autouse=True)
def _files_are_closed() -> Iterator[None]:
    """A worker runs hundreds of tests: what each leaves open adds up until select(2) can tell no more. What its threads
    close behind it is waited for.
    """
    before = _open_files()
    yield
    with contextlib.suppress(TooLateError):
        until("its files to be closed", lambda: _open_files() - before < 25, _CLOSED_SECONDS)
    left = _open_files() - before
    assert left < 25, f"{left} files more are open than before this test: close what it opened"
