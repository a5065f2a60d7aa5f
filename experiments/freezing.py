"""Processes of this machine that are stopped for a while, and go on whatever becomes of the one who stopped them.

SIGSTOP is taken back by a guardian, a process of its own that is there before the signal is sent: told that the time
begins, it sends SIGCONT when it is up, or as soon as its standard input ends, which it does with this process, however
that ends. Processes are held by descriptors (pidfd), so that no other process of the same number is ever signalled.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.errors import DeadlineError, PreconditionError

LONGEST_SECONDS = 120.0
_READY_SECONDS = 10.0
_STOPPED = "T"

_GUARDIAN = """
import os, select, signal, sys
held = [os.pidfd_open(int(pid)) for pid in sys.argv[2:]]
print("ready", flush=True)
os.read(0, 1)  # the time begins, or there is nobody any more who would have it begin
select.select([sys.stdin], [], [], float(sys.argv[1]))
for process in held:
    try:
        signal.pidfd_send_signal(process, signal.SIGCONT)
    except ProcessLookupError:
        pass
"""


@dataclass(frozen=True, slots=True)
class Process:
    """One process: its number, and when it started (clock ticks since boot), which together are never given twice."""

    pid: int
    started: int


@dataclass(frozen=True, slots=True)
class Stat:
    """What /proc/<pid>/stat says of a process (https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html)."""

    state: str
    parent: int
    started: int

    @classmethod
    def of(cls, pid: int, proc: Path = Path("/proc")) -> "Stat | None":
        """None if there is no such process."""
        try:
            # "pid (name) state ppid ...", where the name may hold anything; field 22 is the start time.
            fields = (proc / str(pid) / "stat").read_text().rpartition(")")[2].split()
        except (OSError, ValueError):
            return None
        return cls(fields[0], int(fields[1]), int(fields[19]))


def identify(pid: int) -> Process:
    """Raises PreconditionError if there is no such process."""
    stat = Stat.of(pid)
    if stat is None:
        raise PreconditionError(f"there is no process {pid} any more")
    return Process(pid, stat.started)


def stopped(process: Process) -> bool:
    """Whether it is there, the very same one, and stopped by a signal (state T)."""
    stat = Stat.of(process.pid)
    return stat is not None and stat.started == process.started and stat.state == _STOPPED


@contextlib.contextmanager
def frozen(
    pids: Sequence[int], seconds: float = LONGEST_SECONDS, after: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """SIGSTOP for the time of the block, SIGCONT after it; at the latest `seconds` after the SIGSTOP.

    after: waits for the moment, once nothing is left to be done but to send the signal. A process that has ended
    meanwhile is left alone. Raises PreconditionError if one of them is not there or may not be signalled; then none of
    them is stopped any more; and what `after` raises.
    """
    with _guardian(pids, seconds) as begin, contextlib.ExitStack() as held:
        descriptors = []
        for pid in pids:
            try:
                descriptor = os.pidfd_open(pid)
            except OSError as error:
                raise PreconditionError(f"process {pid} cannot be frozen: {error.strerror}") from error
            held.callback(os.close, descriptor)
            descriptors.append(descriptor)
        after()
        begin()
        try:
            for pid, descriptor in zip(pids, descriptors, strict=True):
                try:
                    signal.pidfd_send_signal(descriptor, signal.SIGSTOP)
                except OSError as error:
                    raise PreconditionError(f"process {pid} cannot be frozen: {error.strerror}") from error
            yield
        finally:
            for descriptor in descriptors:
                with contextlib.suppress(OSError):
                    signal.pidfd_send_signal(descriptor, signal.SIGCONT)


@contextlib.contextmanager
def _guardian(pids: Sequence[int], seconds: float) -> Iterator[Callable[[], None]]:
    """Somebody who lets the processes go on, if nobody here does. Gives what has its time begin."""
    guardian = subprocess.Popen(
        [sys.executable, "-S", "-E", "-c", _GUARDIAN, str(seconds), *(str(pid) for pid in pids)],
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a Ctrl-C at the terminal does not reach it
    )
    stdin, stdout = guardian.stdin, guardian.stdout
    if stdin is None or stdout is None:
        raise TypeError("the guardian was begun without pipes")

    def begin() -> None:
        try:
            stdin.write(b"\n")
        except BrokenPipeError:
            raise PreconditionError("the guardian of the processes to be frozen has ended; none was frozen") from None

    try:
        if not select.select([stdout], [], [], _READY_SECONDS)[0]:
            raise DeadlineError("the guardian of frozen processes", _READY_SECONDS, "it does not answer")
        if not stdout.readline():
            raise PreconditionError(f"one of the processes {', '.join(map(str, pids))} is not there to be frozen")
        yield begin
    finally:
        stdin.close()
        stdout.close()
        guardian.wait()
