"""What a strategy has to say. Everything that differs between strategies is said here, as values; whoever needs it
reads these values and never asks for the letter (design §2).
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from components import advice, images, names
from components.argo.crds import ANALYSIS
from components.before import NOTHING, Before
from components.cluster.access import ClusterAccess
from components.keda.crds import SCALING
from components.names import COLORS, Color
from components.settings import registry, values
from components.settings.models import StrategySettings
from components.settings.stack import StackName
from components.strategies.parts import Kind, Parts

if TYPE_CHECKING:  # settings are read without Pulumi
    import pulumi

#: What it means that a member's pod is in no consistent list: `Gone`, or nothing.
Absence = Literal["Gone", "Unknown"]
#: Where positions come from: what the members report, or the committed offsets of the colour's group.
Positions = Literal["Members", "Groups"]
#: Where the members of the colour that waits stand: outside of its group (or nothing is asked of them), or each in it
#: with the partitions that it will read, every partition between them.
Standby = Literal["Outside", "Assigned"]
#: An object of the API server, by its kind and its name in the stack's namespace.
Target = tuple[Kind, str]


@dataclass(frozen=True, slots=True)
class Criteria:
    """What a run of this strategy is judged by, where strategies differ.

    switch_seconds, rollback_seconds: what the slowest switch and the slowest way back must stay below (the plan's
    limits). tolerated: the validator's classes of anomaly that are no failure of this strategy, but counted.
    """

    switch_seconds: float
    rollback_seconds: float
    tolerated: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Site:
    """Where a strategy's resources go.

    namespace: the stack's, known once it is there. images: by the names in `Strategy.images`; one that is not there is
    the operator's own. bootstrap_servers: the broker's address. platform: `sandbox` or `cluster`, as the platform stack
    has it. found: what the cluster had before. access: the cluster's, where something is waited for in it.
    """

    stack: StackName
    settings: StrategySettings
    images: Mapping[str, str]
    namespace: "pulumi.Input[str]"
    bootstrap_servers: "pulumi.Input[str]"
    platform: str = "sandbox"
    found: Before = NOTHING
    access: ClusterAccess | None = None

    def images_for(self, color: Color, wanted: Mapping[str, str]) -> dict[str, str]:
        """The images of a colour's containers, by name: those wanted, but for what the colour at work keeps until it
        waits; that is told.
        """
        images = {container: self.found.image(color, container, image) for container, image in wanted.items()}
        if kept := [container for container in wanted if images[container] != wanted[container]]:
            self._tell(
                f"{color} is at work, so its {' and '.join(kept)} get no new image until it waits: "
                f"after a switch to the other colour run {advice.up(self.stack.name)}, "
                f"or have it restarted now: {advice.set_key(self.stack.name, 'allowInPlace', 'true')}"
            )
        return images

    def _tell(self, line: str) -> None:
        import pulumi  # noqa: PLC0415 - see `components.strategies`

        pulumi.log.info(line)


@dataclass(frozen=True)
class PlainSite(Site):
    """One whose values are all known before anything is registered."""

    namespace: str
    bootstrap_servers: str

    def _tell(self, line: str) -> None:
        """Nothing: it is told where it is registered."""


class Colors(ABC):
    """The resources of a strategy's two colours, for one deployment."""

    @abstractmethod
    def color(self, color: Color, after: "pulumi.Input[Any]") -> "pulumi.Input[pulumi.Resource]":
        """Register the resources of `color`, under names that do not depend on which colour is active; returns what
        stands for all of them. after: what they wait for.
        """


