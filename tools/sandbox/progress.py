"""Progress lines: what, how far, how long. One line per event, so that they read well in a file too."""

import sys
import threading
import time
from typing import TextIO


class Progress:
    """Prints lines that start with the seconds since the command began. Safe to use from several threads."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._began = self._said = time.monotonic()
        self._lock = threading.Lock()

    def say(self, message: str) -> None:
        with self._lock:
            self._said = time.monotonic()
            print(f"{self._said - self._began:7.1f}s  {message}", file=self._stream, flush=True)

    def silence(self) -> float:
        """Seconds since the last line."""
        return time.monotonic() - self._said


def duration(seconds: float) -> str:
    """Seconds as people read them: 4.2s, 61s, 3m05s."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    if seconds < 120:
        return f"{seconds:.0f}s"
    return f"{int(seconds) // 60}m{int(seconds) % 60:02d}s"
