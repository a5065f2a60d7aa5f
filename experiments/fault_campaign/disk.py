"""A record log that cannot be written to: the files of its process may not grow for a while.

A limit of the process (RLIMIT_FSIZE) and no file system that is full: the volumes of all pods are on one, which is the
machine's. A write then fails with EFBIG in the place of ENOSPC. The limit is changed as the process's own user: the
kernel allows that, and others only with CAP_SYS_RESOURCE (https://man7.org/linux/man-pages/man2/prlimit.2.html).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from experiments.fault_campaign.plan import Injection
from experiments.fault_campaign.scene import Inject, Scene
from experiments.fault_campaign.undoing import changed


@contextmanager
def _full(scene: Scene, injection: Injection) -> Iterator[str]:
    pod = scene.worker(injection)
    pid = scene.processes.one(pod, scene.lab.parts.at_work.program)
    owner = Path(f"/proc/{pid}").stat()
    limit = ["setpriv", f"--reuid={owner.st_uid}", f"--regid={owner.st_gid}", "--clear-groups"]
    limit += ["prlimit", "--pid", str(pid)]
    with changed([[*limit, "--fsize=0:unlimited"]], [[*limit, "--fsize=unlimited:unlimited"]]):
        yield pod


INJECT: dict[str, Inject] = {"disk-full": _full}
