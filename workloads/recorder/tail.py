"""The whole lines that a growing file has got, from a place on."""

import os
from pathlib import Path

CHUNK_BYTES = 4 << 20


class SinkFileError(RuntimeError):
    """The file is not what it was: it shrank, was replaced, or is gone. What was written to it cannot be judged."""


class Tail:
    """Reads a file that only grows. A last line without its newline waits for it.

    position: bytes of the whole lines that were read. Raises SinkFileError from every method when the file is not the
    one that it was opened as, or is shorter than what was read of it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.position = 0
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise SinkFileError(f"{path} cannot be opened: {error.strerror or error}") from error
        self._inode = os.fstat(self._fd).st_ino

    def size(self) -> int:
        """Its length now, a torn last line included."""
        try:
            found = self._path.stat()
        except OSError as error:
            raise SinkFileError(f"{self._path} was followed, and is gone: {error.strerror or error}") from error
        if found.st_ino != self._inode:
            raise SinkFileError(f"{self._path} was replaced by another file after {self.position} bytes were read")
        if found.st_size < self.position:
            raise SinkFileError(f"{self._path} shrank: {self.position} bytes were read, it has {found.st_size}")
        return found.st_size

    def lines(self, until: int) -> list[bytes]:
        """The next whole lines, without their newlines, of at most CHUNK_BYTES (or one line) before byte `until`."""
        room = CHUNK_BYTES
        while self.position < until:
            data = os.pread(self._fd, min(room, until - self.position), self.position)
            whole, newline, _ = data.rpartition(b"\n")
            if newline:
                self.position += len(whole) + 1
                return whole.split(b"\n")
            if len(data) < room:
                break
            room *= 2
        return []

    def skip(self, count: int) -> bytes:
        """Go on behind so many lines; gives the last of them."""
        last = b""
        while count:
            before = self.position
            lines = self.lines(self.size())
            if not lines:
                raise SinkFileError(f"{self._path} has {count} lines fewer than were recorded of it: it shrank")
            if len(lines) > count:
                self.position = before + sum(len(line) + 1 for line in lines[:count])
                lines = lines[:count]
            count -= len(lines)
            last = lines[-1]
        return last

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)
