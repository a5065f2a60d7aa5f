"""Whether a log is there twice under different names: the same content, plain or compressed."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from tools.validator.errors import InputError
from tools.validator.files import Chunk, chunks

_CHUNK_BYTES = 8 << 20


@dataclass
class _Mark:
    """What tells files of different content apart at a glance, however they came in chunks."""

    path: Path
    size: int = 0
    lines: int = 0
    first: bytes = b""
    last: bytes = b""
    records: int = 0


@dataclass
class Doubles:
    """Sees the chunks of all files of a side, in order; only files that look the same are read once more."""

    side: str
    _marks: dict[int, _Mark] = field(default_factory=dict)

    def see(self, number: int, path: Path, chunk: Chunk) -> None:
        """The next chunk of a file."""
        mark = self._marks.setdefault(number, _Mark(path))
        text = chunk.raw + chunk.torn if chunk.torn else chunk.raw
        if not mark.size:
            mark.first = text[: text.find(b"\n") + 1]
        mark.size += len(text)
        mark.lines += chunk.lines
        if text:
            mark.last = text[text.rfind(b"\n", 0, len(text) - 1) + 1 :]

    def count(self, number: int, records: int) -> None:
        """How many more records the file has. One without any is like many others: it says nothing."""
        self._marks[number].records += records

    def refuse(self) -> None:
        """Raises InputError for two files of the same content."""
        alike: dict[tuple[int, int, bytes, bytes], list[Path]] = {}
        for mark in self._marks.values():
            if mark.records:
                alike.setdefault((mark.size, mark.lines, mark.first, mark.last), []).append(mark.path)
        for paths in alike.values():
            seen: dict[bytes, Path] = {}
            for path in paths if len(paths) > 1 else ():
                if (other := seen.setdefault(_digest(path), path)) is not path:
                    raise InputError(f"a {self.side} log is there twice: {other} and {path} have the same content")


def _digest(path: Path) -> bytes:
    """Of a pipe, which cannot be read again, what was seen has to do."""
    digest = hashlib.sha256()
    for chunk in chunks(path, _CHUNK_BYTES) if path.is_file() else ():
        digest.update(chunk.raw)
        digest.update(chunk.torn)
    return digest.digest()
