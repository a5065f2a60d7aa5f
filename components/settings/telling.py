"""What a user is told of a configuration that is refused: each problem by its key's name, with what is allowed."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, get_args

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from components.settings.declare import NAMESPACE, Allowed
from components.settings.types import HIDDEN, shown

#: pydantic's for the key of a mapping, and for a union's members: no places that the user wrote.
_NO_PLACES = frozenset({"[key]", "str", "int", "float", "bool"})


class SettingsError(ValueError):
    """Settings that cannot be deployed. `problems`: one line for each, beginning with the key's name."""

    def __init__(self, stack: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(
            f"the configuration of stack {stack} is refused:" + "".join(f"\n  {line}" for line in problems)
        )


def fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """A model's fields by the names that the configuration has for them."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def explained(
    error: ValidationError, model: type[BaseModel], secrets: Collection[str] = ()
) -> Iterator[tuple[str, str]]:
    """For each problem, the top-level key and a line that names the place, what was given and what is allowed.

    secrets: the top-level keys of whose values nothing is shown.
    """
    for problem in error.errors(include_url=False):
        path = [part for part in map(str, problem["loc"]) if part not in _NO_PLACES and SecretStr.__name__ not in part]
        name = f"{NAMESPACE}:{'.'.join(path)}"
        owner, field = _field_at(model, path)
        if problem["type"] == "missing":
            yield path[0], f"{name}: is required; allowed: {allowed(field)}"
        elif problem["type"] == "extra_forbidden":
            yield path[0], f"{name}: unknown key; allowed: {', '.join(fields(owner))}"
        else:
            why = f" ({problem['ctx']['error']})" if problem["type"] == "value_error" else ""
            given = HIDDEN if path[0] in secrets else shown(problem["input"])
            yield path[0], f"{name}: {given} is refused{why}; allowed: {allowed(field)}"


def _field_at(model: type[BaseModel], path: Sequence[str]) -> tuple[type[BaseModel], FieldInfo | None]:
    """The model and the field that a path of keys leads to; the field of the mapping for a key inside a mapping."""
    owner, field = model, None
    for key in path:
        inner = model_of(field) if field else owner
        if inner is None:
            break
        owner, field = inner, fields(inner).get(key)
    return owner, field


def model_of(field: FieldInfo) -> type[BaseModel] | None:
    """The model of a field whose value is an object."""
    for candidate in (field.annotation, *get_args(field.annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def bounds(field: FieldInfo) -> dict[str, float]:
    """A number's least and greatest value, as `ge` and `le`."""
    return {key: getattr(item, key) for item in field.metadata for key in ("ge", "le") if hasattr(item, key)}


def choices(field: FieldInfo) -> tuple[str, ...]:
    """The values that a field can have, when they are a few words."""
    return tuple(value for value in get_args(field.annotation) if isinstance(value, str))


def allowed(field: FieldInfo | None) -> str:
    """What a field takes, in words."""
    if field is None:
        return "see Pulumi.yaml"
    inner = model_of(field)
    if inner is not None:
        return f"an object with {', '.join(fields(inner))}"
    told = next((item.words for item in field.metadata if isinstance(item, Allowed)), None)
    if told:
        return told
    if words := choices(field):
        return " or ".join(repr(value) for value in words)
    limits = bounds(field)
    kind: Any = next((k for k in (field.annotation, *get_args(field.annotation)) if k in (int, float, bool)), None)
    named = {int: "a whole number", float: "a number", bool: "true or false"}.get(kind, "text")
    return f"{named} from {limits['ge']:g} to {limits['le']:,}".replace(",", "") if limits else named
