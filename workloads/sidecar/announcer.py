"""Whoever holds a request open hears the consumer's state the moment it changes, without the API server in between."""

import secrets
import threading
import time
from typing import Any

from workloads.common.report import Report, to_answer


class Announcer:
    """Is listened to: it has the newest report, and tells the next one to the requests that wait for it."""

    def __init__(self, pod_uid: str) -> None:
        self._uid = pod_uid
        self._changed = threading.Condition()
        self._process = secrets.token_hex(4)
        self._report: Report | None = None
        self._number = 0
        self._waiting = 0
        self._heard = False

    def tell(self, report: Report | None) -> bool:
        """Take the newest report. Returns whether somebody was waiting for it, and is being told."""
        with self._changed:
            if report != self._report:
                self._report = report
                self._number += 1
                self._heard = self._waiting > 0
                self._changed.notify_all()
            return self._heard

    def answer(self, after: str, seconds: float, *, aside: bool = False) -> dict[str, Any]:
        """The first report that is not the one of version `after`; after `seconds` whatever there is. aside: who asks
        only looks on, and is not who the report is for.

        `{"uid", "version", "report"}`; the report is null before the consumer has answered once.
        """
        deadline = time.monotonic() + seconds
        with self._changed:
            self._waiting += not aside
            try:
                while self._version() == after and (left := deadline - time.monotonic()) > 0:
                    self._changed.wait(left)
            finally:
                self._waiting -= not aside
            report = self._report and to_answer(self._report)
            return {"uid": self._uid, "version": self._version(), "report": report}

    def _version(self) -> str:
        return f"{self._process}-{self._number}"
