"""What stands in the cluster, beside what Pulumi takes for standing: its picture is only what it last wrote.

Three things are done for everything that the program registers:

- Pulumi may take back what somebody else wrote (`pulumi.com/patchForce`): without it `pulumi up --refresh` ends in a
  field conflict, in its preview after `kubectl patch`, in the update after `kubectl scale`;
- while something is waited for that does not come, it is said why its pods do not start. What Pulumi itself says in the
  end is that its time ran out, and what Kubernetes' events say may be of an earlier generation;
- at the end the live objects are compared with what the program has, on every `up`, also when there was nothing to
  change: an update that was cut off leaves what it wrote, and a state that knows nothing of it.
"""

import asyncio
import contextvars
import copy
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pulumi
from pulumi.runtime import rpc

from components import connect_names as connect
from components import names
from components.cluster.access import AccessError, ClusterAccess
from components.cluster.errors import ApiError
from components.live_objects import DesiredObject, Difference, Object, advice, difference
from components.pod_troubles import Trouble, of_workload, troubles

_FORCE = {"pulumi.com/patchForce": "true"}
_KUBERNETES = "kubernetes:"
_STRIMZI = f"{connect.STRIMZI_GROUP}/{connect.STRIMZI_VERSION}"
_SWITCHES = f"{names.GROUP}/{names.SWITCH_VERSION}"
#: What is compared: by Pulumi's type the plural, and the key of what somebody means to write.
_COMPARED = {
    "kubernetes:core/v1:ConfigMap": ("/api/v1", "configmaps", "data"),
    "kubernetes:apps/v1:StatefulSet": ("/apis/apps/v1", "statefulsets", "spec"),
    "kubernetes:apps/v1:Deployment": ("/apis/apps/v1", "deployments", "spec"),
    "kubernetes:apps/v1:DaemonSet": ("/apis/apps/v1", "daemonsets", "spec"),
    "kubernetes:batch/v1:Job": ("/apis/batch/v1", "jobs", "spec"),
    f"kubernetes:{_SWITCHES}:{names.SWITCH_KIND}": (f"/apis/{_SWITCHES}", names.SWITCH_PLURAL, "spec"),
    f"kubernetes:{_STRIMZI}:{connect.CONNECT_KIND}": (f"/apis/{_STRIMZI}", connect.CONNECT_PLURAL, "spec"),
    f"kubernetes:{_STRIMZI}:{connect.CONNECTOR_KIND}": (f"/apis/{_STRIMZI}", connect.CONNECTOR_PLURAL, "spec"),
}
#: Whose pods are looked at.
_WITH_PODS = frozenset({"StatefulSet", "Deployment", "DaemonSet", "Job", connect.CONNECT_KIND})
#: Most updates are over by then: whoever is not asked costs nothing.
_PATIENCE_SECONDS = 8.0
_LOOK_SECONDS = 4.0
#: A trouble that lasts as long is no passing one.
_LASTING_SECONDS = 60.0


#: Namespace, pod, container.
ContainerKey = tuple[str, str, str]


class Api(Protocol):
    """What is needed of `KubernetesApi`."""

    def get(self, path: str) -> dict[str, Any]: ...

    def request(self, method: str, path: str, *, query: Sequence[tuple[str, str]] = ()) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Workload:
    """What has pods."""

    kind: str
    namespace: str
    name: str


@dataclass(frozen=True)
class _Noted:
    """A resource as it was registered."""

    kind: str
    collection: tuple[str, str, str]
    props: Mapping[str, Any]
    ignored: tuple[str, ...]
    resource: pulumi.Resource

    async def wanted(self) -> DesiredObject:
        metadata = await rpc.serialize_property(self.props["metadata"], [], "metadata")
        prefix, plural, key = self.collection
        content = await rpc.serialize_property(self.props.get(key), [], key)
        path = f"{prefix}/namespaces/{metadata['namespace']}/{plural}"
        return DesiredObject(self.kind, metadata["namespace"], metadata["name"], path, {key: content}, self.ignored)


