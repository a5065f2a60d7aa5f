"""Whether the operator lives, and whether it sees what it has to act on."""

from workloads.connect_operator.operator import Operator

#: Longer than a reconcile may take: waiting for workers, and every repetition of a request.
HANGS_SECONDS = 900.0


class Health:
    """Answers the probes, from any thread."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator

    def dead(self) -> list[str]:
        """What should run and does not; empty when all is well."""
        lanes = self._operator.lanes
        threads = [
            self._operator.timer,
            *(f.thread for f in self._operator.followers),
            *(lane.thread for lane in lanes),
        ]
        dead = [thread.name for thread in threads if not thread.is_alive()]
        return dead + [f"{lane.thread.name} (hangs)" for lane in lanes if lane.busy_for() > HANGS_SECONDS]

    def ready(self) -> bool:
        """Whether everything has been read once, and is being followed."""
        return self._operator.following
