"""The protocol's vocabulary: colours, states, outcomes and phases, as every workload spells them."""

from enum import StrEnum


class Color(StrEnum):
    """One of the two versions of the consumer application."""

    BLUE = "blue"
    GREEN = "green"

    @property
    def other(self) -> "Color":
        """The opposite colour."""
        return Color.GREEN if self is Color.BLUE else Color.BLUE


class State(StrEnum):
    """What a consumer process truly does; never what it was asked to do."""

    ACTIVE = "ACTIVE"
    DRAINING = "DRAINING"
    PAUSED = "PAUSED"


class Membership(StrEnum):
    """How a colour enters and leaves the consumer group at a switch; `separate`: each colour has a group of its own."""

    TAKEOVER = "takeover"
    LEAVE_JOIN = "leave-join"
    SHARED = "shared"
    SEPARATE = "separate"


class Fencing(StrEnum):
    """What keeps a zombie's commits out of its group: transactions of an id that both colours share, or nothing."""

    TRANSACTIONS = "transactions"
    NONE = "none"


class GroupProtocol(StrEnum):
    """The consumer group protocol: `classic`, or KIP-848's `consumer`."""

    CLASSIC = "classic"
    CONSUMER = "consumer"


class LagPolicy(StrEnum):
    """Whether a switch waits until the old colour has caught up."""

    WAIT = "wait"
    IMMEDIATE = "immediate"


class Outcome(StrEnum):
    """How a generation's switch ended."""

    SWITCHED = "Switched"
    REFUSED = "Refused"
    FAILED = "Failed"
    ROLLED_BACK = "RolledBack"
    ROLLBACK_BLOCKED = "RollbackBlocked"
    SUPERSEDED = "Superseded"


class Phase(StrEnum):
    """What the controller is doing now, as `status.phase` shows it."""

    READY = "Ready"
    PAUSED = "Paused"
    WAITING_FOR_READY = "WaitingForReady"
    WAITING_FOR_LAG = "WaitingForLag"
    PAUSING = "Pausing"
    RESUMING = "Resuming"
    VERIFYING = "Verifying"
    ROLLING_BACK = "RollingBack"
    FAILED = "Failed"
