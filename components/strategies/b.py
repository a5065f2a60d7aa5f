"""Strategy B, `offset-sync`: one consumer group per colour; the committed offsets move from the old colour's group to
the new one's (design §4, §7).

A colour that waits is a member of its own group and is assigned nothing to read; at its grant it carries the positions
over by itself. So a switch moves no membership: there is no join, no sync and no rebalance in it.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from components.images import SECOND_VERSION
from components.names import COLORS, Color
from components.settings import client
from components.settings.declare import Goes, StrategyOf
from components.settings.models import ConsumerGroupSettings, StrategySettings
from components.settings.stack import StackName
from components.strategies.base import Colors, Criteria, PlainSite, Site, Standby, Strategy, Target, register
from components.strategies.consumers import PARTS, Consumers, restarted_by
from components.strategies.parts import Parts


class OffsetSyncSettings(ConsumerGroupSettings):
    """The settings of a stack of strategy B."""

    finds_partitions: ClassVar[bool] = True

    strategy: StrategyOf[Literal["b"]]
    fencing: Annotated[Literal["transactions", "none"], Goes(consumer="fencing", option=True, shape=True)] = Field(
        default="transactions",
        description="what stops the commits of an old colour's member that was cut off and comes back: the broker, by "
        "committing offsets in transactions, or nothing",
    )

    standby: Literal["members", "outside"] = Field(
        default="members",
        description="whether whoever waits is in its own group already (members), or enters it at its grant (outside), "
        "as an application does that cannot stay there paused, such as one on Faust",
    )

    def trials(self) -> tuple[client.Trial, ...]:
        """With transactions each pod also makes a producer, to commit by."""
        committer = client.Trial("producer", client.committer)
        return (*super().trials(), *([committer] if self.fencing == "transactions" else ()))


class OffsetSync(Strategy):
    """Strategy B.

    positions: what the members report. A group's committed offsets are up to a commit interval behind what its owners
    have handled, and a switch that waited for them would wait for that commit, too; the drain commits the rest anyway.
    What the members report is the same for a group of one's own and for a shared one: only the holder's are asked.

    criteria: the plan's common limits. What a crash leaves between effect and commit is handled again, and a zombie
    without a fence handles what the other colour has: duplicates are counted here, and no failure.
    """

    letter = "b"
    settings = OffsetSyncSettings
    criteria = Criteria(switch_seconds=30.0, rollback_seconds=60.0, tolerated=frozenset({"duplicate"}))
    standby = "Assigned"
    positions = "Members"
    second = SECOND_VERSION
    page = "*strategy-b*.md"
    paths = (
        "workloads/consumer/carrier.py",
        "workloads/handling/carry.py",
        "workloads/consumer/copies.py",
        "workloads/consumer/offsets.py",
        "workloads/consumer/transactional.py",
    )

    def groups(self, stack: StackName) -> Mapping[Color, str]:
        """A group for each colour."""
        return {color: f"{stack.consumer_group}-{color}" for color in COLORS}

    def standby_of(self, settings: StrategySettings) -> Standby:
        """In its group, with the partitions that it will read; of an application that cannot, nothing is asked."""
        if not isinstance(settings, OffsetSyncSettings):
            raise TypeError(f"settings of another strategy: {settings.strategy}")
        return "Assigned" if settings.standby == "members" else "Outside"

    def parts(self, settings: StrategySettings, stack: StackName) -> Parts:  # noqa: ARG002 - the same for all stacks
        """Consumers."""
        return PARTS

    def restarted_by(self, site: PlainSite, color: Color) -> Mapping[Target, Mapping[str, str]]:
        """Its set of consumers."""
        return restarted_by(site, color, self._own(site))

    def deploy(self, site: Site) -> Colors:
        """Consumers, each with its sidecar."""
        return Consumers(site, self._own(site))

    def _own(self, site: Site) -> Mapping[Color, Mapping[str, object]]:
        groups = self.groups(site.stack)
        blue, green = COLORS
        return {
            color: {
                "membership": "separate",
                "group_id": groups[color],
                "other_group_id": groups[other],
                # The same for both colours, so that a member fences its counterpart: one id for each number that a pod
                # of either can have. Transactional ids are the whole cluster's: the stack's name keeps stacks apart.
                "transactional_id": site.stack.name,
                "transactional_ids": site.settings.replicas,
            }
            for color, other in ((blue, green), (green, blue))
        }


register(OffsetSync())
