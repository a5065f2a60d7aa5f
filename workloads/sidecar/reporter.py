"""Writes what the consumer is on its own pod, as a condition: newest first, one at a time, until it is accepted.

A report that somebody waits for goes out at once, others are held back a moment. After an error the report is sent
once more some seconds later, because the write that seemed to fail may land after the one that followed it. The same
report is also sent again when nothing happens for a while: the server does not store a patch that changes nothing, and
the connection stays warm, so a hand-off never pays for a TLS handshake.
"""

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from workloads.common.backoff import Backoff
from workloads.common.kube import METADATA_ONLY, Kube, KubeError
from workloads.common.logs import fields
from workloads.common.metrics import Buckets
from workloads.common.report import Report, to_condition

logger = logging.getLogger(__name__)

REPEAT_SECONDS = 20.0
AFTER_ERROR_SECONDS = 3.0
AGAIN_SECONDS = 0.1
AGAIN_MOST_SECONDS = 2.0
DEADLINE_SECONDS = 3.0
BOUNDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Reporter:
    """Owns the thread that patches the pod's status. `accepted` is called with each report that the API server took."""

    def __init__(self, kube: Kube, namespace: str, pod: str, uid: str, accepted: Callable[[Report], None]) -> None:
        self._kube = kube
        self._path = f"/api/v1/namespaces/{namespace}/pods/{pod}/status?fieldManager=kafka-bluegreen-sidecar"
        self._uid = uid
        self._accepted = accepted
        self._changed = threading.Condition()
        self._due: Report | None = None
        self._due_at = 0.0
        self._last: dict[str, Any] | None = None
        self._last_report: Report | None = None
        self._again_at = float("inf")
        self._stopping = False
        self.durations = Buckets(BOUNDS)
        self.sent = 0
        self.errors = 0
        self.thread = threading.Thread(target=self._run, name="reporter", daemon=True)

    def offer(self, report: Report | None, hold: float) -> None:
        """The report that is due in `hold` seconds, in place of whatever was due before; None: nothing is."""
        with self._changed:
            if report is None:
                self._due = None
                return
            at = time.monotonic() + hold
            if report == self._due and at >= self._due_at:
                return
            self._due, self._due_at = report, at
            self._changed.notify()

    def stop(self, seconds: float) -> None:
        """Send what is due, wait at most `seconds` for it."""
        with self._changed:
            self._stopping = True
            self._due_at = 0.0
            self._changed.notify()
        self.thread.join(seconds)

    def _run(self) -> None:
        backoff = Backoff(AGAIN_SECONDS, AGAIN_MOST_SECONDS)
        pause = 0.0
        while True:
            with self._changed:
                report = self._take(pause)
            if report is None:
                return
            try:
                self._send(report)
                backoff.reset()
                pause = 0.0
            except Exception as error:
                self.errors += 1
                pause = backoff.next()
                logger.warning(
                    "report failed",
                    extra=fields(error=str(error), again_in=pause),
                    exc_info=not isinstance(error, KubeError),
                )

    def _take(self, pause: float) -> Report | None:
        """Wait for the next report to send; None when it is time to end."""
        not_before = time.monotonic() + pause
        if pause:
            self._again_at = not_before + AFTER_ERROR_SECONDS
        repeat_at = time.monotonic() + REPEAT_SECONDS
        while True:
            now = time.monotonic()
            if self._due is not None:
                report, at = self._due, max(self._due_at, not_before)
            elif self._last_report is not None:
                report, at = self._last_report, max(min(self._again_at, repeat_at), not_before)
            else:
                report, at = None, now + REPEAT_SECONDS
            if self._stopping and self._due is None:
                return None
            if report is not None and now >= at:
                if self._due is None:
                    self._again_at = float("inf")
                return report
            self._changed.wait(at - now)

    def _send(self, report: Report) -> None:
        """Patch the condition alone; the UID makes a report for a pod that was replaced fail."""
        if report != self._last_report or self._last is None:
            condition = to_condition(report, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        else:
            condition = self._last
        body: dict[str, Any] = {"status": {"conditions": [condition]}}
        if self._uid:
            body["metadata"] = {"uid": self._uid}
        began = time.monotonic()
        self._kube.patch(self._path, body, deadline=DEADLINE_SECONDS, accept=METADATA_ONLY)
        took = time.monotonic() - began
        fresh = report != self._last_report
        self._last, self._last_report = condition, report
        with self._changed:
            if self._due == report:
                self._due = None
        self._accepted(report)
        self.durations.observe(took)
        self.sent += 1
        if fresh:
            logger.info(
                "reported",
                extra=fields(
                    state=report.state,
                    epoch=report.epoch,
                    seen_epoch=report.seen_epoch,
                    committed=report.committed,
                    partitions=report.partitions,
                    seconds=round(took, 6),
                ),
            )
