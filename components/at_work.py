"""What the colour at work runs, read from the cluster, and which image its containers get.

A new image of this project changes the pod template of both colours, and nobody asked for the pods at work to be
replaced: the colour that waits gets it, the other one when it waits (plan/decisions/0023).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, get_args

from components import images, names
from components.cluster.access import AccessError, ClusterAccess
from components.cluster.errors import ApiError
from components.settings.types import Color

_AGENT = "kafka-bluegreen-up"


class AtWorkError(RuntimeError):
    """What runs cannot be read, so that nobody knows what has to stay. The message says why."""


class Api(Protocol):
    """What is needed of `KubernetesApi`."""

    def get(self, path: str) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class AtWork:
    """color: who holds the grant, or held it last; None before anybody did. images: of the containers of its pods, by
    their names; empty while it has no pods.
    """

    color: Color | None = None
    images: Mapping[str, str] = field(default_factory=dict)

    def image(self, color: Color, container: str, wanted: str) -> str:
        """The image of a container of `color`: the one wanted, unless the colour is at work and has one."""
        return self.images.get(container, wanted) if color == self.color else wanted


NOBODY = AtWork()


def find(namespace: str, paths: Mapping[Color, str], access: ClusterAccess) -> AtWork:
    """paths: where the API server has what says what a colour's pods run; without any nothing is kept.

    Raises `AtWorkError`.
    """
    if not paths:
        return NOBODY
    from components.cluster.client import KubernetesApi  # noqa: PLC0415 - its import takes time

    try:
        return read(namespace, paths, KubernetesApi(access, agent=_AGENT))
    except (AccessError, ApiError) as error:
        raise AtWorkError(f"what runs in namespace {namespace} cannot be read: {error}") from None


def read(namespace: str, paths: Mapping[Color, str], api: Api) -> AtWork:
    """`find`, of this API server. Raises `ApiError`."""
    kind = f"/apis/{names.GROUP}/{names.SWITCH_VERSION}/namespaces/{namespace}/{names.SWITCH_PLURAL}"
    color = holder(_found(api, f"{kind}/{names.SWITCH_NAME}"))
    return NOBODY if color is None else AtWork(color, running(_found(api, paths[color])))


def holder(switch: Mapping[str, Any]) -> Color | None:
    """Who holds the grant of a KafkaConsumerSwitch, or held it last; None before anybody did, or without a switch."""
    status = switch.get("status") or {}
    named = status.get("active") or status.get("lastHolder")
    return next((color for color in get_args(Color) if color == named), None)


def running(obj: Mapping[str, Any]) -> dict[str, str]:
    """The images of the pods of a StatefulSet, by container, or of a KafkaConnect, as `images.CONNECT`; empty when it
    is not there or has no pods.
    """
    spec = obj.get("spec") or {}
    if not spec.get("replicas"):
        return {}
    if "image" in spec:
        return {images.CONNECT: spec["image"]}
    pod = (spec.get("template") or {}).get("spec") or {}
    return {one["name"]: one["image"] for one in [*pod.get("initContainers", ()), *pod.get("containers", ())]}


def _found(api: Api, path: str) -> dict[str, Any]:
    """The object, or {} when it is not there."""
    try:
        return api.get(path)
    except ApiError as error:
        if error.not_found:
            return {}
        raise
