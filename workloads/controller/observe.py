"""What the controller sees: the switch and the pods, read from API objects, and merged from lists and watches."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from workloads.common.kube import Object, version_of
from workloads.common.report import Report, from_pod
from workloads.common.states import Color, LagPolicy, Outcome
from workloads.controller.terms import Absence, Member, Memory, OnInconclusive, Spec, Standby

API_VERSION, KIND = "kafka-bluegreen.io/v1alpha1", "KafkaConsumerSwitch"
#: By which a member's pod says what it runs.
VERSION_ANNOTATION = "kafka-bluegreen.io/version"
IMAGE_ANNOTATION = "kafka-bluegreen.io/image"

Selector = tuple[tuple[str, str], ...]


class OnRollback(StrEnum):
    """Where a colour that is gone back to begins."""

    CONTINUE = "continue"  # where the other one has come to
    REPLAY = "replay"  # where the other one was granted


class SwitchError(ValueError):
    """A KafkaConsumerSwitch that cannot be carried out; the message names the field."""


class PositionsFrom(StrEnum):
    """Where `lagPolicy: wait` learns how far a colour has come."""

    MEMBERS = "Members"  # each member reports the positions of what it owns
    GROUPS = "Groups"  # the committed offsets of the colour's consumer group; from commits alone lag is an upper bound


@dataclass(frozen=True, slots=True)
class AnalysisLimits:
    """What the colour switched to has to show after the hand-off: for how many seconds it is watched, which share of
    failed records is too much (0-1), from how many handled records on anything is shown at all, which share of what
    comes in meanwhile has to be handled (0-1, 0: any), and how often its processes may end and be started again.
    """

    seconds: float
    max_error_rate: float
    min_records: int = 1
    min_throughput: float = 0.0
    max_restarts: int = 0


@dataclass(frozen=True, slots=True)
class TemplateAnalysis:
    """The other form: AnalysisTemplates of Argo Rollouts, by which an AnalysisRun judges, their arguments as the stack
    gives them, and after how many seconds a run without a verdict has shown nothing. max_restarts: as above.
    """

    templates: tuple[str, ...]
    args: tuple[tuple[str, str], ...]
    timeout: float
    max_restarts: int = 0


@dataclass(frozen=True, slots=True)
class Switch:
    """One reading of a KafkaConsumerSwitch. name, namespace: the object's. selectors: the labels of each colour's pods,
    (blue, green).

    groups: each colour's consumer group, (blue, green), empty where none is named. sets: their StatefulSets, where the
    controller gives them their numbers.
    strategy: the stack's name for it, a label of the metrics: nothing here is decided by it. topic_is_there: as far as
    it is known.

    More than a dozen attributes: they are one reading of one object, all of the same version.
    """

    uid: str
    version: int
    spec: Spec
    strategy: str
    selectors: tuple[Selector, Selector]
    groups: tuple[str, str]
    topic: str
    lease_name: str
    lag_threshold: int
    positions: PositionsFrom
    analysis: AnalysisLimits | TemplateAnalysis | None
    status: Mapping[str, Any]
    name: str = ""
    namespace: str = ""
    topic_is_there: bool = True
    sets: tuple[str, str] = ("", "")

    def group(self, color: Color) -> str:
        """The consumer group of `color`."""
        return self.groups[0 if color is Color.BLUE else 1]

    def selects(self, color: Color) -> str:
        """The label selector of a colour's pods."""
        return ",".join(f"{name}={value}" for name, value in self.selectors[0 if color is Color.BLUE else 1])

    @property
    def common_labels(self) -> str:
        """A label selector that every pod of both colours meets: one list and one watch for both."""
        return ",".join(f"{name}={value}" for name, value in self.selectors[0] if (name, value) in self.selectors[1])

    def color_of(self, labels: Mapping[str, str]) -> Color | None:
        """The colour whose selector these labels meet; None for a pod that is none of ours."""
        for color, selector in zip(Color, self.selectors, strict=True):
            if all(labels.get(name) == value for name, value in selector):
                return color
        return None


