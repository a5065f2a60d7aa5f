"""Metrics without a cost per record: the owner counts in plain attributes, and a scrape reads them.

`Window` gives rates over 5 s, `Buckets` a histogram that one thread fills; `Scrape` turns a function that yields metric
families into a collector. The text format is prometheus_client's.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from workloads.common.http import Response

WINDOW_SECONDS = 5.0


class Window:
    """The rate of a growing count over the last `seconds`. One thread samples, any thread reads; times are monotonic
    seconds.
    """

    def __init__(self, seconds: float = WINDOW_SECONDS, every: float = 0.25) -> None:
        self._seconds = seconds
        self._every = every
        self._samples: deque[tuple[float, int]] = deque(maxlen=int(seconds / every) + 8)

    def sample(self, now: float, count: int) -> None:
        """Note the count; more often than `every` changes nothing."""
        if not self._samples or now - self._samples[-1][0] >= self._every:
            self._samples.append((now, count))

    def rate(self, now: float, count: int) -> float:
        """Per second, from the newest sample that is at least the window old (or the oldest there is) until now."""
        base: tuple[float, int] | None = None
        for sample in tuple(self._samples):
            if base is None or sample[0] <= now - self._seconds:
                base = sample
        if base is None or now <= base[0]:
            return 0.0
        return (count - base[1]) / (now - base[0])


class Recent:
    """The mean of the values of the last `seconds`; not a number when there were none."""

    def __init__(self, seconds: float = WINDOW_SECONDS) -> None:
        self._seconds = seconds
        self._values: deque[tuple[float, float]] = deque(maxlen=1000)

    def add(self, now: float, value: float) -> None:
        """Note a value."""
        self._values.append((now, value))

    def mean(self, now: float) -> float:
        """The mean at `now`."""
        values = [value for at, value in tuple(self._values) if at > now - self._seconds]
        return sum(values) / len(values) if values else float("nan")


class Buckets:
    """A histogram that one thread fills. `bounds` are upper limits in seconds, rising."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.sum += seconds

    def cumulative(self) -> list[tuple[str, float]]:
        """(upper limit, how many up to it), as Prometheus wants it."""
        result, total = [], 0
        for bound, count in zip((*map(str, self.bounds), "+Inf"), tuple(self.counts), strict=True):
            total += count
            result.append((bound, float(total)))
        return result


class Families:
    """Makes metric families that all carry the same leading labels (colour, strategy, pod)."""

    def __init__(self, **labels: str) -> None:
        self._names = list(labels)
        self._values = list(labels.values())

    def gauge(self, name: str, text: str, value: float) -> Metric:
        """A gauge with one value."""
        return self.gauges(name, text, (), [((), value)])

    def gauges(
        self, name: str, text: str, labels: Sequence[str], values: Iterable[tuple[Sequence[str], float]]
    ) -> Metric:
        """A gauge with a value for each set of further labels."""
        family = GaugeMetricFamily(name, text, labels=[*self._names, *labels])
        for more, value in values:
            family.add_metric([*self._values, *more], value)
        return family

    def counter(self, name: str, text: str, value: float) -> Metric:
        """A counter; `name` with or without `_total`."""
        return self.counters(name, text, (), [((), value)])

    def counters(
        self, name: str, text: str, labels: Sequence[str], values: Iterable[tuple[Sequence[str], float]]
    ) -> Metric:
        """A counter with a value for each set of further labels."""
        family = CounterMetricFamily(name, text, labels=[*self._names, *labels])
        for more, value in values:
            family.add_metric([*self._values, *more], value)
        return family

    def histogram(self, name: str, text: str, buckets: Buckets) -> Metric:
        """A histogram as counted by `buckets`."""
        family = HistogramMetricFamily(name, text, labels=self._names)
        family.add_metric(self._values, buckets.cumulative(), sum_value=buckets.sum)
        return family


class Scrape(Collector):
    """A collector that asks a function at every scrape."""

    def __init__(self, families: Callable[[], Iterable[Metric]]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families()

    def describe(self) -> Iterable[Metric]:
        return ()


def registry(*families: Callable[[], Iterable[Metric]]) -> CollectorRegistry:
    """A registry of these functions and the process's own figures (CPU, memory, open files)."""
    made = CollectorRegistry()
    ProcessCollector(registry=made)
    for function in families:
        made.register(Scrape(function))
    return made


def exposition(source: CollectorRegistry) -> Response:
    """The answer to `GET /metrics`."""
    return Response(generate_latest(source), content_type=CONTENT_TYPE_LATEST)
