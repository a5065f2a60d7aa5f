"""The record logs that a verdict rests on: JSON Lines, one file per process, written with one system call per line.

Layout under the records folder: `produced/`, `consumed/` and `events/`, each with `<pod>.<boot id>.jsonl`. A line is in
the kernel's hands when `write` returns, so it outlives the process. Nothing is flushed to the disk itself: a node's
crash can cost what the kernel still held.
"""

import logging
import os
import re
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import orjson

from workloads.common.logs import fields

logger = logging.getLogger(__name__)

PRODUCED = "produced"
CONSUMED = "consumed"
EVENTS = "events"
KINDS = (PRODUCED, CONSUMED, EVENTS)
SUFFIX = ".jsonl"

_SAFE_NAME = re.compile(rb'[^"\\\x00-\x1f\x7f-\xff]*')


class RecordLogError(RuntimeError):
    """A line could not be written down whole. Whoever gets this must not commit what the line was about."""


class RecordLog:
    """One process's file of one kind. It is made at the first line, so an idle process leaves no empty file.

    Not safe for threads: one thread owns it.
    """

    def __init__(self, folder: Path, kind: str, pod: str, boot_id: str) -> None:
        """Make the folder of this kind. Raises `RecordLogError` when it cannot be made or written to."""
        self.path = folder / kind / f"{pod}.{boot_id}{SUFFIX}"
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
        """The open file, for a hot loop that calls `os.write` itself; what that did not take whole goes to `short`.

        Raises `OSError` when it cannot be opened.
        """
        if self._fd is None:
            self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        return self._fd

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

    def __init__(self, folder: Path, color: str, pod: str, boot_id: str) -> None:
        self._log = RecordLog(folder, EVENTS, pod, boot_id)
        self._color = color
        self._pod = pod

    def write(self, event: str, epoch: int, partitions: Iterable[Sequence[object]] = ()) -> None:
        """One event: its name, the epoch it happened under, `[topic, partition, offset?]` of each partition."""
        line = {
            "color": self._color,
            "pod": self._pod,
            "epoch": epoch,
            "event": event,
            "partitions": [list(partition) for partition in partitions],
            "t": time.time_ns(),
        }
        self._log.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def close(self) -> None:
        """Close the file."""
        self._log.close()


def quoted(text: bytes) -> bytes:
    """UTF-8 text as the inside of a JSON string. Raises `UnicodeDecodeError` for what is not UTF-8."""
    if _SAFE_NAME.fullmatch(text):
        return text
    return orjson.dumps(text.decode())[1:-1]


def retain(folder: Path, kinds: Iterable[str], limit_bytes: int) -> list[Path]:
    """Remove the oldest files of earlier processes until what is left takes no more than `limit_bytes`; gives what was
    removed.

    Called before a process makes its own files: every file there is of a dead one, for a volume belongs to one pod.
    """
    found = []
    for kind in kinds:
        for path in (folder / kind).glob(f"*{SUFFIX}"):
            status = path.stat()
            found.append((status.st_mtime_ns, status.st_size, path))
    total = sum(size for _, size, _ in found)
    removed = []
    for _, size, path in sorted(found):
        if total <= limit_bytes:
            break
        path.unlink(missing_ok=True)
        total -= size
        removed.append(path)
        logger.warning("removed an old record log", extra=fields(path=str(path), bytes=size, limit_bytes=limit_bytes))
    return removed
