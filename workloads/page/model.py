"""From the API server's objects to what is shown: pure, and whole for every object that may be missing or odd.

Where things stand is the Lease's and the members' own word, not `status`, which follows some tenths of a second behind.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workloads.common.lease import Grant, LeaseFormatError, for_object
from workloads.common.report import Report, from_pod
from workloads.common.states import Color, Phase, State
from workloads.page.handoff import Handoff, MemberReport, from_status, shown

Object = Mapping[str, Any]
#: What the sidecars of pods say directly, by the pods' UIDs.
Heard = Mapping[str, Report]

_UNREACHABLE = "Unreachable"
_VERSION, _IMAGE = "kafka-bluegreen.io/version", "kafka-bluegreen.io/image"
#: Nobody has taken note of the generation yet.
ASKED = "Asked"
#: The plan's four words for a switch.
_STAGES = {
    ASKED: "preparing",
    Phase.WAITING_FOR_READY: "preparing",
    Phase.WAITING_FOR_LAG: "preparing",
    Phase.PAUSING: "switching",
    Phase.RESUMING: "switching",
    Phase.VERIFYING: "switching",
    Phase.ROLLING_BACK: "rolling back",
}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known at one moment. switch, lease: None when a read said that there is none. read: everything has been
    read once. lost_seconds: since when the API server does not answer; None while it does. phase_seconds: for how long
    the phase has been the one that it is.
    """

    namespace: str
    switch: Object | None = None
    lease: Object | None = None
    pods: tuple[Object, ...] = ()
    heard: Heard = field(default_factory=dict)
    handoff: Handoff | None = None
    read: bool = False
    lost_seconds: float | None = None
    phase_seconds: float = 0.0


def grant_of(switch: Object | None, lease: Object | None) -> tuple[Grant | None, str]:
    """The grant, and what is wrong with the Lease; None where there is none, or none that can be read."""
    if lease is None:
        return None, ""
    try:
        return for_object(lease, (switch or {}).get("metadata", {}).get("uid", "")), ""
    except LeaseFormatError as error:
        return None, str(error)


def report_of(pod: Object, heard: Heard) -> Report | None:
    """What a member says: the newer of what its sidecar says directly and of its pod's condition."""
    said, record = heard.get(pod["metadata"].get("uid", "")), from_pod(pod)
    return record if said is None or (record is not None and record.at > said.at) else said


def members_of(switch: Object | None, pods: Iterable[Object], heard: Heard) -> list[MemberReport]:
    """What each member says; who says nothing is not among them."""
    found = []
    for pod in pods:
        color, report = color_of(switch, pod), report_of(pod, heard)
        if color is not None and report is not None:
            found.append(MemberReport(pod["metadata"]["name"], color, report))
    return found


def color_of(switch: Object | None, pod: Object) -> Color | None:
    """The colour whose selector the pod meets; None for one that is of neither."""
    labels = (pod.get("metadata") or {}).get("labels") or {}
    for color in Color:
        selector = ((switch or {}).get("spec") or {}).get(str(color), {}).get("selector") or {}
        if selector and all(labels.get(name) == value for name, value in selector.items()):
            return color
    return None


def phase_of(switch: Object | None, grant: Grant | None, members: Iterable[MemberReport]) -> str:
    """What is being done now: the Lease's word where it has one, else the status's; empty without a switch."""
    if switch is None:
        return ""
    status, generation = switch.get("status") or {}, int(switch["metadata"]["generation"])
    told = str(status.get("phase") or ASKED)
    current = int(status.get("observedGeneration") or 0) == generation
    if grant is None:
        return told
    if grant.holder is None:
        return str(Phase.ROLLING_BACK if grant.rolling_back else Phase.PAUSING)
    if grant.outcome is None and grant.generation:
        if grant.origin is not None and grant.holder is grant.origin and str(grant.holder) != switch["spec"]["active"]:
            return str(Phase.ROLLING_BACK)
        own = [said.report for said in members if said.color is grant.holder]
        whole = own and all(r.state is State.ACTIVE and r.epoch == grant.epoch for r in own)
        return str(Phase.VERIFYING if whole else Phase.RESUMING)
    if grant.generation < generation:
        return told if current else ASKED
    return told if current or told != ASKED else ""


def view(seen: Snapshot) -> dict[str, Any]:
    """Everything that the page shows, but for figures and alerts, as JSON has it."""
    switch = seen.switch
    grant, problem = grant_of(switch, seen.lease)
    members = members_of(switch, seen.pods, seen.heard)
    phase = phase_of(switch, grant, members)
    status = (switch or {}).get("status") or {}
    handoff = seen.handoff or from_status(status.get("lastSwitch") or {})
    return {
        "namespace": seen.namespace,
        "read": seen.read,
        "lostSeconds": None if seen.lost_seconds is None else round(seen.lost_seconds, 1),
        "switch": None if switch is None else _switch(switch, grant, phase, problem, seen.phase_seconds),
        "colors": [_color(color, switch, grant, seen, status) for color in Color] if switch is not None else [],
        "partitions": _owners(switch, members, grant) if switch is not None else [],
        "handoff": shown(handoff),
        "history": [_entry(entry) for entry in status.get("history") or ()],
    }


