"""What can be measured, what was, and why not: the values between the loop, the measurer and its sources."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from workloads.controller.argo import Order
from workloads.controller.observe import AnalysisLimits
from workloads.controller.terms import Analysis, Lag

Addresses = Callable[[], Mapping[str, str]]
"""Gives pod name -> IP (empty before it has one), as it is now."""


class MeasureError(Exception):
    """A measurement that could not be made; the message says which part did not answer."""


@dataclass(frozen=True, slots=True)
class Topic:
    """What is known of a topic. partitions: how many it has, 0 where there is none. shrunken: which of them have
    replicas that are not in sync, for people; empty for none.
    """

    partitions: int
    shrunken: str = ""


@dataclass(frozen=True, slots=True)
class LagTask:
    """Wait until every partition's position has come within `threshold` of the end offset read now.

    group: the consumer group whose committed offsets are the positions; None: the members at `addresses` tell them.
    """

    topic: str
    partitions: int
    threshold: int
    addresses: Addresses
    group: str | None = None


@dataclass(frozen=True, slots=True)
class AnalysisTask:
    """Watch the counts of all pods for a while, and how much comes in on the topic if a share of it is asked for."""

    limits: AnalysisLimits
    addresses: Addresses
    topic: str
    partitions: int


@dataclass(frozen=True, slots=True)
class AnalysisRunTask:
    """Have an AnalysisRun judge."""

    order: Order


@dataclass(frozen=True, slots=True)
class RemovalTask:
    """Take what closed members have left behind out of `group`, as long as `still` says that everybody who was to leave
    has to be out of it: it is asked after each look at the group, and reads anew.
    """

    group: str
    still: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class SinceTask:
    """Read where `group` has come to on all partitions of a topic."""

    group: str
    topic: str
    partitions: int


@dataclass(frozen=True, slots=True)
class RewindTask:
    """Set `group`, which everybody has left, to begin at `since` (see `replay.rewound`), under this epoch; what closed
    members have left behind is taken out of it first. still: as for `RemovalTask`.
    """

    group: str
    topic: str
    partitions: int
    since: tuple[tuple[int, int], ...]
    epoch: int
    still: Callable[[], bool]


Task = LagTask | AnalysisTask | AnalysisRunTask | RemovalTask | SinceTask | RewindTask


@dataclass(frozen=True, slots=True)
class Progress:
    """One pod's own account. positions: partition -> next offset. handled includes failed."""

    process: str
    positions: Mapping[int, int]
    handled: int
    failed: int


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured, or done. met_at: monotonic time at which the lag condition was met. removed: nobody is left in
    the group. since: where it has come to: (partition, next offset). rewound: its offsets were set.
    """

    lag: Lag = Lag.UNKNOWN
    analysis: Analysis = Analysis.PENDING
    detail: str = ""
    met_at: float | None = None
    removed: bool = False
    since: tuple[tuple[int, int], ...] | None = None
    rewound: bool = False
