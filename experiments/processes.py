"""The processes of pods, and the kubelet that runs them, to be taken away or frozen.

They are found in /proc by their environment and command line, which works where the nodes' processes are this
machine's, as in the sandbox. From inside a container it cannot be done: the kernel keeps signals from a namespace's
first process (https://man7.org/linux/man-pages/man7/pid_namespaces.7.html), and that is the workload.
"""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

from components.names import CONSUMER, RECORDS_DIRECTORY
from components.strategies.parts import Program, ours
from experiments import freezing
from experiments.errors import PreconditionError

_PROC = Path("/proc")


class LocalProcesses:
    """The processes of one namespace's pods, on this machine."""

    def __init__(self, namespace: str, proc: Path = _PROC) -> None:
        self._namespace = namespace
        self._proc = proc

    def of(self, pod: str, what: str | Program) -> list[int]:
        """The process ids of a program in a pod, or of a workload (`consumer`, `sidecar`, `controller`, …); none if it
        is not there.
        """
        program = ours(what) if isinstance(what, str) else what
        found, own = [], program.variables(pod, self._namespace)
        for entry in self._proc.iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    there = program.command.encode() in (entry / "cmdline").read_bytes()
                    if there and own <= set((entry / "environ").read_bytes().split(b"\0")):
                        found.append(int(entry.name))
        return found

    def send(self, pod: str, what: str | Program, number: signal.Signals) -> list[int]:
        """Signal a program of a pod; returns whom. Raises PreconditionError if it has no process here."""
        pids = self._some(pod, what)
        for pid in pids:
            os.kill(pid, number)
        return pids

    def one(self, pod: str, what: str | Program) -> int:
        """The one process of a program in a pod. Raises PreconditionError if there is none here, or more."""
        found = self.of(pod, what)
        if len(found) != 1:
            raise PreconditionError(
                f"{len(found)} processes of {_named(what)} in pod {pod} on this machine, not one; "
                "only where nodes are processes of this machine can they be found, and only by root"
            )
        return found[0]

    @contextlib.contextmanager
    def frozen(
        self,
        pod: str,
        what: str | Program = CONSUMER,
        seconds: float = freezing.LONGEST_SECONDS,
        after: Callable[[], None] = lambda: None,
    ) -> Iterator[None]:
        """SIGSTOP for the time of the block, SIGCONT after it; what was started anew meanwhile is left alone.

        It goes on after `seconds` at the latest, whatever becomes of this process. after: waits for the moment to
        begin, when all is ready for it. Raises PreconditionError, and what `after` raises.
        """
        with freezing.frozen(self._some(pod, what), seconds, after):
            yield

    def kubelet_of(self, pid: int) -> int:
        """The kubelet that runs a pod, by one of the pod's processes. Raises as `daemon_of`."""
        return self.daemon_of(pid, "kubelet")

    def daemon_of(self, pid: int, name: str) -> int:
        """The process of the cluster's own that was started as `name`, by one of the processes of its pods: the one
        that this has the nearest ancestor in common with, because a machine may have several clusters.

        Raises PreconditionError if there is none on this machine, or if it cannot be told which.
        """
        line = {ancestor: distance for distance, ancestor in enumerate(self._ancestors(pid))}
        nearest: dict[int, list[int]] = {}
        for daemon in self._named(name):
            distances = [line[ancestor] for ancestor in self._ancestors(daemon) if ancestor in line]
            nearest.setdefault(min(distances, default=len(line)), []).append(daemon)
        if not nearest:
            raise PreconditionError(
                f"no {name} on this machine; only where the node is made of processes of this machine can it be stopped"
            )
        found = nearest[min(nearest)]
        if len(found) > 1:
            raise PreconditionError(
                f"{name}s {', '.join(map(str, sorted(found)))}: which one runs the pod is not clear"
            )
        return found[0]

    def arguments(self, pid: int) -> dict[str, str]:
        """What a process was started with as `--name=value`, by name. Raises PreconditionError if it is gone."""
        try:
            words = (self._proc / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError as error:
            raise PreconditionError(f"there is no process {pid} any more") from error
        return {name: value for name, given, value in (word.partition("=") for word in words) if given}

    def records(self, pid: int, kind: str) -> Path:
        """A folder of a workload's record logs, as its process sees it; there as long as the process is."""
        return self._proc / str(pid) / "root" / RECORDS_DIRECTORY.lstrip("/") / kind

    def _ancestors(self, pid: int) -> list[int]:
        """From the parent up, without the machine's first process, which is everybody's ancestor."""
        found: list[int] = []
        while (stat := freezing.Stat.of(pid, self._proc)) is not None and stat.parent > 1:
            pid = stat.parent
            found.append(pid)
        return found

    def _named(self, name: str) -> list[int]:
        """The processes that were started as a program of this name, whatever their file is called."""
        found = []
        for entry in self._proc.iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    program = (entry / "cmdline").read_bytes().split(b"\0")[0]
                    if os.path.basename(program) == name.encode():  # noqa: PTH119 - of bytes
                        found.append(int(entry.name))
        return found

    def _some(self, pod: str, what: str | Program) -> list[int]:
        pids = self.of(pod, what)
        if not pids:
            raise PreconditionError(
                f"no process of {_named(what)} in pod {pod} on this machine; "
                "only where nodes are processes of this machine can they be signalled, and only by root"
            )
        return pids


def _named(what: str | Program) -> str:
    return f"workload {what}" if isinstance(what, str) else what.command
