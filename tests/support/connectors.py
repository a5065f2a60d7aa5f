"""The parts of a strategy whose colours are connectors, whichever strategies are built."""

from types import SimpleNamespace
from typing import Any

from components.settings import StackName
from components.strategies import connectors
from components.strategies.parts import Parts


def parts(control: str = "strimzi", connect: str = "clusters", stack: str = "strategy-e") -> Parts:
    """What its two colours consist of."""
    keys = {"control": control, "connect": connect}
    settings: Any = SimpleNamespace(own=lambda key: keys[key])
    return connectors.parts(settings, StackName(stack))
