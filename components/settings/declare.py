"""How a key of the configuration is declared: once, as a field of a settings model with its type, default, bounds and
description, and with where its value goes (`Goes`). Everything else is derived (see `keys`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo

NAMESPACE = "kafka-bluegreen"

Choice = TypeVar("Choice", bound=str)


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a type takes, in words, where its bounds do not say it."""

    words: str


@dataclass(frozen=True, slots=True)
class Goes:
    """Where a key's value goes, besides into the program itself.

    spec: into the switch's spec, by the key's own name; required: which the API server then insists on. words: how the
    spec calls a choice that it has another word for. rules: CEL rules of the spec's property, with their messages.
    schema: what that property has besides, where the key's type does not say it.
    consumer, producer: the name in that workload's settings file; empty for none. option: the experiments' command line
    offers it. shape: a pair that has another value of it is made of something else. keeps: the name in the consumer's
    file of secrets, where a value goes that was set with `--secret`; a key without it takes no secret, for the reason
    `shown`, where that is not the usual one.
    """

    spec: bool = False
    required: bool = False
    words: Mapping[str, str] = field(default_factory=dict)
    rules: tuple[tuple[str, str], ...] = ()
    schema: Mapping[str, object] = field(default_factory=dict)
    consumer: str = ""
    producer: str = ""
    option: bool = False
    shape: bool = False
    keeps: str = ""
    shown: str = ""


def goes_of(info: FieldInfo) -> Goes:
    """Where the value of a field goes."""
    return next((item for item in info.metadata if isinstance(item, Goes)), Goes())


class Section(BaseModel):
    """A part of the configuration: its keys in camelCase, no others, values of exactly their type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, alias_generator=to_camel)


#: The key that tells the strategies' models apart: `strategy: StrategyOf[Literal["<letter>"]]`.
StrategyOf = Annotated[
    Choice,
    Goes(
        spec=True,
        required=True,
        rules=(("self == oldSelf", "the strategy of a switch cannot be changed; make another one"),),
        consumer="strategy",
        option=True,
    ),
    Field(description="how the work is moved from one colour to the other; has to be set"),
]
