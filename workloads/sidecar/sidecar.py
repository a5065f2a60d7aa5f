"""One sidecar, put together: who looks, who decides, who calls, who tells."""

import time
from collections.abc import Callable, Iterator

from prometheus_client.core import Metric

from workloads.common.kube import Kube
from workloads.common.metrics import Families
from workloads.common.report import Report
from workloads.sidecar.announcer import Announcer
from workloads.sidecar.callers import READY_CALLERS
from workloads.sidecar.lease import LeaseFollower, LeaseReader
from workloads.sidecar.metrics import families
from workloads.sidecar.mover import Mover
from workloads.sidecar.reporter import Reporter
from workloads.sidecar.settings import SidecarSettings
from workloads.sidecar.status import StatusWatch
from workloads.sidecar.subject import Subject

# Nobody has heard from the status watch for so long: the process hangs.
ALIVE_SECONDS = 15.0


class Sidecar:
    """Moves one subject as its Lease says. subject: makes a way to it, one for each thread that calls."""

    def __init__(self, settings: SidecarSettings, kube: Kube, subject: Callable[[], Subject]) -> None:
        pod, namespace, lease = settings.pod_name, settings.pod_namespace, settings.lease_name
        self.announcer = Announcer(settings.pod_uid)
        self._reporter = Reporter(kube.sibling(), namespace, pod, settings.pod_uid, self._accepted)
        # A call that was superseded may still be reading.
        read_lease = LeaseReader(kube.sibling(READY_CALLERS), namespace, lease).read
        offer = self._reporter.offer
        self.mover = Mover(settings.color, subject, read_lease, self.announcer, offer, ordinal=settings.number)
        self._lease = LeaseFollower(kube.sibling(), namespace, lease, self.mover.lease_seen)
        self._status = StatusWatch(subject(), self.mover)

    def start(self) -> None:
        """Start all threads."""
        self.mover.start()
        for part in (self._reporter, self._lease, self._status):
            part.thread.start()

    def stop(self, seconds: float) -> None:
        """Send the report that is due, for at most `seconds`; everything else needs no end."""
        self._reporter.stop(seconds)

    def dead(self) -> list[str]:
        """The threads that should run and do not; empty when all is well."""
        threads = (self._lease.thread, self._reporter.thread, self._status.thread)
        names = [thread.name for thread in threads if not thread.is_alive()]
        if time.monotonic() - self._status.turned > ALIVE_SECONDS:
            names.append("consumer-status (hangs)")
        return names

    def metrics(self, make: Families) -> Iterator[Metric]:
        """What a scrape reads."""
        return families(make, self.mover.view, self.mover.figures, self._reporter, lease_watch_up=self._lease.up)

    def _accepted(self, report: Report) -> None:
        self.mover.reported(report)
