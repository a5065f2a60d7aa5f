"""Pulumi's CLI as the Automation API runs it, in a session of its own and with an end that can be asked for.

A Ctrl-C at the terminal reaches the runner only, which passes it on once. Pulumi then ends what it has in hand, writes
its state and releases its lock.
"""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from pulumi import automation
from pulumi.automation.errors import create_command_error

from experiments.interrupts import Interrupts

_CANCEL_SECONDS = 60.0
_TERMINATE_SECONDS = 15.0


class PulumiProcess(automation.PulumiCommand):
    """The Automation API's CLI runner. When `run` returns or raises, nothing that Pulumi started is left."""

    def __init__(self, interrupts: Interrupts) -> None:
        super().__init__()
        self._interrupts = interrupts

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: Callable[[str], Any] | None = None,
        on_error: Callable[[str], Any] | None = None,
    ) -> automation.CommandResult:
        """As the base class.

        Run to the end, raise CommandError for another exit code than 0. An interrupt is raised after the end.
        """
        command = [self.command, *args, *([] if "--non-interactive" in args else ["--non-interactive"])]
        environment = {**os.environ, **additional_env, "PULUMI_AUTOMATION_API": "true"}
        stop = _Stopper()
        # Releasing a lock is what an interrupt ends with: it is not interrupted itself.
        with self._interrupts.shielded(None if args[0] == "cancel" else stop):
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=cwd,
                env=environment,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
            )
            try:
                stop.attach(process)
                outputs = [_Reader(process.stdout, on_output), _Reader(process.stderr, on_error)]
                _end_session(process)
                for output in outputs:
                    output.join()
            finally:
                stop.finished()
                process.wait()
        result = automation.CommandResult(stdout=outputs[0].text, stderr=outputs[1].text, code=process.returncode)
        if result.code != 0:
            raise create_command_error(result)
        return result


def _end_session(process: subprocess.Popen[str]) -> None:
    """Wait for the process to end, and end what it has left behind: an update that is interrupted early can forget its
    language host, which would hold its output open, too.

    Plugins have process groups of their own, so the session tells whose they are; its number cannot be given to
    another one before the process has been waited for. That is left to the caller.
    """
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    for pid in _session(process.pid) - {process.pid}:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _session(number: int) -> set[int]:
    """The processes of a session; none where there is no /proc to tell them."""
    found = set()
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # "pid (name) state ppid pgrp session ...", where the name may hold anything
            if int(file.read_text().rpartition(")")[2].split()[3]) == number:
                found.add(int(file.parent.name))
    return found


class _Stopper:
    """Ends a Pulumi process.

    The first signal asks it to cancel, and what does not end within its time is ended harder.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._asked = False
        self._timers: list[threading.Timer] = []

    def __call__(self, _count: int) -> None:
        # Further signals change nothing: Pulumi takes a second SIGINT as "terminate at once", which may leave its state
        # behind the cluster's.
        if not self._asked:
            self._asked = True
            self._cancel()

    def attach(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        if self._asked:
            self._cancel()

    def _cancel(self) -> None:
        if self._process is None or self._timers:
            return
        self._send(signal.SIGINT)
        for seconds, number in (
            (_CANCEL_SECONDS, signal.SIGINT),
            (_CANCEL_SECONDS + _TERMINATE_SECONDS, signal.SIGKILL),
        ):
            timer = threading.Timer(seconds, self._send, (number,))
            timer.daemon = True
            timer.start()
            self._timers.append(timer)

    def _send(self, number: int) -> None:
        # Not `send_signal`: that takes notice of a process that has ended, and whoever waits for it then finds none.
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)

    def finished(self) -> None:
        """Send nothing any more: from here on the process's number may become another one's."""
        self._process = None
        for timer in self._timers:
            timer.cancel()
            timer.join()


class _Reader(threading.Thread):
    """Reads a stream's lines to its end."""

    def __init__(self, stream: IO[str] | None, on_line: Callable[[str], Any] | None) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self._on_line = on_line
        self._lines: list[str] = []
        self.start()

    def run(self) -> None:
        for line in self._stream or ():
            self._lines.append(line.rstrip())
            if self._on_line is not None:
                self._on_line(line.rstrip())

    @property
    def text(self) -> str:
        return "\n".join(self._lines)
