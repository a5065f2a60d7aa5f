"""What the user sees while a run goes on: one line per thing that happened, with the time since the start."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from experiments.console import emit


class Progress:
    """Prints `[  12.3 s] text`. Safe to call from several threads; what nobody reads any more is dropped."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._start = time.monotonic()
        self._lock = threading.Lock()
        self._last = ""

    def say(self, text: str) -> None:
        with self._lock:
            self._last = text
            emit(f"[{time.monotonic() - self._start:7.1f} s] {text}", self._stream)

    def update(self, text: str) -> None:
        """Like `say`, but not again when the last line said the same."""
        if text != self._last:
            self.say(text)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Say what begins, and how long it took once it is done. A failure is left to whoever handles it."""
        self.say(text)
        begun = time.monotonic()
        yield
        self.say(f"{text}: done in {time.monotonic() - begun:.1f} s")
