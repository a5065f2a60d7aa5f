"""The `spec` of the KafkaConsumerSwitch as an OpenAPI schema (design §5.2), from the keys that go there.

What no key decides is said here: what the controller has to know of the strategy, as values. The rest of the
definition (status, printer columns, rules across fields) is written by hand around it, in
`components/files/kafkaconsumerswitch.yaml`.
"""

from collections.abc import Sequence
from typing import Any

from components.names import COLORS
from components.settings import keys, registry
from components.settings.keys import Key
from components.settings.models import ColorSettings

_INT32 = 2**31 - 1
_NOTHING: tuple[object, ...] = ("", (), {})

_OF_THE_STRATEGY: dict[str, Any] = {
    "leaseName": {
        "type": "string",
        "minLength": 1,
        "maxLength": 63,
        "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        "description": "The Lease that is the protocol's memory.",
        "x-kubernetes-validations": [
            {"rule": "self == oldSelf", "message": "the Lease is the protocol's memory and cannot be exchanged"}
        ],
    },
    "absence": {
        "type": "string",
        "enum": ["Gone", "Unknown"],
        "default": "Gone",
        "description": "What it means that a member's pod is in no consistent list: that it is gone, or nothing.",
    },
    "positions": {
        "type": "string",
        "enum": ["Members", "Groups"],
        "default": "Members",
        "description": "Where lagPolicy wait takes positions from: what members report, or the committed offsets of "
        "the colour's group.",
    },
    # Not required, like the two before it: an object from before it was there stays writable.
    "standby": {
        "type": "string",
        "enum": ["Outside", "Assigned"],
        "default": "Outside",
        "description": "Where the members of the colour that waits stand: outside of its group, or assigned every "
        "partition between them, without which it cannot be switched to.",
    },
    # Of both colours, in the place of their own: what the scale subresource reads and writes.
    "replicas": {
        "type": "integer",
        "format": "int32",
        "minimum": 1,
        "maximum": 100,
        "description": "How many pods each colour is meant to have, in the place of its own number, where a scaler "
        "says it; the controller gives it to the sets that the colours name. Without them it is none; needs way.",
    },
    "way": {
        "type": "string",
        "minLength": 1,
        "maxLength": 63,
        "pattern": "^[a-z]([-a-z/]*[a-z])?$",
        "description": "How members enter and leave their group. With it a grant names its shape: this, the number of "
        "members and of partitions; a change of any of them is a grant of its own. Without it none of them is the "
        "switch's.",
    },
}

_OF_A_COLOR: dict[str, Any] = {
    "selector": {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 8,
        "additionalProperties": {"type": "string", "maxLength": 63},
        "description": "Labels that all pods of this colour have, and no others in the namespace.",
    },
    "set": {
        "type": "string",
        "minLength": 1,
        "maxLength": 63,
        "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        "description": "The StatefulSet of this colour, which gets the number in spec.replicas.",
    },
    # Not required: an object from before it was there stays writable.
    "group": {
        "type": "string",
        "minLength": 1,
        "maxLength": 255,
        "description": "The consumer group of this colour; both may have the same.",
    },
}


def spec_schema(declared: Sequence[Key] | None = None) -> dict[str, Any]:
    """`required` and `properties` of the spec. declared: the keys; those that are registered, if None."""
    known = [key for key in (keys.declared() if declared is None else declared) if key.goes.spec]
    color = _object(keys.of(ColorSettings))
    colors = {
        name: {
            "type": "object",
            "required": ["selector", *color["required"]],
            "description": "The pods of one colour.",
            "properties": {**_OF_A_COLOR, **color["properties"]},
        }
        for name in COLORS
    }
    of_keys = _object(known)
    required = [*of_keys["required"], *colors, "leaseName"]
    return {"required": required, "properties": {**of_keys["properties"], **colors, **_OF_THE_STRATEGY}}


def _object(declared: Sequence[Key]) -> dict[str, Any]:
    known = [key for key in declared if key.goes.spec]
    return {
        "required": [key.name for key in known if key.goes.required],
        "properties": {key.name: _property(key) for key in known},
    }


def _property(key: Key) -> dict[str, Any]:
    """One key as a property. A key that is required needs no default, and one without a value has none."""
    found: dict[str, Any] = {"type": key.kind}
    if key.kind == "integer":
        found["format"] = "int32" if (key.maximum or 0) <= _INT32 else "int64"
    if key.choices:
        found["enum"] = _letters() if key.name == "strategy" else [key.goes.words.get(w, w) for w in key.choices]
    found |= {name: value for name, value in (("minimum", key.minimum), ("maximum", key.maximum)) if value is not None}
    if key.pattern:
        found["pattern"] = key.pattern
    if not (key.goes.required or key.inner or key.default in _NOTHING):
        found["default"] = key.goes.words.get(str(key.default), key.default)
    found |= dict(key.goes.schema)
    found["description"] = _sentence(key.description)
    if key.inner:
        found |= {name: content for name, content in _object(keys.of(key.inner)).items() if content}
    if key.goes.rules:
        found["x-kubernetes-validations"] = [{"rule": rule, "message": message} for rule, message in key.goes.rules]
    return found


def _letters() -> list[str]:
    """Every strategy's letter, also of those that are not built: the definition does not change when one is."""
    return sorted({*registry.models(), *registry.planned()})


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""
