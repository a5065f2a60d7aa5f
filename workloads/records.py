"""Copy the record logs out of a pod: `python3 -m workloads.records export --producer NAME [--since-ns N] >
logs.tar.gz`.

The archive has the same folders as the volume: `produced/` and `consumed/` with the lines of the named producer,
`events/` with the events from `--since-ns` on. Files that have nothing to give are left out. A process may go on
writing meanwhile: of a live file, what stood there when the export came to it is taken, to the end of a line. A torn
last line of a dead process is kept, because it is evidence.
"""

import argparse
import gzip
import io
import os
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import orjson

from workloads.common.records import CONSUMED, EVENTS, PRODUCED, SUFFIX

_CHUNK = 4 << 20
# How long an unfinished last line may take to be completed by a writer that is alive: it is one system call away.
_TORN_GRACE_SECONDS = 0.05

Keep = Callable[[bytes], bool]


def lines(path: Path, size: int) -> Iterator[bytes]:
    """The lines of the first `size` bytes; the last one may lack its newline."""
    with path.open("rb") as file:
        rest = b""
        left = size
        while left and (chunk := file.read(min(_CHUNK, left))):
            left -= len(chunk)
            whole, newline, tail = (rest + chunk).rpartition(b"\n")
            if newline:
                yield from (
                    (whole + newline).splitlines(keepends=True)
                    if b"\r" not in whole
                    else map(_ended, whole.split(b"\n"))
                )
            rest = tail
        if rest:
            yield rest


def _ended(line: bytes) -> bytes:
    return line + b"\n"


def snapshot(path: Path) -> int:
    """How many bytes to take: to the end of the last line, or the whole file if nobody finishes its last line."""
    deadline = time.monotonic() + _TORN_GRACE_SECONDS
    with path.open("rb") as file:
        while True:
            size = os.fstat(file.fileno()).st_size
            if size == 0:
                return 0
            file.seek(size - 1)
            if file.read(1) == b"\n" or time.monotonic() > deadline:
                return size
            time.sleep(0.005)


def of_producer(name: str) -> Keep:
    """Keeps the lines whose `producer` is `name`, and torn ones, which have no producer to tell by."""
    quoted = orjson.dumps(name)
    needles = (b'"producer":' + quoted, b'"producer": ' + quoted)

    def keep(line: bytes) -> bool:
        return any(needle in line for needle in needles) or not line.rstrip().endswith(b"}")

    return keep


def since(t: int) -> Keep:
    """Keeps the lines whose `t` is `t` or later, and those that cannot be read."""

    def keep(line: bytes) -> bool:
        try:
            return bool(orjson.loads(line)["t"] >= t)
        except (orjson.JSONDecodeError, KeyError, TypeError):
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


def export(folder: Path, keeps: dict[str, Keep], out: BinaryIO) -> int:
    """Write the archive; gives how many files are in it. Each file is read twice: an archive's entry begins with its
    size.
    """
    files = 0
    with (
        gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|") as archive,
    ):
        for kind, keep in keeps.items():
            for path in sorted((folder / kind).glob(f"*{SUFFIX}")):
                size = snapshot(path)
                kept = sum(len(line) for line in lines(path, size) if keep(line))
                if not kept:
                    continue
                entry = tarfile.TarInfo(f"{kind}/{path.name}")
                entry.size = kept
                entry.mtime = int(path.stat().st_mtime)
                entry.mode = 0o644
                archive.addfile(entry, _Kept(filter(keep, lines(path, size))))
                files += 1
    return files


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 2 when there is no such folder."""
    parser = argparse.ArgumentParser(prog="python3 -m workloads.records", description="Record logs of this pod.")
    commands = parser.add_subparsers(dest="command", required=True)
    wanted = commands.add_parser("export", help="write the logs of one producer as a tar.gz to standard output")
    wanted.add_argument("--producer", required=True, help="the producer's name, as in its lines")
    wanted.add_argument("--since-ns", type=int, default=0, help="events from this time on (ns of the real-time clock)")
    wanted.add_argument("--records-dir", type=Path, default=Path(os.environ.get("BG_RECORDS_DIR", "/records")))
    options = parser.parse_args(arguments)
    if not options.records_dir.is_dir():
        print(f"there is no records folder {options.records_dir}; --records-dir names it", file=sys.stderr)
        return 2
    by_producer = of_producer(options.producer)
    files = export(
        options.records_dir,
        {PRODUCED: by_producer, CONSUMED: by_producer, EVENTS: since(options.since_ns)},
        sys.stdout.buffer,
    )
    sys.stdout.buffer.flush()
    print(f"{files} files", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
