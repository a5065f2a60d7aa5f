"""Writes everything besides the Lease, off the hand-off path: the switch's status, and events for people.

The newest status wins. One that says Settled goes out at once, because `pulumi up` waits for it; others, and events,
wait a moment, so that a hand-off is over before its first phase would be written. Both are tried until accepted (events
a few times). Both are about one object: a status that was meant for a KafkaConsumerSwitch that has been deleted and
made again since is dropped, whatever generation it is of.
"""

import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from workloads.common.backoff import Backoff
from workloads.common.kube import METADATA_ONLY, ApiError, Kube, KubeError, Object
from workloads.common.logs import fields
from workloads.controller.moments import rfc3339
from workloads.controller.status import essence, following, is_settled

logger = logging.getLogger(__name__)

HOLD_SECONDS = 0.5
RESTORE_SECONDS = 1.0
PAUSE_SECONDS = 0.1
PAUSE_MOST_SECONDS = 2.0
EVENT_TRIES = 3
EVENTS_KEPT = 200
IDLE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class DesiredStatus:
    """What the status of the object with this UID should be."""

    uid: str
    status: dict[str, Any]

    def is_about(self, obj: Object) -> bool:
        """Whether it was thought of this object, as it is asked for now."""
        metadata = obj["metadata"]
        return (metadata["uid"], metadata["generation"]) == (self.uid, self.status["observedGeneration"])


@dataclass(slots=True)
class Note:
    """One event for `kubectl describe`. uid: of the object it is about. suffix: of its name. at: wall seconds. due_at:
    when it may be told, on the monotonic clock.
    """

    uid: str
    suffix: str
    reason: str
    message: str
    warning: bool
    at: float
    due_at: float
    tries: int = 0


@dataclass(slots=True)
class Counts:
    """Writes that were accepted, and of the status also those that were not."""

    status: int = 0
    status_error: int = 0
    event: int = 0


