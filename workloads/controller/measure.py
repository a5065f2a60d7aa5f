"""The controller measures what it decides by: how far the old colour is behind, and how well the new one does.

One thread does it, and only while somebody asks. What it asks the brokers and the members is `lag`'s and `analysis`'s.
"""

import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from workloads.common.logs import fields
from workloads.controller.analysis import Tally, foregone, verdict
from workloads.controller.argo_runs import AnalysisRuns
from workloads.controller.brokers import BrokerOffsets
from workloads.controller.lag import behind, positions_of
from workloads.controller.measured import (
    AnalysisRunTask,
    AnalysisTask,
    LagTask,
    MeasureError,
    Progress,
    RemovalTask,
    Result,
    RewindTask,
    SinceTask,
    Task,
)
from workloads.controller.places import Places, ours, told
from workloads.controller.progress import ProgressReader
from workloads.controller.replay import rewound
from workloads.controller.terms import Analysis, Lag

logger = logging.getLogger(__name__)

LAG_INTERVAL_SECONDS = 0.025
ANALYSIS_INTERVAL_SECONDS = 0.5
WARM_SECONDS = 30.0
# After the time is over, for so long a pod may still fail to tell its counts.
ANALYSIS_GRACE_SECONDS = 5.0
AGAIN_SECONDS = 0.25
UNEXPECTED_SECONDS = 1.0


@dataclass
class _Phase:
    """What is known of the key that was asked for last. done: the kinds of task that are."""

    key: Hashable = None
    result: Result = field(default_factory=Result)
    done: set[type[Task | None]] = field(default_factory=set)


