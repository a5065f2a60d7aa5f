"""What the sidecar sees, put together from those who look: the newer of two things that were learnt stays."""

import time
from dataclasses import replace

from workloads.common.report import Report
from workloads.common.states import Color
from workloads.sidecar.lease import LeaseState
from workloads.sidecar.step import View


class ViewStore:
    """The view. It has no lock: who changes it holds the lock of the mover; `view` itself never changes."""

    def __init__(self, color: Color, ordinal: int = 0) -> None:
        self.view = View(color, ordinal=ordinal)
        self.answers = 0  # how many answers of the subject have been taken in
        self._lease_version = 0

    def lease_is(self, lease: LeaseState, read_for: str | None = None) -> bool:
        """A Lease as it was read or told of; read_for: by a read that began after this process was discovered.

        Returns whether it is newer than what was known. If not, the newest is at least as new as that read.
        """
        newer = lease.version > self._lease_version
        if newer:
            self._lease_version = lease.version
            self.view = replace(self.view, grant=lease.grant)
        if read_for is not None:
            self.view = replace(self.view, read_for=read_for)
        return newer

    def subject_is(self, report: Report) -> None:
        """What the subject has answered."""
        self.answers += 1
        known = self.view.consumer
        if report != known:
            now = max(time.time_ns(), known.at + 1 if known else 0)
            self.view = replace(self.view, consumer=replace(report, at=now))

    def subject_is_silent(self) -> None:
        """The subject does not answer."""
        if self.view.consumer is not None:
            self.subject_is(replace(self.view.consumer, state=None))

    def reported(self, report: Report) -> None:
        """The API server has accepted this report."""
        self.view = replace(self.view, reported=report)
