"""The plan's scenarios, one module each. A scenario is what is done, in order; `criteria` says how it is judged."""

from collections.abc import Mapping

from experiments.scenarios import immediate_rollback, normal_switch
from experiments.scenarios.base import Scenario

SCENARIOS: Mapping[str, Scenario] = {
    scenario.name: scenario for scenario in (normal_switch.SCENARIO, immediate_rollback.SCENARIO)
}

__all__ = ["SCENARIOS", "Scenario"]
