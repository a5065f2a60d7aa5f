"""The record logs that a verdict rests on: JSON Lines, one log per process, written with one system call per line.

Layout under the records folder: `produced/`, `consumed/` and `events/`, each with `<pod>.<boot id>.jsonl`, and where
such a log has grown, its further parts `<pod>.<boot id>.0001.jsonl`, `.0002.jsonl`, … A line is in the kernel's hands
when `write` returns, so it outlives the process. Nothing is flushed to the disk itself: a node's crash can cost what
the kernel still held.

What the logs of a volume take together is bounded (`Space`), by bytes and by nothing else: no process knows which run
is unfinished. Above the bound the oldest files of earlier processes go first, then the oldest parts of the present
one, never a file that is being written. Each removal is told, with the time until which the file was written: a run
that began later lost nothing by it, and any other run must be judged as one that cannot be judged.
"""

import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from workloads.common.logs import fields

logger = logging.getLogger(__name__)

PRODUCED = "produced"
CONSUMED = "consumed"
EVENTS = "events"
KINDS = (PRODUCED, CONSUMED, EVENTS)
SUFFIX = ".jsonl"
_PART_DIGITS = 4
# A log is cut so that the bound is kept to within an eighth of it, into files that are neither tiny nor unwieldy.
_PARTS = 8
_LEAST_PART_BYTES = 64 << 10
_MOST_PART_BYTES = 64 << 20

_SAFE_NAME = re.compile(rb'[^"\\\x00-\x1f\x7f-\xff]*')


class RecordLogError(RuntimeError):
    """A line could not be written down whole. Whoever gets this must not commit what the line was about."""


@dataclass(frozen=True, slots=True)
class LogName:
    """What a file's name says: whose log it is a part of (`<pod>.<boot id>`), and which (0: the first)."""

    process: str
    part: int

    @classmethod
    def of(cls, path: Path) -> "LogName":
        """Read it."""
        process, _, number = path.name.removesuffix(SUFFIX).rpartition(".")
        if process and len(number) == _PART_DIGITS and number.isdigit() and "." in process:
            return cls(process, int(number))
        return cls(path.name.removesuffix(SUFFIX), 0)

    @property
    def file(self) -> str:
        """The file's name."""
        return f"{self.process}{f'.{self.part:0{_PART_DIGITS}d}' if self.part else ''}{SUFFIX}"


@dataclass(frozen=True, slots=True)
class Removed:
    """A file that had to go. until: when it was last written, in ns of the real-time clock."""

    path: Path
    size: int
    until: int


