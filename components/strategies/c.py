"""Strategy C, `pause-resume`: one consumer group; the membership moves from one colour's pods to the other's (design
§4, §7).
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from components import names
from components.images import SECOND_VERSION
from components.names import COLORS, Color
from components.settings.declare import NAMESPACE, Goes, StrategyOf
from components.settings.models import ConsumerGroupSettings, StrategySettings
from components.settings.scaler import Scaler
from components.settings.stack import StackName
from components.settings.types import shown
from components.strategies.base import Colors, Criteria, PlainSite, Site, Strategy, Target, register
from components.strategies.consumers import PARTS, Consumers, restarted_by
from components.strategies.parts import Parts

_ASSIGNORS, _LIBRDKAFKAS = "partition.assignment.strategy", "range,roundrobin"


class PauseResumeSettings(ConsumerGroupSettings):
    """The settings of a stack of strategy C."""

    numbers_may_differ: ClassVar[bool] = True

    strategy: StrategyOf[Literal["c"]]
    membership: Annotated[
        Literal["takeover", "leave-join", "shared"], Goes(spec=True, consumer="membership", option=True, shape=True)
    ] = Field(default="takeover", description="how a colour enters and leaves the consumer group")

    paused: Annotated[bool, Goes(spec=True)] = Field(
        default=False,
        description="whether the active colour rests: it keeps the grant, and nobody is in the consumer group, so that "
        "its offsets can be altered",
    )

    scaler: Scaler | None = Field(
        default=None,
        description="KEDA gives both colours one number of pods, by the lag of their group; replicas is the number to "
        "begin with",
    )

    @property
    def rests(self) -> bool:
        """While it is paused."""
        return self.paused

    @property
    def scaling(self) -> Scaler | None:
        """As it is configured."""
        return self.scaler

    def contradictions(self) -> Iterator[str]:
        """Members of one group, which both colours' are, need an assignor that all of them know."""
        lines = [*super().contradictions(), *self._of_the_scaler()]
        yield from lines
        known = {
            color: {name.strip() for name in str(self.color(color).client.get(_ASSIGNORS, _LIBRDKAFKAS)).split(",")}
            for color in COLORS
        }
        if lines or self.group_protocol == "consumer" or known["blue"] & known["green"]:
            return
        color, other = sorted(COLORS, key=lambda each: (_ASSIGNORS not in self.color(each).config, each == self.active))
        own, others = (self.color(each).config.get(_ASSIGNORS, _LIBRDKAFKAS) for each in (color, other))
        yield (
            f"{NAMESPACE}:{color}.config.{_ASSIGNORS}: {shown(own)} contradicts {other}'s, {shown(others)}: both "
            "colours are members of one group, which takes nobody without an assignor that all of them know; allowed: "
            "one in common, such as the same in both"
        )

    def _of_the_scaler(self) -> Iterator[str]:
        if (scaler := self.scaler) is None:
            return
        key = f"{NAMESPACE}:scaler"
        if not scaler.min <= self.replicas <= scaler.max:
            yield (
                f"{key}: {scaler.min} to {scaler.max} pods contradict replicas: {self.replicas}, the number to begin "
                "with; allowed: min <= replicas <= max"
            )
        if scaler.max > self.partitions:
            yield f"{key}.max: {scaler.max} contradicts partitions: {self.partitions}; at most one pod for each of them"
        if self.membership == "shared":
            yield f"{key}: contradicts membership: shared, whose members are in the group before they are asked for"
        for color in COLORS:
            if self.color(color).replicas is not None:
                yield (
                    f"{NAMESPACE}:{color}.replicas: {self.color(color).replicas} contradicts scaler, which gives both "
                    "colours one number; allowed: no number of its own"
                )


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

    def way(self, settings: StrategySettings) -> str:
        """Both keys that decide it."""
        if not isinstance(settings, PauseResumeSettings):
            raise TypeError(f"settings of another strategy: {settings.strategy}")
        return f"{settings.membership}/{settings.group_protocol}"

    def switch_spec(self, settings: StrategySettings, stack: StackName) -> dict[str, Any]:
        """With a scaler, the number that it begins with, and whom the controller gives it to."""
        spec = super().switch_spec(settings, stack)
        if settings.scaling is not None:
            spec["replicas"] = settings.replicas
            for color in COLORS:
                spec[color]["set"] = names.consumer_set(color)
        return spec

    def restarted_by(self, site: PlainSite, color: Color) -> Mapping[Target, Mapping[str, str]]:
        """Its set of consumers."""
        return restarted_by(site, color, self._own(site))

    def deploy(self, site: Site) -> Colors:
        """Consumers, each with its sidecar."""
        return Consumers(site, self._own(site))

    def _own(self, site: Site) -> Mapping[Color, Mapping[str, object]]:
        return {color: {"group_id": group} for color, group in self.groups(site.stack).items()}


register(PauseResume())
