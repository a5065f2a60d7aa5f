"""Which variant of a strategy a run was of: what its own keys were, the rate, whose applications, and on what brokers.
Pure.

A strategy's own keys are those that its settings model adds to what every strategy has and that a run can be asked for,
so nothing here names one.
"""

from components.names import COLORS
from components.settings import keys, registry
from components.settings.models import StrategySettings
from experiments.results import RunResult

#: The images of our own consumer, and of what strategy E's colours are made of.
_OURS = frozenset({"workloads", "consumer-v2", "connect"})
#: The measurement by which a scenario says what membership its figures are of.
MEMBERSHIP = "membership_measured"
#: By which settings brokers decide how soon members are let in and given partitions, and what the platform has.
_BROKERS = {"group.initial.rebalance.delay.ms": 100, "group.consumer.assignment.interval.ms": 1000}


def variant(result: RunResult) -> dict[str, object]:
    """What a strategy's own keys were in a run, and the rate; only keys that the run tells. Of the brokers' settings
    those that are not as on every platform.
    """
    told = {"membership": result.membership, "group_protocol": result.group_protocol, **result.environment}
    # A pair may begin and end by another one than what was measured of it.
    if (measured := result.measurements.get(MEMBERSHIP)) is not None:
        told["membership"] = measured
    found: dict[str, object] = {key: told[key] for key in _own_keys(result.strategy) if told.get(key) is not None}
    if others := _applications(result):
        found["applications"] = others
    for name, usual in _BROKERS.items():
        if (value := result.environment.get(name)) not in (None, usual):
            found[name] = value
    if told.get("rate") is not None:  # the last one: its unit may follow
        found["rate"] = told["rate"]
    return found


def default_variant(letter: str) -> dict[str, object]:
    """The same of a stack that sets nothing. Raises KeyError for a strategy that is not built."""
    fields = registry.models()[letter].model_fields
    return {key: fields[key].default for key in (*_own_keys(letter), "rate")}


def words(result: RunResult) -> str:
    """For people, such as `membership takeover, rate 100`."""
    return ", ".join(f"{key} {value}" for key, value in variant(result).items())


def _applications(result: RunResult) -> str:
    """The names of both colours' images, where one is another application than this project's own."""
    images = [str(result.environment.get(f"{color} image") or "") for color in COLORS]
    names = [image.rpartition("/")[2].partition(":")[0] for image in images]
    return " and ".join(names) if any(name and name not in _OURS for name in names) else ""


def _own_keys(letter: str) -> list[str]:
    model = registry.models().get(letter, StrategySettings)
    return [
        key.attribute
        for key in keys.of(model)
        if key.goes.option and key.attribute not in StrategySettings.model_fields
    ]
