"""The definitions of KEDA's kinds, all of which its operator watches. `python -m components.keda.crds FOLDER` makes
them anew.

They are the release's own (`config/crd/bases` of its module, FOLDER), as its installation patches them (its
`config/crd/patches`), but for one thing: the schema of a ScaledJob's `jobTargetRef`, a whole Job of 0.65 MB, is left
open. No such object is made here. FOLDER is what the sandbox compiles KEDA from, or any Go client's:

    go mod download -json github.com/kedacore/keda/v2@v2.21.0     # "Dir", and below it config/crd/bases
"""

import sys
from collections.abc import Mapping
from typing import Any

from components.releases import Definitions

VERSION = "v2.21.0"
GROUP_VERSION = "keda.sh/v1alpha1"
KIND = "ScaledObject"
#: The kind that a stack with a scaler makes an object of.
SCALING: Mapping[str, tuple[str, ...]] = {GROUP_VERSION: ("scaledobjects",)}
_KINDS = {
    "eventing.keda.sh": ("cloudeventsources", "clustercloudeventsources"),
    "keda.sh": ("clustertriggerauthentications", "scaledjobs", "scaledobjects", "triggerauthentications"),
}
#: By the file's name, ours and the release's.
FILES = {f"{kind}.yaml": f"{group}_{kind}.yaml" for group, kinds in _KINDS.items() for kind in kinds}
_HEAD = (
    "# Of KEDA {version} (https://github.com/kedacore/keda, Apache License 2.0), config/crd/bases/{name},\n"
    "# with a ScaledJob's `jobTargetRef` left open; made by: python -m components.keda.crds FOLDER\n"
)
_WINDOW = {"minimum": 0, "maximum": 3600}


def reduced(definition: dict[str, Any]) -> dict[str, Any]:
    """A definition of the release as it is installed here. Raises KeyError for one of another form."""
    for version in definition["spec"]["versions"]:
        spec = version["schema"]["openAPIV3Schema"]["properties"].get("spec")
        if definition["spec"]["names"]["kind"] == "ScaledJob":
            spec["properties"]["jobTargetRef"] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
            del spec["properties"]["triggers"]["items"]["properties"]["metricType"]
        if definition["spec"]["names"]["kind"] == KIND:
            advanced = spec["properties"]["advanced"]["properties"]
            behavior = advanced["horizontalPodAutoscalerConfig"]["properties"]["behavior"]["properties"]
            for way in ("scaleDown", "scaleUp"):
                behavior[way]["properties"]["stabilizationWindowSeconds"] |= _WINDOW
    return definition


_DEFINITIONS = Definitions(VERSION, "config/crd/bases", "keda", FILES, _HEAD, reduced)


def definitions() -> list[dict[str, Any]]:
    """The CustomResourceDefinitions, as the API server takes them."""
    return _DEFINITIONS.read()


if __name__ == "__main__":
    raise SystemExit(_DEFINITIONS.write("components.keda.crds", sys.argv[1:]))
