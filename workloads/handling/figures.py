"""What the consumer counts beside its worker; the poll loop fills it, metrics read it."""

from collections import Counter
from dataclasses import dataclass, field

from workloads.common.metrics import Buckets, Recent, Window


@dataclass(slots=True)
class Figures:
    """consumed_rate: of handled records. commit_mean in ms, commit_seconds: time to a commit's answer. commits: by
    result. client_errors: by librdkafka's name. high: by partition, the newest known end of it.
    """

    consumed_rate: Window = field(default_factory=Window)
    commit_mean: Recent = field(default_factory=Recent)
    commit_seconds: Buckets = field(
        default_factory=lambda: Buckets((0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10))
    )
    commits: Counter[str] = field(default_factory=Counter)
    client_errors: Counter[str] = field(default_factory=Counter)
    assignments: int = 0
    rebalances: int = 0
    lost: int = 0
    stalls: int = 0
    high: dict[int, int] = field(default_factory=dict)
