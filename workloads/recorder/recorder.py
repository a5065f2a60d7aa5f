"""All files of a colour's sinks, followed: by a thread that looks again and again, and by whoever sets a mark."""

import logging
import secrets
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from workloads.common.logs import fields
from workloads.common.records import RecordLogError
from workloads.recorder.figures import Figures
from workloads.recorder.line import LineError
from workloads.recorder.tail import SinkFileError, Tail
from workloads.recorder.trail import Trail, Whose, now_ns

logger = logging.getLogger(__name__)

PROBLEMS = (SinkFileError, LineError, RecordLogError)


@dataclass(frozen=True, slots=True)
class Places:
    """Where the workers' sinks write (`<sink>/<worker's pod><suffix>`), and where the records go."""

    sink: Path
    suffix: str
    records: Path


class Recorder:
    """Follows all files of the sinks. Safe for threads.

    problem: what ended it; empty: it goes on. After a problem nothing is recorded any more, for what follows could not
    be told from what was lost.
    """

    def __init__(self, places: Places, whose: Whose, poll_seconds: float) -> None:
        self._places = places
        self._whose = whose
        self._lock = threading.Lock()
        self._trails: dict[str, Trail] = {}
        self._tails: dict[str, Tail] = {}  # of files that have no whole line yet
        self._looked_at: int | None = None  # ns; what is new since then came after it
        self._stop = threading.Event()
        self.figures = Figures()
        self.boot_id = secrets.token_hex(4)
        self.problem = ""
        self.turned = time.monotonic()
        self.thread = threading.Thread(target=self._run, args=(poll_seconds,), name="recorder", daemon=True)

    def look(self) -> None:
        """Record what has come. Raises SinkFileError, LineError and RecordLogError."""
        with self._lock:
            self._find()
            for trail in self._trails.values():
                trail.look(now_ns())

    def mark(self, epoch: int) -> dict[str, object]:
        """The connector stands under the withdrawal of this epoch: everything that is in the files now is recorded,
        with no later time than now.

        `{"epoch", "next", …}`: the newest epoch in the files, and how far they go under it. Raises as `look`.
        """
        with self._lock:
            if self.problem:
                raise SinkFileError(self.problem)
            self._find()
            for trail in self._trails.values():
                trail.mark(epoch, now_ns())
            return {**self._reached(), **self.figures.told()}

    def reached(self, since: int = 0) -> dict[str, object]:
        """As `mark`, of what was recorded up to now; how late lines were, of those that were seen since then (ns). And
        `{"boot_id", "time" (ns), "logs": {name: lines}}`: of this process, its clock, and how much of each file was
        recorded.
        """
        with self._lock:
            logs = {trail.name: trail.lines for trail in self._trails.values()}
            told = {"boot_id": self.boot_id, "time": now_ns(), "logs": logs}
            return {**self._reached(), **self.figures.told(since), **told}

    def stop(self, seconds: float) -> None:
        """End the thread, after a last look."""
        self._stop.set()
        self.thread.join(seconds)

    def close(self) -> None:
        """Close all files; the thread, if it was started, has ended."""
        with self._lock:
            for trail in self._trails.values():
                trail.close()
            for tail in self._tails.values():
                tail.close()
            self._trails, self._tails = {}, {}

    def _reached(self) -> dict[str, object]:
        epoch = max((trail.epoch for trail in self._trails.values()), default=-1)
        after: dict[int, int] = {}
        for trail in self._trails.values():
            if trail.epoch == epoch:
                for partition, offset in trail.next.items():
                    after[partition] = max(offset, after.get(partition, 0))
        return {"epoch": epoch, "next": after}

    def _find(self) -> None:
        """Take up files that are new, once they have a whole line."""
        before, self._looked_at = self._looked_at, now_ns()
        try:
            found = list(self._places.sink.iterdir())
        except FileNotFoundError:
            return
        for path in found:
            name = path.name.removesuffix(self._places.suffix)
            if name in self._trails or name == path.name:
                continue
            tail = self._tails.get(name) or Tail(path)
            self._tails[name] = tail
            if tail.lines(tail.size()):
                tail.position = 0
                self._trails[name] = Trail(
                    tail, self._places.records, name, self._whose, self.figures, absent_at=before
                )
                del self._tails[name]
                logger.info("follows", extra=fields(file=str(path), recorded=tail.position))

    def _run(self, poll_seconds: float) -> None:
        while True:
            ending = self._stop.is_set()
            try:
                self.look()
            except PROBLEMS as error:
                self.problem = str(error)
                logger.error("nothing is recorded any more", extra=fields(error=self.problem))
                return
            self.turned = time.monotonic()
            if ending:
                return
            self._stop.wait(poll_seconds)
