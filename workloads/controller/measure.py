"""What the controller measures when it decides to: how far the old colour is behind, and how well the new one does.

End offsets come from the broker (an AdminClient that is kept warm), positions and counts from the pods' `/progress`.
One thread does it, and only while somebody asks.
"""

import logging
import threading
import time
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, replace
from typing import Any

import orjson
import urllib3
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from workloads.common.logs import fields
from workloads.controller.decide import Analysis, Lag
from workloads.controller.observe import AnalysisLimits

logger = logging.getLogger(__name__)

BROKER_SECONDS = 2.0
PROGRESS_SECONDS = 1.0
LAG_INTERVAL_SECONDS = 0.025
ANALYSIS_INTERVAL_SECONDS = 0.5
WARM_SECONDS = 30.0
# After the time is over, for so long a pod may still fail to tell its counts.
ANALYSIS_GRACE_SECONDS = 5.0

Addresses = Callable[[], Mapping[str, str]]


class MeasureError(Exception):
    """A measurement that could not be made; the message says which part did not answer."""


@dataclass(frozen=True, slots=True)
class LagTask:
    """Wait until every partition's position has come within `threshold` of the end offset read now."""

    topic: str
    partitions: int
    threshold: int
    addresses: Addresses


@dataclass(frozen=True, slots=True)
class AnalysisTask:
    """Watch the counts of all pods for a while."""

    limits: AnalysisLimits
    addresses: Addresses


@dataclass(frozen=True, slots=True)
class Progress:
    """One pod's own account. positions: partition -> next offset. handled includes failed."""

    process: str
    positions: Mapping[int, int]
    handled: int
    failed: int


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured. met_at: monotonic time at which the lag condition was met."""

    lag: Lag = Lag.UNKNOWN
    analysis: Analysis = Analysis.PENDING
    detail: str = ""
    met_at: float | None = None


class EndOffsets:
    """Reads end offsets from the broker."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._admin: AdminClient | None = None

    def read(self, topic: str, partitions: int) -> dict[int, int]:
        """Partition -> the offset that its next record will get. Raises MeasureError."""
        if self._admin is None:
            self._admin = AdminClient(
                {"bootstrap.servers": self._bootstrap_servers, "socket.nagle.disable": True, "log_level": 3}
            )
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        asked = {TopicPartition(topic, number): latest for number in range(partitions)}
        try:
            answers: dict[TopicPartition, Future[Any]] = self._admin.list_offsets(asked, request_timeout=BROKER_SECONDS)
            return {which.partition: answer.result(BROKER_SECONDS + 0.5).offset for which, answer in answers.items()}
        except (KafkaException, FutureTimeoutError) as error:
            # librdkafka's admin client goes on with the leader epochs it knows: after a broker's restart it would be
            # refused for ever (FENCED_LEADER_EPOCH). A fresh one asks for them.
            self._admin = None
            raise MeasureError(f"end offsets of {topic} cannot be read: {error!r}") from error


