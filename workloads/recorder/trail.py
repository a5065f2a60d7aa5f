"""One file of the sink and its record log: the log goes on where it ends, with one line for each of the file's.

So nothing but the log itself says how far the recorder came: it has as many lines as were recorded of the file. A line
of the log that was torn by a kill is cut off and written again. The log's name has a mark of the file's first line, so
that another file under the same name (a volume made anew) gets a log of its own.
"""

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import orjson

from workloads.common.records import CONSUMED, EVENTS, LogName, RecordLog
from workloads.recorder.figures import Figures
from workloads.recorder.line import Handled, understood
from workloads.recorder.tail import SinkFileError, Tail

_LINE = orjson.OPT_APPEND_NEWLINE


@dataclass(frozen=True, slots=True)
class Whose:
    """What the recorder is told of the lines: whose they are."""

    color: str
    topic: str
    version: str


@dataclass(frozen=True, slots=True)
class Mark:
    """The connector stood when the file had this length, at `t` (ns)."""

    length: int = 0
    t: int = 0


class Trail:
    """Owned by the recorder, under its lock. epoch: the newest in the file; next: partition -> offset after the last
    line under it. lines: how many are in its log.
    """

    def __init__(
        self, tail: Tail, records: Path, worker: str, whose: Whose, figures: Figures, *, absent_at: int | None = None
    ) -> None:
        """`tail` has one whole line at least. absent_at: when (ns) it had none yet; None: nobody has looked before.

        Raises SinkFileError, LineError and RecordLogError.
        """
        self._tail = tail
        self._worker = worker
        self._whose = whose
        self._figures = figures
        first = tail.lines(tail.size())[0]
        tail.position = 0
        identity = hashlib.blake2b(first, digest_size=4).hexdigest()
        self.lines = 0
        self._log = RecordLog(records, CONSUMED, worker, identity)
        self._events = RecordLog(records, EVENTS, worker, identity)
        self.epoch = -1
        self.next: dict[int, int] = {}
        self._mark = _last_mark(self._events.path)
        self._t = 0  # of the last line
        self._looked_at = absent_at
        self._recover()

    @property
    def name(self) -> str:
        """Of its log, `<worker>.<mark of the file>`."""
        return LogName.of(self._log.path).process

    def look(self, now: int) -> None:
        """Record the lines that have come. now: ns. Raises as the constructor."""
        self._record(self._tail.size(), now)
        self._looked_at = now

    def mark(self, epoch: int, now: int) -> None:
        """The connector stands, withdrawn under this epoch: what is in the file now was written before `now`.

        The mark is written down before the lines are, so that they keep their time should the recorder die between.
        """
        self._mark = Mark(self._tail.size(), now)
        line = {
            "color": self._whose.color,
            "pod": self._worker,
            "version": self._whose.version,
            "epoch": epoch,
            "event": "PAUSED",
            "partitions": [],
            "length": self._mark.length,
            "late_seconds_max": self._figures.late_max,
            "t": now,
        }
        self._events.write(orjson.dumps(line, option=_LINE))
        self._record(self._mark.length, now)
        self._looked_at = now

    def close(self) -> None:
        """Close its files."""
        self._tail.close()
        self._log.close()
        self._events.close()

    def _record(self, until: int, now: int) -> None:
        before_mark = self._tail.position < self._mark.length
        if before_mark:
            self._write_until(min(until, self._mark.length), min(now, max(self._mark.t, self._t)))
        self._write_until(until, now)

    def _write_until(self, until: int, t: int) -> None:
        while lines := self._tail.lines(until):
            found = [understood(line) for line in lines]
            self._log.write(b"".join(self._lines(found, t)))
            self.lines += len(found)
            known = self._looked_at if self._looked_at is not None else (self._t or None)
            late = None if known is None else max(0, t - known)
            self._figures.saw(len(found), sum(one.torn for one in found), late, t)
            self._t = t

    def _lines(self, found: Iterable[Handled], t: int) -> Iterable[bytes]:
        whose = self._whose
        for one in found:
            line: dict[str, object] = {
                "color": whose.color,
                "pod": self._worker,
                **({"version": whose.version} if whose.version else {}),
                "epoch": one.epoch,
                "producer": one.producer,
                "seq": one.seq,
                "topic": whose.topic,
                "partition": one.partition,
                "offset": one.offset,
                "t": t,
            }
            if one.problem:
                line["error"] = one.problem
            self._reach(one.epoch, one.partition, one.offset)
            yield orjson.dumps(line, option=_LINE)

    def _reach(self, epoch: int, partition: int, offset: int) -> None:
        if epoch > self.epoch:
            self.epoch, self.next = epoch, {}
        if epoch == self.epoch:
            self.next[partition] = max(offset + 1, self.next.get(partition, 0))

    def _recover(self) -> None:
        """Take up the log where it ends."""
        path = self._log.path
        if not path.exists():
            return
        data = path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) != len(data):
            with path.open("r+b") as file:
                file.truncate(len(whole))
        lines = whole.splitlines()
        if not lines:
            return
        self.lines = len(lines)
        for line in lines:
            said = orjson.loads(line)
            self._reach(said["epoch"], said["partition"], said["offset"])
        last = orjson.loads(lines[-1])
        self._t = last["t"]
        there = understood(self._tail.skip(len(lines)))
        if (there.epoch, there.partition, there.offset) != (last["epoch"], last["partition"], last["offset"]):
            raise SinkFileError(
                f"line {len(lines)} of {self._worker}'s file is partition {there.partition}, offset {there.offset}; "
                f"recorded was partition {last['partition']}, offset {last['offset']}: it was replaced, or written over"
            )


def _last_mark(path: Path) -> Mark:
    if not path.exists():
        return Mark()
    found = Mark()
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) != len(data):
        with path.open("r+b") as file:
            file.truncate(len(whole))
    for line in whole.splitlines():
        said = orjson.loads(line)
        if said["event"] == "PAUSED":
            found = Mark(said["length"], said["t"])
    return found


def now_ns() -> int:
    """The time of the record logs."""
    return time.time_ns()
