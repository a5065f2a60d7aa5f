"""Whether the cluster has the kinds of others that a stack makes objects of; told before anything is made.

A preview does not ask: it needs no cluster. Without the kinds an update would come as far as their first object, and
what Pulumi says then names neither what is missing nor what to do.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from components import advice, names
from components.cluster.access import ClusterAccess
from components.cluster.errors import ApiError
from components.connect_names import STRIMZI_GROUP

_ARGO = advice.set_key(names.PLATFORM_STACK, "argo", "true")
_KEDA = advice.set_key(names.PLATFORM_STACK, "keda", "true")
#: Where the kinds come from, by their group and the kind of platform.
_HOW: Mapping[str, Mapping[str, str]] = {
    STRIMZI_GROUP: {
        "sandbox": "run: python -m tools.sandbox up --with connect",
        "cluster": "install Strimzi's cluster operator, 1.0 or newer, and have it watch the stack's namespace "
        "(https://strimzi.io/docs/operators/latest/deploying)",
    },
    "keda.sh": {
        "sandbox": f"run: python -m tools.sandbox up --with keda && {_KEDA}",
        "cluster": "install KEDA, 2.21 or newer (https://keda.sh/docs/latest/deploy), or have the platform do it: "
        f"{_KEDA}",
    },
    "argoproj.io": {
        "sandbox": f"run: python -m tools.sandbox up --with argo && {_ARGO}",
        "cluster": "install Argo Rollouts, 1.10 or newer "
        f"(https://argo-rollouts.readthedocs.io/en/stable/installation), or have the platform do it: {_ARGO}",
    },
}


class DefinitionError(RuntimeError):
    """A kind that the cluster does not have, or whether it has it cannot be told. The message says what to do."""


class Api(Protocol):
    """What is needed of `KubernetesApi`."""

    def get(self, path: str) -> dict[str, Any]: ...


def require_definitions(wanted: Mapping[str, Sequence[str]], access: ClusterAccess, platform: str) -> None:
    """wanted: kinds in their plural, by group and version. platform: `sandbox` or `cluster`.

    Raises `DefinitionError`, and `AccessError` when the cluster cannot be reached by what it is given as.
    """
    from components.cluster.client import KubernetesApi  # noqa: PLC0415 - half a second, wanted by few

    require(wanted, KubernetesApi(access, agent=names.UPDATE_AGENT), platform)


def require(wanted: Mapping[str, Sequence[str]], api: Api, platform: str) -> None:
    """`require_definitions`, of this API server."""
    for version, kinds in wanted.items():
        if missing := [f"{kind}.{version}" for kind in _lacking(kinds, version, api)]:
            how = _HOW[version.partition("/")[0]]
            raise DefinitionError(f"the cluster has no {', '.join(missing)}; {how.get(platform, how['cluster'])}")


def _lacking(kinds: Sequence[str], version: str, api: Api) -> list[str]:
    """Those of `kinds` that this group and version does not have, by what everyone may ask: discovery."""
    try:
        found = api.get(f"/apis/{version}")
    except ApiError as error:
        if error.not_found:
            return list(kinds)
        raise DefinitionError(
            f"whether the cluster has {', '.join(kinds)} of {version} cannot be told: {error}"
        ) from error
    there = {resource.get("name") for resource in found.get("resources") or ()}
    return [kind for kind in kinds if kind not in there]