class ProgressReader:
    """Reads `/progress` of several pods at once, over connections that are kept."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._http = urllib3.PoolManager(num_pools=64, maxsize=1, retries=False)
        self._threads = ThreadPoolExecutor(8, "progress")

    def read(self, addresses: Mapping[str, str]) -> dict[str, Progress]:
        """Pod name -> its account. Raises MeasureError naming the first pod that did not answer."""
        asked = {pod: self._threads.submit(self._one, pod, address) for pod, address in addresses.items()}
        return {pod: answer.result() for pod, answer in asked.items()}

    def _one(self, pod: str, address: str) -> Progress:
        if not address:
            raise MeasureError(f"{pod} has no address")
        host = f"[{address}]" if ":" in address else address
        try:
            response = self._http.request("GET", f"http://{host}:{self._port}/progress", timeout=PROGRESS_SECONDS)
            said = orjson.loads(response.data)
            return Progress(
                process=str(said.get("boot_id", "")),
                positions={int(number): int(offset) for number, offset in said["positions"].items()},
                handled=int(said.get("handled", 0)),
                failed=int(said.get("failed", 0)),
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise MeasureError(f"{pod} does not tell its progress: {error!r}") from error
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise MeasureError(f"{pod}'s /progress is not what it should be: {error!r}") from error


class Measurer:
    """Carries out one task at a time; `changed` is called when a result is there.

    Results belong to a key (the phase that asked): whoever asks with another key gets a fresh measurement.
    """

    def __init__(self, ends: EndOffsets, progress: ProgressReader, changed: Callable[[], None]) -> None:
        self._ends = ends
        self._progress = progress
        self._changed = changed
        self._wake = threading.Condition()
        self._key: Hashable = None
        self._task: LagTask | AnalysisTask | None = None
        self._warm: tuple[str, int] | None = None
        self._result = Result()
        self.thread = threading.Thread(target=self._run, name="measure", daemon=True)

    def keep_warm(self, topic: str, partitions: int) -> None:
        """Which topic will be asked for: the connection to the broker is used now and then."""
        with self._wake:
            self._warm = (topic, partitions)
            self._wake.notify()

    def measure(self, key: Hashable, task: LagTask | AnalysisTask | None) -> None:
        """Measure this for `key`, unless that is under way or done; None: nothing any more."""
        if key == self._key and (task is None) == (self._task is None):
            return
        with self._wake:
            if key != self._key:
                self._result = Result()
            self._key = key
            self._task = task
            self._wake.notify()

    def result(self, key: Hashable) -> Result:
        """What has been measured for `key` so far."""
        with self._wake:
            return self._result if key == self._key else Result()

    def _run(self) -> None:
        while True:
            with self._wake:
                if self._task is None:
                    self._wake.wait(WARM_SECONDS)
                key, task, warm = self._key, self._task, self._warm
            try:
                if isinstance(task, LagTask):
                    self._measure_lag(key, task)
                elif isinstance(task, AnalysisTask):
                    self._analyse(key, task)
                elif warm is not None:
                    self._ends.read(*warm)
            except MeasureError as error:
                logger.info("measurement failed", extra=fields(error=str(error)))
                self._tell(key, detail=str(error))
                self._pause(key, 0.25)
            except Exception:
                logger.exception("measurement failed")
                self._pause(key, 1.0)

    def _current(self, key: Hashable) -> bool:
        return self._key == key and self._task is not None

    def _pause(self, key: Hashable, seconds: float) -> None:
        with self._wake:
            if self._current(key):
                self._wake.wait(seconds)

    def _tell(self, key: Hashable, *, done: bool = False, **changes: Any) -> None:
        with self._wake:
            if not self._current(key):
                return
            self._result = replace(self._result, **changes)
            if done:
                self._task = None
        if done:
            self._changed()

    def _measure_lag(self, key: Hashable, task: LagTask) -> None:
        ends = self._ends.read(task.topic, task.partitions)
        while self._current(key):
            try:
                behind = _behind(ends, self._progress.read(task.addresses()), task.threshold)
            except MeasureError as error:
                behind = str(error)
            if not behind:
                self._tell(key, done=True, lag=Lag.CAUGHT_UP, detail="", met_at=time.monotonic())
                return
            self._tell(key, lag=Lag.BEHIND, detail=behind)
            self._pause(key, LAG_INTERVAL_SECONDS)

    def _analyse(self, key: Hashable, task: AnalysisTask) -> None:
        began = time.monotonic()
        last: dict[tuple[str, str], Progress] = {}
        handled = failed = 0
        first = True
        while self._current(key):
            over = time.monotonic() - began >= task.limits.seconds
            try:
                seen = self._progress.read(task.addresses())
                problem = ""
            except MeasureError as error:
                seen, problem = {}, str(error)
            for pod, now in seen.items():
                before = last.get((pod, now.process))
                base = (now.handled, now.failed) if before is None and first else (0, 0)
                handled += now.handled - (before.handled if before else base[0])
                failed += now.failed - (before.failed if before else base[1])
                last[pod, now.process] = now
            first = first and not seen
            rate = failed / handled if handled else 0.0
            detail = f"{failed} of {handled} records failed in {time.monotonic() - began:.1f} s"
            give_up = time.monotonic() - began >= task.limits.seconds + ANALYSIS_GRACE_SECONDS
            if over and (not problem or give_up):
                good = not problem and not first and rate <= task.limits.max_error_rate
                self._tell(
                    key,
                    done=True,
                    analysis=Analysis.PASSED if good else Analysis.FAILED,
                    detail=problem or f"{detail}; a share of {task.limits.max_error_rate:g} is allowed",
                )
                return
            self._tell(key, detail=problem or detail)
            self._pause(key, min(ANALYSIS_INTERVAL_SECONDS, max(0.01, began + task.limits.seconds - time.monotonic())))


def _behind(ends: Mapping[int, int], progress: Mapping[str, Progress], threshold: int) -> str:
    """What keeps the pods from having caught up; empty when they have."""
    positions: dict[int, int] = {}
    for account in progress.values():
        for number, offset in account.positions.items():
            positions[number] = max(offset, positions.get(number, offset))
    late = {n: end - positions[n] for n, end in ends.items() if n in positions and end - positions[n] > threshold}
    missing = [n for n, end in ends.items() if n not in positions and end > threshold]
    if not late and not missing:
        return ""
    parts = []
    if late:
        worst = max(late, key=lambda number: late[number])
        parts.append(f"{sum(late.values())} records behind on {len(late)} partitions, most on {worst}: {late[worst]}")
    if missing:
        parts.append(f"no position known of partitions {missing}")
    return "; ".join(parts)
