"""Everything that is written besides the Lease, off the hand-off path: the switch's status, and events for people.

The newest status wins. One that says Settled goes out at once, because `pulumi up` waits for it; others, and events,
wait a moment, so that a hand-off is over before its first phase would be written. Both are tried until accepted (events
a few times).
"""

import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from workloads.common.kube import METADATA_ONLY, ApiError, Kube, KubeError, Object, version_of
from workloads.common.logs import fields
from workloads.controller.history import rfc3339
from workloads.controller.status import essence, is_settled, with_times

logger = logging.getLogger(__name__)

HOLD_SECONDS = 0.5
RESTORE_SECONDS = 1.0
EVENT_TRIES = 3
EVENTS_KEPT = 200
IDLE_SECONDS = 20.0


@dataclass(slots=True)
class Note:
    """One event for `kubectl describe`. at: wall seconds. due_at: when it may be told, on the monotonic clock."""

    reason: str
    message: str
    warning: bool
    at: float
    due_at: float
    tries: int = 0


class Background:
    """Owns the thread that writes status and events of one KafkaConsumerSwitch.

    newest: gives the newest object known, or None while there is none.
    """

    def __init__(self, kube: Kube, path: str, namespace: str, pod: str, newest: Callable[[], Object | None]) -> None:
        self._kube = kube
        self._path = path
        self._events_path = f"/api/v1/namespaces/{namespace}/events"
        self._namespace = namespace
        self._pod = pod
        self._newest = newest
        self._changed = threading.Condition()
        self._wanted: dict[str, Any] | None = None
        self._due_at: float | None = None
        self._notes: deque[Note] = deque(maxlen=EVENTS_KEPT)
        self.status_writes = 0
        self.status_errors = 0
        self.events = 0
        self.thread = threading.Thread(target=self._run, name="background", daemon=True)

    def publish(self, status: dict[str, Any]) -> None:
        """This is what the status should be from now on."""
        with self._changed:
            if status == self._wanted:
                return
            now = time.monotonic()
            due = now if is_settled(status) else now + HOLD_SECONDS
            self._wanted = status
            self._due_at = due if self._due_at is None else min(self._due_at, due)
            self._changed.notify()

    def observed(self, obj: Object) -> None:
        """The object as somebody wrote it. A status that is not what it should be is written again, after a moment."""
        with self._changed:
            if (
                self._wanted is not None
                and self._due_at is None
                and obj["metadata"]["generation"] == self._wanted["observedGeneration"]
                and essence(obj.get("status") or {}) != essence(self._wanted)
            ):
                self._due_at = time.monotonic() + RESTORE_SECONDS
                self._changed.notify()

    def note(self, reason: str, message: str, warning: bool, at: float) -> None:
        """Tell an event."""
        with self._changed:
            self._notes.append(Note(reason, message, warning, at, time.monotonic() + HOLD_SECONDS))
            self._changed.notify()

    def _run(self) -> None:
        pause = 0.0
        while True:
            status, note = self._take(pause)
            try:
                if status is not None:
                    self._write(status)
                elif note is not None:
                    self._tell(note)
                else:
                    self._kube.keep_warm()
                pause = 0.0
            except Exception as error:
                pause = min(max(2 * pause, 0.1), 2.0)
                expected = isinstance(error, KubeError)
                logger.warning(
                    "status not written" if status is not None else "event not written",
                    extra=fields(error=str(error), again_in=pause),
                    exc_info=not expected,
                )
                with self._changed:
                    if status is not None:
                        self.status_errors += 1
                        self._due_at = time.monotonic() if self._due_at is None else self._due_at
                    elif note is not None and note.tries < EVENT_TRIES:
                        self._notes.appendleft(note)

    def _take(self, pause: float) -> tuple[dict[str, Any] | None, Note | None]:
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

    def _write(self, status: dict[str, Any]) -> None:
        obj = self._newest()
        if obj is None or obj["metadata"]["generation"] != status["observedGeneration"]:
            return  # what is true of another generation is on its way here
        before = obj.get("status") or {}
        body = {
            "apiVersion": obj["apiVersion"],
            "kind": obj["kind"],
            "metadata": {name: obj["metadata"][name] for name in ("name", "namespace", "uid", "resourceVersion")},
            "spec": obj["spec"],
            "status": with_times(status, before, rfc3339(time.time())[:19] + "Z"),
        }
        if body["status"] == before:
            return
        try:
            self._kube.put(f"{self._path}/status", body)
        except ApiError as error:
            if error.status == 404:
                return
            if error.status != 409:
                raise
            # Somebody wrote it in between. Its newest version is on its way here, too; do not wait for it.
            newest = self._kube.get(self._path)
            if newest["metadata"]["generation"] != status["observedGeneration"]:
                return
            body["metadata"]["resourceVersion"] = str(version_of(newest))
            self._kube.put(f"{self._path}/status", body)
        self.status_writes += 1

    def _tell(self, note: Note) -> None:
        obj = self._newest()
        if obj is None:
            return
        note.tries += 1
        name = obj["metadata"]["name"]
        at = rfc3339(note.at)
        involved: Mapping[str, Any] = {
            "apiVersion": obj["apiVersion"],
            "kind": obj["kind"],
            "name": name,
            "namespace": self._namespace,
            "uid": obj["metadata"]["uid"],
        }
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{name}.{uuid.uuid4().hex[:16]}", "namespace": self._namespace},
            "involvedObject": involved,
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
            "reportingInstance": self._pod,
        }
        self._kube.post(self._events_path, body, accept=METADATA_ONLY)
        self.events += 1
