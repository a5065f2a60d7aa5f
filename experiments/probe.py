"""A small program inside a pod that answers each line on its standard input with one line of JSON."""

import json
import select
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from experiments.errors import ExperimentError

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
        self._command = ["kubectl", "exec", "-i", "-n", namespace, pod, "-c", container, "--", "python3", "-u", "-c"]
        self._command += [program.read_text(), *arguments]
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

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
        process = self._running()
        stdin, stdout = _pipes(process)
        line = b""
        with suppress(OSError):
            stdin.write(b"\n")
            stdin.flush()
            if select.select([stdout], [], [], _ANSWER_SECONDS)[0]:
                line = stdout.readline()
        if not line:
            self._end(process)
        return line

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        return self._process

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()
        for pipe in _pipes(process):
            with suppress(OSError):  # what could not be written is still in it
                pipe.close()
        self._process = None

    def close(self) -> None:
        """End the program. It may be asked again, which begins it anew."""
        process = self._process
        if process is not None:
            process.kill()  # also ends an answer that another thread waits for
            with self._lock:
                if self._process is process:
                    self._end(process)


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    if process.stdin is None or process.stdout is None:
        raise TypeError("the program was begun without pipes")
    return process.stdin, process.stdout
