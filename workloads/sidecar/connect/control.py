"""What an agent asks of whoever has power over its connector: Connect's REST API, or the operator by the resource."""

from collections.abc import Mapping
from typing import Protocol

from workloads.sidecar.connect.seen import Connector


class NotNowError(Exception):
    """It cannot be done now, and nothing was done: a rebalance (Connect's 409), a conflict of writes. Ask again."""


class SilentError(Exception):
    """No answer, or none that says what became of the request."""


class RefusedError(Exception):
    """It was refused, and asking again changes nothing."""


class Control(Protocol):
    """Power over one connector, and sight of the other colour's. Not for several threads, but for `own`.

    Whatever changes something returns when it was accepted, not when it is true: that is to be looked at. It may be
    asked for again. All raise NotNowError, SilentError and RefusedError; deadline in seconds.
    """

    def own(self, deadline: float) -> Connector:
        """The connector as it is now. Any thread may ask."""
        ...

    def other(self, deadline: float) -> Connector:
        """The other colour's. ABSENT, and refused, when there is none, or no worker that could have a task of it: how
        far it came is in its group, and what epoch it bears may not be known.
        """
        ...

    def create(self, deadline: float) -> None:
        """Make it, stopped."""
        ...

    def configure(self, deadline: float) -> None:
        """Give it the configuration that the agent was given; its epoch stays."""
        ...

    def stop(self, epoch: int, deadline: float) -> None:
        """Stop it; what was still to be altered is taken back. epoch: of the command, for people."""
        ...

    def alter(self, epoch: int, offsets: Mapping[tuple[str, int], int | None], deadline: float) -> None:
        """Write offsets; None removes one."""
        ...

    def bear(self, epoch: int, deadline: float) -> None:
        """Write the epoch into its configuration. A control whose one write can do both also starts it by that."""
        ...

    def start(self, epoch: int, deadline: float) -> None:
        """Let it run."""
        ...

    def unanswered(self) -> tuple[str, ...]:
        """The changes that were asked for and whose outcome is not known: they may still come true."""
        ...

    def quiet_in(self) -> float:
        """Seconds until a start that was asked for earlier cannot come true any more."""
        ...

    def wait(self, seconds: float) -> None:
        """Wait until something may have changed, for at most so long; see to it that what is seen is new."""
        ...
