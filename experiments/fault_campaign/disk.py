"""A record log that cannot be written to: the files of its process may not grow for a while.

A limit of the process (RLIMIT_FSIZE) and no file system that is full: the volumes of all pods are on one, which is the
machine's. A write then fails with EFBIG in the place of ENOSPC. The limit is changed as the process's own user: the
kernel allows that, and others only with CAP_SYS_RESOURCE (https://man7.org/linux/man-pages/man2/prlimit.2.html).
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from experiments.fault_campaign.plan import Injection
from experiments.fault_campaign.scene import Inject, Scene, inhabitants
from experiments.fault_campaign.undoing import changed, run
from experiments.lab import Lab

_NONE, _LIMIT = "unlimited", "Max file size"


@contextmanager
def _full(scene: Scene, injection: Injection) -> Iterator[str]:
    pod = scene.worker(injection)
    pid = scene.processes.one(pod, scene.lab.parts.at_work.program)
    with changed([_limited(pid, "0")], [_limited(pid, _NONE)]):
        yield pod


def _limited(pid: int, size: str) -> list[str]:
    owner = Path(f"/proc/{pid}").stat()
    own = ["setpriv", f"--reuid={owner.st_uid}", f"--regid={owner.st_gid}", "--clear-groups"]
    return [*own, "prlimit", "--pid", str(pid), f"--fsize={size}:{_NONE}"]


def take_back(lab: Lab) -> Iterator[str]:
    """Whose files may not grow may have them grow. Raises PreconditionError."""
    program = lab.parts.at_work.program
    for pod, own in inhabitants(lab):
        for pid in lab.disturbance.processes.of(pod, own) if own == program else ():
            with suppress(FileNotFoundError):
                if _may_grow(pid):
                    continue
                run(_limited(pid, _NONE))
                yield f"the record log of {pod} could not be written to"


def _may_grow(pid: int) -> bool:
    """The soft limit of https://man7.org/linux/man-pages/man5/proc_pid_limits.5.html."""
    line = next(line for line in Path(f"/proc/{pid}/limits").read_text().splitlines() if line.startswith(_LIMIT))
    return line.removeprefix(_LIMIT).split()[0] == _NONE


INJECT: dict[str, Inject] = {"disk-full": _full}
