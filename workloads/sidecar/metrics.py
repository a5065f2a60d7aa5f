"""What a scrape of the sidecar reads."""

from collections.abc import Iterator

from prometheus_client.core import Metric

from workloads.common.metrics import Families
from workloads.sidecar.callers import CallFigures
from workloads.sidecar.reporter import Reporter
from workloads.sidecar.step import View


def families(
    make: Families, view: View, figures: CallFigures, reporter: Reporter, *, lease_watch_up: bool
) -> Iterator[Metric]:
    """Every metric of it."""
    grant, consumer = view.grant, view.consumer
    reachable = consumer is not None and consumer.state is not None
    yield make.gauge("bg_sidecar_lease_epoch", "Epoch of the newest Lease read", grant.epoch if grant else -1)
    yield make.gauge("bg_sidecar_consumer_reachable", "1 while the consumer answers", float(reachable))
    yield make.gauge("bg_sidecar_lease_watch_up", "1 while the Lease is being watched", float(lease_watch_up))
    yield make.counter("bg_sidecar_reports_total", "Reports accepted by the API server", reporter.sent)
    yield make.counter("bg_sidecar_report_errors_total", "Reports that failed and were tried again", reporter.errors)
    yield make.histogram("bg_sidecar_report_seconds", "Time of an accepted report", reporter.durations)
    calls = list(figures.calls.items())
    text = "Calls to the consumer by what became of them"
    yield make.counters("bg_sidecar_calls_total", text, ["call", "result"], calls)
    for name, buckets in figures.durations.items():
        yield make.histogram(f"bg_sidecar_{name}_seconds", f"Time until {name} was answered with success", buckets)
