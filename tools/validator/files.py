"""Which files, and their bytes in chunks of whole lines; plain, gzip or zstandard, several members or frames too."""

import os
import stat
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

import zstandard

from tools.validator.errors import InputError
from tools.validator.sources import SUFFIXES, Source, arranged

MAX_LINE_BYTES = 4 << 20
_READ_BYTES = 1 << 18
_READ_COMPRESSED_BYTES = 1 << 15  # so that even zeros, compressed a thousandfold, come in bearable pieces


@dataclass(frozen=True)
class Found:
    """The logs of one side, in the order in which they are read, and how many other files lay beside them."""

    files: tuple[Source, ...]
    others: int

    def size(self) -> int:
        """Bytes on disk, by which progress is measured; nothing for a pipe, or for what opening it will complain of."""
        return sum(one.path.stat().st_size for one in self.files if one.path.is_file())


@dataclass(frozen=True)
class Chunk:
    """Whole lines, each ended by a newline. ``torn`` is what the file's last chunk has after its last newline."""

    raw: bytes
    first_line: int
    lines: int
    torn: bytes
    last: bool
    read: int  # bytes of the file on disk since the chunk before


def find(paths: Sequence[Path], side: str) -> Found:
    """The files behind ``paths``.

    Raises InputError for what is missing, unreadable or holds no log, for a log that is there twice by its name, and
    for one whose parts are not all there.
    """
    files: dict[str, Path] = {}
    others = 0
    for path in paths:
        try:
            mode = path.stat().st_mode
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror or error}", str(path)) from None
        if not stat.S_ISDIR(mode):
            files.setdefault(os.path.realpath(path), path)
            continue
        logs, beside = _walk(path)
        others += beside
        if not logs:
            raise InputError(f"a folder without any {', '.join('*' + end for end in SUFFIXES)} ({side})", str(path))
        for log in logs:
            files.setdefault(os.path.realpath(log), log)
    return Found(arranged(files.values(), side), others)


def chunks(path: Path, chunk_bytes: int) -> Iterator[Chunk]:
    """The lines of one file. Raises InputError for what cannot be read or decompressed, or has an endless line."""
    pieces: list[bytes] = []
    held = read = 0
    line = 1
    for piece, taken in _bytes(path, min(_READ_BYTES, chunk_bytes)):
        read += taken
        pieces.append(piece)
        held += len(piece)
        if held < chunk_bytes:
            continue
        block = b"".join(pieces)
        cut = block.rfind(b"\n") + 1
        rest = block[cut:]
        if len(rest) > MAX_LINE_BYTES:
            raise InputError(
                f"a line of more than {MAX_LINE_BYTES} bytes", str(path), line + block.count(b"\n", 0, cut)
            )
        if cut:
            raw = block[:cut]
            lines = raw.count(b"\n")
            yield Chunk(raw, line, lines, torn=b"", last=False, read=read)
            line += lines
            read = 0
        pieces, held = [rest], len(rest)
    block = b"".join(pieces)
    cut = block.rfind(b"\n") + 1
    raw = block[:cut]
    yield Chunk(raw, line, raw.count(b"\n"), torn=block[cut:], last=True, read=read)


def _walk(folder: Path) -> tuple[list[Path], int]:
    logs: list[Path] = []
    others = 0

    def refuse(error: OSError) -> None:
        raise InputError(f"cannot be read: {error.strerror or error}", str(error.filename or folder))

    for here, folders, names in os.walk(folder, onerror=refuse):
        folders.sort()
        for name in sorted(names):
            path = Path(here, name)
            # not a pipe or a socket: reading one would wait for ever; a dangling link is reported when it is opened
            regular = path.is_file() or (path.is_symlink() and not path.exists())
            if name.endswith(SUFFIXES) and regular:
                logs.append(path)
            else:
                others += 1
    return logs, others


class _Decompressor(Protocol):
    """What zlib and zstandard have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


def _gzip() -> _Decompressor:
    return zlib.decompressobj(wbits=31)


def _zstd() -> _Decompressor:
    return zstandard.ZstdDecompressor().decompressobj()


def _bytes(path: Path, read_bytes: int) -> Iterator[tuple[bytes, int]]:
    """Pieces of the content, each with the bytes of the file that were taken for it."""
    try:
        with path.open("rb") as file:
            if path.name.endswith(".gz"):
                yield from _decompressed(file, path, _gzip)
            elif path.name.endswith(".zst"):
                yield from _decompressed(file, path, _zstd)
            else:
                while piece := file.read(read_bytes):
                    yield piece, len(piece)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", str(path)) from None


def _decompressed(file: IO[bytes], path: Path, start: Callable[[], _Decompressor]) -> Iterator[tuple[bytes, int]]:
    """Member after member. An end within one is an error: zstandard's own stream reader would not say so."""
    stream = start()
    begun = False
    try:
        while piece := file.read(_READ_COMPRESSED_BYTES):
            taken = len(piece)
            while piece:
                if stream.eof:
                    stream = start()
                out = stream.decompress(piece)
                begun = True
                piece = stream.unused_data if stream.eof else b""
                if out or not piece:
                    yield out, 0 if piece else taken
    except (zlib.error, zstandard.ZstdError) as error:
        raise InputError(f"cannot be decompressed: {error}", str(path)) from None
    if not begun or not stream.eof:
        raise InputError("cannot be decompressed: it ends in the middle (cut short)", str(path))
