"""Strategy C, `pause-resume`: one consumer group; the membership moves from one colour's pods to the other's (design
§4, §7).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from pydantic import Field

from components import names
from components.settings import values
from components.settings.declare import Goes, StrategyOf
from components.settings.models import ConsumerGroupSettings
from components.settings.stack import StackName
from components.settings.types import Color
from components.strategies.base import COLORS, Colors, Criteria, Site, Strategy, register

if TYPE_CHECKING:
    import pulumi


class PauseResumeSettings(ConsumerGroupSettings):
    """The settings of a stack of strategy C."""

    strategy: StrategyOf[Literal["c"]]
    membership: Annotated[
        Literal["takeover", "leave-join", "shared"], Goes(spec=True, consumer="membership", option=True)
    ] = Field(default="takeover", description="how a colour enters and leaves the consumer group")


class _Consumers(Colors):
    """A StatefulSet of consumers for each colour, and one account for the sidecars of both."""

    def __init__(self, site: Site, groups: Mapping[Color, str]) -> None:
        from components.access import Access, AccessArgs, sidecar_rules  # noqa: PLC0415 - see `components.strategies`

        self._site, self._groups = site, groups
        self._sidecars = Access("consumer", AccessArgs(site.namespace, sidecar_rules()))

    def color(self, color: Color, after: "pulumi.Input[Any]") -> "pulumi.Resource":
        import pulumi  # noqa: PLC0415 - see `components.strategies`

        from components.consumer_set import ConsumerSet, ConsumerSetArgs  # noqa: PLC0415

        site = self._site
        settings = cast("PauseResumeSettings", site.settings)
        return ConsumerSet(
            names.consumer_set(color),
            ConsumerSetArgs(
                namespace=site.namespace,
                image=site.images["workloads"],
                bootstrap_servers=site.bootstrap_servers,
                service_account=self._sidecars.account,
                color=color,
                strategy=settings.strategy,
                replicas=settings.replicas_of(color),
                drain_timeout_seconds=settings.drain_timeout_seconds,
                resume_timeout_seconds=settings.resume_timeout_seconds,
                settings={
                    **values.consumer_settings(settings, color),
                    "group_id": self._groups[color],
                    "color": color,
                },
            ),
            pulumi.ResourceOptions(depends_on=after),
        )


class PauseResume(Strategy):
    """Strategy C."""

    letter = "c"
    settings = PauseResumeSettings
    criteria = Criteria(switch_seconds=5.0, rollback_seconds=5.0)

    def groups(self, stack: StackName) -> Mapping[Color, str]:
        """One group for both."""
        return dict.fromkeys(COLORS, stack.consumer_group)

    def deploy(self, site: Site) -> Colors:
        """Consumers, each with its sidecar."""
        return _Consumers(site, self.groups(site.stack))


register(PauseResume())
