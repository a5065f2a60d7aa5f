"""What the cluster has before an update touches anything, and whether the update may begin.

Read from the live objects: who holds the grant is what the KafkaConsumerSwitch says, not what the configuration asked
for last (design §5.1).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from components import advice, names
from components.cluster.access import AccessError, ClusterAccess
from components.cluster.errors import ApiError
from components.cluster.glance import glance
from components.live_switch import Object
from components.restarts import Digests, changes
from components.settings.types import Color

_AGENT = "kafka-bluegreen-up"


class InPlaceError(RuntimeError):
    """An update would restart the active colour's pods in place. The message says which, and what to do instead."""


class Api(Protocol):
    """What is needed of `KubernetesApi`."""

    def get(self, path: str) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Before:
    """switch: the live KafkaConsumerSwitch; None where there is none. in_place: what the update would restart of the
    colour that holds the grant, while it holds it; a line for each object. unknown: why the cluster could not be asked;
    empty when it was.
    """

    switch: Object | None = None
    in_place: tuple[str, ...] = ()
    unknown: str = ""

    @property
    def holder(self) -> str:
        """The colour that holds the grant; while nobody does, the one that held it last. Empty if nobody ever did."""
        status = (self.switch or {}).get("status") or {}
        return status.get("active") or status.get("lastHolder") or ""


@dataclass(frozen=True, slots=True)
class Stake:
    """An object whose pods the update may restart: as people call it, where it is, and what is wanted of it."""

    name: str
    path: str
    wanted: Digests


#: For the colour that holds the grant: what the update brings to what is wanted before it is switched away from.
Stakes = Callable[[Color], Sequence[Stake]]


def look(access: ClusterAccess, stack: str, stakes: Stakes) -> Before:
    """What the stack's cluster has now. What cannot be read is said in `unknown`; raises nothing."""
    try:
        return look_at(glance(access, _AGENT) or _client(access), stack, stakes)
    except (AccessError, ApiError) as error:
        return Before(unknown=str(error))


def _client(access: ClusterAccess) -> Api:
    from components.cluster.client import KubernetesApi  # noqa: PLC0415 - half a second, wanted by few

    return KubernetesApi(access, agent=_AGENT)


def look_at(api: Api, stack: str, stakes: Stakes) -> Before:
    """`look`, of this API server. Raises `ApiError`."""
    kind = f"/apis/{names.GROUP}/{names.SWITCH_VERSION}/namespaces/{stack}/{names.SWITCH_PLURAL}"
    found = Before(_get(api, f"{kind}/{names.SWITCH_NAME}"))
    lines = []
    if found.holder:
        for stake in stakes("blue" if found.holder == "blue" else "green"):
            live = _get(api, stake.path)
            # Without pods nothing is restarted.
            different = changes(live, stake.wanted) if live and live["spec"].get("replicas", 1) else []
            lines += [f"{stake.name}: {', '.join(different)}"] if different else []
    return Before(found.switch, tuple(lines))


def _get(api: Api, path: str) -> dict[str, Any] | None:
    """An object; None when it, its namespace or its kind is not there. Raises `ApiError`."""
    try:
        return api.get(path)
    except ApiError as error:
        if error.not_found:
            return None
        raise


def require_beside(found: Before, stack: str, *, both_first: bool) -> None:
    """Raises `InPlaceError` when the update would restart the active colour in place. both_first: both colours are
    updated before the switch, so that no update can change the old one behind it.
    """
    if not found.in_place:
        return
    active, other = found.holder, "green" if found.holder == "blue" else "blue"
    switch = advice.set_key(stack, "active", other)
    instead = f"let {other} be active: it gets the change first, is switched to, and then {active} follows: {switch}"
    if both_first:
        instead = f"take the change back, switch first ({switch}), and change {active} while it waits"
    raise InPlaceError(
        f"{active} is active, and this update would restart its pods in place. Nothing was touched."
        + "".join(f"\n  {line}" for line in found.in_place)
        + f"\nInstead: {instead}"
        + f"\nTo restart {active} in place all the same: {advice.set_key(stack, 'allowInPlace', 'true')}"
    )
