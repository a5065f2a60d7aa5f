"""Copy the record logs out of a pod: `python3 -m workloads.records export --producer NAME… [--since-ns N] >
logs.tar.gz`.

The archive has the same folders as the volume: `produced/` and `consumed/` with the lines of the named producers,
`events/` with the events from `--since-ns` on. Logs that have nothing to give are left out. A process may go on
writing meanwhile: of a live file, what stood there when the export came to it is taken, to the end of a line. A torn
last line of a dead process is kept, because it is evidence.

The parts of a log are joined. A log whose first parts are gone keeps the number of its first part that is left in its
name, unless that part began before `--since-ns`: what went then is older than what was asked for. In the same way the
word of a removed log (the event TRUNCATED) is left out when that log was last written before `--since-ns`. A consumed
log's end line says how many lines its process wrote; it is kept if the log bears it out, with the number of the lines
that are kept.
"""

import argparse
import gzip
import io
import os
import sys
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

import orjson

from workloads.common.records import CONSUMED, EVENTS, PRODUCED, SUFFIX, LogName

_CHUNK = 4 << 20
# How long an unfinished last line may take to be completed by a writer that is alive: it is one system call away.
_TORN_GRACE_SECONDS = 0.05

# A file's time of change is the kernel's, which lags behind the clock by up to a timer tick.
_CLOCK_TICK_NS = 10_000_000

Keep = Callable[[bytes], bool]


def lines(path: Path, size: int) -> Iterator[bytes]:
    """The lines of the first `size` bytes; the last one may lack its newline."""
    with path.open("rb") as file:
        yield from _lines(file, size)


def _lines(file: BinaryIO, size: int) -> Iterator[bytes]:
    file.seek(0)
    rest = b""
    left = size
    while left and (chunk := file.read(min(_CHUNK, left))):
        left -= len(chunk)
        whole, newline, tail = (rest + chunk).rpartition(b"\n")
        if newline:
            yield from (
                (whole + newline).splitlines(keepends=True) if b"\r" not in whole else map(_ended, whole.split(b"\n"))
            )
        rest = tail
    if rest:
        yield rest


def _ended(line: bytes) -> bytes:
    return line + b"\n"


def _snapshot(file: BinaryIO) -> int:
    """How many bytes to take: to the end of the last line, or the whole file if nobody finishes its last line."""
    deadline = time.monotonic() + _TORN_GRACE_SECONDS
    while True:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            return 0
        file.seek(size - 1)
        if file.read(1) == b"\n" or time.monotonic() > deadline:
            return size
        time.sleep(0.005)


def of_producers(*names: str) -> Keep:
    """Keeps the lines whose `producer` is one of `names`, and torn ones, which have no producer to tell by."""
    needles = [b'"producer":' + space + orjson.dumps(name) for name in names for space in (b"", b" ")]

    def keep(line: bytes) -> bool:
        return any(needle in line for needle in needles) or not line.rstrip().endswith(b"}")

    return keep


def since(t: int) -> Keep:
    """Keeps the lines whose `t` is `t` or later, and those that cannot be read; of removed logs, only the word of those
    that were still written then.
    """

    def keep(line: bytes) -> bool:
        try:
            found = orjson.loads(line)
            return bool(found["t"] >= t and found.get("until", t) + _CLOCK_TICK_NS >= t)
        except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
            return True

    return keep


class _Kept(io.RawIOBase):
    """The kept lines of a file as a stream: an archive is written without a copy in memory or on the disk."""

    def __init__(self, source: Iterator[bytes]) -> None:
        super().__init__()
        self._source = source
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        pieces, have = [self._rest], len(self._rest)
        while size < 0 or have < size:
            piece = next(self._source, None)
            if piece is None:
                break
            pieces.append(piece)
            have += len(piece)
        data = b"".join(pieces)
        cut = len(data) if size < 0 else size
        self._rest = data[cut:]
        return data[:cut]


