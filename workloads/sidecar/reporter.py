"""Writes what the consumer is on its own pod, as a condition: newest first, one at a time, until it is accepted.

A report that somebody waits for goes out at once, others are held back a moment; `outbox` says which is next, and when.
The same report is also sent again when nothing happens for a while: the server does not store a patch that changes
nothing, and the connection stays warm, so a hand-off never pays for a TLS handshake.
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
from workloads.sidecar.outbox import Outbox

logger = logging.getLogger(__name__)

AGAIN_SECONDS = 0.1
AGAIN_MOST_SECONDS = 1.0
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
        self._outbox = Outbox()
        self._condition: dict[str, Any] = {}  # as it was written last
        self._stopping = False
        self.durations = Buckets(BOUNDS)
        self.sent = 0
        self.errors = 0
        self.thread = threading.Thread(target=self._run, name="reporter", daemon=True)

    def offer(self, report: Report | None, hold: float) -> None:
        """The report that is due in `hold` seconds, in place of whatever was due before; None: nothing is."""
        with self._changed:
            if self._outbox.offer(report, time.monotonic() + hold):
                self._changed.notify()

    def stop(self, seconds: float) -> None:
        """Send what is due, wait at most `seconds` for it."""
        with self._changed:
            self._stopping = True
            self._outbox.hurry(time.monotonic())
            self._changed.notify()
        self.thread.join(seconds)

    def _run(self) -> None:
        backoff = Backoff(AGAIN_SECONDS, AGAIN_MOST_SECONDS)
        while (report := self._take()) is not None:
            try:
                self._send(report)
                backoff.reset()
            except Exception as error:
                self.errors += 1
                pause = backoff.next()
                with self._changed:
                    self._outbox.was_not_written(time.monotonic(), pause)
                logger.warning(
                    "report failed",
                    extra=fields(error=str(error), again_in=pause),
                    exc_info=not isinstance(error, KubeError),
                )

    def _take(self) -> Report | None:
        """Wait for the next report to send; None when it is time to end."""
        with self._changed:
            while not (self._stopping and self._outbox.empty):
                now = time.monotonic()
                report, at = self._outbox.next(now)
                if report is not None:
                    return report
                self._changed.wait(at - now)
            return None

    def _send(self, report: Report) -> None:
        """Patch the condition alone; the UID makes a report for a pod that was replaced fail."""
        fresh = report != self._outbox.written
        if fresh:
            self._condition = to_condition(report, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        body: dict[str, Any] = {"status": {"conditions": [self._condition]}}
        if self._uid:
            body["metadata"] = {"uid": self._uid}
        began = time.monotonic()
        self._kube.patch(self._path, body, deadline=DEADLINE_SECONDS, accept=METADATA_ONLY)
        took = time.monotonic() - began
        with self._changed:
            self._outbox.was_written(report, time.monotonic())
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
