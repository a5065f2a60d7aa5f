"""What the cluster has before an update touches anything, and what follows: the images that the colour at work keeps,
and whether the update may begin.

Read from the live objects: who holds the grant is what the KafkaConsumerSwitch says, not what the configuration asked
for last (design §5.1).
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any, Protocol, get_args

from components import advice, images, names
from components.cluster.access import AccessError, ClusterAccess
from components.cluster.errors import ApiError
from components.live_switch import Object
from components.names import Color
from components.restarts import Digests, changes


class InPlaceError(RuntimeError):
    """An update would restart the active colour's pods in place. The message says which, and what to do instead."""


class Api(Protocol):
    """What is needed of `KubernetesApi`."""

    def get(self, path: str) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Before:
    """switch: the live KafkaConsumerSwitch; None where there is none. kept: of the colour that is at work, the images
    of its pods' containers by their names, where it may not be restarted in place. members: how many pods its object
    has now; None where that is not known. in_place: what the update would
    restart of that colour while it is at work; a line for each object. unknown: why the cluster could not be asked;
    empty when it was.
    """

    switch: Object | None = None
    kept: Mapping[str, str] = field(default_factory=dict)
    members: int | None = None
    in_place: tuple[str, ...] = ()
    unknown: str = ""

    @property
    def holder(self) -> Color | None:
        """The colour that is at work: it holds the grant, or held it last while nobody does. None if nobody ever
        did.
        """
        status = (self.switch or {}).get("status") or {}
        named = status.get("active") or status.get("lastHolder")
        return next((color for color in get_args(Color) if color == named), None)

    @property
    def way(self) -> str:
        """How the members of the colour at work entered their group; empty where the grant does not say so."""
        return str(((self.switch or {}).get("status") or {}).get("shape") or "").partition(" ")[2]

    def has_more(self, color: Color, members: int) -> bool:
        """Whether `color` is at work with more than so many pods: those beyond it have to leave before they go."""
        return color == self.holder and self.members is not None and self.members > members

    def image(self, color: Color, container: str, wanted: str) -> str:
        """The image that a container of `color` gets: the one wanted, unless the colour is at work and has one.

        A new image of this project changes the pod template of both colours, and nobody asked for the pods at work to
        be replaced: the colour that waits gets it, the other one when it waits (plan/decisions/0024).
        """
        return self.kept.get(container, wanted) if color == self.holder else wanted


NOTHING = Before()


@dataclass(frozen=True, slots=True)
class Stake:
    """An object whose pods the update may restart: as people call it, where it is, and what is wanted of it.

    secrets: the text of its pods' file of secrets; empty where they have none, or it is another's.
    """

    name: str
    path: str
    wanted: Digests
    secrets: str = field(default="", repr=False)


#: For what is found, with what is kept: what the update brings to what is wanted before its holder is switched away
#: from.
Stakes = Callable[[Before], Sequence[Stake]]


def look(
    access: ClusterAccess, stack: str, paths: Mapping[Color, str], stakes: Stakes, *, keeps: bool = True
) -> Before:
    """What the stack's cluster has now. paths: where the API server has what says how many pods a colour has, and
    which images they have; of a colour without, neither is known. keeps: the colour at work keeps its images. What
    cannot be read is said in `unknown`; raises nothing.
    """
    from components.cluster.client import KubernetesApi  # noqa: PLC0415 - its import takes time

    try:
        return look_at(KubernetesApi(access, agent=names.UPDATE_AGENT), stack, paths, stakes, keeps=keeps)
    except (AccessError, ApiError) as error:
        return Before(unknown=str(error))


def look_at(api: Api, stack: str, paths: Mapping[Color, str], stakes: Stakes, *, keeps: bool = True) -> Before:
    """`look`, of this API server. Raises `ApiError`."""
    kind = names.switches(stack)
    read = cache(partial(_get, api))
    found = Before(read(f"{kind}/{names.SWITCH_NAME}"))
    if found.holder is None:
        return found
    if found.holder in paths:
        at_work = read(paths[found.holder]) or {}
        members = (at_work.get("spec") or {}).get("replicas")
        found = replace(found, kept=running(at_work) if keeps else {}, members=members)
    lines = []
    for stake in stakes(found):
        live = read(stake.path)
        # Without pods nothing is restarted.
        if live is None or not live["spec"].get("replicas", 1):
            continue
        different = changes(live, stake.wanted)
        if stake.secrets and _secrets(api, stack, live) not in {None, stake.secrets}:
            different.append("a secret")
        lines += [f"{stake.name}: {', '.join(different)}"] if different else []
    return replace(found, in_place=tuple(lines))


def running(obj: Object) -> dict[str, str]:
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


def _secrets(api: Api, stack: str, live: Object) -> str | None:
    """The text of the file of secrets that a StatefulSet's pods see; None where there is none, or nobody may see it.

    Its name in the pods' template is Pulumi's, and says nothing of what is in it.
    """
    volumes = ((live["spec"].get("template") or {}).get("spec") or {}).get("volumes") or ()
    sources = [source for volume in volumes for source in (volume.get("projected") or {}).get("sources") or ()]
    named = [source["secret"]["name"] for source in sources if "secret" in source]
    if not named:
        return None
    try:
        data = api.get(f"/api/v1/namespaces/{stack}/secrets/{named[0]}").get("data") or {}
    except ApiError:
        return None
    return base64.b64decode(data.get(names.SECRETS_FILE) or "").decode()


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


def require_way(found: Before, stack: str, active: Color, way: str | None) -> None:
    """Raises `InPlaceError` when the colour at work stays active, and is to enter and leave its group in another way
    (None: in no way that the switch knows of): its pods would change one after the other, beside those that have not.
    """
    if way is None or not found.way or found.holder != active or found.way == way:
        return
    other = "green" if active == "blue" else "blue"
    raise InPlaceError(
        f"{active} is active, and its members are in their group by {found.way}; {way} comes only together with a "
        "switch, for a group takes no mixture of both. Nothing was touched.\n"
        f"Instead: let {other} be active in the same update: {advice.set_key(stack, 'active', other)}"
    )