def read_switch(obj: Object) -> Switch:
    """Read a KafkaConsumerSwitch object. Raises SwitchError; the CRD refuses most of what would lead to it."""
    spec = obj["spec"]
    try:
        analysis = spec.get("analysis") or None
        return Switch(
            uid=obj["metadata"]["uid"],
            version=version_of(obj),
            spec=Spec(
                generation=int(obj["metadata"]["generation"]),
                active=Color(spec["active"]),
                replicas=_replicas(spec),
                partitions=int(spec["partitions"]),
                wait_for_lag=LagPolicy(spec.get("lagPolicy", "wait")) is LagPolicy.WAIT,
                lag_timeout=float(spec.get("lagTimeoutSeconds", 120)),
                ready_timeout=float(spec.get("readyTimeoutSeconds", 30)),
                drain_timeout=float(spec["drainTimeoutSeconds"]),
                resume_timeout=float(spec["resumeTimeoutSeconds"]),
                analysis=analysis is not None,
                on_inconclusive=OnInconclusive((analysis or {}).get("onInconclusive", OnInconclusive.ROLL_BACK)),
                absence=Absence(spec.get("absence", Absence.GONE)),
                standby=Standby(spec.get("standby", Standby.OUTSIDE)),
                uid=obj["metadata"]["uid"],
                way=str(spec["way"]) if spec.get("way") else None,
                one_group=spec["blue"].get("group") == spec["green"].get("group"),
                paused=bool(spec.get("paused", False)),
                asked=asked(spec),
                replay=_replays(spec),
                number=_number(spec),
                rest=_rest(spec),
            ),
            strategy=str(spec["strategy"]),
            selectors=(_selector(spec["blue"]), _selector(spec["green"])),
            groups=(str(spec["blue"].get("group") or ""), str(spec["green"].get("group") or "")),
            topic=str(spec["topic"]),
            lease_name=str(spec["leaseName"]),
            lag_threshold=int(spec.get("lagThreshold", 0)),
            positions=_positions(spec),
            analysis=_analysis(analysis) if analysis else None,
            status=obj.get("status") or {},
            name=str(obj["metadata"].get("name") or ""),
            namespace=str(obj["metadata"].get("namespace") or ""),
            sets=(str(spec["blue"].get("set") or ""), str(spec["green"].get("set") or "")),
        )
    except KeyError as error:
        raise SwitchError(
            f"KafkaConsumerSwitch {obj['metadata'].get('name')}: spec.{error.args[0]} is missing"
        ) from error
    except (TypeError, ValueError) as error:
        raise SwitchError(f"KafkaConsumerSwitch {obj['metadata'].get('name')}: {error}") from error


def asked(spec: Mapping[str, Any]) -> str:
    """Names what is asked for: a colour, a version of it, and for the how manieth time."""
    active = str(spec["active"])
    return f"{active} {spec[active].get('version', '')} {spec.get('attempt', 1)}"


def _number(spec: Mapping[str, Any]) -> int | None:
    """That of both colours, where a scaler says it: what it has left behind says nothing when no set is to get it."""
    if spec.get("replicas") is None or not all(spec[color].get("set") for color in Color):
        return None
    if not spec.get("way"):
        raise ValueError("spec.replicas: one number for both colours needs spec.way, by which it is granted")
    return int(spec["replicas"])


def _rest(spec: Mapping[str, Any]) -> str:
    """What a scaler's number does not change."""
    if _number(spec) is None:
        return ""
    return json.dumps({name: value for name, value in spec.items() if name != "replicas"}, sort_keys=True)


def _replicas(spec: Mapping[str, Any]) -> tuple[int, int]:
    number = _number(spec)
    return (int(spec["blue"]["replicas"]), int(spec["green"]["replicas"])) if number is None else (number, number)


def _positions(spec: Mapping[str, Any]) -> PositionsFrom:
    positions = PositionsFrom(spec.get("positions", PositionsFrom.MEMBERS))
    nameless = [color for color in Color if not spec[color].get("group")]
    if positions is PositionsFrom.GROUPS and nameless:
        raise ValueError(f"spec.positions: {positions} needs spec.{nameless[0]}.group")
    return positions


def _replays(spec: Mapping[str, Any]) -> bool:
    asked_for = OnRollback(spec.get("onRollback", OnRollback.CONTINUE)) is OnRollback.REPLAY
    # What outlives its member is not moved by the members of a group, and its offsets are not the group's to alter.
    if asked_for and Absence(spec.get("absence", Absence.GONE)) is not Absence.GONE:
        raise ValueError(f"spec.onRollback: {OnRollback.REPLAY} is not for members whose absence tells nothing")
    nameless = [color for color in Color if not spec[color].get("group")]
    if asked_for and nameless:
        raise ValueError(f"spec.onRollback: {OnRollback.REPLAY} needs spec.{nameless[0]}.group")
    return asked_for


def _analysis(said: Mapping[str, Any]) -> AnalysisLimits | TemplateAnalysis:
    if said.get("templates"):
        if "seconds" in said or "maxErrorRate" in said:
            raise ValueError("spec.analysis: templates, or seconds and maxErrorRate, not both")
        return TemplateAnalysis(
            templates=tuple(map(str, said["templates"])),
            args=tuple(sorted((str(name), str(value)) for name, value in (said.get("args") or {}).items())),
            timeout=float(said["timeoutSeconds"]),
            max_restarts=int(said.get("maxRestarts", 0)),
        )
    return AnalysisLimits(
        seconds=float(said["seconds"]),
        max_error_rate=float(said["maxErrorRate"]),
        min_records=int(said.get("minRecords", 1)),
        min_throughput=float(said.get("minThroughput", 0.0)),
        max_restarts=int(said.get("maxRestarts", 0)),
    )


