"""The plan's scenarios, one module each: the configuration that it needs, what is done, in order, and its criteria.

A module of this package that has a `SCENARIO` is one of them; nothing else has to name it.
"""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules

from experiments.scenarios.base import Scenario


def _found() -> dict[str, Scenario]:
    found: dict[str, Scenario] = {}
    for module in sorted(iter_modules(__path__), key=lambda module: module.name):
        scenario = getattr(import_module(f"{__name__}.{module.name}"), "SCENARIO", None)
        if isinstance(scenario, Scenario):
            if scenario.name in found:
                raise ValueError(f"two scenarios are called {scenario.name!r}; one is in {module.name}.py")
            found[scenario.name] = scenario
    return dict(sorted(found.items()))


SCENARIOS: Mapping[str, Scenario] = _found()

__all__ = ["SCENARIOS", "Scenario"]
