"""What was alerted of the pair, looked at after each switch.

Nobody waits for an evaluation: what one raises later is seen with the next switch, and told with when it began. That
nothing was raised says something only where the rules were evaluated meanwhile.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from components.observability.rules import DUAL_ACTIVE, INTERVAL_SECONDS
from experiments.alerts import Evaluator, Raised
from experiments.cluster import Cluster, ClusterError

_APART_SECONDS = 3.0 * INTERVAL_SECONDS
_LEAST_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Looked:
    """What was raised since the last look. why: why it is not known whether the rules were evaluated, or empty."""

    raised: Sequence[Raised] = ()
    why: str = ""


class Alarms:
    """Looks at the alerts about a namespace from now on."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._since = time.time()
        self._evaluated: int | None = None
        self._until: dict[str, float] = {}

    def look(self) -> Looked:
        """What was raised since the last time. Raises nothing: what cannot be known is said."""
        now, before = time.time(), self._evaluated
        try:
            evaluator = Evaluator.found(self._cluster)
            if evaluator is None:
                return Looked(why="the platform has no alerts")
            self._evaluated, _ = evaluator.evaluations()
            raised = evaluator.raised(self._namespace, self._since - _APART_SECONDS, now)
        except ClusterError as error:
            self._evaluated = None
            return Looked(why=str(error))
        took, self._since = now - self._since, now
        fresh = [one for one in raised if one.since > self._until.get(one.alert, 0.0) + _APART_SECONDS]
        for one in raised:
            self._until[one.alert] = max(one.until, self._until.get(one.alert, 0.0))
        return Looked(fresh, self._missed(before, self._evaluated, took))

    def _missed(self, before: int | None, now: int, seconds: float) -> str:
        if before is None:
            return "it is not known how often the rules were evaluated before"
        should = int(seconds / INTERVAL_SECONDS * _LEAST_SHARE)
        if now - before >= should:
            return ""
        return f"the rules were evaluated {max(0, now - before)} times in {seconds:.0f} s"


def findings(raised: Sequence[Raised]) -> list[str]:
    """What of it breaks an invariant."""
    return [
        f"invariant 1: alert {DUAL_ACTIVE} fired from {one.since:.0f} to {one.until:.0f}"
        for one in raised
        if one.alert == DUAL_ACTIVE
    ]