@dataclass
class Standing:
    """The objects of one stack. name: the stack's. access: the cluster's."""

    name: str
    access: ClusterAccess
    _noted: list[_Noted] = field(default_factory=list)
    _with_pods: dict[pulumi.Resource, Workload] = field(default_factory=dict)
    _there: set[pulumi.Resource] = field(default_factory=set)

    def __call__(self, args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        """The transformation of every resource, for `pulumi.runtime.register_stack_transformation`."""
        if not args.type_.startswith(_KUBERNETES):
            return None
        props: dict[str, Any] = {**args.props, "metadata": forced(args.props.get("metadata"))}
        collection = _COMPARED.get(args.type_)
        if collection is not None:
            ignored = tuple(str(path) for path in args.opts.ignore_changes or ())
            self._noted.append(_Noted(args.type_.rpartition(":")[2], collection, props, ignored, args.resource))
        return pulumi.ResourceTransformationResult(props, args.opts)

    def watch(self) -> pulumi.Output[bool] | None:
        """Have it compared at the end of the update, and said meanwhile what does not start. Call it when everything is
        registered. Returns what is known once it was compared; None in a preview, which does nothing of it.
        """
        if pulumi.runtime.is_dry_run():
            return None
        for noted in self._noted:
            self._mark(noted.resource)
            if noted.kind in _WITH_PODS:
                self._place(noted)
        # Pulumi's logger belongs to the context; a daemon, because nothing waits for it at the program's end.
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(self._explain,), daemon=True).start()
        compared: pulumi.Output[bool] = pulumi.Output.all(*(noted.resource.urn for noted in self._noted)).apply(
            self._compare
        )
        return compared

    def _mark(self, resource: pulumi.Resource) -> None:
        """Note that it is there, once it is."""
        resource.urn.apply(lambda _: self._there.add(resource))

    def _place(self, noted: _Noted) -> None:
        """Note where its pods will be, once that is known: a namespace of the stack's own is made first."""

        def known(place: Sequence[str]) -> None:
            namespace, name = place
            self._with_pods[noted.resource] = Workload(noted.kind, namespace, name)

        metadata = noted.props["metadata"]
        pulumi.Output.all(_part(metadata, "namespace"), _part(metadata, "name")).apply(known)

    async def differences(self) -> str:
        """What of that which is registered by now is not as it was written, and what to do; empty for nothing."""
        wanted = [await noted.wanted() for noted in self._noted if noted.resource in self._there]
        try:
            return advice(self.name, await asyncio.to_thread(_differences, wanted, self.access))
        except (AccessError, ApiError):
            return ""  # whoever asks has a problem to tell already

    async def _compare(self, _urns: Sequence[str]) -> bool:
        wanted = [await noted.wanted() for noted in self._noted]
        try:
            found = await asyncio.to_thread(_differences, wanted, self.access)
        except (AccessError, ApiError) as error:
            raise pulumi.RunError(f"stack {self.name} cannot be compared with what stands: {error}") from None
        if all(one.resized for one in found):
            # A scaler may do so, and what it means for the work the switch's own check says.
            if found:
                pulumi.log.warn(advice(self.name, found))
            return True
        raise pulumi.RunError(advice(self.name, found))

    def _explain(self) -> None:
        """Look again and again, while something is waited for, at the pods of what is not there yet."""
        time.sleep(_PATIENCE_SECONDS)
        from components.cluster.client import KubernetesApi  # noqa: PLC0415 - what it loads, most updates save

        says = Explanation(time.monotonic)
        try:
            api = KubernetesApi(self.access, agent=names.UPDATE_AGENT) if self._awaited() else None
        except AccessError:
            return
        while api is not None and (awaited := self._awaited()):
            for say, text in says.of(look(api, awaited)):
                say(text)
            time.sleep(_LOOK_SECONDS)

    def _awaited(self) -> list[Workload]:
        return [one for resource, one in list(self._with_pods.items()) if resource not in self._there]


