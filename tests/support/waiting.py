"""Waiting for what comes true, with a deadline that says what it waited for and what was seen last."""

import time
from collections.abc import Callable
from typing import Any


class TooLateError(AssertionError):
    """Something that should have come true did not, in time."""


def until(what: str, check: Callable[..., Any], seconds: float = 60.0, every: float = 0.005) -> Any:
    """What `check` gives once it is true. Raises TooLateError, with what was waited for and what was seen last."""
    ends = time.monotonic() + seconds
    while True:
        seen = check()
        if seen:
            return seen
        if time.monotonic() > ends:
            raise TooLateError(f"not within {seconds:g} s: {what}; seen last: {seen!r}")
        time.sleep(every)
