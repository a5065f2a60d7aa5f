"""What a scrape of an agent reads besides a sidecar's own: the connector's lifecycle, by the plan's names."""

from collections.abc import Iterator

from prometheus_client.core import Metric

from workloads.common.metrics import Families
from workloads.common.report import Report
from workloads.common.states import State


def families(make: Families, report: Report | None, version: str, image: str) -> Iterator[Metric]:
    """report: the agent's newest; None before the first. While it cannot see its connector, no state holds."""
    state = report.state if report is not None else None
    states = [((one.value,), float(state is one)) for one in State]
    yield make.gauges("kafka_consumer_lifecycle_state", "1 for the state that holds", ["state"], states)
    yield make.gauge("bg_consumer_epoch", "Epoch that the connector's state belongs to", report.epoch if report else -1)
    ready = state is not None and report is not None and not report.obstacle
    yield make.gauge("bg_consumer_ready", "1 while the connector is seen and able to take over", float(ready))
    told = [((version, image), 1)]
    yield make.gauges("bg_consumer_info", "Version and image of the application", ["version", "image"], told)