class Space:
    """What the record logs of a volume may take together. A volume belongs to one pod; `process` is its present one.

    removed: how many files had to go since the process began. Not safe for threads: one thread owns it.
    """

    def __init__(self, folder: Path, kinds: Iterable[str], limit_bytes: int, *, process: str) -> None:
        self._folder = folder
        self._kinds = tuple(kinds)
        self._limit_bytes = limit_bytes
        self._process = process
        self.part_bytes = max(_LEAST_PART_BYTES, min(_MOST_PART_BYTES, limit_bytes // _PARTS))
        self.removed = 0
        self.writing: set[Path] = set()
        self.tell: Callable[[Removed], None] = lambda _: None

    def make_room(self) -> list[Path]:
        """Remove files until what is left takes no more than the bound; gives what was removed, in that order."""
        found = sorted(self._found())
        total = sum(size for *_, size in found)
        gone = []
        for _, until, _, path, size in found:
            if total <= self._limit_bytes:
                break
            if path in self.writing:
                continue
            path.unlink(missing_ok=True)
            total -= size
            gone.append(path)
            self.removed += 1
            logger.warning(
                "removed a record log: the bound was hit",
                extra=fields(path=str(path), bytes=size, until=until, limit_bytes=self._limit_bytes),
            )
            self.tell(Removed(path, size, until))
        return gone

    def _found(self) -> Iterator[tuple[bool, int, int, Path, int]]:
        """Of each file: whether it is the present process's, when it was written (parts that were written within one
        tick of the kernel's clock go by their number), path, size.
        """
        for kind in self._kinds:
            for path in (self._folder / kind).glob(f"*{SUFFIX}"):
                name, status = LogName.of(path), path.stat()
                yield name.process == self._process, status.st_mtime_ns, name.part, path, status.st_size


class RecordLog:
    """One process's log of one kind. A file is made at the first line, so an idle process leaves no empty file.

    path: the part that is being written. Not safe for threads: one thread owns it.
    """

    def __init__(self, folder: Path, kind: str, pod: str, boot_id: str, space: Space | None = None) -> None:
        """Make the folder of this kind. space: cuts the log into parts, and bounds them; without it there is one file.

        Raises `RecordLogError` when the folder cannot be made or written to.
        """
        self._name = LogName(f"{pod}.{boot_id}", 0)
        self.path = folder / kind / self._name.file
        self._space = space
        self._fd: int | None = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RecordLogError(
                f"cannot make the records folder {self.path.parent}: {error}; is the volume mounted and writable?"
            ) from error
        if not os.access(self.path.parent, os.W_OK | os.X_OK):
            raise RecordLogError(f"the records folder {self.path.parent} cannot be written to by user {os.getuid()}")

    def write(self, lines: bytes) -> None:
        """Append whole lines. Raises `RecordLogError` when they were not taken whole; then none of the last line stands
        in the file.
        """
        try:
            written = os.write(self.descriptor(), lines)
        except OSError as error:
            raise RecordLogError(f"cannot write to {self.path}: {error.strerror or error}") from error
        if written != len(lines):
            self.short(lines, written)

    def descriptor(self) -> int:
        """The open file, for a hot loop that calls `os.write` itself, and asks again for each batch: it may be a new
        part. What was not taken whole goes to `short`.

        Raises `OSError` when it cannot be opened.
        """
        if self._fd is None:
            self._fd = self._open()
        elif self._space is not None and os.fstat(self._fd).st_size >= self._space.part_bytes:
            self._next_part(self._space)
        return self._fd

    def _open(self) -> int:
        fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        if self._space is not None:
            self._space.writing.add(self.path)
        return fd

    def _next_part(self, space: Space) -> None:
        """Go on in a new file, then make room for it."""
        before = self.path
        self._name = LogName(self._name.process, self._name.part + 1)
        self.path = before.with_name(self._name.file)
        self.close()
        self._fd = self._open()
        space.writing.discard(before)
        space.make_room()

    def short(self, lines: bytes, written: int) -> None:
        """A short write on a regular file is a full disk: cut the torn line off, and raise `RecordLogError`."""
        torn = written - (lines.rfind(b"\n", 0, written) + 1)
        if torn and self._fd is not None:
            os.ftruncate(self._fd, os.fstat(self._fd).st_size - torn)
        raise RecordLogError(
            f"only {written} of {len(lines)} bytes were taken by {self.path}: the volume is full; "
            "free space or make it larger"
        )

    def close(self) -> None:
        """Close the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


class EventLog:
    """The lifecycle events of a consumer process (`events/`)."""

    def __init__(
        self,
        folder: Path,
        color: str,
        pod: str,
        boot_id: str,
        *,
        version: str,
        image: str = "",
        space: Space | None = None,
    ) -> None:
        self._log = RecordLog(folder, EVENTS, pod, boot_id, space)
        self._who = {"color": color, "pod": pod, "version": version, **({"image": image} if image else {})}

    def write(self, event: str, epoch: int, partitions: Iterable[Sequence[object]] = (), **more: object) -> None:
        """One event: its name, the epoch it happened under, `[topic, partition, offset?]` of each partition."""
        line = {
            **self._who,
            "epoch": epoch,
            "event": event,
            "partitions": [list(partition) for partition in partitions],
            **more,
            "t": time.time_ns(),
        }
        self._log.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def truncated(self, removed: Removed) -> None:
        """A record log had to go: which, and until when it was written."""
        self.write("TRUNCATED", 0, file=f"{removed.path.parent.name}/{removed.path.name}", until=removed.until)

    def close(self) -> None:
        """Close the file."""
        self._log.close()


def quoted(text: bytes) -> bytes:
    """UTF-8 text as the inside of a JSON string. Raises `UnicodeDecodeError` for what is not UTF-8."""
    if _SAFE_NAME.fullmatch(text):
        return text
    return orjson.dumps(text.decode())[1:-1]
