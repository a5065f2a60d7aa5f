"""By what the pods of a colour are restarted, as digests: written beside them as an annotation, and compared before an
update touches anything.

What the API server stores of a pod template has its defaults filled in, so what is wanted cannot be compared with it;
the digests of what was wanted last can.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from components import names

if TYPE_CHECKING:  # what is read before an update does not load what is deployed
    from pulumi_kubernetes.core.v1 import PodSpecArgs

#: Digests, and images as they are, by what they are of, such as `settings`.
Digests = Mapping[str, str]
#: What the images are of.
IMAGE = "image"


def of_pods(pod: "PodSpecArgs", labels: Mapping[str, str], settings: str) -> Digests:
    """What restarts pods of this template, with their settings file. Outputs in it count as what never changes."""
    plain = _plain(pod)
    containers = [*plain.get("initContainers", []), *plain["containers"]]
    images = dict.fromkeys(container.pop(IMAGE) for container in containers)
    return {IMAGE: ", ".join(images), "settings": digest(settings), "pod template": digest([labels, plain])}


def digest(value: object) -> str:
    """A short hash of a text, or of anything that JSON has."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def annotation(digests: Digests) -> dict[str, str]:
    """The annotation that says them."""
    return {names.RESTARTS: json.dumps(dict(digests), sort_keys=True)}


def changes(live: Mapping[str, Any], wanted: Digests) -> list[str]:
    """What would restart the pods of a live object when it is brought to `wanted`, each in a few words. Empty for one
    without the annotation, which tells nothing.
    """
    said = (live["metadata"].get("annotations") or {}).get(names.RESTARTS)
    try:
        known = json.loads(said or "{}")
    except ValueError:
        known = {}
    if not isinstance(known, dict) or not known:
        return []
    differing = [name for name in wanted if known.get(name) != wanted[name]]
    return [f"{name} {known.get(name)} -> {wanted[name]}" if name == IMAGE else name for name in differing]


def _plain(value: Any) -> Any:
    """An argument of Pulumi's as JSON has it."""
    import pulumi  # noqa: PLC0415 - what was read is compared without it
    from pulumi._types import input_type_to_dict, is_input_type  # noqa: PLC0415

    if is_input_type(type(value)):
        value = input_type_to_dict(value)
    if isinstance(value, pulumi.Output):
        return ""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(inner) for inner in value]
    return value
