"""Why a pod does not start: what its status says, in a sentence for each container, without any I/O."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from components import connect_names as connect

Object = Mapping[str, Any]

#: What a container waits for that is on its way up.
_ON_ITS_WAY = frozenset({"", "ContainerCreating", "PodInitializing"})
_LONGEST = 400


@dataclass(frozen=True, slots=True)
class Trouble:
    """A pod that does not start, and why. container: whose log has the reason; empty when none has one. previous: it is
    the log of the container's life before this one.
    """

    pod: str
    container: str
    why: str
    logged: bool = False
    previous: bool = False

    def told(self, last_line: str = "") -> str:
        """The sentence. last_line: of the log, where `logged`."""
        where = f"pod {self.pod}" + (f", container {self.container}" if self.container else "")
        text = f"{where}: {self.why}" + (f"; its last line: {last_line.strip()}" if last_line.strip() else "")
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def of_workload(pod: Object, kind: str, name: str) -> bool:
    """Whether the pod is one of a StatefulSet, Deployment, DaemonSet, Job or KafkaConnect."""
    metadata = pod["metadata"]
    if kind == connect.CONNECT_KIND:
        labels = metadata.get("labels") or {}
        return (labels.get(connect.CLUSTER_LABEL), labels.get(connect.KIND_LABEL)) == (name, kind)
    owners = [(owner["kind"], owner["name"]) for owner in metadata.get("ownerReferences") or ()]
    if kind == "Deployment":
        return any(of == "ReplicaSet" and owner.rpartition("-")[0] == name for of, owner in owners)
    return (kind, name) in owners


def troubles(pod: Object) -> Iterator[Trouble]:
    """What keeps a pod from starting; nothing for one that is Ready, ends, has ended well, or is just on its way."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    conditions = {condition["type"]: condition for condition in status.get("conditions") or ()}
    if metadata.get("deletionTimestamp") or status.get("phase") == "Succeeded":
        return
    if conditions.get("Ready", {}).get("status") == "True":
        return
    name = metadata["name"]
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("status") == "False":
        yield Trouble(name, "", f"not placed on a node: {_said(scheduled)}")
    containers = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    found = [trouble for container in containers if (trouble := _of_container(name, container)) is not None]
    yield from found
    if status.get("phase") == "Failed" and not found:
        yield Trouble(name, "", f"ended: {_said(status)}")


def _of_container(pod: str, container: Object) -> Trouble | None:
    state, last = container.get("state") or {}, (container.get("lastState") or {}).get("terminated")
    ended = state.get("terminated")
    if ended and ended.get("exitCode"):
        return Trouble(pod, container["name"], _ended(ended), logged=True)
    waiting = state.get("waiting")
    if waiting and (waiting.get("reason") or "") not in _ON_ITS_WAY and not last:
        return Trouble(pod, container["name"], _said(waiting))
    if last and last.get("exitCode") and not container.get("ready"):
        times = f", {container.get('restartCount', 0)} times" if container.get("restartCount", 0) > 1 else ""
        return Trouble(pod, container["name"], f"{_ended(last)}{times}", logged=True, previous=not ended)
    return None


def _ended(terminated: Object) -> str:
    reason = terminated.get("reason") or ""
    return f"ended with exit code {terminated['exitCode']}" + (f" ({reason})" if reason not in ("", "Error") else "")


def _said(told: Object) -> str:
    reason, message = told.get("reason") or "", told.get("message") or ""
    return ": ".join(part for part in (reason, message) if part) or "no reason is told"