def _switch(switch: Object, grant: Grant | None, phase: str, problem: str, seconds: float) -> dict[str, Any]:
    spec, status = switch["spec"], switch.get("status") or {}
    conditions = {c.get("type"): c for c in status.get("conditions") or ()}
    stage = _STAGES.get(phase, "done")
    current = int(status.get("observedGeneration") or 0) == switch["metadata"]["generation"]
    moving = stage in {"switching", "rolling back"}
    generation = int(switch["metadata"]["generation"])
    return {
        "strategy": spec.get("strategy", ""),
        "wanted": spec["active"],
        "attempt": spec.get("attempt", 1),
        "generation": switch["metadata"]["generation"],
        "active": str(grant.holder or "") if grant else "",
        "lastHolder": str(grant.last_holder or "") if grant else "",
        "epoch": grant.epoch if grant else int(status.get("epoch") or 0),
        "lease": "there" if grant else "unreadable" if problem else "missing",
        "phase": phase,
        "stage": stage,
        "phaseSeconds": round(seconds, 3),
        "shape": str(grant.shape or "") if grant else "",
        "topic": spec.get("topic", ""),
        # What is said of another generation, or was before the grant moved, is nothing of now.
        "ready": _condition(conditions.get("Ready") if current and not moving else None),
        "settled": _ended(grant, generation)
        or _condition(conditions.get("Settled") if current and not moving else None),
        "problem": problem,
    }


def _ended(grant: Grant | None, generation: int) -> dict[str, Any] | None:
    """How the newest generation has ended, by the Lease; None where that does not say so."""
    if grant is None or grant.outcome is None or grant.generation != generation:
        return None
    return {"status": "True", "reason": str(grant.outcome), "message": grant.reason}


def _condition(condition: Object | None) -> dict[str, Any]:
    said = condition or {}
    return {
        "status": str(said.get("status") or "Unknown"),
        "reason": str(said.get("reason") or ""),
        "message": str(said.get("message") or ""),
    }


def _color(
    color: Color, switch: Object, grant: Grant | None, seen: Snapshot, status: Mapping[str, Any]
) -> dict[str, Any]:
    spec = switch["spec"].get(str(color)) or {}
    own = [_pod(pod, report_of(pod, seen.heard)) for pod in seen.pods if color_of(switch, pod) is color]
    own.sort(key=lambda pod: pod["ordinal"])
    runs = status.get(str(color)) or {}
    # A scaler's is in the place of the colour's own, where the colour's set gets it.
    wanted = (switch["spec"].get("replicas") if spec.get("set") else None) or spec.get("replicas") or 0
    return {
        "color": str(color),
        "role": _role(color, grant, own),
        "version": str(_joined(own, "version") or runs.get("version") or spec.get("version") or ""),
        "image": str(_joined(own, "image") or runs.get("image") or ""),
        "replicas": int(wanted),
        "ready": sum(pod["ready"] for pod in own),
        "group": str(spec.get("group") or ""),
        "pods": own,
    }


def _role(color: Color, grant: Grant | None, pods: Iterable[Mapping[str, Any]]) -> str:
    if grant is None:
        return "unknown"
    if grant.holder is color:
        return (
            "active"
            if all(pod["state"] == State.ACTIVE and pod["epoch"] == grant.epoch for pod in pods)
            else "taking over"
        )
    if grant.holder is None and grant.last_holder is color:
        return "letting go"
    return "waiting"


def _joined(pods: Iterable[Mapping[str, Any]], key: str) -> str:
    return ", ".join(sorted({str(pod[key]) for pod in pods if pod[key]}))


def _pod(pod: Object, report: Report | None) -> dict[str, Any]:
    metadata, status = pod["metadata"], pod.get("status") or {}
    said = metadata.get("annotations") or {}
    going = "deletionTimestamp" in metadata
    containers = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    conditions = {(c.get("type"), c.get("status")) for c in status.get("conditions") or ()}
    digits = str(metadata["name"]).rpartition("-")[2]
    return {
        "name": metadata["name"],
        "ordinal": int(digits) if digits.isascii() and digits.isdigit() else 0,
        "state": "no report" if report is None else str(report.state or _UNREACHABLE),
        "epoch": report.epoch if report else 0,
        "partitions": list(report.partitions) if report else [],
        "obstacle": report.obstacle if report else "",
        "committed": report.committed if report else True,
        "ready": not going and ("Ready", "True") in conditions,
        "going": going,
        "restarts": sum(int(container.get("restartCount") or 0) for container in containers),
        "version": str(said.get(_VERSION) or ""),
        "image": str(said.get(_IMAGE) or ""),
    }


def _owners(switch: Object, members: Iterable[MemberReport], grant: Grant | None) -> list[dict[str, Any]]:
    """Who owns each partition now. A member of a colour that waits may own some in a group of its own: not meant."""
    count = int(switch["spec"].get("partitions") or 0)
    if grant is not None and grant.shape is not None:
        count = max(count, grant.shape.partitions)
    owner: dict[int, MemberReport] = {}
    for said in members:
        if said.report.state is State.ACTIVE and (grant is None or said.color is grant.holder):
            owner |= dict.fromkeys(said.report.partitions, said)
    return [
        {"n": n, "owner": owner[n].pod if n in owner else "", "color": str(owner[n].color) if n in owner else ""}
        for n in range(count)
    ]


def _entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    names = ("generation", "from", "to", "fromVersion", "toVersion", "askedBy", "outcome", "reason", "startedAt")
    return {
        **{name: entry.get(name) or "" for name in names},
        "activeAt": entry.get("activeAt") or "",
        "endedAt": entry.get("endedAt") or "",
        "handoffSeconds": entry.get("handoffSeconds"),
    }
