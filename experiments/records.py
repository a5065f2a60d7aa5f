"""Collecting the record logs: copied out of the pods whole, checked, and kept compressed beside the result.

A pod's `workloads.records export` streams a gzip'd tar with the folders `produced`, `consumed` and `events`, the
records filtered to one producer. A stream that was cut short does not end as gzip and tar must, and is refused: a log
cut short would show as records that were never handled, or worse, hide what was.
"""

import gzip
import io
import json
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import zstandard

from experiments.errors import CollectionError
from experiments.kubectl import execute

PRODUCED, CONSUMED, EVENTS = KINDS = ("produced", "consumed", "events")
# What is kept is committed: from 16 on record logs are packed much tighter, which takes seconds for a run.
_LEVEL = 16
_CHUNK = 1 << 20
_EXPORT_SECONDS = 300.0
_ATTEMPTS = 3
_BLOCK = 512


def write_compressed(target: Path, content: bytes) -> None:
    """Write bytes as one zstandard frame with its checksum."""
    target.write_bytes(zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(content))


def compressed_text(file: Path) -> str:
    """What `write_compressed` wrote, as text."""
    with file.open("rb") as packed:
        return zstandard.ZstdDecompressor().stream_reader(packed).read().decode()


def objects(logs: Path, kind: str, process: str = "") -> Iterator[dict[str, Any]]:
    """The lines of the logs of one kind that a run keeps, file by file. process: of this one only, `<pod>.<boot id>`,
    or of all of this pod's.

    A torn last line, as a process that was killed leaves it, is no line.
    """
    return (line for _, line in by_process(logs, kind, process))


def by_process(logs: Path, kind: str, process: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """The same, each line with whose it is."""
    for file in sorted((logs / kind).glob("*.jsonl.zst")):
        # A log may be in parts: `<process>.jsonl`, `<process>.0001.jsonl`, …
        name = ".".join(file.name.split(".")[:2])
        if process and not file.name.startswith(f"{process}."):
            continue
        with file.open("rb") as packed:
            for line in io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(packed), "utf-8"):
                if line.endswith("\n"):
                    yield name, json.loads(line)


def handled(logs: Path) -> Iterator[dict[str, Any]]:
    """The lines about records that were handled: without those that say where a log ends."""
    return (line for line in objects(logs, CONSUMED) if "offset" in line)


def export(
    namespace: str, pod: str, container: str, arguments: list[str], *, scratch: Path, target: Path
) -> list[Path]:
    """Copy a pod's logs into `target` as `<kind>/<name>.jsonl.zst`; `scratch` is a folder for the stream. Returns the
    files.

    Raises CollectionError if the logs could not be had whole in three attempts.
    """
    target.mkdir(parents=True, exist_ok=True)
    archive = scratch / f"{pod}.tar.gz"
    for attempt in range(1, _ATTEMPTS + 1):
        execute(
            namespace,
            pod,
            container,
            ["python3", "-m", "workloads.records", "export", *arguments],
            output=archive,
            seconds=_EXPORT_SECONDS,
        )
        try:
            return list(unpack(archive, target))
        except CollectionError:
            # kubectl may report success for a stream that lost its end; the next copy is a whole one.
            if attempt == _ATTEMPTS:
                raise
            time.sleep(attempt)
        finally:
            archive.unlink(missing_ok=True)
    raise AssertionError("unreachable")


def unpack(archive: Path, target: Path) -> Iterator[Path]:
    """The files of an export, as `<kind>/<name>.zst` in `target`. Raises CollectionError unless the archive is whole.

    Whole means: the gzip member ends with its checksum, and the tar with its two blocks of zeros, which `tarfile` alone
    does not ask for.
    """
    try:
        with gzip.open(archive) as plain:
            counting = _Tail(plain)
            with tarfile.open(fileobj=counting, mode="r|") as tar:
                for member in tar:
                    kind, _, name = member.name.partition("/")
                    source = tar.extractfile(member)
                    if source is None or kind not in KINDS or "/" in name:
                        raise CollectionError(f"{archive.name}: {member.name} is no record log")
                    yield _store(source, target / kind / f"{name}.zst")
            while counting.read(_CHUNK):
                pass
            if counting.tail.strip(b"\0") or len(counting.tail) < 2 * _BLOCK:
                raise CollectionError(f"{archive.name}: the tar stream has no end")
    except (EOFError, OSError, tarfile.TarError, ValueError) as error:
        raise CollectionError(f"{archive.name}: the copied stream is not whole: {error}") from error


def _store(source: IO[bytes], file: Path) -> Path:
    file.parent.mkdir(exist_ok=True)
    with file.open("wb") as out:
        zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).copy_stream(source, out)
    return file


class _Tail(io.RawIOBase):
    """Passes reads on and remembers the last kilobyte."""

    def __init__(self, source: gzip.GzipFile) -> None:
        self._source = source
        self.tail = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self.tail = (self.tail + data)[-2 * _BLOCK :] if len(data) < 2 * _BLOCK else data[-2 * _BLOCK :]
        return data
