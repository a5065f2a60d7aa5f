"""Strategy C, `pause-resume`: one consumer group; the membership moves from one colour's pods to the other's (design
§4, §7).
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from components.images import SECOND_VERSION
from components.settings.declare import Goes, StrategyOf
from components.settings.models import ConsumerGroupSettings, StrategySettings
from components.settings.stack import StackName
from components.settings.types import Color
from components.strategies.base import COLORS, Colors, Criteria, PlainSite, Site, Strategy, Target, register
from components.strategies.consumers import PARTS, Consumers, restarted_by
from components.strategies.parts import Parts


class PauseResumeSettings(ConsumerGroupSettings):
    """The settings of a stack of strategy C."""

    strategy: StrategyOf[Literal["c"]]
    membership: Annotated[
        Literal["takeover", "leave-join", "shared"], Goes(spec=True, consumer="membership", option=True)
    ] = Field(default="takeover", description="how a colour enters and leaves the consumer group")


class PauseResume(Strategy):
    """Strategy C."""

    letter = "c"
    settings = PauseResumeSettings
    criteria = Criteria(switch_seconds=5.0, rollback_seconds=5.0)
    second = SECOND_VERSION
    page = "*first-switch*.md"

    def groups(self, stack: StackName) -> Mapping[Color, str]:
        """One group for both."""
        return dict.fromkeys(COLORS, stack.consumer_group)

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
        return {color: {"group_id": group} for color, group in self.groups(site.stack).items()}


register(PauseResume())
