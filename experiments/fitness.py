"""What a scenario needs of the strategy that it is run on: asked before anything is deployed, and of what the two
colours are made of, never of the strategy's letter. Pure.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from components.names import Color
from components.settings import StrategySettings
from components.settings.stack import StackName
from components.strategies.base import Standby, strategy
from components.strategies.parts import Parts


@dataclass(frozen=True, slots=True)
class Pair:
    """What two colours are made of. groups: the consumer group of each; standby: where the members stand that wait."""

    settings: StrategySettings
    parts: Parts
    groups: Mapping[Color, str]
    standby: Standby

    @classmethod
    def of(cls, settings: StrategySettings, stack: str) -> "Pair":
        """Of a stack with these settings."""
        chosen, name = strategy(settings.strategy), StackName(stack)
        return cls(settings, chosen.parts(settings, name), chosen.groups(name), chosen.standby_of(settings))


#: Why a scenario cannot be run on a pair; empty where it can.
Need = Callable[[Pair], str]


def nothing(_pair: Pair) -> str:
    """It can be run on every pair."""
    return ""


def members_at_work(pair: Pair) -> str:
    """Members that handle records themselves."""
    return "" if pair.parts.workers is None else "its members do not handle records themselves, they have it done"


def one_group(pair: Pair) -> str:
    """Such members, those of both colours in one consumer group."""
    apart = "each of its colours has a consumer group of its own" if len(set(pair.groups.values())) > 1 else ""
    return members_at_work(pair) or apart


def a_group_each(pair: Pair) -> str:
    """Such members, those of each colour in a consumer group of its own."""
    common = "both of its colours have one consumer group" if len(set(pair.groups.values())) == 1 else ""
    return members_at_work(pair) or common


def connectors(pair: Pair) -> str:
    """Colours that are connectors."""
    return "its colours are no connectors" if pair.parts.connectors is None else ""


def connectors_apart(pair: Pair) -> str:
    """Such colours, each on workers of its own."""
    return connectors(pair) or ("both colours have the same workers" if pair.parts.at_work.shared else "")
