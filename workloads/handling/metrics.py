"""An application's metrics: read from its loop and its worker at each scrape."""

import time
from collections.abc import Iterator
from typing import Protocol

from prometheus_client.core import Metric

from workloads.common.metrics import Families
from workloads.common.records import Space
from workloads.common.states import State
from workloads.handling.figures import Figures
from workloads.handling.processing import Worker
from workloads.handling.settings import ApplicationSettings
from workloads.member.control import Control


class Loop(Protocol):
    """The loop whose metrics these are."""

    figures: Figures

    @property
    def ready(self) -> bool:
        """Connected, and able to take over."""


class ConsumerMetrics:
    """Yields the metric families. `kafka_*` have the names that the plan gave them, `bg_*` are the idiomatic forms
    beside.
    """

    def __init__(
        self, settings: ApplicationSettings, loop: Loop, worker: Worker, control: Control, space: Space
    ) -> None:
        self._settings = settings
        self._loop = loop
        self._worker = worker
        self._control = control
        self._space = space
        self._make = Families(color=settings.color.value, strategy=settings.strategy, pod=settings.pod_name)

    def __call__(self) -> Iterator[Metric]:
        """All of them."""
        yield from self._lifecycle()
        yield from self._records()
        yield from self._group()

    def _lifecycle(self) -> Iterator[Metric]:
        make, lifecycle = self._make, self._control.truth.lifecycle
        states = [((state.value,), float(lifecycle.state is state)) for state in State]
        yield make.gauges("kafka_consumer_lifecycle_state", "1 for the state that holds", ["state"], states)
        yield make.gauge("bg_consumer_epoch", "Epoch of the newest executed command", lifecycle.epoch)
        yield make.gauge("bg_consumer_ready", "1 while connected and able to take over", self._loop.ready)
        yield make.gauges(
            "bg_consumer_info",
            "Version, image and processing of the application",
            ["version", "image", "processing"],
            [((self._settings.version, self._settings.image, self._settings.processing), 1)],
        )
        yield make.counter(
            "bg_consumer_stalls_total", "Times the poll loop stood still for too long", self._loop.figures.stalls
        )

    def _records(self) -> Iterator[Metric]:
        make, worker, now = self._make, self._worker, time.monotonic()
        handled, failed = worker.handled, worker.failed
        rate = self._loop.figures.consumed_rate.rate(now, handled)
        yield make.gauge("kafka_consumer_records_consumed_rate", "Records handled per second, over 5 s", rate)
        yield make.counter("kafka_consumer_errors_total", "Records whose processing failed", failed)
        yield make.counter(
            "bg_record_log_truncated_total", "Record logs that were removed to keep the bound", self._space.removed
        )
        if self._settings.processing == "checksum":
            yield make.gauge(
                "bg_consumer_checksum", "CRC-32 of the values handled, one after the other", worker.checksum
            )
        results = [(("processed",), handled - failed), (("failed",), failed)]
        yield make.counters("bg_consumer_records_total", "Records handled", ["result"], results)
        yield make.histogram(
            "bg_consumer_processing_seconds",
            "Time from one handled record to the next, or from its fetch",
            worker.seconds,
        )
        for name, text, times in (
            (
                "bg_consumer_first_record_timestamp_seconds",
                "When the first record under an epoch was handled",
                worker.first_at,
            ),
            (
                "bg_consumer_last_record_timestamp_seconds",
                "When the newest record under an epoch was handled",
                worker.last_at,
            ),
        ):
            yield make.gauges(name, text, ["epoch"], [((str(epoch),), t / 1e9) for epoch, t in tuple(times.items())])

    def _group(self) -> Iterator[Metric]:
        make, figures, settings = self._make, self._loop.figures, self._settings
        positions, high = dict(self._worker.positions), figures.high
        owned = self._control.truth.lifecycle.partitions
        lags = [
            ((settings.group_id, settings.topic, str(p)), float(max(0, high[p] - positions[p])))
            for p in owned
            if high.get(p, -1) >= 0 and p in positions
        ]
        yield make.gauges(
            "bg_consumer_lag",
            "Records not handled yet, as the owner sees it",
            ["group", "topic", "partition"],
            lags,
        )
        yield make.gauge("bg_consumer_assigned_partitions", "Partitions owned", len(owned))
        group = ["group"]
        rebalances = [((settings.group_id,), figures.rebalances)]
        yield make.counters(
            "kafka_consumer_rebalance_count_total", "Assignments with a changed generation", group, rebalances
        )
        assignments = [((settings.group_id,), figures.assignments)]
        yield make.counters("bg_consumer_assignments_total", "Assignments, also those by take-over", group, assignments)
        yield make.counters(
            "bg_consumer_membership_lost_total",
            "Memberships lost or fenced",
            group,
            [((settings.group_id,), figures.lost)],
        )
        latency = [((settings.group_id,), figures.commit_mean.mean(time.monotonic()))]
        yield make.gauges(
            "kafka_consumer_commit_latency_avg", "Mean time to a commit's answer, over 5 s, in ms", group, latency
        )
        yield make.histogram("bg_consumer_commit_duration_seconds", "Time to a commit's answer", figures.commit_seconds)
        commits = [((result,), count) for result, count in tuple(figures.commits.items())]
        yield make.counters("bg_consumer_commits_total", "Commits answered", ["result"], commits)
        errors = [((code,), count) for code, count in tuple(figures.client_errors.items())]
        yield make.counters("bg_consumer_client_errors_total", "Errors of the Kafka client", ["code"], errors)
