"""Runs other programs: with a deadline, their output kept for the error message, ended when the work is called off."""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tools.sandbox.errors import SandboxError

END_WITH_PARENT = ("setpriv", "--pdeathsig=KILL", "--")


class Runner:
    """Starts programs and knows which run, so that ``cancel`` can end them all. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[subprocess.Popen[str], bool] = {}
        self._cancelled = False

    def run(
        self,
        command: Sequence[str | Path],
        *,
        what: str,
        seconds: float,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        on_line: Callable[[str], None] | None = None,
        to_its_end: bool = False,
    ) -> str:
        """Run to its end and give its standard output (and, with ``on_line``, each line of either stream as it comes).

        With ``to_its_end``, ``cancel`` leaves it alone: a package manager that is killed leaves a broken system.
        Raises SandboxError that names ``what``, with the last lines, when the program fails, cannot be started, or
        takes longer than ``seconds``; the program and its children are then dead.
        """
        try:
            with self._lock:
                if self._cancelled:
                    raise SandboxError(f"{what}: called off")
                process = subprocess.Popen(
                    # Should this program be killed, what it started ends too.
                    [*([] if to_its_end else END_WITH_PARENT), *(str(part) for part in command)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT if on_line else subprocess.PIPE,
                    text=True,
                    errors="replace",
                    cwd=folder,
                    env={**os.environ, **environment} if environment else None,
                    start_new_session=True,
                )
                self._running[process] = to_its_end
        except OSError as error:
            raise SandboxError(f"{what}: cannot be started: {error}") from None
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            _kill(process)

        timer = threading.Timer(seconds, expire)
        timer.daemon = True
        timer.start()
        try:
            output, errors = _read(process, on_line)
        except BaseException:
            _kill(process)
            raise
        finally:
            process.wait()
            timer.cancel()
            with self._lock:
                self._running.pop(process, None)
        if self._cancelled:
            raise SandboxError(f"{what}: called off")
        said = _end(f"{output}\n{errors}")
        if expired.is_set():
            raise SandboxError(f"{what}: not done after {seconds:.0f} s\n{said}")
        if process.returncode:
            raise SandboxError(f"{what}: ended with status {process.returncode}\n{said}")
        return output

    def cancel(self) -> None:
        """End what runs and start nothing more."""
        with self._lock:
            self._cancelled = True
            running = [process for process, to_its_end in self._running.items() if not to_its_end]
        for process in running:
            _kill(process)


def _read(process: "subprocess.Popen[str]", on_line: Callable[[str], None] | None) -> tuple[str, str]:
    if on_line is None or process.stdout is None:
        return process.communicate()
    lines = []
    for line in process.stdout:
        lines.append(line)
        on_line(line.rstrip("\n"))
    return "".join(lines), ""


def _kill(process: "subprocess.Popen[str]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _end(text: str, lines: int = 25) -> str:
    return "\n".join(text.rstrip().splitlines()[-lines:])
