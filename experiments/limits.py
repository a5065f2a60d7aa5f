"""What a strategy promises: its limits, and the anomalies that belong to it. The strategies say it themselves
(`components.strategies`); this is where the experiments ask.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """switch_seconds, rollback_seconds: what a switch and a way back have to stay below. tolerated: the validator's
    classes that are the strategy's nature, and fail no run.
    """

    switch_seconds: float
    rollback_seconds: float
    tolerated: AbstractSet[str] = frozenset()