class Strategy(ABC):
    """One way to move the work from one colour to the other.

    Of a run: second: the sandbox's image of a second version, if any. unjudged: what it cannot be judged on, with the
    reason. page: the tutorial's page that does a switch by hand, as a pattern of its file's name. paths: the files that
    are its own besides those that bear its letter, as patterns of their paths in the repository, where * stands for
    folders, too; stand_ins: those of them that only stand in for a part that a cluster of one's own has.

    letter: what `kafka-bluegreen:strategy` is. settings: the model of its configuration. absence, positions, standby:
    as in the switch's spec. images: the names of those that it runs. definitions: the kinds of others that it makes
    objects of, by the group and version that has them, in their plural. both_first: the first switch settles only when
    both colours are there to confirm, so neither follows it. progress_port: where members tell what they have handled.
    """

    second: ClassVar[str | None] = None
    unjudged: ClassVar[Mapping[str, str]] = MappingProxyType({})
    page: ClassVar[str] = ""
    paths: ClassVar[tuple[str, ...]] = ()
    stand_ins: ClassVar[tuple[str, ...]] = ()

    letter: ClassVar[str]
    settings: ClassVar[type[StrategySettings]]
    criteria: ClassVar[Criteria]
    absence: ClassVar[Absence] = "Gone"
    positions: ClassVar[Positions] = "Members"
    standby: ClassVar[Standby] = "Outside"
    both_first: ClassVar[bool] = False
    progress_port: ClassVar[int] = names.HTTP_PORT
    images: ClassVar[tuple[str, ...]] = images.STRATEGY
    definitions: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType({})

    @property
    def own_paths(self) -> tuple[str, ...]:
        """Patterns of the paths of all that is its own: its module or package, its stack, and `paths`."""
        module = f"components/strategies/{self.letter}"
        return (f"{module}.py", f"{module}/*", f"stacks/Pulumi.strategy-{self.letter}.yaml", *self.paths)

    @abstractmethod
    def groups(self, stack: StackName) -> Mapping[Color, str]:
        """The consumer group of each colour; the same one when they share it."""

    @abstractmethod
    def parts(self, settings: StrategySettings, stack: StackName) -> Parts:
        """What the two colours consist of when they run; what a run waits for, reads and disturbs."""

    @abstractmethod
    def restarted_by(self, site: "PlainSite", color: Color) -> Mapping[Target, Mapping[str, str]]:
        """By what an update restarts what does the work of `color`, as `components.restarts` has it, by object.
        Registers nothing. Loads what it asks, here.
        """

    @abstractmethod
    def deploy(self, site: Site) -> Colors:
        """Register what both colours share, and give what registers a colour. Loads what it deploys by itself, here."""

    def selector(self, color: Color) -> Mapping[str, str]:
        """The labels that all member pods of a colour have, and no others in the namespace."""
        return names.consumer_selector(color)

    def members(self, settings: StrategySettings, color: Color) -> int:
        """How many pods of a colour report on it, and confirm."""
        return settings.replicas_of(color)

    def definitions_of(self, settings: StrategySettings) -> Mapping[str, tuple[str, ...]]:
        """The kinds of others that a stack with these settings needs, by group and version."""
        judged = settings.analysis is not None and settings.analysis.templates is not None
        scaled = settings.scaling is not None
        return {**self.definitions, **(ANALYSIS if judged else {}), **(SCALING if scaled else {})}

    def standby_of(self, settings: StrategySettings) -> Standby:  # noqa: ARG002 - the same for all stacks
        """Where the members of the colour that waits stand, with these settings."""
        return self.standby

    def way(self, settings: StrategySettings) -> str | None:  # noqa: ARG002
        """How the members enter and leave their group, in a word or two that changes when it does; None where the
        members' number, and that of the partitions, are none of the switch's.
        """
        return None

    def switch_spec(self, settings: StrategySettings, stack: StackName) -> dict[str, Any]:
        """The `spec` of the KafkaConsumerSwitch (design §5.2)."""
        groups = self.groups(stack)
        return {
            **values.switch_spec(settings),
            "leaseName": names.LEASE_NAME,
            "absence": self.absence,
            "positions": self.positions,
            "standby": self.standby_of(settings),
            **({"way": way} if (way := self.way(settings)) else {}),
            **{
                color: {
                    **values.color_spec(settings, color, self.members(settings, color)),
                    "selector": dict(self.selector(color)),
                    "group": groups[color],
                }
                for color in COLORS
            },
        }


_strategies: dict[str, Strategy] = {}


def register(strategy: Strategy) -> None:
    """Make a strategy known, with its settings model. Raises ValueError when its letter is taken."""
    registry.register(strategy.letter, strategy.settings)
    _strategies[strategy.letter] = strategy


def strategy(letter: str) -> Strategy:
    """The strategy that stacks with `strategy: <letter>` have. Raises KeyError for one that is not built."""
    registry.models()  # has them loaded
    return _strategies[letter]
