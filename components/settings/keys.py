"""The keys of the configuration, as they are declared in the models, for whatever is derived from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from components.settings import registry
from components.settings.declare import Goes, goes_of
from components.settings.models import StrategySettings
from components.settings.platform import PlatformSettings
from components.settings.reading import plain_default
from components.settings.telling import bounds, choices, fields, model_of

PLATFORM = "platform"
Kind = Literal["string", "integer", "number", "boolean", "object", "array"]


@dataclass(frozen=True, slots=True)
class Key:
    """One key. name: in the configuration. attribute: of its model. stacks: `platform`, and strategies' letters.

    inners: when its value is an object, its model in each kind of stack.
    """

    name: str
    attribute: str
    info: FieldInfo
    stacks: tuple[str, ...] = ()
    inners: Mapping[str, type[BaseModel]] = field(default_factory=dict)

    @property
    def goes(self) -> Goes:
        """Where its value goes."""
        return goes_of(self.info)

    @property
    def description(self) -> str:
        """What it means; one sentence."""
        return self.info.description or ""

    @property
    def kind(self) -> Kind:
        """Its type, as JSON schemas call it."""
        kinds = {self.info.annotation, *get_args(self.info.annotation)}
        if any(isinstance(kind, type) and issubclass(kind, BaseModel) for kind in kinds) or dict in _origins(kinds):
            return "object"
        if tuple in _origins(kinds):
            return "array"
        found: list[Kind] = [name for known, name in _SCALARS.items() if known in kinds]
        return found[0] if found else "string"

    @property
    def inner(self) -> type[BaseModel] | None:
        """The model of its value, when that is an object."""
        return model_of(self.info)

    @property
    def minimum(self) -> float | None:
        """A number's least value."""
        return bounds(self.info).get("ge")

    @property
    def maximum(self) -> float | None:
        """A number's greatest value."""
        return bounds(self.info).get("le")

    @property
    def pattern(self) -> str | None:
        """The regular expression of a text."""
        return next((item.pattern for item in self.info.metadata if getattr(item, "pattern", None)), None)

    @property
    def choices(self) -> tuple[str, ...]:
        """The values that it can have; empty when they are not a few words."""
        return choices(self.info)

    @property
    def default(self) -> object:
        """Its default as Pulumi.yaml has it: {} for an object, "" for what has to be set."""
        return plain_default(self.info)


_SCALARS: Mapping[type, Kind] = {bool: "boolean", int: "integer", float: "number"}


def _origins(kinds: set[object]) -> set[object]:
    return {getattr(kind, "__origin__", None) for kind in kinds} | kinds


@dataclass(frozen=True, slots=True)
class Option:
    """An option of the experiments' command line that sets a key.

    name: such as `--message-bytes`. type: `int`, `float` or `str`. minimum, maximum: of a number; None where there is
    none. choices: empty when there are no few words.
    """

    name: str
    key: str
    attribute: str
    type: type
    choices: tuple[str, ...]
    minimum: float | None
    maximum: float | None
    default: object
    help: str


def of(model: type[BaseModel], *stacks: str) -> tuple[Key, ...]:
    """The keys of one model, in the order of its fields."""
    attributes = {info.alias or name: name for name, info in model.model_fields.items()}
    return tuple(
        Key(name, attributes[name], info, stacks, dict.fromkeys(stacks, inner) if (inner := model_of(info)) else {})
        for name, info in fields(model).items()
    )


def declared(models: Mapping[str, type[StrategySettings]] | None = None) -> tuple[Key, ...]:
    """Every key of every kind of stack, once: the platform's, then the strategies' in the order of their letters.

    models: by the strategies' letters; those that are registered, if None. A key of several kinds of stack is one key.
    Raises ValueError when they do not agree about it.
    """
    known = registry.models() if models is None else models
    merged: dict[str, Key] = {}
    models_of: dict[str, type[BaseModel]] = {PLATFORM: PlatformSettings, **known}
    for stack, model in models_of.items():
        for key in of(model, stack):
            before = merged.get(key.name)
            if before is not None and _told(before) != _told(key):
                raise ValueError(f"key {key.name}: {', '.join(before.stacks)} and {stack} do not agree about it")
            if before is not None:
                both = (*before.stacks, stack), {**before.inners, **key.inners}
                merged[key.name] = Key(key.name, key.attribute, before.info, *both)
            else:
                merged[key.name] = key
    return tuple(merged.values())


def _told(key: Key) -> tuple[object, ...]:
    """What Pulumi.yaml says of a key: one declaration for all kinds of stack."""
    return key.kind, key.default, key.description


def options(keys: Sequence[Key] | None = None) -> tuple[Option, ...]:
    """The options by which the experiments' command line changes a stack's configuration, `--strategy` first."""
    chosen = [key for key in (declared() if keys is None else keys) if key.goes.option]
    types: Mapping[str, type] = {"integer": int, "number": float}
    return tuple(
        Option(
            name="--" + key.attribute.replace("_", "-"),
            key=key.name,
            attribute=key.attribute,
            type=types.get(key.kind, str),
            choices=tuple(registry.models()) if key.attribute == "strategy" else key.choices,
            minimum=key.minimum,
            maximum=key.maximum,
            default=key.default,
            help=key.description,
        )
        for key in chosen
    )
