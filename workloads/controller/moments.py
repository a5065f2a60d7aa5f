"""Moments, on both clocks: durations are taken on the monotonic one, wall times are for people."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment on both clocks, in seconds."""

    wall: float
    monotonic: float

    @staticmethod
    def now() -> "Moment":
        """The present one."""
        return Moment(time.time(), time.monotonic())

    def __str__(self) -> str:
        return rfc3339(self.wall)


def rfc3339(seconds: float) -> str:
    """UTC with microseconds, as Kubernetes' MicroTime."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
