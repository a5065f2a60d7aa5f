"""What of the configuration is a secret, and stays one.

Pulumi tells a program which of its keys have a secret somewhere in them, but not where: with `pulumi config set
--secret --path 'blue.config["sasl.password"]'` it names `blue`. So what can be kept of such a key is kept as a whole:
every value of a colour's `config`. The rest of it (version, replicas, faults) stands in labels, status and metrics.
"""

from collections.abc import Iterator, Mapping

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from components.settings.declare import NAMESPACE, Goes, goes_of
from components.settings.telling import fields, model_of


def refused(key: str, field: FieldInfo, value: object, stack: str) -> Iterator[str]:
    """Why a secret in this key of this stack would not stay one: lines that begin with the key's name, none when it
    does.
    """
    inner = _inside(field)
    given = value if isinstance(value, Mapping) else {}
    keeping = [name for name, goes in inner.items() if goes.keeps]
    if any(given.get(name) for name in keeping):
        return
    reasons = [(f"{key}.{name}", goes.shown) for name, goes in inner.items() if goes.shown and given.get(name)]
    place, why = reasons[0] if reasons else (key, "what it says stands in labels, settings files and status")
    where = f"; what is kept secret of it: {', '.join(f'{key}.{name}' for name in keeping)}" if keeping else ""
    path = "--path " if place != key else ""
    yield (
        f"{NAMESPACE}:{place}: is set as a secret, and would not stay one: {why}{where}; run: "
        f"pulumi config rm {path}{place} -s {stack}, and set it without --secret"
    )


def kept(field: FieldInfo, value: object) -> object:
    """The decoded value of a key that has a secret: what can be kept of it as `SecretStr`."""
    if not isinstance(value, Mapping):
        return value
    keeping = {name for name, goes in _inside(field).items() if goes.keeps}
    return {name: _secret(inner) if name in keeping else inner for name, inner in value.items()}


def _inside(field: FieldInfo) -> dict[str, Goes]:
    model = model_of(field)
    if model is None:
        return {}
    return {name: goes_of(info) for name, info in fields(model).items()}


def _secret(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _secret(inner) for name, inner in value.items()}
    if isinstance(value, bool):
        return SecretStr(str(value).lower())
    return SecretStr(str(value)) if isinstance(value, str | int | float) else value
