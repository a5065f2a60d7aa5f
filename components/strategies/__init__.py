"""The strategies, and nothing else that names one: each is a module (or a package) in here, which registers itself.

    from components.strategies.base import Strategy, register

    class MyStrategy(Strategy):
        ...

    register(MyStrategy())

Whoever needs one asks `base.strategy(letter)`; nobody asks for a letter to decide anything. Loading this package loads
every module in it, none of which loads Pulumi: what they deploy is loaded when it is deployed. A module that registers
nothing is what several strategies share: `base` for all of them, `consumers` for those whose colours are our consumers.
"""

from importlib import import_module
from pkgutil import iter_modules


def load() -> None:
    """Load the modules of this package that are not loaded, so that they register themselves."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")


load()
