"""What the HTTP API has to know of an application, whatever it is written with."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from prometheus_client.core import Metric

from workloads.member.control import Truth


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an application came.

    positions: by partition, the next offset, as far as it owns it and knows it. handled, failed: records since the
    process began; failed is a part of handled.
    """

    positions: Mapping[int, int] = field(default_factory=dict)
    handled: int = 0
    failed: int = 0


class Member(Protocol):
    """An application that can be switched. Everything here is read by HTTP threads at any time."""

    @property
    def truth(self) -> Truth:
        """The newest published one."""

    @property
    def ready(self) -> bool:
        """Connected, and able to take over."""

    @property
    def still_seconds(self) -> float:
        """For how long its loop has not been seen to move."""

    @property
    def progress(self) -> Progress:
        """How far it came."""

    def metrics(self) -> Iterable[Metric]:
        """Its metric families."""
