"""A connector by its KafkaConnector resource (`control: strimzi`): an operator acts on what is written there.

Strimzi's operator (1.2.0) compares, in one reconcile, configuration, then state, then offsets, and then writes the
status with `observedGeneration`. Offsets are altered by the annotation `strimzi.io/connector-offsets: alter`, from a
ConfigMap; success removes the annotation, failure leaves it with a warning condition. It takes a resource from its
event before it waits for its lock, for at most `lock_seconds`: an older `running` can be acted on that long.

Every write of ours names the resourceVersion that it rests on and leaves its own mark in an annotation, so it always
makes a new version: a write that seemed lost cannot come true behind a newer one.
"""

import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from workloads.common.kube import ApiError, Event, Follower, Kube, KubeError, Object
from workloads.sidecar.connect.config import EPOCH_KEY, body, epoch_of, group_of
from workloads.sidecar.connect.control import NotNowError, RefusedError, SilentError
from workloads.sidecar.connect.offset_maps import OffsetMaps, named
from workloads.sidecar.connect.rest import NO_WORKER, told
from workloads.sidecar.connect.seen import ABSENT, NO_EPOCH, Connector
from workloads.sidecar.connect.workers import Pods

CONNECTORS = "/apis/kafka.strimzi.io/v1/namespaces/{}/kafkaconnectors"
OFFSETS = "strimzi.io/connector-offsets"
COMMAND = "kafka-bluegreen.io/command"
FIELD_MANAGER = "kafka-bluegreen-agent"
MERGE = "application/merge-patch+json"
# The operator looks at a connector when its resource changes, and every two minutes: a status that it has written too
# early is not written again by itself. So a look at it is asked for, by an annotation that nobody reads.
NUDGE_SECONDS = 0.3
_STATES = {"running": "RUNNING", "stopped": "STOPPED", "paused": "PAUSED"}


class StrimziControl:
    """See Control. kube: with a connection for every thread that asks. others: the pods of the other colour's workers.
    lock_seconds: the operator's lock timeout.
    """

    def __init__(self, kube: Kube, namespace: str, name: str, other: str, *, others: Pods, lock_seconds: float) -> None:
        self._kube = kube
        self._collection = CONNECTORS.format(namespace)
        self._maps = OffsetMaps(kube, namespace, name, f"?fieldManager={FIELD_MANAGER}", MERGE)
        self._name = name
        self._other = other
        self._others = others
        self._lock_seconds = lock_seconds
        # What a thread has looked at, or written, last: a write rests on what its own thread has judged.
        self._seen = threading.local()
        self._running_at = time.monotonic()  # a restarted agent does not know when it wrote `running`
        self._nudged_at = float("-inf")
        self._changed = threading.Event()
        self._follower = Follower(
            kube.sibling(),
            self._collection,
            on_read=self._seen_all,
            on_change=self._seen_one,
            name=name,
            by_get=True,
        )
        self._follower.thread.start()

    def own(self, deadline: float) -> Connector:
        """See Control."""
        found = self._get(self._name, deadline)
        self._seen.newest = found
        return understood(self._name, found)

    def other(self, deadline: float) -> Connector:
        """See Control. Of a cluster without workers no operator can tell what its connector does."""
        found = understood(self._other, self._get(self._other, deadline))
        if found.stopped or self._others(deadline):
            return found
        why = found.refused or found.pending or NO_WORKER
        return replace(found, state=ABSENT, tasks=(), group=group_of(found.name, {}), pending="", refused=why)

    def create(self, deadline: float) -> None:  # noqa: ARG002
        """See Control. Never: the resource is the stack's."""
        raise RefusedError(f"there is no KafkaConnector {self._name}; the stack makes it")

    def configure(self, deadline: float) -> None:  # noqa: ARG002
        """See Control. Never: the resource has the configuration."""
        raise RefusedError("the configuration is the resource's")

    def stop(self, epoch: int, deadline: float) -> None:
        """See Control. Taking `alterOffsets` back makes a new generation: what is observed then is behind it."""
        self._write(f"stop@{epoch}", {"state": "stopped", "alterOffsets": None}, {OFFSETS: None}, deadline)

    def alter(self, epoch: int, offsets: Mapping[tuple[str, int], int | None], deadline: float) -> None:
        """See Control. The ConfigMap is of this epoch alone, so a late write of another epoch's is not read."""
        owner = (getattr(self._seen, "newest", None) or {}).get("metadata", {})
        reference: Object = {}
        if owner.get("uid"):
            reference = {"apiVersion": "kafka.strimzi.io/v1", "kind": "KafkaConnector"}
            reference |= {"name": self._name, "uid": owner["uid"]}
        try:
            name = self._maps.put(epoch, orjson.dumps(body(offsets)).decode(), reference, deadline)
        except KubeError as error:
            raise _told(error) from error
        spec = {"alterOffsets": {"fromConfigMap": {"name": name}}}
        self._write(f"alter@{epoch}", spec, {OFFSETS: "alter"}, deadline)

    def bear(self, epoch: int, deadline: float) -> None:
        """See Control: the operator writes the configuration before it looks at the state, so one write does both."""
        self._run(f"bear@{epoch}", {"state": "running", "config": {EPOCH_KEY: str(epoch)}}, deadline)

    def start(self, epoch: int, deadline: float) -> None:
        """See Control."""
        self._run(f"start@{epoch}", {"state": "running"}, deadline)

    def unanswered(self) -> tuple[str, ...]:
        """See Control. None: whatever was not answered falls to the next write that was."""
        return ()

    def quiet_in(self) -> float:
        """See Control."""
        return max(0.0, self._running_at + self._lock_seconds - time.monotonic())

    def wait(self, seconds: float) -> None:
        """See Control."""
        self._maps.remove_spent()
        if self._changed.wait(min(seconds, NUDGE_SECONDS / 4)):
            self._changed.clear()
        elif time.monotonic() - self._nudged_at > NUDGE_SECONDS:
            self._nudge()

    def _run(self, what: str, spec: Object, deadline: float) -> None:
        try:
            self._write(what, spec, {}, deadline)
        finally:  # also when no answer came
            self._running_at = time.monotonic()

    def _write(self, what: str, spec: Object, annotations: Object, deadline: float) -> None:
        newest = getattr(self._seen, "newest", None)
        if newest is None:
            raise NotNowError(f"{what}: there was no resource when it was looked at")
        metadata = {
            "resourceVersion": newest["metadata"]["resourceVersion"],
            "annotations": {**annotations, COMMAND: f"{what} {secrets.token_hex(4)}"},
        }
        self._seen.newest = written = self._patch({"metadata": metadata, "spec": spec}, deadline)
        self._nudged_at = time.monotonic()
        # Not before it was written: whoever was faster may have written these very offsets.
        self._maps.replaced(newest, written)

    def _nudge(self) -> None:
        self._nudged_at = time.monotonic()
        try:
            self._patch({"metadata": {"annotations": {COMMAND: f"look {secrets.token_hex(4)}"}}}, 1.0)
        except (NotNowError, RefusedError, SilentError):
            return  # the next one will do

    def _patch(self, content: Object, deadline: float) -> Object:
        path = f"{self._collection}/{self._name}?fieldManager={FIELD_MANAGER}"
        try:
            return self._kube.patch(path, content, content_type=MERGE, deadline=deadline)
        except KubeError as error:
            raise _told(error) from error

    def _get(self, name: str, deadline: float) -> Object | None:
        try:
            return self._kube.get(f"{self._collection}/{name}", deadline=deadline)
        except ApiError as error:
            if error.status == 404:
                return None
            raise _told(error) from error
        except KubeError as error:
            raise _told(error) from error

    def _seen_all(self, _: list[Object], __: int | None) -> None:
        self._changed.set()

    def _seen_one(self, _: Event) -> None:
        self._changed.set()


