"""The settings of a stack: what `pulumi config` may hold, validated before anything is deployed.

In: the keys of the namespace `kafka-bluegreen:` as Pulumi hands them to a program (strings; objects as JSON). Out: a
`PlatformSettings` or a `StrategySettings`, of the model that the stack's strategy has. Everything that is wrong, of an
unknown name, or contradicts something else is collected and raised as one `SettingsError` that names each key with what
is allowed.

A key is declared once, as a field of a model (`models`; a strategy's own in `components.strategies`). What else has it
is derived: the section `config` of Pulumi.yaml, the switch's schema and docs/configuration.md (`generate`), a
switch's spec and the workloads' settings files (`values`), the options of the experiments (`keys.options`).

This package knows nothing of Pulumi, and names no strategy.
"""

from components.settings.analysis import Analysis
from components.settings.declare import NAMESPACE
from components.settings.models import (
    ColorSettings,
    ConsumerColorSettings,
    ConsumerGroupSettings,
    Faults,
    StrategySettings,
)
from components.settings.platform import PlatformSettings
from components.settings.reading import platform_settings, schema_defaults, strategy_settings
from components.settings.stack import StackName
from components.settings.telling import SettingsError
from components.settings.types import PROTOCOL_OWNED

__all__ = [
    "NAMESPACE",
    "PROTOCOL_OWNED",
    "Analysis",
    "ColorSettings",
    "ConsumerColorSettings",
    "ConsumerGroupSettings",
    "Faults",
    "PlatformSettings",
    "SettingsError",
    "StackName",
    "StrategySettings",
    "platform_settings",
    "schema_defaults",
    "strategy_settings",
]
