"""The definitions of Argo Rollouts' kinds that analysis needs: `python -m components.argo.crds FOLDER` makes them anew.

They are the release's own (`manifests/crds` of its module, FOLDER) but for one thing: the schema of the provider `job`,
a whole PodSpec, nine tenths of each file, is left open. Such a metric is no use here: the controller may make no Jobs.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

VERSION = "v1.10.1"
GROUP_VERSION = "argoproj.io/v1alpha1"
#: The kinds that a stack with `analysis.templates` makes objects of, or its controller does.
ANALYSIS: Mapping[str, tuple[str, ...]] = {GROUP_VERSION: ("analysistemplates", "analysisruns")}
_FOLDER = Path(__file__).parents[1] / "files" / "argo"
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


def definitions() -> list[dict[str, Any]]:
    """The CustomResourceDefinitions, as the API server takes them."""
    return [yaml.safe_load((_FOLDER / name).read_text(encoding="utf-8")) for name in FILES]


def reduced(definition: dict[str, Any]) -> dict[str, Any]:
    """A definition of the release with the provider `job` left open. Raises KeyError for one of another form."""
    for version in definition["spec"]["versions"]:
        spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
        provider = spec["properties"]["metrics"]["items"]["properties"]["provider"]
        provider["properties"]["job"] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return definition


def main(arguments: list[str]) -> int:
    """Write the files from the release's; returns the exit code."""
    if len(arguments) != 1:
        print(f"usage: python -m components.argo.crds FOLDER, manifests/crds of {VERSION}", file=sys.stderr)
        return 2
    for name, origin in FILES.items():
        made = reduced(yaml.safe_load((Path(arguments[0]) / origin).read_text(encoding="utf-8")))
        text = yaml.safe_dump(made, sort_keys=False, width=120)
        (_FOLDER / name).write_text(_HEAD.format(version=VERSION, name=origin) + text, encoding="utf-8")
        print(f"{name} written")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
