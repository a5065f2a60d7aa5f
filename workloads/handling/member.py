"""An application of ours as the HTTP API sees it."""

import time
from collections.abc import Iterable

from prometheus_client.core import Metric

from workloads.common.states import State
from workloads.handling.metrics import ConsumerMetrics, Loop
from workloads.handling.processing import Worker
from workloads.member.control import Control, Truth
from workloads.member.member import Progress
from workloads.member.way import Start


class ApplicationMember:
    """See `Member`, which it is."""

    def __init__(self, control: Control, loop: Loop, worker: Worker, metrics: ConsumerMetrics) -> None:
        self._control = control
        self._loop = loop
        self._worker = worker
        self._metrics = metrics

    @property
    def truth(self) -> Truth:
        """See `Member`."""
        return self._control.truth

    @property
    def ready(self) -> bool:
        """See `Member`."""
        return self._loop.ready

    @property
    def still_seconds(self) -> float:
        """See `Member`. An injected delay is slept in slices and counts as movement."""
        return time.monotonic() - self._worker.pulse.last

    @property
    def progress(self) -> Progress:
        """See `Member`. Who waits in a group of its own owns partitions, and has no position: where it was when it was
        active says nothing any more.
        """
        now, positions = self.truth.lifecycle, dict(self._worker.positions)
        waits = now.way.starts is Start.CARRIED and now.state is State.PAUSED
        owned = () if waits else now.partitions
        return Progress({p: positions[p] for p in owned if p in positions}, self._worker.handled, self._worker.failed)

    def metrics(self) -> Iterable[Metric]:
        """See `Member`."""
        return self._metrics()
