"""From what Pulumi hands to a program (strings; objects as JSON) to the settings of a stack."""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from components.names import PLATFORM_STACK
from components.settings import registry, rules, secrets
from components.settings.declare import NAMESPACE
from components.settings.models import StrategySettings
from components.settings.platform import PlatformSettings
from components.settings.telling import SettingsError, choices, explained, fields, model_of

Model = TypeVar("Model", bound=BaseModel)


def platform_settings(
    raw: Mapping[str, str], stack: str = PLATFORM_STACK, hidden: Collection[str] = ()
) -> PlatformSettings:
    """The settings of the platform stack from its configuration; keys without the namespace. hidden: those of which a
    part, or the whole, is a secret. Raises `SettingsError`.
    """
    return _read(PlatformSettings, raw, stack, rules.of_the_platform, hidden=hidden)


def strategy_settings(raw: Mapping[str, str], stack: str, hidden: Collection[str] = ()) -> StrategySettings:
    """The settings of a strategy stack from its configuration; keys without the namespace. The model is the strategy's.

    hidden: the keys of which a part, or the whole, is a secret. What such a key can keep as one is a `SecretStr` in the
    settings. Raises `SettingsError`.
    """
    model = registry.models().get(raw.get("strategy", ""))
    if model is None:
        # What every strategy has is still read; of the keys that only some have it cannot be told what is right.
        model = StrategySettings
        raw = {key: text for key, text in raw.items() if _is_common(key) or key not in schema_defaults()}
    name = rules.of_a_name(stack)
    early = {**({"": name} if name else {}), **({} if "strategy" in hidden else _strategy_problem(raw))}
    return _read(model, raw, stack, lambda settings: rules.of_a_strategy(settings, stack), early, hidden=hidden)


def _is_common(key: str) -> bool:
    """Whether every strategy has the key, and means the same by it."""
    known = fields(StrategySettings)
    return key in known and all(
        model_of(fields(model)[key]) is model_of(known[key]) for model in registry.models().values()
    )


def _read(
    model: type[Model],
    raw: Mapping[str, str],
    stack: str,
    contradictions: Callable[[Model], Iterator[str]],
    early: Mapping[str, str] | None = None,
    *,
    hidden: Collection[str],
) -> Model:
    """`raw` as a `model` without contradictions. early: lines that say more about a key than the model's own check of
    it would. hidden: the keys that have a secret. What contradicts what is not looked for when there are such lines, or
    a secret that would be told.
    """
    known = fields(model)
    early = early or {}
    problems, unkept = list(early.values()), list[str]()
    values: dict[str, object] = {}
    for key in sorted(raw):
        if key in known:
            values[key] = _decoded(raw[key], known[key])
            if key in hidden:
                unkept += secrets.refused(key, known[key], values[key], stack)
                values[key] = secrets.kept(known[key], values[key])
        elif schema_defaults().get(key) != raw[key]:
            problems.append(_unknown_key(key, known))
    problems += unkept
    # Pulumi has no optional object: a declared key needs a default, and {} is "nothing said".
    values = {key: value for key, value in values.items() if not (value == {} and known[key].default is None)}
    try:
        settings = model.model_validate(values)
    except ValidationError as error:
        problems += dict.fromkeys(line for key, line in explained(error, model, hidden) if key not in early)
        raise SettingsError(stack, problems) from None
    if not early and not unkept:
        problems += contradictions(settings)
    if problems:
        raise SettingsError(stack, problems)
    return settings


def _decoded(text: str, field: FieldInfo) -> object:
    """What Pulumi made a string, as what it was; left as it is where it was not, for the validation to refuse it."""
    if field.annotation is int:
        return int(text) if re.fullmatch(r"[+-]?\d{1,18}", text) else text
    if field.annotation is str or choices(field):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def schema_defaults() -> dict[str, str]:
    """Every key that `Pulumi.yaml` declares with its default, as a program is handed it. Pulumi gives them to every
    stack, so that a key of another kind of stack arrives everywhere: with its default it says nothing.
    """
    defaults: dict[str, str] = {}
    models: tuple[type[BaseModel], ...] = (PlatformSettings, *registry.models().values())
    for model in models:
        for key, field in fields(model).items():
            plain = plain_default(field)
            # A list or an object as Go writes them.
            defaults[key] = plain if isinstance(plain, str) else json.dumps(plain, separators=(",", ":"))
    return defaults


def plain_default(field: FieldInfo) -> object:
    """A field's default as Pulumi.yaml has it: {} for an object, "" for what has to be set."""
    default = "" if field.is_required() else field.get_default(call_default_factory=True)
    if isinstance(default, tuple):
        return list(default)
    return {} if isinstance(default, BaseModel) or default is None else default


def _strategy_problem(raw: Mapping[str, str]) -> dict[str, str]:
    given, built = raw.get("strategy", ""), registry.models()
    allowed = " or ".join(repr(letter) for letter in built)
    key = f"{NAMESPACE}:strategy"
    if not given:
        return {"strategy": f"{key}: is not set; allowed: {allowed} (only the stack {PLATFORM_STACK!r} has none)"}
    if given in built:
        return {}
    why = "is not built yet" if given in registry.planned() else "is refused"
    return {"strategy": f"{key}: {given!r} {why}; allowed: {allowed}"}


def _unknown_key(key: str, known: Mapping[str, FieldInfo]) -> str:
    if key in schema_defaults():
        return f"{NAMESPACE}:{key}: belongs to another kind of stack; allowed here: {', '.join(known)}"
    for letter, keys in registry.planned().items():
        if key in keys:
            why = f"belongs to strategy {letter!r}, which is not built yet"
            return f"{NAMESPACE}:{key}: {why}; allowed here: {', '.join(known)}"
    return f"{NAMESPACE}:{key}: unknown key; allowed: {', '.join(known)}"
