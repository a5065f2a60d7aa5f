"""What holds for all tests: on a shared machine the time that an example takes says nothing."""

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest group first: it is one worker's, and the other tests are done beside it."""

    def later(item: pytest.Item) -> bool:
        return all("strategy-c" not in mark.args for mark in item.iter_markers("xdist_group"))

    items.sort(key=later)
