"""Counts of reconciles, under the names that Strimzi's metrics have."""

import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily


class Tally:
    """May be used by any thread. `kind` is the resource's kind."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._resources: dict[str, int] = {}

    @contextmanager
    def reconcile(self, kind: str) -> Iterator["ReconcileResult"]:
        """Count a reconcile: as failed if it raises, or if it says so."""
        began, verdict = monotonic(), ReconcileResult()
        self._count("", kind)
        try:
            yield verdict
        except BaseException:
            verdict.failed = True
            raise
        finally:
            with self._lock:
                self._seconds[kind] += monotonic() - began
            self._count("failed" if verdict.failed else "successful", kind)

    def locked(self, kind: str) -> None:
        """One that was not carried out: it waited too long for the lock."""
        self._count("locked", kind)

    def periodical(self, kind: str) -> None:
        """The periodic reconcile of everything has begun."""
        self._count("periodical", kind)

    def resources(self, kind: str, count: int) -> None:
        """How many of them there are."""
        with self._lock:
            self._resources[kind] = count

    def count(self, what: str, kind: str) -> int:
        """How many so far; what: "", "failed", "successful", "locked" or "periodical"."""
        with self._lock:
            return self._counts[what, kind]

    def metrics(self) -> Iterator[Metric]:
        """What a scrape gets."""
        with self._lock:
            counts, seconds, resources = dict(self._counts), dict(self._seconds), dict(self._resources)
        labels = ("kind", "namespace")
        for what in sorted({what for what, _ in counts}):
            name = f"strimzi_reconciliations{f'_{what}' if what else ''}"
            family = CounterMetricFamily(
                name, f"Reconciles of the stand-in{f', {what}' if what else ''}", labels=labels
            )
            for (of, kind), number in sorted(counts.items()):
                if of == what:
                    family.add_metric([kind, self._namespace], number)
            yield family
        took = SummaryMetricFamily("strimzi_reconciliations_duration_seconds", "How long they took", labels=labels)
        for kind, total in sorted(seconds.items()):
            took.add_metric([kind, self._namespace], count_value=counts.get(("", kind), 0), sum_value=total)
        yield took
        there = GaugeMetricFamily("strimzi_resources", "Resources that there are", labels=labels)
        for kind, number in sorted(resources.items()):
            there.add_metric([kind, self._namespace], number)
        yield there

    def _count(self, what: str, kind: str) -> None:
        with self._lock:
            self._counts[what, kind] += 1


class ReconcileResult:
    """Whether the reconcile failed without raising."""

    failed = False
