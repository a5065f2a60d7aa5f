"""Tests of the protocol only compute: they give way to those that run beside them, against the clock."""

import os
from collections.abc import Iterator
from contextlib import suppress

import pytest

NICENESS = 10


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    """A lower priority for the time of the test."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, max(before, NICENESS))
    yield
    with suppress(PermissionError):  # without the right to go back the worker stays patient
        os.setpriority(os.PRIO_PROCESS, 0, before)
