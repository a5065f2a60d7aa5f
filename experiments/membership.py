"""How the consumers of a stack are members of their groups, by its settings, as far as an experiment has to know it.

The same as `workloads/member/way.py` and `workloads/consumer/settings.py` make of the same settings; tests hold them
together. Pure.
"""

from components.settings import StrategySettings

LEAVE_JOIN, SHARED, TAKEOVER = "leave-join", "shared", "takeover"
#: By the classic protocol, of a member without an instance id, at most.
_DYNAMIC_SECONDS = 10.0


def by_kip_848(settings: StrategySettings) -> bool:
    """Whether the members speak the new group protocol."""
    return settings.own("group_protocol") == "consumer"


def static(settings: StrategySettings) -> bool:
    """Whether a member has a `group.instance.id` (KIP-345), so that its next process takes its place."""
    membership = settings.own("membership")
    return membership != LEAVE_JOIN if membership else not by_kip_848(settings)


def session_seconds(settings: StrategySettings, of_brokers: float) -> float:
    """After how long without a word the coordinator takes a member for gone. of_brokers: what they have for members by
    KIP-848, in seconds; by the classic protocol it is the member's own.
    """
    if by_kip_848(settings):
        return of_brokers
    own = float(settings.own("session_timeout_seconds"))
    return own if static(settings) else min(own, _DYNAMIC_SECONDS)
