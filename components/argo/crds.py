"""The definitions of Argo Rollouts' kinds that analysis needs: `python -m components.argo.crds FOLDER` makes them anew.

They are the release's own (`manifests/crds` of its module, FOLDER) but for one thing: the schema of the provider `job`,
a whole PodSpec, nine tenths of each file, is left open. Such a metric is no use here: the controller may make no Jobs.
"""

import sys
from collections.abc import Mapping
from typing import Any

from components.releases import Definitions

VERSION = "v1.10.1"
GROUP_VERSION = "argoproj.io/v1alpha1"
#: The kinds that a stack with `analysis.templates` makes objects of, or its controller does.
ANALYSIS: Mapping[str, tuple[str, ...]] = {GROUP_VERSION: ("analysistemplates", "analysisruns")}
#: By the file's name, ours and the release's.
FILES = {
    "analysisruns.yaml": "analysis-run-crd.yaml",
    "analysistemplates.yaml": "analysis-template-crd.yaml",
    "clusteranalysistemplates.yaml": "cluster-analysis-template-crd.yaml",
}
_HEAD = (
    "# Of Argo Rollouts {version} (https://github.com/argoproj/argo-rollouts, Apache License 2.0), "
    "manifests/crds/{name},\n# with the schema of the provider `job` left open; made by: "
    "python -m components.argo.crds FOLDER\n"
)


def reduced(definition: dict[str, Any]) -> dict[str, Any]:
    """A definition of the release with the provider `job` left open. Raises KeyError for one of another form."""
    for version in definition["spec"]["versions"]:
        spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
        provider = spec["properties"]["metrics"]["items"]["properties"]["provider"]
        provider["properties"]["job"] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return definition


_DEFINITIONS = Definitions(VERSION, "manifests/crds", "argo", FILES, _HEAD, reduced)


def definitions() -> list[dict[str, Any]]:
    """The CustomResourceDefinitions, as the API server takes them."""
    return _DEFINITIONS.read()


if __name__ == "__main__":
    raise SystemExit(_DEFINITIONS.write("components.argo.crds", sys.argv[1:]))