class Measurer:
    """Carries out one task at a time; `changed` is called when a result is there.

    Results belong to a key (the phase that asked): whoever asks with another key gets a fresh measurement.
    """

    def __init__(
        self,
        brokers: BrokerOffsets,
        progress: ProgressReader,
        places: Places,
        runs: AnalysisRuns,
        changed: Callable[[], None],
    ) -> None:
        self._brokers = brokers
        self._places = places
        self._runs = runs
        runs.on_change(self._told)
        self._progress = progress
        self._changed = changed
        self._wake = threading.Condition()
        self._phase = _Phase()
        self._task: Task | None = None
        self._warm: tuple[str, int, frozenset[str]] | None = None
        self._news = False
        self.thread = threading.Thread(target=self._run, name="measure", daemon=True)

    def keep_warm(self, topic: str, partitions: int, groups: Iterable[str] = ()) -> None:
        """Which topic will be asked for, and which groups: the connections to the brokers are used now and then."""
        wanted = topic, partitions, frozenset(groups)
        with self._wake:
            if self._warm != wanted:
                self._warm = wanted
                self._wake.notify()

    def measure(self, key: Hashable, task: Task | None) -> None:
        """Measure this for `key`, unless that kind of task is under way or done for it; None: nothing any more.

        Whoever asks may have looked before the result was there.
        """
        with self._wake:
            if key != self._phase.key:
                self._phase = _Phase(key)
            elif type(task) in self._phase.done or type(task) is type(self._task):
                return
            self._task = task
            self._wake.notify()

    def result(self, key: Hashable) -> Result:
        """What has been measured for `key` so far."""
        with self._wake:
            return self._phase.result if key == self._phase.key else Result()

    def _run(self) -> None:
        while True:
            with self._wake:
                if self._task is None:
                    self._wake.wait(WARM_SECONDS)
                task, warm = self._task, self._warm
                key = self._phase.key, type(task)  # of two tasks for one key, each has its own
            try:
                if task is not None:
                    self._carry_out(key, task)
                elif warm is not None:
                    self._keep_warm(*warm)
            except MeasureError as error:
                logger.info("measurement failed", extra=fields(error=str(error)))
                self._tell(key, detail=str(error))
                self._pause(key, AGAIN_SECONDS)
            except Exception:
                logger.exception("measurement failed")
                self._pause(key, UNEXPECTED_SECONDS)

    def _keep_warm(self, topic: str, partitions: int, groups: Iterable[str]) -> None:
        self._brokers.ends(topic, partitions)
        for group in groups:
            self._brokers.committed(group, topic, partitions)

    def _carry_out(self, key: Hashable, task: Task) -> None:
        match task:
            case LagTask():
                self._measure_lag(key, task)
            case AnalysisTask():
                self._analyse(key, task)
            case AnalysisRunTask():
                self._judge(key, task)
            case RemovalTask():
                self._remove(key, task)
            case SinceTask():
                self._read_since(key, task)
            case RewindTask():
                self._rewind(key, task)

    def _current(self, key: Hashable) -> bool:
        return self._task is not None and key == (self._phase.key, type(self._task))

    def _pause(self, key: Hashable, seconds: float) -> None:
        with self._wake:
            if self._current(key):
                self._wake.wait(seconds)

    def _tell(self, key: Hashable, *, done: bool = False, **changes: Any) -> None:
        with self._wake:
            if not self._current(key):
                return
            self._phase.result = replace(self._phase.result, **changes)
            if done:
                self._phase.done.add(type(self._task))
                self._task = None
        if done:
            self._changed()

    def _measure_lag(self, key: Hashable, task: LagTask) -> None:
        ends = self._brokers.ends(task.topic, task.partitions)
        positions = positions_of(task, self._brokers, self._progress)
        while self._current(key):
            try:
                late = behind(ends, positions.read(), task.threshold)
            except MeasureError as error:
                late = str(error)
            if not late:
                self._tell(key, done=True, lag=Lag.CAUGHT_UP, detail="", met_at=time.monotonic())
                return
            self._tell(key, lag=Lag.BEHIND, detail=late)
            self._pause(key, LAG_INTERVAL_SECONDS)

    def _remove(self, key: Hashable, task: RemovalTask) -> None:
        self._empty(key, task)
        self._tell(key, done=True, removed=True, detail="")

    def _empty(self, key: Hashable, task: RemovalTask | RewindTask) -> None:
        removed = False
        while self._current(key):
            left = ours(task.group, self._places.of(task.group))
            if not left:
                break
            if removed:  # whoever lives joins again as soon as it is out
                removed = False
                self._tell(key, detail=f"taken out of group {task.group}, and in it again: {told(left)}")
                self._pause(key, AGAIN_SECONDS)
                continue
            if not task.still():
                raise MeasureError(f"removal from group {task.group}: the Lease was written meanwhile")
            logger.info(
                "removing closed members", extra=fields(group=task.group, members=[place.instance for place in left])
            )
            self._places.remove(task.group, left)
            removed = True

    def _read_since(self, key: Hashable, task: SinceTask) -> None:
        found = self._brokers.committed(task.group, task.topic, task.partitions)
        if len(found) < task.partitions:  # nothing was ever handled of the others
            found = {**self._brokers.beginnings(task.topic, task.partitions), **found}
        self._tell(key, done=True, since=tuple(sorted(found.items())), detail="")

    def _rewind(self, key: Hashable, task: RewindTask) -> None:
        self._empty(key, task)
        beginnings = self._brokers.beginnings(task.topic, task.partitions)
        if not self._current(key):
            return
        if not task.still():
            raise MeasureError(f"offsets of group {task.group}: the Lease was written meanwhile")
        offsets = rewound(task.since, beginnings, task.epoch)
        logger.info(
            "setting offsets", extra=fields(group=task.group, offsets={p: at for p, (at, _) in offsets.items()})
        )
        try:
            self._brokers.commit(task.group, task.topic, offsets)
        except MeasureError as error:  # which does not name whoever is in the group
            raise MeasureError(f"{error}{self._in_it(task.group)}") from error
        self._tell(key, done=True, removed=True, rewound=True, detail="")

    def _in_it(self, group: str) -> str:
        """Who is in a group, to be said behind what went wrong; nothing where that cannot be known either."""
        try:
            others = told(self._places.of(group))
        except MeasureError:
            return ""
        return f"; in it: {others}" if others else ""

    def _analyse(self, key: Hashable, task: AnalysisTask) -> None:
        tally, before = Tally(), self._arrived(task)
        began = time.monotonic()
        while self._current(key):
            # A count that began before the time was over is no last one.
            over = time.monotonic() - began >= task.limits.seconds
            accounts, problem = self._accounts(task)
            tally.add(accounts)
            elapsed = time.monotonic() - began
            if foregone(tally, task.limits, elapsed):
                analysis, why = verdict(tally, task.limits, problem)
                self._tell(key, done=True, analysis=analysis, detail=f"{why} ({elapsed:.1f} s)")
                return
            if over:
                now = self._arrived(task)
                arrived = None if before is None or now is None else now - before
                problem = problem or ("" if arrived is not None else "nobody tells how many records came in")
                if not problem or elapsed >= task.limits.seconds + ANALYSIS_GRACE_SECONDS:
                    analysis, why = verdict(tally, task.limits, problem, arrived or 0)
                    self._tell(key, done=True, analysis=analysis, detail=f"{why} ({elapsed:.1f} s)")
                    return
            self._tell(key, detail=problem or f"{tally} in {elapsed:.1f} s")
            self._pause(key, min(ANALYSIS_INTERVAL_SECONDS, max(0.01, task.limits.seconds - elapsed)))

    def _judge(self, key: Hashable, task: AnalysisRunTask) -> None:
        """As the AnalysisRun does; without a word of it by its time, nothing was shown."""
        order, timeout = task.order, task.order.asked.timeout
        began = time.monotonic()
        try:
            while self._current(key):
                elapsed = time.monotonic() - began
                again = timeout - elapsed
                try:
                    analysis, why = self._runs.look(order)
                except MeasureError as error:
                    analysis, why, again = Analysis.PENDING, str(error), min(again, AGAIN_SECONDS)
                except Exception as error:  # its time runs on, whatever it is
                    logger.exception("an AnalysisRun cannot be judged")
                    analysis, why, again = Analysis.PENDING, repr(error), min(again, UNEXPECTED_SECONDS)
                if analysis is Analysis.PENDING and elapsed >= timeout:
                    analysis, why = Analysis.INCONCLUSIVE, f"no verdict within {timeout:g} s: {why}"
                if analysis is not Analysis.PENDING:
                    self._tell(key, done=True, analysis=analysis, detail=f"{why} ({elapsed:.1f} s)")
                    return
                self._tell(key, detail=why)
                self._await_news(key, again)
        finally:
            self._runs.end(order)

    def _told(self) -> None:
        """An AnalysisRun has changed; in another thread."""
        with self._wake:
            self._news = True
            self._wake.notify()

    def _await_news(self, key: Hashable, seconds: float) -> None:
        with self._wake:
            if self._current(key) and not self._news:
                self._wake.wait(max(0.0, seconds))
            self._news = False

    def _arrived(self, task: AnalysisTask) -> int | None:
        """How many records the topic ever had; 0 where nobody asks for a share of them, None if it cannot be read."""
        if not task.limits.min_throughput:
            return 0
        try:
            return sum(self._brokers.ends(task.topic, task.partitions).values())
        except MeasureError:
            return None

    def _accounts(self, task: AnalysisTask) -> tuple[dict[str, Progress], str]:
        """What every member says, and why not: one of the two is empty, unless there is no member at all."""
        try:
            return self._progress.read(task.addresses()), ""
        except MeasureError as error:
            return {}, str(error)
