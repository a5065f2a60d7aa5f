"""What a scenario does to connectors by hand: with the agent away, which would put it right, and everything back
afterwards.

An agent is sent away by its set's number, not frozen: its kubelet would start a frozen one again after a while, and
some of this takes longer. Its absence confirms nothing and changes nothing; the grant stays where it is.
"""

import contextlib
import time
from collections.abc import Iterator

from components.names import Color
from components.strategies.parts import Part
from experiments import by_hand
from experiments.cluster import Objects
from experiments.connect import RUNNING, Connect, required
from experiments.errors import DeadlineError, ExperimentError
from experiments.lab import Lab

#: A connector that was asked for a state is in it by then, also by way of an operator that has its lock held.
STATE_SECONDS = 60.0
_AWAY_SECONDS = 60.0
_QUIET_SECONDS = 30.0
_POLL_SECONDS = 0.2


def connect_of(lab: Lab) -> Connect:
    """The connectors of the run's stack. Raises PreconditionError for a strategy without."""
    connectors, workers, _ = required(lab.parts)
    return Connect(lab.cluster, lab.namespace, connectors, workers)


@contextlib.contextmanager
def agent_away(lab: Lab, connect: Connect, color: Color) -> Iterator[None]:
    """A colour's agent is not there within the block; afterwards its connector runs as it is granted, and it is back.

    Raises DeadlineError, ByHandError.
    """
    agent = lab.parts.members
    lab.guard.check()
    _scale(lab, agent, color, 0)
    try:
        _wait_gone(lab, agent.pod(color, 0))
        yield
    finally:
        # Whoever was interrupted in here has left the connector as it was asked for by hand: the agent starts what is
        # granted and stands by its resource, but a resource says what its operator does, so that is put back first.
        with contextlib.suppress(ExperimentError):
            if not connect.state(color).is_all(RUNNING):
                connect.ask(color, RUNNING, by_resource=connect.by_resource)
        _scale(lab, agent, color, 1)
    lab.wait_pods({color: lab.settings.replicas})
    connectors, _, _ = required(lab.parts)
    lab.guard.check({(agent.kind.kind, agent.object(color)): 2, (connectors.resources.kind, connect.name(color)): 1})
    lab.wait_steady()


def wait_quiet(lab: Lab, color: Color) -> int:
    """Wait until nothing more of a colour is recorded; returns how much it has handled by then. Raises DeadlineError.

    A state can be told a moment before the last record is written.
    """
    deadline, last = time.monotonic() + _QUIET_SECONDS, lab.lag.handled(color)
    while time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        now = lab.lag.handled(color)
        if now == last:
            return now
        last = now
    raise DeadlineError(f"{color} to handle nothing more", _QUIET_SECONDS, f"{last} records")


def wait_handling(lab: Lab, color: Color, since: int, seconds: float) -> float:
    """Wait until a colour has handled more than that many records; returns the seconds. Raises DeadlineError."""
    begun = time.monotonic()
    while (now := time.monotonic()) - begun < seconds:
        if lab.lag.handled(color) > since:
            return time.monotonic() - begun
        time.sleep(min(_POLL_SECONDS / 10, max(0.0, begun + seconds - now)))
    raise DeadlineError(f"{color} to handle records again", seconds, f"{since} records, as before")


def _scale(lab: Lab, part: Part, color: Color, number: int) -> None:
    by_hand.scale(lab.namespace, part.kind.named(part.object(color)), number)


def _wait_gone(lab: Lab, pod: str) -> None:
    def missing(pods: Objects) -> str | None:
        return f"{pod} is there" if pod in pods else None

    path, query = f"/api/v1/namespaces/{lab.namespace}/pods", [("fieldSelector", f"metadata.name={pod}")]
    lab.cluster.wait(path, query, missing, f"{pod} to be gone", _AWAY_SECONDS)