def understood(name: str, resource: Object | None) -> Connector:
    """What a KafkaConnector says. Without a resource nothing is known of the connector: its state is empty."""
    if resource is None:
        return Connector(name, pending=f"there is no KafkaConnector {name}")
    metadata, spec, status = resource["metadata"], resource.get("spec") or {}, resource.get("status") or {}
    config = spec.get("config") or {}
    asked = str(spec.get("state") or "running")
    found = told(status.get("connectorStatus") or {})
    not_ready, warnings = conditions(status)
    generation, observed = int(metadata.get("generation") or 0), int(status.get("observedGeneration") or 0)
    problems = [f"the operator has come to generation {observed} of {generation}"] if observed < generation else []
    annotation = (metadata.get("annotations") or {}).get(OFFSETS)
    problems += [f"annotation {OFFSETS} is {annotation!r}"] if annotation else []
    if not_ready and not problems:
        problems.append(not_ready)
    if not found["trace"]:
        found["trace"] = warnings
    return Connector(
        name,
        **found,
        epoch=epoch_of(config),
        group=group_of(name, config),
        asked=_STATES.get(asked, asked),
        asked_by=others_word(metadata),
        pending="; ".join(problems),
        altering=_altering(spec) if annotation else None,
        refused=not_ready,
    )


def others_word(metadata: Mapping[str, Any]) -> str:
    """Whose word `spec.state` is, by the field's owners, where the agent is none of them; empty where it is one."""
    owners = {
        str(entry.get("manager") or "")
        for entry in metadata.get("managedFields") or ()
        if "f:state" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})
    }
    return "" if FIELD_MANAGER in owners else ", ".join(sorted(owners))


def conditions(status: Mapping[str, Any]) -> tuple[str, str]:
    """(why it is not ready, its warnings), for people; both empty when all is well."""
    not_ready, warnings = "", []
    for condition in status.get("conditions") or ():
        text = f"{condition.get('reason')}: {condition.get('message')}"
        if condition.get("type") == "NotReady" and condition.get("status") == "True":
            not_ready = text
        elif condition.get("type") == "Warning":
            warnings.append(text)
    return not_ready, "; ".join(warnings)


def _altering(spec: Mapping[str, Any]) -> int:
    number = named(spec).rpartition("-")[2]
    return int(number) if number.isdigit() else NO_EPOCH


def _told(error: KubeError) -> Exception:
    """What went wrong, in the words of Control."""
    if isinstance(error, ApiError):
        if error.status == 409:
            return NotNowError(str(error))
        if error.status < 500 and error.status != 429:
            return RefusedError(str(error))
    return SilentError(str(error))
