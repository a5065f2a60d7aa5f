"""A small program inside a pod that answers each line on its standard input with one line of JSON."""

import json
import select
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from experiments.errors import ExperimentError
from experiments.kubectl import Conversation, converse, program_in

# Longer than the requests that such a program makes of a broker.
_ANSWER_SECONDS = 30.0


class Probe:
    """The program, begun when it is first asked. Safe for threads.

    what: what it reads, for people. program: its text. arguments: its own.
    """

    def __init__(
        self, what: str, program: Path, *, namespace: str, pod: str, container: str, arguments: Sequence[str]
    ) -> None:
        self._what = what
        self._command = program_in(namespace, pod, container, program, arguments)
        self._lock = threading.Lock()
        self._running: Conversation | None = None

    def ask(self) -> dict[str, Any]:
        """Its answer now. Raises ExperimentError if what it asks, or the way to it, does not answer."""
        with self._lock:
            # A connection to a pod may be cut at any time; a program that is begun anew and ends again has a reason.
            line = self._line() or self._line()
        if not line:
            raise ExperimentError(f"the program that reads the {self._what} ended, or is silent; is its pod there?")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ExperimentError(f"{self._what}: {answer['error']}")
        return answer

    def _line(self) -> bytes:
        """One answer; empty if the program ended instead, or did not answer in time."""
        if self._running is None or self._running.process.poll() is not None:
            self._running = converse(self._command)
        asked, line = self._running, b""
        with suppress(OSError):
            asked.stdin.write(b"\n")
            asked.stdin.flush()
            if select.select([asked.stdout], [], [], _ANSWER_SECONDS)[0]:
                line = asked.stdout.readline()
        if not line:
            self._end(asked)
        return line

    def _end(self, conversation: Conversation) -> None:
        conversation.end()
        for pipe in (conversation.stdin, conversation.stdout):
            with suppress(OSError):  # what could not be written is still in it
                pipe.close()
        self._running = None

    def close(self) -> None:
        """End the program. It may be asked again, which begins it anew."""
        running = self._running
        if running is not None:
            running.process.kill()  # also ends an answer that another thread waits for
            with self._lock:
                if self._running is running:
                    self._end(running)