class Publisher:
    """Owns the thread that writes status and events of one KafkaConsumerSwitch.

    newest: gives the newest object known, or None while there is none.
    """

    def __init__(self, kube: Kube, path: str, namespace: str, pod: str, newest: Callable[[], Object | None]) -> None:
        self._kube = kube
        self._path = path
        self._namespace = namespace
        self._pod = pod
        self._newest = newest
        self._changed = threading.Condition()
        self._wanted: DesiredStatus | None = None
        self._due_at: float | None = None
        self._newest_name = 0
        self._notes: deque[Note] = deque(maxlen=EVENTS_KEPT)
        self.counts = Counts()
        self.thread = threading.Thread(target=self._run, name="publish", daemon=True)

    def publish(self, uid: str, status: dict[str, Any]) -> None:
        """This is what the status of the object with this UID should be from now on."""
        wanted = DesiredStatus(uid, status)
        with self._changed:
            if wanted == self._wanted:
                return
            now = time.monotonic()
            due = now if is_settled(status) else now + HOLD_SECONDS
            self._wanted = wanted
            self._due_at = due if self._due_at is None else min(self._due_at, due)
            self._changed.notify()

    def observed(self, obj: Object) -> None:
        """The object as somebody wrote it. A status that is not what it should be is written again, after a moment."""
        with self._changed:
            if (
                self._wanted is not None
                and self._due_at is None
                and self._wanted.is_about(obj)
                and essence(obj.get("status") or {}) != essence(self._wanted.status)
            ):
                self._due_at = time.monotonic() + RESTORE_SECONDS
                self._changed.notify()

    def note(self, uid: str, reason: str, message: str, *, warning: bool, at: float) -> None:
        """Tell an event about the object with this UID."""
        with self._changed:
            self._notes.append(
                Note(uid, self._suffix(at), reason, message, warning, at, time.monotonic() + HOLD_SECONDS)
            )
            self._changed.notify()

    def _suffix(self, at: float) -> str:
        """Events of one second have no order but that of their names: these grow with time (client-go's do, too)."""
        self._newest_name = max(self._newest_name + 1, int(at * 1e9))
        return f"{self._newest_name:016x}{uuid.uuid4().hex[:4]}"

    def _run(self) -> None:
        backoff = Backoff(PAUSE_SECONDS, PAUSE_MOST_SECONDS)
        pause = 0.0
        while True:
            wanted, note = self._take(pause)
            try:
                if wanted is not None:
                    self._write(wanted)
                elif note is not None:
                    self._tell(note)
                else:
                    self._kube.keep_warm()
                pause = 0.0
                backoff.reset()
            except Exception as error:
                pause = backoff.next()
                logger.warning(
                    "status not written" if wanted is not None else "event not written",
                    extra=fields(error=str(error), again_in=pause),
                    exc_info=not isinstance(error, KubeError),
                )
                self._again(wanted, note)

    def _again(self, wanted: DesiredStatus | None, note: Note | None) -> None:
        """What was not accepted is tried again: of the status the newest, of events each a few times."""
        with self._changed:
            if wanted is not None:
                self.counts.status_error += 1
                self._due_at = time.monotonic() if self._due_at is None else self._due_at
            elif note is not None and note.tries < EVENT_TRIES:
                self._notes.appendleft(note)

    def _take(self, pause: float) -> tuple[DesiredStatus | None, Note | None]:
        """What to write next: the status when it is due, else an event; neither after a while of quiet."""
        now = time.monotonic()
        not_before, quiet = now + pause, now + IDLE_SECONDS
        with self._changed:
            while True:
                now = time.monotonic()
                if now >= not_before:
                    if self._due_at is not None and now >= self._due_at:
                        self._due_at = None
                        return self._wanted, None
                    if self._notes and self._due_at is None and now >= self._notes[0].due_at:
                        return None, self._notes.popleft()
                if now >= quiet:
                    return None, None
                due = self._due_at if self._due_at is not None else self._notes[0].due_at if self._notes else quiet
                self._changed.wait(min(max(due, not_before), quiet) - now)

    def _write(self, wanted: DesiredStatus) -> None:
        obj = self._newest()
        if obj is None or not wanted.is_about(obj):
            return  # what is true of another object or generation is on its way here
        try:
            written = self._put(obj, wanted)
        except ApiError as error:
            if error.status == 404:
                return
            if error.status != 409:
                raise
            # Somebody wrote it in between. Its newest version is on its way here, too; do not wait for it.
            obj = self._kube.get(self._path)
            if not wanted.is_about(obj):
                return
            written = self._put(obj, wanted)
        self.counts.status += written

    def _put(self, obj: Object, wanted: DesiredStatus) -> bool:
        """Write it on this version of this object, and on no other. Returns whether there was anything to write."""
        before = obj.get("status") or {}
        status = following(wanted.status, before, rfc3339(time.time())[:19] + "Z")
        if status == before:
            return False
        # The UID and the resourceVersion are what the write is conditional on.
        metadata = {name: obj["metadata"][name] for name in ("name", "namespace", "uid", "resourceVersion")}
        kind = {name: obj[name] for name in ("apiVersion", "kind")}
        self._kube.put(f"{self._path}/status", {**kind, "metadata": metadata, "spec": obj["spec"], "status": status})
        return True

    def _tell(self, note: Note) -> None:
        obj = self._newest()
        if obj is None:
            return
        note.tries += 1
        body = _event(note, obj, self._namespace, self._pod)
        self._kube.post(f"/api/v1/namespaces/{self._namespace}/events", body, accept=METADATA_ONLY)
        self.counts.event += 1


def _event(note: Note, obj: Object, namespace: str, pod: str) -> Object:
    name = obj["metadata"]["name"]
    at = rfc3339(note.at)
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{name}.{note.suffix}", "namespace": namespace},
        "involvedObject": {
            "apiVersion": obj["apiVersion"],
            "kind": obj["kind"],
            "name": name,
            "namespace": namespace,
            "uid": note.uid,
        },
        "reason": note.reason,
        "message": note.message[:1024],
        "type": "Warning" if note.warning else "Normal",
        "eventTime": at,
        "firstTimestamp": at[:19] + "Z",
        "lastTimestamp": at[:19] + "Z",
        "count": 1,
        "action": "Switch",
        "source": {"component": "kafka-bluegreen-controller"},
        "reportingComponent": "kafka-bluegreen.io/controller",
        "reportingInstance": pod,
    }
