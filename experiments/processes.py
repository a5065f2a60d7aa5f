"""The processes of pods, to be taken away or frozen.

They are found in /proc by their environment and command line, which works where the nodes' processes are this
machine's, as in the sandbox. From inside a container it cannot be done: the kernel keeps signals from a namespace's
first process (https://man7.org/linux/man-pages/man7/pid_namespaces.7.html), and that is the workload.
"""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from experiments.errors import PreconditionError

_PROC = Path("/proc")


class LocalProcesses:
    """The workloads' processes of one namespace, on this machine."""

    def __init__(self, namespace: str, proc: Path = _PROC) -> None:
        self._namespace = namespace
        self._proc = proc

    def of(self, pod: str, module: str) -> list[int]:
        """The process ids of a workload (`consumer`, `sidecar`, `controller`, …) in a pod; none if it is not there."""
        found, own = [], {f"POD_NAME={pod}".encode(), f"POD_NAMESPACE={self._namespace}".encode()}
        for entry in self._proc.iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    there = f"workloads.{module}".encode() in (entry / "cmdline").read_bytes()
                    if there and own <= set((entry / "environ").read_bytes().split(b"\0")):
                        found.append(int(entry.name))
        return found

    def send(self, pod: str, module: str, number: signal.Signals) -> list[int]:
        """Signal a workload of a pod; returns whom. Raises PreconditionError if it has no process here."""
        pids = self.of(pod, module)
        if not pids:
            raise PreconditionError(
                f"no process of workload {module} in pod {pod} on this machine; "
                "only where nodes are processes of this machine can they be signalled, and only by root"
            )
        for pid in pids:
            os.kill(pid, number)
        return pids

    @contextlib.contextmanager
    def frozen(self, pod: str, module: str = "consumer") -> Iterator[None]:
        """SIGSTOP for the time of the block, SIGCONT after it; what was started anew meanwhile is left alone."""
        pids = self.send(pod, module, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