def _selector(color: Mapping[str, Any]) -> Selector:
    return tuple(sorted((str(name), str(value)) for name, value in color["selector"].items()))


def memory_of(status: Mapping[str, Any]) -> Memory:
    """What the status of an object remembers, for that object, for the case that the Lease is gone."""
    last = status.get("lastHolder") or status.get("active")
    settled: Mapping[str, Any] = next(
        (c for c in status.get("conditions") or () if c.get("type") == "Settled" and c.get("status") == "True"), {}
    )
    reason = settled.get("reason")
    known = reason in set(Outcome)
    return Memory(
        epoch=int(status.get("epoch") or 0),
        last_holder=Color(last) if last in set(Color) else None,
        generation=int(settled.get("observedGeneration") or 0) if known else 0,
        outcome=Outcome(str(reason)) if known else None,
        reason=str(settled.get("message") or "") if known else "",
    )


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of one colour as it was at resourceVersion `version`. address: its IP, empty before it has one."""

    version: int
    member: Member
    address: str


def read_pod(obj: Object, color: Color) -> Pod:
    """Read a Pod object. A pod that is being deleted is not ready to take over."""
    metadata, status = obj["metadata"], obj.get("status") or {}
    ready = "deletionTimestamp" not in metadata and any(
        c.get("type") == "Ready" and c.get("status") == "True" for c in status.get("conditions") or ()
    )
    said = metadata.get("annotations") or {}
    member = Member(
        metadata["uid"],
        metadata["name"],
        color,
        ready,
        from_pod(obj),
        version=str(said.get(VERSION_ANNOTATION) or ""),
        image=str(said.get(IMAGE_ANNOTATION) or ""),
        restarts=sum(int(c.get("restartCount") or 0) for c in status.get("containerStatuses") or ()),
        running=status.get("phase") == "Running",
    )
    return Pod(version_of(obj), member, str(status.get("podIP") or ""))


class Pods:
    """All pods of both colours, merged from a watch and from lists that run beside it; the newer resourceVersion wins.

    What it holds is always what a consistent list at some moment would have shown: after a list that began at a certain
    time was merged, a pod that is absent here was absent then or later. Used under its owner's lock.
    """

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self._pods: dict[str, Pod] = {}
        self._heard: dict[str, Report] = {}  # UID -> what its sidecar says directly
        self._deleted: dict[str, int] = {}  # UID -> version, for lists that are older than the watch
        self._listed = 0

    def changed(self, kind: str, obj: Object) -> bool:
        """Take in one event of the watch. Returns whether it made a difference."""
        version, uid = version_of(obj), obj["metadata"]["uid"]
        if version <= self._listed:
            return False  # the watch is behind a list
        color = self._switch.color_of(obj["metadata"].get("labels") or {})
        if kind == "DELETED" or color is None:
            self._deleted[uid] = version
            self._heard.pop(uid, None)
            return self._pods.pop(uid, None) is not None
        known = self._pods.get(uid)
        if known is not None and known.version >= version:
            return False
        pod = read_pod(obj, color)
        self._pods[uid] = pod
        return known is None or known.member != pod.member or known.address != pod.address

    def listed(self, items: Iterable[Object], version: int) -> None:
        """Merge a consistent list."""
        if version < self._listed:
            return
        merged = {}
        for obj in items:
            color = self._switch.color_of(obj["metadata"].get("labels") or {})
            uid = obj["metadata"]["uid"]
            if color is not None and self._deleted.get(uid, 0) <= version:
                merged[uid] = read_pod(obj, color)
        for uid, pod in self._pods.items():
            if pod.version > (merged[uid].version if uid in merged else version):
                merged[uid] = pod
        self._pods = merged
        self._heard = {uid: report for uid, report in self._heard.items() if uid in merged}
        self._deleted = {uid: at for uid, at in self._deleted.items() if at > version}
        self._listed = version

    def heard(self, uid: str, report: Report | None) -> bool:
        """Take in what a pod's sidecar says directly; None: it is not heard. Returns whether it made a difference."""
        before = self._heard.pop(uid, None)
        if report is not None and uid in self._pods:
            self._heard[uid] = report
        return before != report

    def members(self) -> tuple[Member, ...]:
        """All members, by name; each with the newer of what its sidecar says directly and of its pod's condition."""
        members = (self._newest(uid, pod.member) for uid, pod in self._pods.items())
        return tuple(sorted(members, key=lambda member: (member.pod, member.uid)))

    def _newest(self, uid: str, member: Member) -> Member:
        heard = self._heard.get(uid)
        older = heard is None or (member.report is not None and member.report.at > heard.at)
        return member if older else replace(member, report=heard)

    def addresses(self) -> dict[str, str]:
        """Pod UID to IP, of all."""
        return {uid: pod.address for uid, pod in self._pods.items()}

    def addresses_of(self, color: Color) -> dict[str, str]:
        """Pod name to IP, of one colour."""
        return {pod.member.pod: pod.address for pod in self._pods.values() if pod.member.color is color}
