"""The declared keys as text: Pulumi.yaml's `config`, the switch's schema, the table of docs/configuration.md."""

import re
from collections.abc import Sequence
from typing import Any

import yaml
from pydantic import BaseModel

from components.settings import registry
from components.settings.keys import PLATFORM, Key, of
from components.settings.models import StrategySettings
from components.settings.telling import fields

_PULUMI_KINDS = {"integer": "integer", "object": "object", "array": "array", "boolean": "boolean"}
_NAME = re.compile(r"\b([a-z]+(?:[A-Z][a-z]+)+|[a-z]+(?:_[a-z]+)+|[a-z]+(?:\.[a-z]+){2,}|PUT /[a-z]+)")


class _Dumper(yaml.SafeDumper):
    """Block style, lists indented, no anchors: what is the same twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the base class's signature
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, False)


def as_yaml(content: object, indent: int) -> str:
    """`content` as YAML, each line behind `indent` blanks."""
    text = yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)
    return "".join(f"{' ' * indent}{line}\n" for line in text.splitlines())


def pulumi_config(declared: Sequence[Key]) -> dict[str, Any]:
    """The section `config` of Pulumi.yaml: Pulumi checks these types and gives these defaults to every stack."""
    return {
        key.name: {
            "type": _PULUMI_KINDS.get(key.kind, "string"),
            **({"items": {"type": "string"}} if key.kind == "array" else {}),
            "default": key.default,
            "description": _described(key),
        }
        for key in declared
    }


def _described(key: Key) -> str:
    """A key's description with what Pulumi.yaml has no field for: the stacks that it is for, and its choices."""
    words = tuple(registry.models()) if key.name == "strategy" else key.choices
    told = f"{key.description} ({', '.join(words)})" if words else _told(key)
    if PLATFORM in key.stacks:
        return told if len(key.stacks) > 1 else f"stack platform: {told}"
    return told if _is_common(key) else f"strategy {', '.join(key.stacks)}: {told}"


def _told(key: Key, quote: str = "") -> str:
    """A key's description; of an object also what is in it."""
    stacks_of: dict[type[BaseModel], list[str]] = {}
    for stack, model in key.inners.items():
        stacks_of.setdefault(model, []).append(stack)
    if len(stacks_of) < 2:
        return "".join([key.description, *(f": {_inside(model, quote)}" for model in stacks_of)])
    kinds = (
        (_kind(stacks, several=len(stacks_of) - (PLATFORM in key.stacks) > 1), m) for m, stacks in stacks_of.items()
    )
    return "; ".join([key.description, *(f"{kind}: {_inside(model, quote)}" for kind, model in kinds)])


def _kind(stacks: Sequence[str], *, several: bool) -> str:
    """Whose an object is. several: the strategies do not all have the same one."""
    if PLATFORM in stacks:
        return "stack platform"
    return f"strategy {', '.join(stacks)}" if several else "strategy stacks"


def _inside(model: type[BaseModel], quote: str) -> str:
    parts = []
    for key in of(model):
        about = f"{key.description}: {', '.join(fields(key.inner))}" if key.inner else key.description
        parts.append(f"{quote}{key.name}{quote} ({about})" if about else f"{quote}{key.name}{quote}")
    return ", ".join(parts)


def _is_common(key: Key) -> bool:
    """Whether every strategy has the key, because the common model has it."""
    return key.attribute in StrategySettings.model_fields


def table_of_keys(declared: Sequence[Key]) -> str:
    """The table of keys, in Markdown."""
    lines = ["| key | stack | values, default | meaning |", "| --- | --- | --- | --- |"]
    rows: dict[tuple[str, str, str], list[str]] = {}
    for key in declared:
        rows.setdefault((_stacks(key), _values(key), _marked(_told(key, "`"))), []).append(f"`{key.name}`")
    lines += [f"| {', '.join(named)} | {' | '.join(cells)} |" for cells, named in rows.items()]
    return "\n".join(lines) + "\n"


def _stacks(key: Key) -> str:
    strategies = [letter for letter in key.stacks if letter != PLATFORM]
    if PLATFORM in key.stacks:
        return "both" if strategies else "platform"
    return "strategy-*" if _is_common(key) else ", ".join(f"strategy-{letter}" for letter in strategies)


def _values(key: Key) -> str:
    if key.kind == "object":
        return "object"
    if key.kind == "boolean":
        return f"`true`, `false` = `{str(key.default).lower()}`"
    if isinstance(key.default, list):
        return f"list = {', '.join(f'`{item}`' for item in key.default)}"
    if key.choices:
        values = ", ".join(f"`{word}`" for word in (registry.models() if key.name == "strategy" else key.choices))
    elif key.minimum is not None and key.maximum is not None:
        values = f"{key.minimum:.0f}-{key.maximum:.0f}"
    else:
        values = "text"
    default = key.default if key.kind == "integer" else f"`{key.default}`"
    return values if key.default == "" else f"{values} = {default}"


def _marked(text: str) -> str:
    """Names of keys and settings, and calls, as code, where they are not yet."""
    return "`".join(
        _NAME.sub(r"`\1`", part) if number % 2 == 0 else part for number, part in enumerate(text.split("`"))
    )
