"""Which settings model each strategy has.

Settings stand below the strategies and name none of them: a strategy makes itself known here when its module is loaded,
and `models` has the modules loaded, by the name of the package that they are in.
"""

from collections.abc import Mapping
from importlib import import_module

from components.settings.models import StrategySettings

_STRATEGIES = "components.strategies"
_models: dict[str, type[StrategySettings]] = {}
_planned: dict[str, tuple[str, ...]] = {}


def register(letter: str, model: type[StrategySettings]) -> None:
    """Have the stacks with `strategy: <letter>` read as `model`. Raises ValueError for a letter that is taken."""
    if _models.get(letter, model) is not model:
        raise ValueError(f"strategy {letter!r} is registered already")
    _models[letter] = model


def plan(letter: str, *keys: str) -> None:
    """Name a strategy that there will be, and the keys that it alone will have: they are refused as not built, until it
    is registered.
    """
    _planned[letter] = keys


def models() -> Mapping[str, type[StrategySettings]]:
    """The settings models by their strategies' letters."""
    import_module(_STRATEGIES)
    return {letter: _models[letter] for letter in sorted(_models)}


def planned() -> Mapping[str, tuple[str, ...]]:
    """The strategies that are not built, each with the keys that it alone will have."""
    built = models()
    return {letter: keys for letter, keys in _planned.items() if letter not in built}
