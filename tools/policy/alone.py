"""What changes together with `active`, from a stack's resources as they are and as they would be: pure.

An analyzer is told of what would be, and never of what is
(https://www.pulumi.com/docs/insights/policy/policy-packs/authoring/); that is in the stack's state.
"""

from collections.abc import Iterator, Mapping
from typing import Any

SWITCH_TYPE = "kubernetes:kafka-bluegreen.io/v1alpha1:KafkaConsumerSwitch"
#: Pulumi's mark of a secret in a state. What it stands for is not compared.
_SECRET = "4dabf18193072939515e22adb298388d"  # noqa: S105 - no secret, their mark
_MISSING = object()
_MOST = 5

Inputs = Mapping[str, Any]


def together(old: Mapping[str, Inputs], new: Mapping[str, Inputs]) -> list[str]:
    """What changes besides `active` when that changes: each resource with its paths; empty when there is no switch.

    old, new: the inputs of the stack's resources by URN, components and providers left out.
    """
    switches = [urn for urn in new if urn.split("::")[2].endswith(SWITCH_TYPE)]
    if not any(urn in old and _active(old[urn]) != _active(new[urn]) for urn in switches):
        return []
    found = []
    for urn in sorted({*old, *new}):
        name = f"{urn.split('::')[2].rpartition(':')[2]} {urn.rpartition('::')[2]}"
        if urn not in new:
            found.append(f"{name} goes")
        elif urn not in old:
            found.append(f"{name} comes")
        elif paths := [path for path in _differences(old[urn], new[urn], "") if path != "spec.active"]:
            found.append(f"{name}: {', '.join(paths[:_MOST])}" + (" and more" if len(paths) > _MOST else ""))
    return found


def _active(inputs: Inputs) -> Any:
    return (inputs.get("spec") or {}).get("active")


def _differences(old: Any, new: Any, path: str) -> Iterator[str]:
    if isinstance(old, Mapping) and _SECRET in old:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            if not key.startswith("__"):  # the engine's own
                below = f"{path}.{key}" if path else str(key)
                yield from _differences(old.get(key, _MISSING), new.get(key, _MISSING), below)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _differences(one, other, f"{path}[{number}]")
    elif old != new and not (_is_empty(old) and _is_empty(new)):
        yield path


def _is_empty(value: Any) -> bool:
    return value is _MISSING or value is None or value in ({}, [])