@dataclass(frozen=True)
class _Log:
    """The parts of one process's log of one kind, held open: what is removed meanwhile can still be read."""

    name: LogName  # of the first part that is left
    parts: tuple[tuple[BinaryIO, int], ...]  # each with how many bytes of it are taken
    modified: int  # seconds since the epoch

    def lines(self) -> Iterator[bytes]:
        """All of them, in order."""
        for file, size in self.parts:
            yield from _lines(file, size)

    def begins_before(self, t: int) -> bool:
        """Whether its first line was written before `t`."""
        try:
            return bool(orjson.loads(next(self.lines(), b""))["t"] < t)
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return False

    def file(self, t: int) -> str:
        """The name under which it is exported."""
        return LogName(self.name.process, 0).file if self.begins_before(t) else self.name.file


def _logs(folder: Path, stack: ExitStack) -> Iterator[_Log]:
    found = sorted(((LogName.of(path), path) for path in folder.glob(f"*{SUFFIX}")), key=lambda item: _order(item[0]))
    for _, group in groupby(found, key=lambda item: item[0].process):
        parts = []
        for name, path in group:
            try:
                parts.append((name, stack.enter_context(path.open("rb"))))
            except FileNotFoundError:  # it had to make room just now
                parts.clear()
        if parts:
            taken = tuple((file, _snapshot(file)) for _, file in parts)
            yield _Log(parts[0][0], taken, int(os.fstat(parts[-1][1].fileno()).st_mtime))


def _order(name: LogName) -> tuple[str, int]:
    return name.process, name.part


def _kept(all_lines: Iterable[bytes], keep: Keep) -> Iterator[bytes]:
    """The lines to keep, and the end line of a consumed log with their number, if its own number is right."""
    seen = kept = 0
    for line in all_lines:
        if keep(line):
            kept += 1
            yield line
        elif (end := _end(line)) is not None:
            if kept and end[1] == seen:
                yield orjson.dumps({"pod": end[0], "end": kept}, option=orjson.OPT_APPEND_NEWLINE)
            continue
        seen += 1


def _end(line: bytes) -> tuple[str, int] | None:
    """(pod, count) of a consumed log's end line; None for every other line."""
    if not line.startswith(b'{"pod":'):
        return None
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return (found["pod"], found["end"]) if found.keys() == {"pod", "end"} else None


def export(folder: Path, keeps: dict[str, Keep], out: BinaryIO, since_ns: int = 0) -> int:
    """Write the archive; gives how many files are in it. Each log is read twice: an archive's entry begins with its
    size.
    """
    files = 0
    with (
        gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|") as archive,
    ):
        for kind, keep in keeps.items():
            with ExitStack() as stack:
                for log in _logs(folder / kind, stack):
                    size = sum(map(len, _kept(log.lines(), keep)))
                    if not size:
                        continue
                    entry = tarfile.TarInfo(f"{kind}/{log.file(since_ns)}")
                    entry.size = size
                    entry.mtime = log.modified
                    entry.mode = 0o644
                    archive.addfile(entry, _Kept(_kept(log.lines(), keep)))
                    files += 1
    return files


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 2 when there is no such folder."""
    parser = argparse.ArgumentParser(prog="python3 -m workloads.records", description="Record logs of this pod.")
    commands = parser.add_subparsers(dest="command", required=True)
    wanted = commands.add_parser("export", help="write the logs of these producers as a tar.gz to standard output")
    wanted.add_argument(
        "--producer", action="append", required=True, help="a producer's name, as in its lines; may be given again"
    )
    wanted.add_argument("--since-ns", type=int, default=0, help="events from this time on (ns of the real-time clock)")
    wanted.add_argument(
        "--records-dir",
        type=Path,
        default=Path(os.environ.get("BG_RECORDS_DIR", "/records")),
        help="where the logs are (default: BG_RECORDS_DIR, else /records)",
    )
    options = parser.parse_args(arguments)
    if not options.records_dir.is_dir():
        print(f"there is no records folder {options.records_dir}; --records-dir names it", file=sys.stderr)
        return 2
    by_producer = of_producers(*options.producer)
    files = export(
        options.records_dir,
        {PRODUCED: by_producer, CONSUMED: by_producer, EVENTS: since(options.since_ns)},
        sys.stdout.buffer,
        options.since_ns,
    )
    sys.stdout.buffer.flush()
    print(f"{files} files", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