def _part(metadata: Any, name: str) -> Any:
    return metadata.get(name) if isinstance(metadata, Mapping) else getattr(metadata, name)


def forced(metadata: Any) -> Any:
    """The metadata of an object, with which Pulumi takes back what others wrote, unless it says otherwise itself."""
    if metadata is None or isinstance(metadata, Mapping):
        found = metadata or {}
        return {**found, "annotations": _FORCE | dict(found.get("annotations") or {})}
    made = copy.copy(metadata)  # one may be several objects'
    given = made.annotations
    if isinstance(given, pulumi.Output):
        made.annotations = given.apply(lambda annotations: _FORCE | dict(annotations or {}))
    else:
        made.annotations = _FORCE | dict(given or {})
    return made


def compare(wanted: Iterable[DesiredObject], api: Api) -> list[Difference]:
    """How the live objects are otherwise than wanted. Raises ApiError."""
    live: dict[str, dict[str, Object]] = {}
    found = []
    for one in wanted:
        if one.collection not in live:
            live[one.collection] = {item["metadata"]["name"]: item for item in api.get(one.collection)["items"]}
        if (wrong := difference(one, live[one.collection].get(one.name))) is not None:
            found.append(wrong)
    return found


def _differences(wanted: Sequence[DesiredObject], access: ClusterAccess) -> list[Difference]:
    from components.cluster.client import KubernetesApi  # noqa: PLC0415 - see `Standing._explain`

    return compare(wanted, KubernetesApi(access, agent=names.UPDATE_AGENT))


def look(api: Api, awaited: Iterable[Workload]) -> dict[ContainerKey, str]:
    """Why pods of these workloads do not start; nothing of a namespace that cannot be read."""
    by_namespace: dict[str, list[Workload]] = {}
    for one in awaited:
        by_namespace.setdefault(one.namespace, []).append(one)
    found: dict[ContainerKey, str] = {}
    for namespace, workloads in by_namespace.items():
        try:
            pods = api.get(f"/api/v1/namespaces/{namespace}/pods")["items"]
        except ApiError:
            continue
        ours = [pod for pod in pods if any(of_workload(pod, one.kind, one.name) for one in workloads)]
        for trouble in (trouble for pod in ours for trouble in troubles(pod)):
            place = namespace, trouble.pod, trouble.container
            found[place] = trouble.told(_last_line(api, namespace, trouble))
    return found


def _last_line(api: Api, namespace: str, trouble: Trouble) -> str:
    if not trouble.logged:
        return ""
    query = [("container", trouble.container), ("tailLines", "1"), ("previous", str(trouble.previous).lower())]
    try:
        said = api.request("GET", f"/api/v1/namespaces/{namespace}/pods/{trouble.pod}/log", query=query)
    except ApiError:
        return ""
    return said.decode(errors="replace")


@dataclass
class Explanation:
    """What is said of the troubles that are seen: a warning when one is seen twice in a row, an error when it lasts."""

    clock: Callable[[], float]
    _since: dict[ContainerKey, float] = field(default_factory=dict)
    _said: dict[ContainerKey, int] = field(default_factory=dict)

    def of(self, seen: Mapping[ContainerKey, str]) -> list[tuple[Callable[[str], None], str]]:
        """What is to be said now: how, and the text. seen: the troubles of this look."""
        now = self.clock()
        before, self._since = self._since, {key: self._since.get(key, now) for key in seen}
        said: list[tuple[Callable[[str], None], str]] = []
        for key, text in seen.items():
            level = 2 if now - self._since[key] >= _LASTING_SECONDS else 1
            if key in before and self._said.get(key, 0) < level:
                self._said[key] = level
                said.append((pulumi.log.error if level == 2 else pulumi.log.warn, f"does not start: {text}"))
        return said
